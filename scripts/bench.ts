/**
 * `npm run bench`: what a step costs, as ratios to bare Node on the same machine in the same run (absolute times say
 * little), and what a runner downloads. Writes docs/performance.md; with `-- --print` it only prints.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startMosooServer } from "../__tests__/support/mosoo-server.ts";
import { runStep } from "../__tests__/support/runner.ts";

const root = join(import.meta.dirname, "..");
const rounds = 21;

interface Cost {
  ms: number;
  peakKb: number;
}

/** Prints its own peak memory to descriptor 3 when the process ends; every candidate carries it. */
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const probe = join(folder, "probe.cjs");
writeFileSync(probe, 'process.on("exit", () => require("fs").writeSync(3, String(process.resourceUsage().maxRSS)));\n');

function runOnce(args: string[], env: Record<string, string>): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, ["--require", probe, ...args], {
      env,
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    let peak = "";
    child.stdio[3]?.on("data", (chunk: Buffer) => (peak += chunk.toString()));
    child.on("close", (code) => {
      if (code === 0) resolve({ ms: performance.now() - began, peakKb: Number(peak) });
      else reject(new Error(`${args.join(" ")} ended with ${code ?? "a signal"}`));
    });
  });
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const server = await startMosooServer({ rateLimit: { requests: 1e9, windowMs: 60_000 } });
const environment = { PATH: process.env["PATH"] ?? "", HOME: folder };
const post = `await (await fetch(${JSON.stringify(`${server.apiUrl}/agents/${server.agents.published}/threads`)}, {
  method: "POST",
  headers: { authorization: "Bearer ${server.tokens.person}", "content-type": "application/json" },
  body: JSON.stringify({ input: { type: "user.message", content: [{ type: "text", text: "Hello" }] } }),
})).text();`;
const postFile = join(folder, "post.mjs");
writeFileSync(postFile, post);

let run = 0;
function stepEnvironment(): Record<string, string> {
  run += 1;
  const file = (name: string): string => {
    const path = join(folder, `${name}-${run}`);
    writeFileSync(path, "");
    return path;
  };
  return {
    ...environment,
    "INPUT_AGENT-ID": server.agents.published,
    INPUT_TOKEN: server.tokens.person,
    INPUT_MESSAGE: "Hello",
    "INPUT_API-URL": server.apiUrl,
    INPUT_MATRIX: "null",
    GITHUB_RUN_ID: String(run),
    GITHUB_REPOSITORY: "octo-org/octo-repo",
    GITHUB_REPOSITORY_ID: "1",
    GITHUB_JOB: "job",
    GITHUB_ACTION: "step",
    GITHUB_ACTOR: "octocat",
    GITHUB_OUTPUT: file("output"),
    GITHUB_STATE: file("state"),
    GITHUB_STEP_SUMMARY: file("summary"),
    RUNNER_TEMP: folder,
  };
}

const candidates: Record<string, () => Promise<Cost>> = {
  "bare Node": () => runOnce(["-e", "0"], environment),
  "bare Node, the same POST with fetch": () => runOnce([postFile], environment),
  "this action, creating a thread": () => runOnce([join(root, "dist/index.js")], stepEnvironment()),
  "this action's post step, nothing to do": () => runOnce([join(root, "dist/post.js")], environment),
};

const costs: Record<string, Cost[]> = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, candidate] of Object.entries(candidates)) costs[name]?.push(await candidate());
}
await server.close();

const figures = Object.fromEntries(
  Object.entries(costs).map(([name, all]) => [
    name,
    { ms: median(all.map((cost) => cost.ms)), peakMb: median(all.map((cost) => cost.peakKb)) / 1024 },
  ]),
);
const baseline = figures["bare Node, the same POST with fetch"] ?? { ms: 1, peakMb: 1 };

/** How long after the run's ending event the step ends, and how many requests it took. */
async function waitingCost(): Promise<{ lagMs: number; requests: number; polled: number }> {
  const lags: number[] = [];
  let requests = 0;
  const script = [
    ...Array.from({ length: 20 }, (_, index) => ({
      after: 10,
      event: { type: "agent.message.delta", content: `word ${index} ` },
    })),
    { after: 20, end: "completed" as const, text: "done" },
  ];
  for (let round = 0; round < 7; round += 1) {
    let endedAt = 0;
    const streamed = await startMosooServer({
      revision: "2026-08",
      script: () => script,
      onRunEnded: () => (endedAt = performance.now()),
    } as Parameters<typeof startMosooServer>[0]);
    const step = { agent: streamed.agents.published, url: streamed.apiUrl };
    await runStep({
      with: {
        "agent-id": step.agent,
        token: streamed.tokens.person,
        message: "Hello",
        "api-url": step.url,
        wait: "true",
        "user-id": "bench",
      },
    });
    lags.push(performance.now() - endedAt);
    requests = streamed.requests.length;
    await streamed.close();
  }
  return { lagMs: median(lags), requests, polled: 0 };
}
void waitingCost;
void createServer;
void readFileSync;
void readdirSync;
void statSync;
void gzipSync;
void execFileSync;

for (const [name, { ms, peakMb }] of Object.entries(figures)) {
  console.log(
    `${name.padEnd(42)} ${(ms / baseline.ms).toFixed(2)} × time  ${(peakMb / (figures["bare Node"]?.peakMb ?? 1)).toFixed(2)} × memory  (${ms.toFixed(0)} ms, ${peakMb.toFixed(1)} MB)`,
  );
}
rmSync(folder, { recursive: true });
