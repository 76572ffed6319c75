/**
 * `npm run bench`: what a step costs, as ratios to bare Node on the same machine in the same run (absolute times say
 * little), what waiting costs, and what a runner downloads. Writes docs/performance.md; `-- --print` only prints, and
 * `-- --check` measures the start alone and fails above the limit.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { makeAuthority } from "../__tests__/support/certificates.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../__tests__/support/fake-mosoo-server.ts";
import { startStep } from "../__tests__/support/runner.ts";

const root = join(import.meta.dirname, "..");
const ROUNDS = 31;
const WAITING_ROUNDS = 9;
/** A step that creates a thread, against the same POST by `fetch`: what `--check` allows, on a machine that may be busy. */
const MAX_CREATE_RATIO = 1.15;
/** `.ci/run size` */
const MAX_DOWNLOAD_KIB = 480;
const CREATE_STEP = "a step that creates a thread";
const FETCH = "bare Node, the same POST by `fetch`";
const folder = mkdtempSync(join(tmpdir(), "bench-"));

interface Cost {
  ms: number;
  peakMb: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Every candidate carries this: it writes its own peak memory (KiB) to descriptor 3 when the process ends. */
const probe = join(folder, "probe.cjs");
writeFileSync(probe, 'process.on("exit", () => require("fs").writeSync(3, String(process.resourceUsage().maxRSS)));\n');

function runOnce(args: readonly string[], env: Record<string, string>): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const options = { env, stdio: ["ignore", "ignore", "inherit", "pipe"] } as const;
    const child = spawn(process.execPath, ["--require", probe, ...args], { ...options, stdio: [...options.stdio] });
    let peak = "";
    child.stdio[3]?.on("data", (chunk: Buffer) => {
      peak += chunk.toString();
    });
    child.on("close", (code) => {
      if (code === 0) resolve({ ms: performance.now() - began, peakMb: Number(peak) / 1024 });
      else reject(new Error(`${args.join(" ")} ended with ${code ?? "a signal"}.`));
    });
  });
}

/** A script that sends what a step sends, by Node's own `fetch`. */
function fetchScript(server: FakeMosooServer): string {
  const path = join(folder, `post-${new URL(server.apiUrl).port}.mjs`);
  writeFileSync(
    path,
    `const answer = await fetch(${JSON.stringify(`${server.apiUrl}/agents/${server.agents.published}/threads`)}, {
      method: "POST",
      headers: { authorization: "Bearer ${server.tokens.person}", "content-type": "application/json" },
      body: JSON.stringify({ input: { type: "user.message", content: [{ type: "text", text: "Hello" }] } }),
    });
    await answer.text();\n`,
  );
  return path;
}

/** What a step costs from start to end, on the same machine in the same rounds. */
async function startCosts(): Promise<Map<string, Cost>> {
  const authority = makeAuthority();
  const roots = join(folder, "roots.pem");
  writeFileSync(roots, authority.cert);
  const rateLimit = { requests: 1_000_000, windowMs: 60_000 };
  const server = await startFakeMosooServer({ rateLimit });
  const secure = await startFakeMosooServer({ rateLimit, tls: authority.issue(["127.0.0.1"]) });
  const environment = { PATH: process.env["PATH"] ?? "", HOME: folder };
  const trusting = { ...environment, NODE_EXTRA_CA_CERTS: roots };
  let runs = 0;
  const stepEnvironment = (asked: FakeMosooServer): Record<string, string> => {
    runs += 1;
    const file = (name: string): string => {
      const path = join(folder, `${name}-${runs}`);
      writeFileSync(path, "");
      return path;
    };
    return {
      ...(asked === secure ? trusting : environment),
      "INPUT_AGENT-ID": asked.agents.published,
      INPUT_TOKEN: asked.tokens.person,
      INPUT_MESSAGE: "Hello",
      "INPUT_API-URL": asked.apiUrl,
      INPUT_MATRIX: "null",
      GITHUB_RUN_ID: String(runs),
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
  };
  const [post, securePost] = [fetchScript(server), fetchScript(secure)];
  const candidates: Record<string, () => Promise<Cost>> = {
    "bare Node, nothing to do": () => runOnce(["-e", "0"], environment),
    [FETCH]: () => runOnce([post], environment),
    [CREATE_STEP]: () => runOnce([join(root, "dist/index.js")], stepEnvironment(server)),
    "bare Node, the same POST over https": () => runOnce([securePost], trusting),
    "a step that creates a thread over https": () => runOnce([join(root, "dist/index.js")], stepEnvironment(secure)),
    "the post step with nothing to do": () => runOnce([join(root, "dist/post.js")], environment),
  };
  const costs = new Map<string, Cost[]>(Object.keys(candidates).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, candidate] of Object.entries(candidates)) costs.get(name)?.push(await candidate());
  }
  await Promise.all([server.close(), secure.close()]);
  return new Map(
    [...costs].map(([name, all]) => [
      name,
      { ms: median(all.map((cost) => cost.ms)), peakMb: median(all.map((cost) => cost.peakMb)) },
    ]),
  );
}

interface WaitCost {
  /** From the start of the step's process to its end. */
  totalMs: number;
  /** From the run's ending event to the end of the step's process. */
  lagMs: number;
  requests: number;
}

/** A step that waits for one response. */
async function waitOnce(inputs: Record<string, string>, text: string): Promise<WaitCost> {
  const server = await startFakeMosooServer({ revision: "2026-07" });
  const startedAt = performance.now();
  const step = startStep({
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Hello",
      "api-url": server.apiUrl,
      wait: "true",
      ...inputs,
    },
  });
  while (server.openStreams === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const run = server.threads[0]?.runs[0];
  if (run === undefined) throw new Error("No run was started.");
  server.setRunStatus(run.id, "running");
  server.emit(run.id, { type: "agent.message.delta", content: text });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const endedAt = performance.now();
  server.endRun(run.id, "completed", { text });
  const result = await step.result;
  if (result.exitCode !== 0) throw new Error(`The step failed: ${result.stdout}`);
  const now = performance.now();
  await server.close();
  return { totalMs: now - startedAt, lagMs: now - endedAt, requests: server.requests.length };
}

/** What waiting costs, and how much longer a step with a schema takes. */
async function waitingCosts(): Promise<{ lagMs: number; requests: number; schemaMs: number }> {
  const plain: WaitCost[] = [];
  const checked: WaitCost[] = [];
  const schema = '{"type":"object","required":["verdict"],"properties":{"verdict":{"enum":["pass","block"]}}}';
  for (let round = 0; round < WAITING_ROUNDS; round += 1) {
    plain.push(await waitOnce({}, '{"verdict":"pass"}'));
    checked.push(await waitOnce({ "response-schema": schema }, '{"verdict":"pass"}'));
  }
  const totalMs = (costs: readonly WaitCost[]): number => median(costs.map((cost) => cost.totalMs));
  return {
    lagMs: median(plain.map(({ lagMs }) => lagMs)),
    requests: Math.max(...plain.map(({ requests }) => requests)),
    schemaMs: totalMs(checked) - totalMs(plain),
  };
}

/** What a runner downloads at HEAD, gzipped as GitHub does. */
function downloadBytes(): number {
  const archive = execFileSync("git", ["archive", "HEAD"], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  return gzipSync(archive, { level: 9 }).length;
}

function costOf(starts: ReadonlyMap<string, Cost>, name: string): Cost {
  const cost = starts.get(name);
  if (cost === undefined) throw new Error(`Not measured: ${name}.`);
  return cost;
}

/** Whether the start is within the limit: one of two measurements has to be, for a busy machine spoils a single one. */
async function isWithinLimit(): Promise<boolean> {
  for (let measurement = 0; measurement < 2; measurement += 1) {
    const starts = await startCosts();
    const ratio = costOf(starts, CREATE_STEP).ms / costOf(starts, FETCH).ms;
    console.log(`A step that creates a thread takes ${ratio.toFixed(2)} × fetch (limit ${MAX_CREATE_RATIO}).`);
    if (ratio <= MAX_CREATE_RATIO) return true;
  }
  return false;
}

if (process.argv.includes("--check")) {
  if (!(await isWithinLimit())) process.exitCode = 1;
} else await writePage();
rmSync(folder, { recursive: true });

async function writePage(): Promise<void> {
  const starts = await startCosts();
  const waiting = await waitingCosts();
  const download = downloadBytes();

  const bare = costOf(starts, "bare Node, nothing to do");
  const fetching = costOf(starts, FETCH);
  const secureFetching = costOf(starts, "bare Node, the same POST over https");
  const rows = [...starts].map(([name, { ms, peakMb }]) => {
    const baseline = name.endsWith("https") ? secureFetching : fetching;
    return `| ${name} | ${(ms / baseline.ms).toFixed(2)} | ${(peakMb / bare.peakMb).toFixed(2)} |`;
  });

  const page = `# Performance

Made by \`npm run bench\` (Node ${process.versions.node}, ${process.platform} ${process.arch}): medians of ${ROUNDS} rounds. Times
are ratios within one run on one machine.

## A step from start to end

<!-- prettier-ignore -->
| process | time, against the same POST by bare Node's \`fetch\` | peak memory, against bare Node |
| --- | --- | --- |
${rows.join("\n")}

CI fails when a step that creates a thread takes more than ${MAX_CREATE_RATIO} times as long as the same POST by \`fetch\`. What keeps a step
fast: [architecture](architecture.md#design-rules).

## Waiting

From the run's ending event to the end of the step's process: ${Math.round(waiting.lagMs)} ms (median of ${WAITING_ROUNDS}, event stream).
Requests of a step that waits without interruption: ${waiting.requests}, however long it takes; silence adds at most one a minute. Without an
event stream (the reference API): at most 45 in ten minutes. A step with \`response-schema\` takes ${Math.round(waiting.schemaMs)} ms longer.

## Download

What a runner downloads for each job (\`git archive HEAD | gzip -9\`): ${(download / 1024).toFixed(0)} KiB. CI fails above ${MAX_DOWNLOAD_KIB} KiB.
`;
  console.log(page);
  if (!process.argv.includes("--print")) writeFileSync(join(root, "docs/performance.md"), page);
}
