import { shared } from "./jest.config.mjs";

/**
 * The deep suite (`npm run test:deep`): long hostile corpora, floods, big uploads, other Markdown parsers.
 *
 * @type {import("jest").Config}
 */
export default {
  ...shared,
  testMatch: ["<rootDir>/__tests__/deep/**/*.test.ts", "<rootDir>/__tests__/e2e/hostile-*.test.ts"],
  // The end-to-end tests of hostile texts take a sample otherwise (`sample` in support/hostile-groups.ts).
  globals: { WHOLE_CORPUS: true },
  testTimeout: 300_000,
  // These tests compute rather than wait.
  maxWorkers: "100%",
};
