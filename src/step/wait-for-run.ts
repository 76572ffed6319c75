/** Waits for the run, interrupts it where the inputs ask for that, and hands its response to later steps. */
import type { ActionContext } from "../actions/context.ts";
import type { Inputs } from "../actions/inputs.ts";
import type { Logger } from "../actions/logger.ts";
import type { Outputs } from "../actions/outputs.ts";
import type { ShutdownController } from "../actions/shutdown.ts";
import { StreamingLog } from "../actions/streaming-log.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import type { MosooClient } from "../mosoo/client.ts";
import { type Run, isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowResult, Followed } from "../mosoo/runs/follow.ts";
import { failureText } from "./errors.ts";
import { type AgentResponse, extractResponse, responseOutput, writeResponseFile } from "./response.ts";
import { createRunListener } from "./run-listener.ts";
import type { ThreadHandle } from "./thread-handle.ts";
import { type StepResult, shouldInterrupt, toStepResult } from "./step-result.ts";
import type { StepProgress } from "./step-state.ts";

export interface WaitContext {
  mosoo: MosooClient;
  inputs: Inputs;
  context: ActionContext;
  secrets: readonly string[];
  stop: ShutdownController;
  log: Logger;
  outputs: Outputs;
  progress: StepProgress;
  /** Comments that the agent is working; with a title, that the run requires input for it. */
  showWorking: (inputTitle?: string) => void;
}

const INTERRUPT_TIMEOUT_MS = 15_000;
/** Of a cancelled job's few seconds the interrupt gets the first; the comment needs the rest. */
const INTERRUPT_ON_CANCEL_TIMEOUT_MS = 3_000;

/** Follows the run to its end. Throws nothing that network or server can cause. */
export async function waitForRun(wait: WaitContext, handle: ThreadHandle): Promise<StepResult> {
  const { mosoo, log, progress } = wait;
  const { run } = handle;
  if (run === null) {
    log.warning("The thread has no run to wait for.");
    return { outcome: "started" };
  }
  const startedAt = mosoo.clock.now();
  const followed = await follow(wait, handle, run, startedAt);
  const { result, transcript, tokens } = followed;
  if (result.kind === "ended" || result.kind === "input_required") progress.setRun(result.run);
  if (result.kind === "input_required") progress.updateReport({ question: result.title });
  for (const [type, count] of transcript.unknownTypes) {
    log.debug(`Unknown event type ${type} (${pluralize(count, "event")})`);
  }

  const stepResult = await conclude(wait, result, progress.handle?.run ?? run);
  const last = result.kind === "ended" ? result.run : (progress.handle?.run ?? run);
  const response = extractResponse(followed, last);
  publishResponse(wait, response);
  publishTokens(wait, tokens);
  progress.updateReport({
    response: response.text === "" ? undefined : response,
    tools: transcript.tools,
    durationMs: runDurationMs(last, mosoo.clock.now() - startedAt),
  });
  return stepResult;
}

/** After a signal, at any point of the step: interrupts the run as `wait` and `on-cancel` say. */
export function stopRun(wait: WaitContext, run: Run | null): Promise<StepResult> {
  return conclude(wait, { kind: "cancelled" }, run);
}

async function follow(wait: WaitContext, handle: ThreadHandle, run: Run, startedAt: number): Promise<Followed> {
  const { mosoo, inputs, stop, log } = wait;
  log.info(`Waiting up to ${formatDuration(inputs.waitTimeout)} for the run to finish`);
  const { followRun } = await import("../mosoo/runs/follow.ts");
  const live = new StreamingLog(log);
  log.group("Agent output");
  try {
    return await followRun({
      transport: mosoo.transport,
      clock: mosoo.clock,
      threadId: handle.threadId,
      run,
      mayHaveEnded: handle.isFresh !== true && (handle.replayed || isTerminalStatus(run.status)),
      deadlineAt: startedAt + inputs.waitTimeout,
      requestTimeoutMs: inputs.requestTimeout,
      cancelSignal: stop.cancelSignal,
      listener: createRunListener({ ...wait, clock: mosoo.clock, startedAt, live }),
    });
  } finally {
    live.flush();
    log.endGroup();
  }
}

/** @param run as last seen */
async function conclude(wait: WaitContext, result: FollowResult, run: Run | null): Promise<StepResult> {
  const { inputs, progress, log, secrets } = wait;
  const end = { policies: inputs, run, threadUrl: progress.report.threadUrl };
  const interrupt = run !== null && shouldInterrupt(result, end) ? await interruptRun(wait, run) : undefined;
  const stepResult = toStepResult(result, { ...end, interrupt });
  if (stepResult.warning !== undefined) log.warning(failureText(stepResult.warning, secrets));
  return stepResult;
}

async function interruptRun({ mosoo, progress, stop }: WaitContext, run: Run): Promise<{ run: Run } | "failed"> {
  const threadId = progress.report.threadId ?? "";
  // A job that is being cancelled has no time for a retry; the post step has.
  const interrupted = stop.cancelSignal.aborted
    ? await mosoo.interruptRun(threadId, run.id, INTERRUPT_ON_CANCEL_TIMEOUT_MS, stop.deadlineSignal)
    : await mosoo.interruptRunWithRetry(threadId, run.id, INTERRUPT_TIMEOUT_MS);
  if (interrupted === undefined) return "failed";
  progress.setRun({ ...run, ...interrupted });
  return { run: interrupted };
}

/** The run's own duration where the server says it, else the time waited. */
function runDurationMs(run: Run, waitedMs: number): number {
  const [from, to] = [run["startedAt"] ?? run["createdAt"], run["completedAt"]];
  const ms = typeof from === "string" && typeof to === "string" ? Date.parse(to) - Date.parse(from) : Number.NaN;
  return Number.isFinite(ms) && ms >= 0 ? ms : waitedMs;
}

/** Sets the response's outputs, and warns where the response is incomplete, or empty although the run completed. */
function publishResponse({ context, secrets, log, outputs, progress }: WaitContext, response: AgentResponse): void {
  const missing = {
    start: "The server does not return all events of the run: the start of the response may be missing.",
    end: "The response exceeds what the step can hold: its end is missing.",
    all: "Failed to read the response: the server does not return the run's events.",
  };
  if (response.truncated !== "none") log.warning(missing[response.truncated]);
  else if (response.complete && response.text.trim() === "") {
    const empty = { summary: "The run completed with an empty response.", threadUrl: progress.report.threadUrl };
    log.warning(failureText(empty, secrets));
  }
  outputs.set({ response: responseOutput(response, secrets) });
  const file = writeResponseFile(response, context.temp, secrets);
  if (file !== undefined) outputs.set({ "response-file": file });
  else log.warning("Failed to write the response file to RUNNER_TEMP; the output `response-file` is not set.");
}

function publishTokens({ log, outputs, progress }: WaitContext, tokens: number | undefined): void {
  outputs.set({ tokens: tokens === undefined ? "" : String(tokens) });
  if (tokens === undefined) return;
  log.info(`The run used ${pluralize(tokens, "token")}`);
  progress.updateReport({ tokens });
}
