/** The post step: interrupts a run that the main step could not interrupt, and finishes the comment. */
import { USER_AGENT, readContext } from "../actions/context.ts";
import { type Inputs, readInputs } from "../actions/inputs.ts";
import * as state from "../actions/state.ts";
import { MosooClient } from "../mosoo/client.ts";
import { type Run, isTerminalStatus } from "../mosoo/contract/schema.ts";
import { describeEnd } from "../report/outcomes.ts";
import type { FailureDetails } from "../report/report.ts";
import { loadReport } from "../report/saved-report.ts";
import type { StepContext } from "./main-step.ts";
import { StepProgress } from "./step-state.ts";

/** The window of the service's rate limit, one minute, and some. */
const INTERRUPT_TIMEOUT_MS = 75_000;

interface PendingRun {
  apiUrl: URL;
  threadId: string;
  runId: string;
}

/** The run that is left to interrupt, as the main step saved it. */
function loadPendingRun(): PendingRun | undefined {
  const [threadId, runId, apiUrl] = [state.read("thread_id"), state.read("run_id"), state.read("api_url")];
  if (state.read("interrupt_pending") !== "true" || threadId === "" || runId === "") return undefined;
  return URL.canParse(apiUrl) ? { apiUrl: new URL(apiUrl), threadId, runId } : undefined;
}

/** @returns the run after the interrupt; undefined where it failed */
async function interrupt(
  { apiUrl, threadId, runId }: PendingRun,
  inputs: Inputs,
  { environment }: StepContext,
): Promise<Run | undefined> {
  const never = new AbortController().signal;
  const mosoo = new MosooClient({
    apiUrl,
    token: inputs.token,
    userAgent: USER_AGENT,
    environment,
    requestTimeoutMs: inputs.requestTimeout,
    createTimeoutMs: INTERRUPT_TIMEOUT_MS,
    stop: { cancelSignal: never, abortRequestsSignal: never },
    note: () => undefined,
  });
  const run = await mosoo.interruptRunWithRetry(threadId, runId, INTERRUPT_TIMEOUT_MS);
  await mosoo.close();
  return run;
}

/** Adds to the report what the post step knows of the run. */
function recordInterrupt(progress: StepProgress, run: Run): void {
  const { outcome, status, failure } = progress.report;
  const consequence = isTerminalStatus(run.status)
    ? `After the step, the agent run ${describeEnd(run.status)}.`
    : "Sent interrupt to the agent run after the step.";
  const summary = failure?.summary ?? "";
  progress.updateReport({
    status: run.status ?? status,
    // Nobody is asked anymore.
    outcome: outcome === "waiting" && run.status === "cancelled" ? "cancelled" : outcome,
    failure: { ...failure, summary, consequence },
  });
}

async function interruptPendingRun(pending: PendingRun, inputs: Inputs, progress: StepProgress, step: StepContext) {
  const { log } = step;
  const { runId } = pending;
  const run = await interrupt(pending, inputs, step);
  const page = progress.report.threadUrl ?? "";
  if (run === undefined) {
    log.warning(`Failed to interrupt agent run ${runId} during cleanup; it may still be running: ${page}`);
    return;
  }
  const what = isTerminalStatus(run.status)
    ? `Agent run ${runId} ${describeEnd(run.status)}`
    : `Sent interrupt to agent run ${runId}`;
  log.info(`The step ended before it could stop the agent. ${what}. Thread: ${page}`);
  recordInterrupt(progress, run);
}

/** Finishes what a main step that was killed, or had no time left, could not. Best effort. */
export async function cleanUp(step: StepContext): Promise<void> {
  const { environment, secrets, log, outputs } = step;
  const context = readContext(environment);
  const { inputs } = readInputs(secrets);
  if (inputs === undefined) return;
  const progress = new StepProgress(outputs, context);
  const killed: FailureDetails = { summary: "The step was killed while it waited for the agent." };
  progress.updateReport({
    outcome: "stopped",
    agentId: inputs.agentId,
    onRerun: inputs.onRerun,
    threadId: state.read("thread_id") || undefined,
    threadUrl: state.read("thread_url") || undefined,
    runId: state.read("run_id") || undefined,
    failure: killed,
    ...loadReport(),
  });
  const pending = loadPendingRun();
  if (pending !== undefined) await interruptPendingRun(pending, inputs, progress, step);
  if (state.read("comment_pending") !== "true") return;
  const { prepareComment } = await import("../report/comment/publisher.ts");
  const comment = prepareComment({ inputs, context, secrets: secrets.all, log, outputs, idempotencyKey: undefined });
  await comment?.show(progress.report, { final: true });
}
