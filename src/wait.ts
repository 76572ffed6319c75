/** Waits for the run's end, and makes of it what the inputs say: answer, status, success or failure. */
import { answerOf, responseOutput, writeResponseFile } from "./answer.ts";
import type { RunContext } from "./github.ts";
import type { Settings } from "./inputs.ts";
import type { Mosoo } from "./mosoo/client.ts";
import type { Run } from "./mosoo/schema.ts";
import { hasEnded } from "./mosoo/schema.ts";
import type { FollowListener, Followed } from "./mosoo/watch/follow.ts";
import type { Progress } from "./progress.ts";
import { duration } from "./report/card.ts";
import { LiveLog } from "./report/live.ts";
import type { Log } from "./report/log.ts";
import type { Outputs } from "./report/outputs.ts";
import type { Outcome } from "./report/report.ts";
import { excerpt, redact } from "./report/untrusted.ts";
import type { Started } from "./start.ts";
import * as state from "./state.ts";
import type { StopWish } from "./stop.ts";

export interface WaitContext {
  mosoo: Mosoo;
  settings: Settings;
  context: RunContext;
  secrets: readonly string[];
  stop: StopWish;
  log: Log;
  outputs: Outputs;
  progress: Progress;
  /** Tells readers that the agent is at work; or, with a question, that a person has to decide meanwhile. */
  showWorking: (question?: string) => void;
}

/** How the wait ended. `failure` is the annotation's text where the step fails. */
export interface Ending {
  outcome: Outcome;
  failure: string | undefined;
}

/** For an interrupt outside of a cancelled job, in milliseconds. */
const interruptMs = 15_000;
/** The interrupt comes first, and leaves some of the time for the comment. */
const interruptOnStopMs = 3_000;

function listener(wait: WaitContext, live: LiveLog, since: number): FollowListener {
  const { settings, log, progress, mosoo } = wait;
  let questions = 0;
  let undecided = false;
  return {
    happened: (happening) => {
      if (happening.kind === "words") live.words(happening.text);
      else if (happening.kind === "tool") live.tool(happening.name);
      else if (happening.kind === "thinking") log.debugFlood(`thinking: ${happening.text}`);
    },
    seen: (run) => {
      progress.run(run);
      if (undecided && run.status !== "waiting_input" && !hasEnded(run.status)) {
        undecided = false;
        wait.showWorking();
      }
    },
    asked: (title, run) => {
      if (settings["on-waiting-input"] !== "wait") return false;
      questions += 1;
      progress.run(run);
      live.flush();
      const text = `The agent asks a person${title === undefined ? "" : `: "${excerpt(redact(title, wait.secrets))}"`}. Decide on the thread's page: ${progress.report.threadUrl ?? ""}`;
      if (questions === 1) log.warn(text);
      else log.line(text);
      undecided = true;
      wait.showWorking(title ?? "");
      return true;
    },
    quiet: () => {
      live.line(`still running, ${duration(Math.floor((mosoo.clock.now() - since) / 60_000) * 60_000)}`);
    },
    debug: (text) => {
      log.debug(text);
    },
  };
}

/** Interrupts the run, and tells what it then is. */
async function interrupt(wait: WaitContext, started: Started, run: Run, boundMs: number): Promise<Run | undefined> {
  const interrupted = await wait.mosoo.interruptRun(started.threadId, run.id, boundMs);
  if (interrupted !== undefined) wait.progress.run({ ...run, ...interrupted });
  return interrupted;
}

function interruptSentence(interrupted: Run | undefined): string {
  if (interrupted === undefined) return "The run could not be interrupted; it may go on.";
  return hasEnded(interrupted.status) ? `The run is ${interrupted.status ?? "over"}.` : "The run was told to stop.";
}

/**
 * After a signal: stops the run as `on-cancel` says.
 *
 * @returns what the failure tells of the run
 */
export async function stopRun(wait: WaitContext, started: Started): Promise<string> {
  const { run } = started;
  if (run === null || hasEnded(run.status)) return "";
  if (wait.settings["on-cancel"] === "leave") return "The run goes on (`on-cancel: leave`).";
  const interrupted = await interrupt(wait, started, run, Math.min(interruptOnStopMs, wait.stop.remainingMs));
  if (interrupted !== undefined) state.save(state.waiting, "");
  return interruptSentence(interrupted);
}

function runErrorText(run: Run): string {
  const { code, message } = run.error ?? {};
  const said = [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
  return said === "" ? "" : ` It says: "${excerpt(said)}"`;
}

async function conclude(wait: WaitContext, started: Started, followed: Followed): Promise<Ending> {
  const { settings, progress, stop } = wait;
  const page = progress.report.threadUrl ?? "";
  const { end } = followed;
  const run = wait.progress.started?.run ?? started.run;
  if (run === null) return { outcome: "error", failure: undefined };
  switch (end.kind) {
    case "stopped": {
      const told = await stopRun(wait, { ...started, run });
      return {
        outcome: "stopped",
        failure: `The step was stopped from outside (cancelled or timed out). ${told} The thread: ${page}`,
      };
    }
    case "timeout": {
      const waited = duration(settings["wait-timeout"]);
      if (settings["on-wait-timeout"] === "leave") {
        return {
          outcome: "timed-out",
          failure: `The run did not end within ${waited} (\`wait-timeout\`). It goes on: ${page} A re-run of the job waits for the same run.`,
        };
      }
      const told = interruptSentence(
        await interrupt(
          wait,
          started,
          run,
          Math.min(interruptMs, stop.requested.aborted ? stop.remainingMs : interruptMs),
        ),
      );
      return {
        outcome: "timed-out",
        failure: `The run did not end within ${waited} (\`wait-timeout\`). ${told} The thread: ${page}`,
      };
    }
    case "question": {
      progress.report.question = end.title;
      const asked = `The agent asks a person${end.title === undefined ? "" : `: "${excerpt(redact(end.title, wait.secrets))}"`}.`;
      if (settings["on-waiting-input"] === "fail") {
        return {
          outcome: "waiting",
          failure: `${asked} Decide on the thread's page, then re-run the job, which picks the same run up: ${page}`,
        };
      }
      const told = interruptSentence(await interrupt(wait, started, run, interruptMs));
      return {
        outcome: "cancelled",
        failure: `${asked} ${told} (\`on-waiting-input: interrupt\`) The thread: ${page}`,
      };
    }
    case "ended": {
      const status = end.run.status ?? "";
      if (status === "completed") return { outcome: "completed", failure: undefined };
      const outcome = status === "cancelled" || status === "expired" ? status : "failed";
      const text = `The agent's run ended ${status}.${runErrorText(end.run)} The thread: ${page}`;
      if (settings["fail-on-run-error"]) return { outcome, failure: text };
      wait.log.warn(text);
      return { outcome, failure: undefined };
    }
  }
}

/** A run's own time where the server tells it, else the time waited. Milliseconds. */
function runDuration(run: Run | null, waitedMs: number): number {
  const [from, to] = [run?.["startedAt"] ?? run?.["createdAt"], run?.["completedAt"]];
  const ms = typeof from === "string" && typeof to === "string" ? Date.parse(to) - Date.parse(from) : Number.NaN;
  return Number.isFinite(ms) && ms >= 0 ? ms : waitedMs;
}

/**
 * Follows the run to its end.
 *
 * @throws MosooError where the thread can be read no more
 */
export async function waitForRun(wait: WaitContext, started: Started): Promise<Ending> {
  const { mosoo, settings, context, secrets, stop, log, outputs, progress } = wait;
  const { run } = started;
  if (run === null) {
    log.warn("The thread has no run to wait for.");
    return { outcome: "started", failure: undefined };
  }
  const since = mosoo.clock.now();
  log.line(`Waiting for the agent, ${duration(settings["wait-timeout"])} at most.`);
  const live = new LiveLog(log);
  const { followRun } = await import("./mosoo/watch/follow.ts");
  log.group("The agent at work");
  let followed: Followed;
  try {
    followed = await followRun({
      transport: mosoo.transport,
      clock: mosoo.clock,
      threadId: started.threadId,
      run,
      mayHaveEnded: started.replayed || hasEnded(run.status),
      deadlineAt: since + settings["wait-timeout"],
      requestTimeoutMs: settings["request-timeout"],
      stop: stop.requested,
      listener: listener(wait, live, since),
    });
  } finally {
    live.flush();
    log.endGroup();
  }
  if (followed.end.kind === "ended" || followed.end.kind === "question") progress.run(followed.end.run);
  for (const [type, times] of followed.transcript.unknownTypes)
    log.debug(`Event type not known here: ${type} (${times})`);

  const ending = await conclude(wait, started, followed);
  const last = progress.started?.run ?? run;
  const answer = answerOf(followed, followed.end.kind === "ended" ? followed.end.run : last);
  if (followed.truncated) log.line("The run has more events than the server gives: the text may lack its beginning.");
  outputs.set({ response: responseOutput(answer, secrets) });
  const file = writeResponseFile(answer, context.temp, secrets);
  if (file !== undefined) outputs.set({ "response-file": file });
  Object.assign(progress.report, {
    answer: answer.text === "" ? undefined : answer,
    tools: followed.transcript.tools,
    durationMs: runDuration(last, mosoo.clock.now() - since),
  });
  return ending;
}
