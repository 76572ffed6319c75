/** Waits for the run's end, and makes of it what the inputs say: answer, status, success or failure. */
import { type AgentResponse, extractResponse, responseOutput, writeResponseFile } from "./response.ts";
import { failureText, toFailureDetails } from "./errors.ts";
import type { ActionContext } from "../actions/context.ts";
import type { Inputs } from "../actions/inputs.ts";
import type { MosooClient } from "../mosoo/client.ts";
import type { Run } from "../mosoo/contract/schema.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowListener, Followed } from "../mosoo/runs/follow.ts";
import type { StepProgress } from "./step-state.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import { StreamingLog } from "../actions/streaming-log.ts";
import type { Logger } from "../actions/logger.ts";
import type { Outputs } from "../actions/outputs.ts";
import type { FailureDetails, Outcome } from "../report/report.ts";
import type { ThreadHandle } from "./start-thread.ts";
import type { ShutdownController } from "../actions/shutdown.ts";

export interface WaitContext {
  mosoo: MosooClient;
  inputs: Inputs;
  context: ActionContext;
  secrets: readonly string[];
  stop: ShutdownController;
  log: Logger;
  outputs: Outputs;
  progress: StepProgress;
  /** Tells readers that the agent is at work; or, with a question, that a person has to decide meanwhile. */
  showWorking: (question?: string) => void;
}

/** How the wait ended. */
export interface WaitResult {
  outcome: Outcome;
  /** Where the step fails. */
  failure?: FailureDetails | undefined;
  /** The run was to be stopped and may go on: the post step tries again. */
  interruptFailed?: boolean;
}

/** For an interrupt outside of a cancelled job, in milliseconds. */
const interruptMs = 15_000;
/** The interrupt comes first, and leaves some of the time for the comment. */
const interruptOnStopMs = 3_000;

function inputRequest({ progress }: WaitContext, title: string | undefined, next: string): FailureDetails {
  return {
    summary: "The run requires human input.",
    serverMessage: title,
    advice: next,
    threadUrl: progress.report.threadUrl,
  };
}

function listener(wait: WaitContext, live: StreamingLog, since: number): FollowListener {
  const { inputs, log, progress, mosoo } = wait;
  let questions = 0;
  let undecided = false;
  const goesOn = (): void => {
    if (undecided) wait.showWorking();
    undecided = false;
  };
  /** The run's beginning is told by an event alone, as long as nothing calls for a read. */
  const started = (): void => {
    const run = progress.handle?.run;
    if (run != null && ["queued", "booting"].includes(run.status ?? "queued"))
      progress.setRun({ ...run, status: "running" });
    goesOn();
  };
  return {
    onEvent: (happening) => {
      if (happening.kind === "text") live.text(happening.text);
      else if (happening.kind === "tool") live.tool(happening.name);
      else if (happening.kind === "started") started();
      else if (happening.kind === "thinking") live.thinking(happening.text);
    },
    onRunUpdated: (run, thread) => {
      progress.setRun(run, thread);
      if (run.status !== "waiting_input" && !isTerminalStatus(run.status)) goesOn();
    },
    onInputRequired: (title) => {
      if (inputs.onWaitingInput !== "wait") return false;
      questions += 1;
      live.flush();
      const text = failureText(inputRequest(wait, title, "Respond in the thread to continue."), wait.secrets);
      if (questions === 1) log.warning(text);
      else log.info(text);
      undecided = true;
      wait.showWorking(title ?? "");
      return true;
    },
    onIdle: () => {
      live.line(
        `Run still in progress after ${formatDuration(Math.floor((mosoo.clock.now() - since) / 60_000) * 60_000)}`,
      );
    },
    debug: (text) => {
      log.debug(text);
    },
  };
}

/** Interrupts the run. @returns what the failure tells of it, and whether it may go on */
async function interrupt(wait: WaitContext, run: Run): Promise<{ told: string; abandoned: boolean }> {
  const { mosoo, progress, stop } = wait;
  const threadId = progress.report.threadId ?? "";
  // A job that is being cancelled has no time to ask twice; the post step does.
  const interrupted = stop.cancelSignal.aborted
    ? await mosoo.interruptRun(threadId, run.id, interruptOnStopMs, stop.deadlineSignal)
    : await mosoo.interruptRunWithRetry(threadId, run.id, interruptMs);
  if (interrupted === undefined) {
    return { told: "Failed to interrupt the run; it may still be running.", abandoned: true };
  }
  progress.setRun({ ...run, ...interrupted });
  const told = isTerminalStatus(interrupted.status)
    ? `The run is ${interrupted.status ?? ""}.`
    : "Sent interrupt to the run.";
  return { told, abandoned: false };
}

/** After a signal: stops the run as `wait` and `on-cancel` say. */
export async function stopRun(wait: WaitContext, run: Run | null): Promise<WaitResult> {
  const { inputs, progress } = wait;
  const { threadUrl } = progress.report;
  const end = (consequence?: string): WaitResult => ({
    outcome: "stopped",
    failure: { summary: "Step cancelled or timed out.", consequence, threadUrl },
  });
  if (run === null || !inputs.wait) return end();
  if (isTerminalStatus(run.status)) return end(`The run had already ended (${run.status ?? ""}).`);
  if (inputs.onCancel === "leave") return end("The run continues (`on-cancel: leave`).");
  const { told, abandoned } = await interrupt(wait, run);
  return { ...end(told), interruptFailed: abandoned };
}

/** The code and message of the run's error. */
function runErrorText(run: Run): string {
  const { code, message } = run.error ?? {};
  return [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
}

/** A re-run of the job has nothing to do with this run. */
function beginsAnew({ inputs }: WaitContext): boolean {
  return inputs.onRerun === "create";
}

/** `wait-timeout` is over. */
async function timedOut(wait: WaitContext, run: Run): Promise<WaitResult> {
  const { inputs, progress } = wait;
  const { threadUrl } = progress.report;
  const summary = `Timed out after ${formatDuration(inputs.waitTimeout)} (\`wait-timeout\`).`;
  if (inputs.onWaitTimeout === "leave") {
    const advice = beginsAnew(wait)
      ? "The run is still in progress."
      : "The run is still in progress; re-run the job to keep waiting.";
    return { outcome: "timed-out", failure: { summary, advice, threadUrl } };
  }
  const { told, abandoned } = await interrupt(wait, run);
  return {
    outcome: "timed-out",
    failure: { summary, consequence: told, threadUrl },
    interruptFailed: abandoned,
  };
}

/** A person is asked, and nobody waits for the answer. */
async function questioned(wait: WaitContext, run: Run, title: string | undefined): Promise<WaitResult> {
  const { inputs, progress } = wait;
  progress.updateReport({ question: title });
  if (inputs.onWaitingInput === "fail") {
    const advice = beginsAnew(wait)
      ? "Respond in the thread; a re-run of the job starts a new thread (`on-rerun: create`)."
      : "Respond in the thread, then re-run the job to resume waiting.";
    return { outcome: "waiting", failure: inputRequest(wait, title, advice) };
  }
  const { told, abandoned } = await interrupt(wait, run);
  const failure = inputRequest(wait, title, told);
  return { outcome: abandoned ? "waiting" : "cancelled", failure, interruptFailed: abandoned };
}

const becameOf = { failed: "failed", cancelled: "was cancelled", expired: "expired" };

function ended(wait: WaitContext, run: Run): WaitResult {
  const status = run.status ?? "";
  if (status === "completed") return { outcome: "completed" };
  const outcome = status === "cancelled" || status === "expired" ? status : "failed";
  const { threadUrl } = wait.progress.report;
  const failure = { summary: `The run ${becameOf[outcome]}.`, serverMessage: runErrorText(run), threadUrl };
  if (wait.inputs.failOnRunError) return { outcome, failure };
  wait.log.warning(failureText(failure, wait.secrets));
  return { outcome };
}

async function conclude(wait: WaitContext, { result }: Followed, lastSeen: Run): Promise<WaitResult> {
  switch (result.kind) {
    case "ended":
      return ended(wait, result.run);
    case "input_required":
      return questioned(wait, result.run, result.title);
    case "timeout":
      return timedOut(wait, lastSeen);
    case "cancelled":
      return stopRun(wait, lastSeen);
    case "error": {
      const failure = toFailureDetails(result.error, { threadUrl: wait.progress.report.threadUrl });
      return { outcome: "error", failure: { ...failure, summary: `Failed to follow the run. ${failure.summary}` } };
    }
  }
}

/** A run's own time where the server tells it, else the time waited. Milliseconds. */
function runDuration(run: Run | null, waitedMs: number): number {
  const [from, to] = [run?.["startedAt"] ?? run?.["createdAt"], run?.["completedAt"]];
  const ms = typeof from === "string" && typeof to === "string" ? Date.parse(to) - Date.parse(from) : Number.NaN;
  return Number.isFinite(ms) && ms >= 0 ? ms : waitedMs;
}

/** Sets the outputs of the answer, and tells where it is not whole. */
function handOver({ context, secrets, log, outputs }: WaitContext, answer: AgentResponse): void {
  if (answer.truncated === "beginning") {
    log.warning("The server does not return all events of the run: the start of the response may be missing.");
  } else if (answer.truncated === "end") {
    log.warning("The response exceeds what the step can hold: its end is missing.");
  } else if (answer.truncated === "everything") {
    log.warning("Failed to read the response: the server does not return the run's events.");
  }
  outputs.set({ response: responseOutput(answer, secrets) });
  const file = writeResponseFile(answer, context.temp, secrets);
  if (file === undefined)
    log.warning("Failed to write the response file to RUNNER_TEMP; the output `response-file` is not set.");
  else outputs.set({ "response-file": file });
}

/** Follows the run to its end. Throws nothing that the wire or the server can cause. */
export async function waitForRun(wait: WaitContext, started: ThreadHandle): Promise<WaitResult> {
  const { mosoo, inputs, stop, log, progress } = wait;
  const { run } = started;
  if (run === null) {
    log.warning("The thread has no run to wait for.");
    return { outcome: "started" };
  }
  const since = mosoo.clock.now();
  log.info(`Waiting up to ${formatDuration(inputs.waitTimeout)} for the run to finish`);
  const live = new StreamingLog(log);
  const { followRun } = await import("../mosoo/runs/follow.ts");
  log.group("Agent output");
  let followed: Followed;
  try {
    followed = await followRun({
      transport: mosoo.transport,
      clock: mosoo.clock,
      threadId: started.threadId,
      run,
      mayHaveEnded: started.isFresh !== true && (started.replayed || isTerminalStatus(run.status)),
      deadlineAt: since + inputs.waitTimeout,
      requestTimeoutMs: inputs.requestTimeout,
      cancelSignal: stop.cancelSignal,
      listener: listener(wait, live, since),
    });
  } finally {
    live.flush();
    log.endGroup();
  }
  const { result, transcript } = followed;
  if (result.kind === "ended" || result.kind === "input_required") progress.setRun(result.run);
  for (const [type, times] of transcript.unknownTypes)
    log.debug(`Unknown event type ${type} (${pluralize(times, "event")})`);

  const ending = await conclude(wait, followed, progress.handle?.run ?? run);
  const last = result.kind === "ended" ? result.run : (progress.handle?.run ?? run);
  const answer = extractResponse(followed, last);
  handOver(wait, answer);
  progress.updateReport({
    response: answer.text === "" ? undefined : answer,
    tools: transcript.tools,
    durationMs: runDuration(last, mosoo.clock.now() - since),
  });
  return ending;
}
