/**
 * Runs every workflow of examples/ by act, against fake Mosoo and GitHub servers, and checks what later steps,
 * the summary, the comment and the servers saw. `npm run examples -- name` runs those whose file name holds `name`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeBench, type Bench, type ExampleCase } from "./bench.ts";
import { exampleFiles } from "./folders.ts";

async function allCases(): Promise<ExampleCase[]> {
  const folder = join(import.meta.dirname, "cases");
  const modules = readdirSync(folder)
    .sort()
    .map((name) => import(pathToFileURL(join(folder, name)).href) as Promise<{ cases: ExampleCase[] }>);
  return (await Promise.all(modules)).flatMap((module) => module.cases);
}

/** Examples that no case runs on their own: they are run through the one named. */
const parts: Record<string, string> = {
  "ask-agent/action.yml": "composite-action.yml",
  "reusable-workflow.yml": "reusable-workflow-caller.yml",
};

function assertAllCovered(cases: ExampleCase[]): void {
  const run = new Set(cases.map((each) => each.example));
  const missing = exampleFiles().filter((name) => !run.has(parts[name] ?? name));
  if (missing.length > 0) throw new Error(`No case runs ${missing.join(", ")}`);
}

async function runCase(each: ExampleCase): Promise<Bench> {
  const bench = makeBench();
  console.log(`\n${each.example}: ${each.shows}`);
  const begun = Date.now();
  try {
    await each.run(bench);
  } catch (error) {
    bench.check.equal("the case ran to its end", error instanceof Error ? error.message : String(error), "no error");
  } finally {
    await bench.close();
  }
  if (bench.check.failed > 0) for (const run of bench.runs) console.log(run.log.replaceAll(/^/gm, "      | "));
  console.log(`    (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  return bench;
}

const wanted = process.argv[2] ?? "";
const cases = await allCases();
assertAllCovered(cases);
let passed = 0;
let failed = 0;
for (const each of cases.filter((one) => one.example.includes(wanted))) {
  const { check } = await runCase(each);
  if (check.failed > 0 || check.passed === 0) failed += 1;
  else passed += 1;
}
console.log(`\nexamples: ${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
