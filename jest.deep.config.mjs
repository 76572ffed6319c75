import { shared } from "./jest.config.mjs";

/**
 * The deep suite (`npm run test:deep`): long hostile corpora, floods, big uploads, other Markdown parsers.
 *
 * @type {import("jest").Config}
 */
export default {
  ...shared,
  testMatch: ["deep/**", "sanitize/**", "report/*", "e2e/hostile-*", "e2e/follow-ups"].map(
    (path) => `<rootDir>/__tests__/${path}.test.ts`,
  ),
  // Otherwise tests of hostile texts take a sample (support/hostile-groups.ts), and property tests a tenth of the cases
  // (support/property-runs.ts).
  globals: { WHOLE_CORPUS: true },
  testTimeout: 300_000,
  // These tests compute rather than wait.
  maxWorkers: "100%",
};
