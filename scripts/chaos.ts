/**
 * `npm run chaos`: many random schedules of faults, each of which has to end in exactly one thread.
 *
 *   npm run chaos -- --schedules 2000 --seed 7     2000 schedules, of the seeds 7, 8, 9 …
 *   npm run chaos -- --schedules 1 --seed 1234     one seed again, with its scenario and attempts
 *
 * `--bundled N` (default 25): of so many seeds a shorter schedule goes through the built action (dist/) as well;
 * `--jobs N` (default 256): so many matrix jobs against the rate limit; 0 leaves either out.
 */
import { parseArgs } from "node:util";
import { simulateMatrixJobs } from "../__tests__/chaos/matrix-jobs.ts";
import { counted, simulateSeeds, type SimulationResult } from "../__tests__/chaos/simulate.ts";

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    bundled: { type: "string", default: "25" },
    jobs: { type: "string", default: "256" },
  },
});

function whole(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number.`);
  return value;
}

const seed = whole("seed");
const schedules = whole("schedules");
const bundled = Math.min(whole("bundled"), schedules);
const jobs = whole("jobs");

function reportBroken({ schedule, broken }: SimulationResult, through: string): void {
  console.log(`\nBROKEN (${through}): seed ${schedule.seed}, ${schedule.work} at revision ${schedule.revision}`);
  for (const what of broken) console.log(`  ${what}`);
  console.log(`  again: npm run chaos -- --schedules 1 --seed ${schedule.seed}`);
}

function reportAttempts({ schedule, attempts }: SimulationResult): void {
  console.log(JSON.stringify(schedule, null, 2));
  for (const { runAttempt, succeeded, threadId, runId, failure } of attempts) {
    console.log(`attempt ${runAttempt}: ${succeeded ? `thread ${threadId}, run ${runId}` : failure}`);
  }
}

async function playAll(count: number, through: "modules" | "bundle", atOnce: number): Promise<boolean> {
  const began = performance.now();
  const played = await simulateSeeds(seed, count, atOnce, through);
  const bad = played.filter(({ broken }) => broken.length > 0);
  for (const each of bad) reportBroken(each, through);
  if (count === 1) played.forEach(reportAttempts);
  const attempts = played.flatMap((each) => each.attempts);
  const struck = counted(
    played.flatMap((each) => Object.entries(each.struck).flatMap(([kind, n]) => Array<string>(n).fill(kind))),
  );
  const faults = Object.values(struck).reduce((sum, each) => sum + each, 0);
  console.log(
    `${through}: ${played.length} schedules, ${attempts.length} attempts (${attempts.filter(({ succeeded }) => !succeeded).length} failed, rightly), ` +
      `${played.reduce((sum, each) => sum + each.requests, 0)} requests, ${faults} of them struck, ` +
      `${played.filter(({ isUnproven }) => isUnproven).length} ended without a proof of the run, ` +
      `${bad.length} broken promises, ${((performance.now() - began) / 1_000).toFixed(1)} s`,
  );
  console.log(
    `  ${Object.entries(struck)
      .sort(([, a], [, b]) => b - a)
      .map(([kind, times]) => `${kind} ${times}`)
      .join(", ")}`,
  );
  return bad.length === 0;
}

async function reportMatrixJobs(): Promise<boolean> {
  const result = await simulateMatrixJobs({ jobs, scale: 10, seed, into: 0.5 });
  console.log(
    `jobs: ${result.threads} of ${jobs} got their thread in ${result.seconds.toFixed(1)} s of the service's time (ideal ${result.idealSeconds.toFixed(0)} s), ` +
      `refused ${result.meanRefusals.toFixed(2)} times on average, ${result.maxRefusals} times at most`,
  );
  for (const failure of result.failed) console.log(`  ${failure}`);
  return result.failed.length === 0 && result.threads === jobs;
}

console.log(`Seeds ${seed} to ${seed + schedules - 1}.`);
const kept = [
  schedules === 0 || (await playAll(schedules, "modules", 8)),
  bundled === 0 || (await playAll(bundled, "bundle", 8)),
  jobs === 0 || (await reportMatrixJobs()),
];
process.exitCode = kept.every(Boolean) ? 0 : 1;
