import { availableParallelism } from "node:os";

/** What every run of jest shares; jest.deep.config.mjs builds on it. */
export const shared = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
  // The build bundles that script; dist/ has it.
  moduleNameMapper: { "/validator-script\\.ts$": "<rootDir>/__tests__/support/validator-script.ts" },
  modulePathIgnorePatterns: ["<rootDir>/build/"],
  testTimeout: 60_000,
  // Of tests that wait rather than work (`it.concurrent`).
  maxConcurrency: 10,
  // Most end-to-end tests wait for a child process or a timer, so twice as many workers as cores keep the cores busy.
  // Jest's own default, cores - 1, is a single worker on two cores and more than doubles the time.
  maxWorkers: Math.max(2, availableParallelism() * 2),
};

/** @type {import("jest").Config} */
export default {
  ...shared,
  testMatch: ["<rootDir>/__tests__/**/*.test.ts"],
  testPathIgnorePatterns: ["<rootDir>/__tests__/deep/"],
};
