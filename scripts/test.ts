/**
 * `npm test`: types, lint, format and tests. `npm test -- --shard=1/2` runs half of the tests, as CI does;
 * `npm test -- <jest's other arguments>` runs the tests that they select.
 * `npm run test:deep`: the deep suite, then 2,000 random schedules of faults.
 *
 * The end-to-end tests run the committed dist/: after a change of src/ build first (`npm run build`).
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { skipped } from "../__tests__/support/host.ts";

const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);

interface Command {
  name: string;
  script: string;
  args: string[];
}

/** Tests that hold a real process to a time: they run one after another, when nothing else is running. */
const TIMING_TESTS = String.raw`\.timing\.test\.ts$`;

const checks: Command[] = [
  { name: "types", script: require.resolve("typescript/bin/tsc"), args: ["--noEmit"] },
  { name: "lint", script: join(root, "node_modules/eslint/bin/eslint.js"), args: ["."] },
  { name: "format", script: require.resolve("prettier/bin/prettier.cjs"), args: ["--check", "--log-level=warn", "."] },
];

function jest(name: string, ...args: string[]): Command {
  return { name, script: join(root, "node_modules/jest/bin/jest.js"), args };
}

/** Runs one command to its end. @returns whether it passed */
function run({ name, script, args }: Command): Promise<boolean> {
  const began = performance.now();
  return new Promise((resolve) => {
    const node = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
    const child = spawn(process.execPath, [...(script.endsWith("jest.js") ? node : []), script, ...args], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("close", (code) => {
      const seconds = Math.round((performance.now() - began) / 1_000);
      console.log(`${name}: ${code === 0 ? "passed" : "FAILED"} (${seconds} s)`);
      resolve(code === 0);
    });
  });
}

const allTests = (...shard: string[]): Command =>
  jest("tests", ...shard, "--testPathIgnorePatterns", TIMING_TESTS, "/deep/");

const timingTests = (...shard: string[]): Command =>
  jest("timing tests", ...shard, "--runInBand", "--passWithNoTests", "--testPathPatterns", TIMING_TESTS);

async function runAll(): Promise<boolean> {
  const passed = await Promise.all([...checks, allTests()].map(run));
  return [...passed, await run(timingTests())].every(Boolean);
}

async function runShard(shard: string): Promise<boolean> {
  return [await run(allTests(shard)), await run(timingTests(shard))].every(Boolean);
}

async function runDeep(args: string[]): Promise<boolean> {
  const deep = await run(jest("deep tests", "--config", "jest.deep.config.mjs", ...args));
  if (args.length > 0) return deep;
  const chaos = { name: "chaos", script: join(root, "scripts/run.mjs"), args: ["chaos", "--schedules", "2000"] };
  return (await run(chaos)) && deep;
}

for (const reason of skipped) console.log(`skipped on this machine: ${reason}`);
const [mode, ...rest] = process.argv.slice(2);

async function runMode(): Promise<boolean> {
  if (mode === undefined) return runAll();
  if (mode === "--deep") return runDeep(rest);
  return mode.startsWith("--shard=") ? runShard(mode) : run(jest("tests", mode, ...rest));
}

process.exitCode = (await runMode()) ? 0 : 1;
