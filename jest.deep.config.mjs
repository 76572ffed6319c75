import { shared } from "./jest.config.mjs";

/**
 * The deep suite (`npm run test:deep`): long hostile corpora, floods, big uploads, other Markdown parsers, and
 * the tables of the end-to-end tests through the built action.
 *
 * @type {import("jest").Config}
 */
export default {
  ...shared,
  testMatch: [
    ...["deep/**", "actions/file-names", "sanitize/**", "report/*", "e2e/hostile-*"],
    // Every row through the built action, of which `npm test` runs most in process (support/step-here.ts).
    "e2e/{bad-answers,bad-inputs,contexts,download-files,echoed-token,exactly-one,failures,files,follow-ups}",
    "e2e/{good-inputs,other-runners,redirects,revisions,structured-responses,token}",
  ].map((path) => `<rootDir>/__tests__/${path}.test.ts`),
  // Otherwise tests of hostile texts take a sample (support/hostile-groups.ts), and property tests a tenth of the cases
  // (support/property-runs.ts).
  globals: { WHOLE_CORPUS: true },
  testTimeout: 300_000,
  // These tests compute rather than wait.
  maxWorkers: "100%",
};
