/** Follows a run of the step, interrupts it where the inputs ask for that, and says what its end means for the step. */
import type { ActionContext } from "../actions/context.ts";
import type { Inputs } from "../actions/inputs.ts";
import type { Logger } from "../actions/logger.ts";
import type { Outputs } from "../actions/outputs.ts";
import type { ShutdownController } from "../actions/shutdown.ts";
import { StreamingLog } from "../actions/streaming-log.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import type { MosooClient } from "../mosoo/client.ts";
import { type Run, isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowResult, Followed, FollowListener } from "../mosoo/runs/follow.ts";
import type { ResponseText } from "../report/report.ts";
import { failureText } from "./errors.ts";
import type { StepPlan } from "./request.ts";
import { type AgentResponse, extractResponse } from "./response.ts";
import { type StepResult, shouldInterrupt, toStepResult, inputRequest } from "./step-result.ts";
import type { StepProgress } from "./step-state.ts";
import type { ThreadHandle } from "./thread-handle.ts";

export interface WaitContext {
  mosoo: MosooClient;
  plan: StepPlan;
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

/** The wait for the step's runs; times on the client's clock. */
export interface Wait {
  readonly startedAt: number;
  /** `wait-timeout` covers all runs. */
  readonly deadlineAt: number;
}

/** How the last run that was followed ended. */
export interface RunEnd {
  result: StepResult;
  /** As last seen. */
  run: Run;
  followed: Followed;
  response: AgentResponse;
  /** With `response-schema`, where the response matches it. */
  valid?: ValidResponse;
}

/** A response that matches the schema. */
export interface ValidResponse {
  /** On one line, without secrets. */
  json: string;
  /** What people see. */
  shown: ResponseText;
  /** How many corrections it took, in all run attempts of the step. */
  corrections: number;
}

interface FollowRunOptions extends Wait {
  threadId: string;
  run: Run;
  /** The run is not of this attempt, or its status is not known. */
  mayHaveEnded: boolean;
  isStreamUnsupported?: boolean;
}

const INTERRUPT_TIMEOUT_MS = 15_000;
/** Of a cancelled job's few seconds the interrupt gets the first; the comment needs the rest. */
const INTERRUPT_ON_CANCEL_TIMEOUT_MS = 3_000;

/** Follows a run to its end, or that of the wait. Throws nothing that network or server can cause. */
export async function followRun(context: WaitContext, options: FollowRunOptions): Promise<Followed> {
  const { mosoo, inputs, stop, log, progress } = context;
  const { startedAt, deadlineAt } = options;
  const remainingMs = Math.ceil(Math.max(0, deadlineAt - mosoo.clock.now()) / 1_000) * 1_000;
  log.info(`Waiting up to ${formatDuration(remainingMs)} for the agent to finish`);
  const { followRun: follow } = await import("../mosoo/runs/follow.ts");
  const live = new StreamingLog(log);
  log.group("Agent output");
  let followed: Followed;
  try {
    followed = await follow({
      ...options,
      transport: mosoo.transport,
      clock: mosoo.clock,
      requestTimeoutMs: inputs.requestTimeout,
      cancelSignal: stop.cancelSignal,
      listener: createRunListener(context, startedAt, live),
    });
  } finally {
    live.flush();
    log.endGroup();
  }
  const { result, transcript } = followed;
  progress.updateReport({ tools: addCounts(progress.report.tools, transcript.tools) });
  if (result.kind === "ended" || result.kind === "input_required") progress.setRun(result.run);
  if (result.kind === "input_required") progress.updateReport({ question: result.title });
  for (const [type, count] of transcript.unknownTypes) {
    log.debug(`Unknown event type ${type} (${pluralize(count, "event")})`);
  }
  return followed;
}

/** The tools that all runs of the step have used. */
function addCounts(
  known: ReadonlyMap<string, number> = new Map(),
  more: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sum = new Map(known);
  for (const [name, count] of more) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}

/** Whether the run that the step's start has led to may have ended: then it is read before anything else. */
export function mayRunHaveEnded({ isFresh, replayed, run }: ThreadHandle): boolean {
  return isFresh !== true && (replayed || isTerminalStatus(run?.status));
}

/** The run as last seen, and its response. */
export function readEnd(
  { progress }: WaitContext,
  followed: Followed,
  run: Run,
): Pick<RunEnd, "run" | "followed" | "response"> {
  const last = followed.result.kind === "ended" ? followed.result.run : (progress.handle?.run ?? run);
  return { run: last, followed, response: extractResponse(followed, last) };
}

/**
 * What the end of the run, or of the wait for it, means for the step, once the run is interrupted where the inputs ask
 * for that.
 *
 * @param run as last seen
 */
export async function concludeRun(context: WaitContext, result: FollowResult, run: Run | null): Promise<StepResult> {
  const { inputs, progress, log, secrets } = context;
  const end = { policies: inputs, run, threadUrl: progress.report.threadUrl };
  const interrupt = run !== null && shouldInterrupt(result, end) ? await interruptRun(context, run) : undefined;
  const stepResult = toStepResult(result, { ...end, interrupt });
  if (stepResult.warning !== undefined) log.warning(failureText(stepResult.warning, secrets));
  return stepResult;
}

/** After a signal, at any point of the step: interrupts the run as `wait` and `on-cancel` say. */
export function stopRun(context: WaitContext, run: Run | null): Promise<StepResult> {
  return concludeRun(context, { kind: "cancelled" }, run);
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

const MINUTE_MS = 60_000;

/**
 * Shows a run's progress: text and tools in the log, input requests as a warning and in the comment.
 *
 * @param startedAt when the wait began, on the client's clock
 */
function createRunListener(context: WaitContext, startedAt: number, live: StreamingLog): FollowListener {
  const { mosoo, inputs, log, secrets, progress, showWorking } = context;
  let inputRequests = 0;
  let isInputPending = false;

  const onRunning = (): void => {
    if (isInputPending) showWorking();
    isInputPending = false;
  };

  /** As long as nothing calls for a read of the thread, only an event says that the run has started. */
  const onStarted = (): void => {
    const run = progress.handle?.run;
    if (run != null && ["queued", "booting"].includes(run.status ?? "queued")) {
      progress.setRun({ ...run, status: "running" });
    }
    onRunning();
  };

  return {
    onEvent: (event) => {
      if (event.kind === "text") live.text(event.text);
      else if (event.kind === "tool") live.tool(event.name);
      else if (event.kind === "started") onStarted();
      else if (event.kind === "thinking") live.thinking(event.text);
    },
    onRunUpdated: (run, thread) => {
      progress.setRun(run, thread);
      if (run.status !== "waiting_input" && !isTerminalStatus(run.status)) onRunning();
    },
    onInputRequired: (title) => {
      if (inputs.onWaitingInput !== "wait") return false;
      inputRequests += 1;
      live.flush();
      const request = inputRequest(title, "Respond in the thread to continue.", progress.report.threadUrl);
      const text = failureText(request, secrets);
      // One annotation is enough; the log has them all.
      if (inputRequests === 1) log.warning(text);
      else log.info(text);
      isInputPending = true;
      showWorking(title ?? "");
      return true;
    },
    onIdle: () => {
      const minutes = Math.floor((mosoo.clock.now() - startedAt) / MINUTE_MS);
      live.line(`Agent run still in progress after ${formatDuration(minutes * MINUTE_MS)}`);
    },
    debug: (text) => {
      log.debug(text);
    },
  };
}
