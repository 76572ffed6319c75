/**
 * `npm run demo`: the main job, run exactly as the runner runs it: the built action (dist/) for a pull-request event,
 * a re-run of the workflow run, and a later step that uses the outputs.
 *
 * Without options it speaks to the project's own fake Mosoo server on this machine. Against a real service:
 * `MOSOO_TOKEN=… npm run demo -- --agent-id ID [--api-url URL] [--message TEXT]`.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { startFakeMosooServer } from "../__tests__/support/fake-mosoo-server.ts";
import { type StepResult, events, runStep } from "../__tests__/support/runner.ts";

const usage = "MOSOO_TOKEN=… npm run demo -- --agent-id ID [--api-url URL] [--message TEXT]";

function readOptions(): { "api-url"?: string; "agent-id"?: string; message?: string } {
  try {
    return parseArgs({
      args: process.argv.slice(2),
      options: { "api-url": { type: "string" }, "agent-id": { type: "string" }, message: { type: "string" } },
    }).values;
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nWithout options: a fake server. Else: ${usage}`,
    );
    process.exit(1);
  }
}

const values = readOptions();
const real = values["api-url"] !== undefined || values["agent-id"] !== undefined;
const token = process.env["MOSOO_TOKEN"] ?? "";
if (real && (token === "" || values["agent-id"] === undefined)) {
  console.error(`Against a real service the demo needs the token in a variable, and --agent-id:\n${usage}`);
  process.exit(1);
}

function heading(text: string): void {
  console.log(`\n\u001b[1m━━ ${text}\u001b[0m\n`);
}

function show(result: StepResult): void {
  console.log(result.shown.trimEnd());
  if (result.exitCode !== 0) {
    console.error(`\nThe step failed with exit code ${result.exitCode ?? "none"}.`);
    process.exit(1);
  }
}

/** The way to a real service, where this machine needs one; the step gets no other variable of the shell. */
const network = Object.fromEntries(
  ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS"].map(
    (name) => [name, process.env[name]],
  ),
);

const server = real ? undefined : await startFakeMosooServer();
const step = {
  with: {
    "agent-id": values["agent-id"] ?? server?.agents.published ?? "",
    token: server?.tokens.person ?? token,
    message: values.message ?? "Review this pull request: does it do what its title says?",
    ...(values["api-url"] === undefined && server === undefined
      ? {}
      : { "api-url": values["api-url"] ?? server?.apiUrl ?? "" }),
  },
  event: events.pullRequest(),
  env: server === undefined ? network : {},
  // A run ID of its own: the demo may be run again and again against one service.
  runId: String(Date.now()),
  step: "review",
};

heading(`A pull request is opened: the step runs (${server === undefined ? "real service" : "fake service"})`);
const first = await runStep(step);
show(first);

heading("Its outputs");
for (const [name, value] of Object.entries(first.outputs)) console.log(`${name.padEnd(16)} ${value}`);

heading("The job summary");
console.log(first.summary.trim());

heading("The workflow run is run again (attempt 2): the same thread");
const again = await runStep({ ...step, runAttempt: 2 });
show(again);
console.log(`\nthread-id ${again.outputs["thread-id"] ?? ""}\nreplayed  ${again.outputs["replayed"] ?? ""}`);

heading('A later step: run: echo "See $URL"   env: { URL: ${{ steps.review.outputs.thread-url }} }');
const later = 'console.log("See " + process.env.URL)';
console.log(
  execFileSync(process.execPath, ["-e", later], { encoding: "utf8", env: { URL: first.outputs["thread-url"] } }).trim(),
);

await server?.close();
if (first.outputs["thread-id"] !== again.outputs["thread-id"] || again.outputs["replayed"] !== "true") {
  console.error("\nThe re-run did not find the thread.");
  process.exitCode = 1;
}
