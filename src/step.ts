/** The main step as one story: read → key → start → report → wait → report. */
import { prepareComment } from "./commenting.ts";
import { StepFailure, failureText } from "./failure.ts";
import { type RunContext, readContext } from "./github.ts";
import { type Secrets, missingTokenPolicy } from "./inputs.ts";
import { missingToken } from "./missing-token.ts";
import { systemClock } from "./mosoo/clock.ts";
import { Mosoo } from "./mosoo/client.ts";
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
import { StopWish } from "./stop.ts";
import { version } from "./version.ts";
import { type Ending, type WaitContext, stopRun, waitForRun } from "./wait.ts";

export interface StepContext {
  environment: Environment;
  secrets: Secrets;
  log: Log;
  outputs: Outputs;
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

function tellWhatCameBack(log: Log, { threadId, run, replayed, resumedAfter }: Started, page: string): void {
  const runPart = run === null ? "it has no run" : `run ${run.id} is ${run.status ?? "there"}`;
  if (resumedAfter !== undefined) log.line(`The message was sent again in thread ${threadId}: ${runPart}.`);
  else if (replayed)
    log.line(`Thread ${threadId} exists already, from an earlier request with the same key: ${runPart}.`);
  else log.line(`Thread ${threadId} has the message: ${runPart}.`);
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

/** What the post step needs, should this process be killed while it waits. */
function leaveForPost(started: Started, mosoo: Mosoo, page: string): void {
  state.save(state.threadId, started.threadId);
  state.save(state.runId, started.run?.id ?? "");
  state.save(state.threadUrl, page);
  state.save(state.apiUrl, mosoo.base.href);
}

/**
 * Runs the step.
 *
 * @throws StepFailure, InputError, MosooError, StoppedError: the door makes the one annotation of it
 */
export async function runStep({ environment, secrets, log, outputs }: StepContext): Promise<void> {
  const context = readContext(environment);
  const skip = reasonToSkip(context, secrets);
  if (skip !== undefined) {
    log.notice(skip);
    outputs.set({ skipped: "true" });
    return;
  }
  outputs.set({ skipped: "false" });
  const plan = await planOrExplain(secrets, context);
  const { settings } = plan;
  const progress = new Progress(outputs, context);
  progress.planned(plan);
  tellWhatIsSent(log, plan, context);

  const stop = new StopWish(systemClock, settings.wait);
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
    if (settings.summary) {
      // A summary that cannot be written (an old runner, a full disk) is no reason to fail.
      await writeSummary(progress.report, secrets.all).catch((error: unknown) => {
        log.warn(`The job summary cannot be written: ${excerpt(error instanceof Error ? error.message : "")}`);
      });
    }
    await comment.show(progress.report, { last: true, signal: stop.over });
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
        },
        say: (text) => {
          log.line(text);
        },
      },
    });
    const page = progress.report.threadUrl ?? "";
    tellWhatCameBack(log, started, page);

    let ending: Ending = { outcome: "started", failure: undefined };
    if (stop.requested.aborted) {
      const told = settings.wait ? await stopRun(wait, started) : "";
      ending = {
        outcome: "stopped",
        failure: `The step was stopped from outside (cancelled or timed out). ${told} The thread: ${page}`,
      };
    } else if (settings.wait) {
      leaveForPost(started, mosoo, page);
      if (settings["on-cancel"] === "interrupt" && started.run !== null && !hasEnded(started.run.status)) {
        state.save(state.waiting, "true");
      }
      showWorking();
      ending = await waitForRun(wait, started);
      if (ending.outcome !== "stopped") state.save(state.waiting, "");
    }
    await tellTheEnd(ending);
    if (ending.failure !== undefined) throw new StepFailure(ending.failure);
  } catch (error) {
    if (!(error instanceof StepFailure)) {
      const text = failureText(error, {
        threadUrl: progress.report.threadUrl,
        continues: settings["thread-id"] !== undefined,
        unsent: progress.started?.run === null,
        hint: idHint(settings),
      });
      await tellTheEnd({ outcome: stop.requested.aborted ? "stopped" : "error", failure: text });
      throw new StepFailure(text, error);
    }
    throw error;
  } finally {
    await mosoo.close();
  }
}
