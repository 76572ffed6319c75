/** The main step as one story: read → key → start → report → wait → report. */
import { prepareComment } from "./commenting.ts";
import { StepFailure, failureText } from "./failure.ts";
import { type RunContext, readContext } from "./github.ts";
import { type Secrets, missingTokenPolicy } from "./inputs.ts";
import { missingToken } from "./missing-token.ts";
import { Mosoo } from "./mosoo/client.ts";
import { StoppedError } from "./mosoo/errors.ts";
import type { Environment } from "./mosoo/proxy.ts";
import { hasEnded } from "./mosoo/schema.ts";
import { noteWriter } from "./notes.ts";
import { type Plan, idHint, makePlan } from "./plan.ts";
import { InputError, count } from "./problems.ts";
import { Progress } from "./progress.ts";
import type { Log } from "./report/log.ts";
import { carriesMarker } from "./report/marker.ts";
import type { Outputs } from "./report/outputs.ts";
import { writeSummary } from "./report/summary.ts";
import { excerpt, redact } from "./report/untrusted.ts";
import { type Started, start } from "./start.ts";
import * as state from "./state.ts";
import type { StopWish } from "./stop.ts";
import { version } from "./version.ts";
import { type Ending, type WaitContext, stopRun, waitForRun } from "./wait.ts";

export interface StepContext {
  environment: Environment;
  secrets: Secrets;
  log: Log;
  outputs: Outputs;
}

export interface MainContext extends StepContext {
  stop: StopWish;
}

/** Why the step has nothing to do, if so. */
function reasonToSkip(context: RunContext, secrets: Secrets): string | undefined {
  if (context.commentBody !== undefined && carriesMarker(context.commentBody)) {
    return "Skipped: the comment that started this workflow was written by this action, and would start a loop.";
  }
  const policy = missingTokenPolicy();
  if (secrets.token !== "" || policy === undefined) return undefined;
  const missing = missingToken(policy, context);
  return missing.skip ? missing.notice : undefined;
}

/** An empty token's problem says what GitHub knows of the cause. */
async function planOrExplain(secrets: Secrets, context: RunContext): Promise<Plan> {
  try {
    return await makePlan(secrets, context);
  } catch (error) {
    if (!(error instanceof InputError) || secrets.token !== "") throw error;
    const missing = missingToken("fail", context);
    throw new InputError(
      error.problems.map((each) =>
        each.input === "token" && !missing.skip ? { ...each, text: missing.problem } : each,
      ),
    );
  }
}

function tellWhatIsSent(log: Log, plan: Plan, context: RunContext): void {
  const { settings, intent, key, files } = plan;
  const target =
    settings["thread-id"] === undefined ? `agent ${settings["agent-id"] ?? ""}` : `thread ${settings["thread-id"]}`;
  const about = context.subject === undefined ? "" : ` for ${context.repository}#${context.subject.number}`;
  const attached = files.length + intent.fileIds.length;
  const withFiles = attached === 0 ? "" : ` and ${count(attached, "file")}`;
  log.line(
    `Sending ${count(intent.text.length, "character")}${withFiles} to ${target} at ${settings["api-url"].host}${about}.`,
  );
  log.debug(
    `Idempotency key: ${key}; external reference: ${intent.externalRef ?? "none"}; on-rerun: ${settings["on-rerun"]}.`,
  );
  if (settings.tokenHadScheme)
    log.notice("`token` begins with the word Bearer, which was dropped. Store the token alone.");
}

function tellWhatCameBack(log: Log, started: Started, page: string, continues: boolean): void {
  const { threadId, run, replayed, resumedAfter } = started;
  const runPart = run === null ? "it has no run" : `run ${run.id} is ${run.status ?? "there"}`;
  if (resumedAfter !== undefined) log.line(`The message was sent again in thread ${threadId}: ${runPart}.`);
  else if (replayed) {
    const what = continues ? "has the message already" : "exists already";
    log.line(`Thread ${threadId} ${what}, from an earlier request with the same key: ${runPart}.`);
  } else log.line(`Thread ${threadId} has the message: ${runPart}.`);
  log.line(page);
}

/** Tells of the API's new base. A host that moves again and again gets one annotation, not one a move. */
function tellOfMoves(log: Log): (base: URL) => void {
  let told = false;
  return (base) => {
    const text = `The API has moved to ${base.href}: set \`api-url\` to it.`;
    if (told) log.line(text);
    else log.notice(text);
    told = true;
  };
}

/** What the post step needs, should this process be killed while it waits. IDs and flags, never a secret. */
function leaveForPost({ threadId, run }: Started, page: string, { mosoo, settings, log }: WaitContext): void {
  if (!settings.wait) return;
  const toInterrupt = settings["on-cancel"] === "interrupt" && run !== null && !hasEnded(run.status);
  const lost = [
    state.save(state.threadId, threadId),
    state.save(state.runId, run?.id ?? ""),
    state.save(state.threadUrl, page),
    state.save(state.apiUrl, mosoo.base.href),
    state.save(state.waiting, toInterrupt ? "true" : ""),
  ].find((why) => why !== undefined);
  if (lost === undefined) return;
  const text = `What the post step needs cannot be written (${excerpt(lost)}): nobody stops the run should this step be killed.`;
  log.warn(text);
}

/** @throws StepFailure where nothing can be told to later steps: better before a thread is made than after */
function setFirstOutput(outputs: Outputs, log: Log, skipped: "true" | "false"): void {
  try {
    outputs.set({ skipped });
  } catch (error) {
    const why = excerpt(error instanceof Error ? error.message : "");
    throw new StepFailure(
      `The step's outputs cannot be written (${why}). Check the runner's disk and GITHUB_OUTPUT. Nothing was sent.`,
      error,
    );
  }
  outputs.outliveLoss((why) => {
    log.warn(`An output cannot be written (${excerpt(why)}): later steps lack it.`);
  });
}

interface Prepared {
  plan: Plan;
  progress: Progress;
}

/** All that comes before the first request; undefined where the step has nothing to do. */
async function prepare(
  { secrets, log, outputs, stop }: MainContext,
  context: RunContext,
): Promise<Prepared | undefined> {
  const skip = reasonToSkip(context, secrets);
  if (skip !== undefined) {
    log.notice(skip);
    setFirstOutput(outputs, log, "true");
    return undefined;
  }
  setFirstOutput(outputs, log, "false");
  const plan = await stop.before(planOrExplain(secrets, context));
  const progress = new Progress(outputs, context);
  progress.planned(plan);
  return { plan, progress };
}

/**
 * Runs the step.
 *
 * @throws StepFailure, InputError, MosooError, StoppedError: the door makes the one annotation of it
 */
export async function runStep(main: MainContext): Promise<void> {
  const { environment, secrets, log, outputs, stop } = main;
  const context = readContext(environment);
  const prepared = await prepare(main, context).catch((error: unknown) => {
    if (error instanceof InputError) throw error;
    throw new StepFailure(failureText(error, { again: context.runAttempt > 1, nothingSent: true }), error);
  });
  if (prepared === undefined) return;
  const { plan, progress } = prepared;
  const { settings } = plan;
  stop.waits = settings.wait;
  tellWhatIsSent(log, plan, context);

  const mosoo = new Mosoo({
    apiUrl: settings["api-url"],
    token: settings.token,
    userAgent: `mosoo-thread-action/${version}`,
    conceal: (text) => redact(text, secrets.all),
    environment,
    requestTimeoutMs: settings["request-timeout"],
    createTimeoutMs: settings["create-timeout"],
    stop,
    note: noteWriter(log, settings["idempotency-key"] !== undefined),
    onMoved: tellOfMoves(log),
  });
  const comment = prepareComment({ settings, context, secrets: secrets.all, log, outputs });
  // Not awaited: the last word waits for no earlier one. It never rejects.
  const showWorking = (question?: string): void => {
    void comment.show({ ...progress.report, outcome: "working", question }, { signal: stop.over });
  };
  const wait: WaitContext = {
    mosoo,
    settings,
    context,
    secrets: secrets.all,
    stop,
    log,
    outputs,
    progress,
    showWorking,
  };

  /** The last word: summary first, for it costs nothing, then the comment. */
  async function tellTheEnd(ending: Ending): Promise<void> {
    Object.assign(progress.report, { outcome: ending.outcome, problem: ending.failure });
    if (settings.wait) state.save(state.waiting, ending.abandoned === true ? "true" : "");
    if (settings.summary) {
      // A summary that cannot be written (an old runner, a full disk) is no reason to fail.
      await writeSummary(progress.report, secrets.all).catch((error: unknown) => {
        log.warn(`The job summary cannot be written: ${excerpt(error instanceof Error ? error.message : "")}`);
      });
    }
    // The post step will know more of a run that could not be stopped.
    await comment.show(progress.report, { last: ending.abandoned !== true, signal: stop.over });
  }

  try {
    const started = await start({
      mosoo,
      plan,
      context,
      stop: stop.requested,
      listener: {
        thread: (known, link) => {
          progress.thread(known, mosoo.base, link);
          leaveForPost(known, progress.report.threadUrl ?? "", wait);
        },
        say: (text) => {
          log.line(text);
        },
      },
    });
    tellWhatCameBack(log, started, progress.report.threadUrl ?? "", settings["thread-id"] !== undefined);

    let ending: Ending = { outcome: "started" };
    if (stop.requested.aborted) {
      ending = await stopRun(wait, started.run);
    } else if (settings.wait) {
      showWorking();
      ending = await waitForRun(wait, started);
    }
    await tellTheEnd(ending);
    if (ending.failure !== undefined) throw new StepFailure(ending.failure);
  } catch (error) {
    if (error instanceof StepFailure) throw error;
    const run = progress.started?.run;
    const text = failureText(error, {
      threadUrl: progress.report.threadUrl,
      continues: settings["thread-id"] !== undefined,
      unsent: run === null,
      again: context.runAttempt > 1,
      hint: idHint(settings),
    });
    // The run of an earlier attempt, which was being looked at when the signal came, is stopped like any other.
    const ending: Ending =
      error instanceof StoppedError && run != null
        ? await stopRun(wait, run)
        : { outcome: stop.requested.aborted ? "stopped" : "error", failure: text };
    await tellTheEnd(ending);
    throw new StepFailure(ending.failure ?? text, error);
  } finally {
    await mosoo.close();
  }
}
