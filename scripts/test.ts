/**
 * `npm test`: types, lint and format, then all tests. `npm test -- <jest's arguments>` runs tests alone.
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

const checks: Command[] = [
  { name: "types", script: require.resolve("typescript/bin/tsc"), args: ["--noEmit"] },
  { name: "lint", script: join(root, "node_modules/eslint/bin/eslint.js"), args: ["."] },
  { name: "format", script: require.resolve("prettier/bin/prettier.cjs"), args: ["--check", "--log-level=warn", "."] },
];

function run({ name, script, args }: Command): Promise<boolean> {
  return new Promise((resolve) => {
    const node = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
    const child = spawn(process.execPath, [...(name === "tests" ? node : []), script, ...args], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("close", (code) => {
      console.log(`${name}: ${code === 0 ? "passed" : "FAILED"}`);
      resolve(code === 0);
    });
  });
}

for (const reason of skipped) console.log(`left out on this machine: ${reason}`);
const wanted = process.argv.slice(2);
const tests = { name: "tests", script: join(root, "node_modules/jest/bin/jest.js"), args: wanted };
const passed = wanted.length > 0 ? [await run(tests)] : [...(await Promise.all(checks.map(run))), await run(tests)];
process.exitCode = passed.every(Boolean) ? 0 : 1;
