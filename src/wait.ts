/** Waits for the run's end, and makes of it what the inputs say: answer, status, success or failure. */
import { type WholeAnswer, answerOf, responseOutput, writeResponseFile } from "./answer.ts";
import { failureText } from "./failure.ts";
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

/** How the wait ended. */
export interface Ending {
  outcome: Outcome;
  /** The annotation's text where the step fails. */
  failure?: string | undefined;
  /** The run was to be stopped and may go on: the post step tries again. */
  abandoned?: boolean;
}

/** For an interrupt outside of a cancelled job, in milliseconds. */
const interruptMs = 15_000;
/** The interrupt comes first, and leaves some of the time for the comment. */
const interruptOnStopMs = 3_000;

/** The sentences that are there, as one text. */
function sentences(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

function question({ secrets }: WaitContext, title: string | undefined): string {
  const quoted = title === undefined ? "" : `: "${excerpt(redact(title, secrets))}"`;
  return `The agent asks a person${quoted}.`;
}

function listener(wait: WaitContext, live: LiveLog, since: number): FollowListener {
  const { settings, log, progress, mosoo } = wait;
  let questions = 0;
  let undecided = false;
  const goesOn = (): void => {
    if (undecided) wait.showWorking();
    undecided = false;
  };
  /** The run's beginning is told by an event alone, as long as nothing calls for a read. */
  const started = (): void => {
    const run = progress.started?.run;
    if (run != null && ["queued", "booting"].includes(run.status ?? "queued"))
      progress.run({ ...run, status: "running" });
    goesOn();
  };
  return {
    happened: (happening) => {
      if (happening.kind === "words") live.words(happening.text);
      else if (happening.kind === "tool") live.tool(happening.name);
      else if (happening.kind === "started") started();
      else if (happening.kind === "thinking") log.debugFlood(`thinking: ${happening.text}`);
    },
    seen: (run, thread) => {
      progress.run(run, thread);
      if (run.status !== "waiting_input" && !hasEnded(run.status)) goesOn();
    },
    asked: (title) => {
      if (settings["on-waiting-input"] !== "wait") return false;
      questions += 1;
      live.flush();
      const text = sentences(question(wait, title), `Decide on the thread's page: ${progress.report.threadUrl ?? ""}`);
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

/** Interrupts the run. @returns what the failure tells of it, and whether it may go on */
async function interrupt(wait: WaitContext, run: Run): Promise<{ told: string; abandoned: boolean }> {
  const { mosoo, progress, stop } = wait;
  const threadId = progress.report.threadId ?? "";
  // A job that is being cancelled has no time to ask twice; the post step does.
  const interrupted = stop.requested.aborted
    ? await mosoo.interruptRun(threadId, run.id, interruptOnStopMs, stop.over)
    : await mosoo.insistOnInterrupt(threadId, run.id, interruptMs);
  if (interrupted === undefined) return { told: "The run could not be interrupted; it may go on.", abandoned: true };
  progress.run({ ...run, ...interrupted });
  const told = hasEnded(interrupted.status) ? `The run is ${interrupted.status ?? ""}.` : "The run was told to stop.";
  return { told, abandoned: false };
}

/** After a signal: stops the run as `wait` and `on-cancel` say. */
export async function stopRun(wait: WaitContext, run: Run | null): Promise<Ending> {
  const { settings, progress } = wait;
  const stopped = "The step was stopped from outside (cancelled or timed out).";
  const page = `The thread: ${progress.report.threadUrl ?? ""}`;
  const end = (told?: string): Ending => ({ outcome: "stopped", failure: sentences(stopped, told, page) });
  if (run === null || !settings.wait) return end();
  if (hasEnded(run.status)) return end(`The run had ended before (${run.status ?? ""}).`);
  if (settings["on-cancel"] === "leave") return end("The run goes on (`on-cancel: leave`).");
  const { told, abandoned } = await interrupt(wait, run);
  return { ...end(told), abandoned };
}

function runErrorText({ secrets }: WaitContext, run: Run): string {
  const { code, message } = run.error ?? {};
  const said = [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
  return said === "" ? "" : `It says: "${excerpt(redact(said, secrets))}"`;
}

/** A re-run of the job has nothing to do with this run. */
function beginsAnew({ settings }: WaitContext): boolean {
  return settings["on-rerun"] === "create";
}

/** `wait-timeout` is over. */
async function timedOut(wait: WaitContext, run: Run): Promise<Ending> {
  const { settings, progress } = wait;
  const page = progress.report.threadUrl ?? "";
  const late = `The run did not end within ${duration(settings["wait-timeout"])} (\`wait-timeout\`).`;
  if (settings["on-wait-timeout"] === "leave") {
    const goesOn = beginsAnew(wait) ? "It goes on." : "It goes on, and a re-run of the job waits for it.";
    return { outcome: "timed-out", failure: sentences(late, goesOn, `The thread: ${page}`) };
  }
  const { told, abandoned } = await interrupt(wait, run);
  return { outcome: "timed-out", failure: sentences(late, told, `The thread: ${page}`), abandoned };
}

/** A person is asked, and nobody waits for the answer. */
async function questioned(wait: WaitContext, run: Run, title: string | undefined): Promise<Ending> {
  const { settings, progress } = wait;
  const page = progress.report.threadUrl ?? "";
  progress.report.question = title;
  if (settings["on-waiting-input"] === "fail") {
    const advice = beginsAnew(wait)
      ? `Decide on the thread's page; a re-run of the job begins anew (\`on-rerun: create\`): ${page}`
      : `Decide on the thread's page, then re-run the job, which picks the same run up: ${page}`;
    return { outcome: "waiting", failure: sentences(question(wait, title), advice) };
  }
  const { told, abandoned } = await interrupt(wait, run);
  const failure = sentences(question(wait, title), told, "(`on-waiting-input: interrupt`)", `The thread: ${page}`);
  return { outcome: abandoned ? "waiting" : "cancelled", failure, abandoned };
}

const becameOf = { failed: "failed", cancelled: "was cancelled", expired: "expired" };

function ended(wait: WaitContext, run: Run): Ending {
  const status = run.status ?? "";
  if (status === "completed") return { outcome: "completed" };
  const outcome = status === "cancelled" || status === "expired" ? status : "failed";
  const page = `The thread: ${wait.progress.report.threadUrl ?? ""}`;
  const text = sentences(`The agent's run ${becameOf[outcome]}.`, runErrorText(wait, run), page);
  if (wait.settings["fail-on-run-error"]) return { outcome, failure: text };
  wait.log.warn(text);
  return { outcome };
}

async function conclude(wait: WaitContext, { end }: Followed, lastSeen: Run): Promise<Ending> {
  switch (end.kind) {
    case "ended":
      return ended(wait, end.run);
    case "question":
      return questioned(wait, end.run, end.title);
    case "timeout":
      return timedOut(wait, lastSeen);
    case "stopped":
      return stopRun(wait, lastSeen);
    case "lost": {
      const why = failureText(end.error, { threadUrl: wait.progress.report.threadUrl });
      return { outcome: "error", failure: sentences("The run can be followed no further.", why) };
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
function handOver({ context, secrets, log, outputs }: WaitContext, answer: WholeAnswer): void {
  if (answer.lacks === "beginning") {
    log.warn(
      "The run has more events than the server gives: the answer, put together from them, may lack its beginning.",
    );
  } else if (answer.lacks === "end") {
    log.warn("The run has said more than a step can hold: the answer, put together from it, lacks its end.");
  } else if (answer.lacks === "everything") {
    log.warn("The run's answer could not be read: the server does not give the events that hold it.");
  }
  outputs.set({ response: responseOutput(answer, secrets) });
  const file = writeResponseFile(answer, context.temp, secrets);
  if (file === undefined) log.warn("The file with the whole answer could not be written to RUNNER_TEMP.");
  else outputs.set({ "response-file": file });
}

/** Follows the run to its end. Throws nothing that the wire or the server can cause. */
export async function waitForRun(wait: WaitContext, started: Started): Promise<Ending> {
  const { mosoo, settings, stop, log, progress } = wait;
  const { run } = started;
  if (run === null) {
    log.warn("The thread has no run to wait for.");
    return { outcome: "started" };
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
      mayHaveEnded: started.current !== true && (started.replayed || hasEnded(run.status)),
      deadlineAt: since + settings["wait-timeout"],
      requestTimeoutMs: settings["request-timeout"],
      stop: stop.requested,
      listener: listener(wait, live, since),
    });
  } finally {
    live.flush();
    log.endGroup();
  }
  const { end, transcript } = followed;
  if (end.kind === "ended" || end.kind === "question") progress.run(end.run);
  for (const [type, times] of transcript.unknownTypes) log.debug(`Event type not known here: ${type} (${times})`);

  const ending = await conclude(wait, followed, progress.started?.run ?? run);
  const last = end.kind === "ended" ? end.run : (progress.started?.run ?? run);
  const answer = answerOf(followed, last);
  handOver(wait, answer);
  Object.assign(progress.report, {
    answer: answer.text === "" ? undefined : answer,
    tools: transcript.tools,
    durationMs: runDuration(last, mosoo.clock.now() - since),
  });
  return ending;
}
