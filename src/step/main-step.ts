/** The main step as one story: read → key → start → report → wait → report. */
import { prepareComment } from "../report/comment/publisher.ts";
import { ActionError, toFailureDetails } from "./errors.ts";
import { type ActionContext, readContext } from "../actions/context.ts";
import { type Secrets, missingTokenPolicy } from "../actions/inputs.ts";
import { missingToken } from "../actions/missing-token.ts";
import { MosooClient } from "../mosoo/client.ts";
import { CancelledError } from "../mosoo/errors.ts";
import type { Environment } from "../mosoo/proxy.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import { createClientEventLogger } from "./client-events.ts";
import { type StepPlan, idHint, buildStepRequest } from "./request.ts";
import { InputValidationError } from "../actions/input-errors.ts";
import { pluralize } from "../common/format.ts";
import { StepState } from "./step-state.ts";
import type { Logger } from "../actions/logger.ts";
import { hasMarker } from "../report/comment/marker.ts";
import type { Outputs } from "../actions/outputs.ts";
import { writeSummary } from "../report/summary.ts";
import { excerpt } from "../sanitize/log-text.ts";
import { redact } from "../sanitize/redact.ts";
import { type ThreadHandle, startThread } from "./start-thread.ts";
import * as state from "../actions/state.ts";
import type { ShutdownController } from "../actions/shutdown.ts";
import { version } from "../common/version.ts";
import { type WaitResult, type WaitContext, stopRun, waitForRun } from "./wait-for-run.ts";

export interface StepContext {
  environment: Environment;
  secrets: Secrets;
  log: Logger;
  outputs: Outputs;
}

export interface MainContext extends StepContext {
  stop: ShutdownController;
}

/** Why the step has nothing to do, if so. */
function getSkipReason(context: ActionContext, secrets: Secrets): string | undefined {
  if (context.commentBody !== undefined && hasMarker(context.commentBody)) {
    return "Skipped: the comment that started this workflow was written by this action, and would start a loop.";
  }
  const policy = missingTokenPolicy();
  if (secrets.token !== "" || policy === undefined) return undefined;
  const missing = missingToken(policy, context);
  return missing.skip ? missing.notice : undefined;
}

/** An empty token's problem says what GitHub knows of the cause. */
async function buildRequest(secrets: Secrets, context: ActionContext): Promise<StepPlan> {
  try {
    return await buildStepRequest(secrets, context);
  } catch (error) {
    if (!(error instanceof InputValidationError) || secrets.token !== "") throw error;
    const missing = missingToken("fail", context);
    throw new InputValidationError(
      error.issues.map((each) => (each.input === "token" && !missing.skip ? { ...each, text: missing.problem } : each)),
    );
  }
}

function logRequest(log: Logger, plan: StepPlan, context: ActionContext): void {
  const { inputs, request, key } = plan;
  const target = "threadId" in request.target ? `thread ${request.target.threadId}` : `agent ${request.target.agentId}`;
  const about = context.subject === undefined ? "" : ` for ${context.repository}#${context.subject.number}`;
  const attached = request.files.length + request.fileIds.length;
  const withFiles = attached === 0 ? "" : ` and ${pluralize(attached, "file")}`;
  log.info(
    `Sending ${pluralize(request.text.length, "character")}${withFiles} to ${target} at ${inputs.apiUrl.host}${about}.`,
  );
  log.debug(
    `Idempotency key: ${key}; external reference: ${request.externalRef ?? "none"}; on-rerun: ${inputs.onRerun}.`,
  );
  if (inputs.tokenHadScheme)
    log.notice("`token` begins with the word Bearer, which was dropped. Store the token alone.");
}

function logResult(log: Logger, started: ThreadHandle, page: string, continues: boolean): void {
  const { threadId, run, replayed, resumedAfter } = started;
  const runPart = run === null ? "it has no run" : `run ${run.id} is ${run.status ?? "there"}`;
  if (resumedAfter !== undefined) log.info(`The message was sent again in thread ${threadId}: ${runPart}.`);
  else if (replayed) {
    const what = continues ? "has the message already" : "exists already";
    log.info(`Thread ${threadId} ${what}, from an earlier request with the same key: ${runPart}.`);
  } else log.info(`Thread ${threadId} has the message: ${runPart}.`);
  log.info(page);
}

/** Tells of the API's new base. A host that moves again and again gets one annotation, not one a move. */
function createBaseUrlChangeLogger(log: Logger): (base: URL) => void {
  let told = false;
  return (base) => {
    const text = `The API has moved to ${base.href}: set \`api-url\` to it.`;
    if (told) log.info(text);
    else log.notice(text);
    told = true;
  };
}

/** What the post step needs, should this process be killed while it waits. IDs and flags, never a secret. */
function savePostState({ threadId, run }: ThreadHandle, page: string, { mosoo, inputs, log }: WaitContext): void {
  if (!inputs.wait) return;
  const toInterrupt = inputs.onCancel === "interrupt" && run !== null && !isTerminalStatus(run.status);
  const lost = [
    state.save(state.threadId, threadId),
    state.save(state.runId, run?.id ?? ""),
    state.save(state.threadUrl, page),
    state.save(state.apiUrl, mosoo.base.href),
    state.save(state.interruptPending, toInterrupt ? "true" : ""),
  ].find((why) => why !== undefined);
  if (lost === undefined) return;
  const text = `What the post step needs cannot be written (${excerpt(lost)}): nobody stops the run should this step be killed.`;
  log.warning(text);
}

/** @throws ActionError where nothing can be told to later steps: better before a thread is made than after */
function assertOutputsWritable(outputs: Outputs, log: Logger, skipped: "true" | "false"): void {
  try {
    outputs.set({ skipped });
  } catch (error) {
    const why = excerpt(error instanceof Error ? error.message : "");
    throw new ActionError(
      {
        summary: `Failed to write the step's outputs (${why}).`,
        advice: "Check the runner's disk and GITHUB_OUTPUT.",
        consequence: "Nothing was sent.",
      },
      error,
    );
  }
  outputs.setWriteErrorHandler((why) => {
    log.warning(`An output cannot be written (${excerpt(why)}): later steps lack it.`);
  });
}

interface Prepared {
  plan: StepPlan;
  progress: StepState;
}

/** All that comes before the first request; undefined where the step has nothing to do. */
async function prepare(
  { secrets, log, outputs, stop }: MainContext,
  context: ActionContext,
): Promise<Prepared | undefined> {
  const skip = getSkipReason(context, secrets);
  if (skip !== undefined) {
    log.notice(skip);
    assertOutputsWritable(outputs, log, "true");
    return undefined;
  }
  assertOutputsWritable(outputs, log, "false");
  const plan = await stop.rejectOnCancel(buildRequest(secrets, context));
  const progress = new StepState(outputs, context);
  progress.setRequest(plan);
  return { plan, progress };
}

/**
 * Runs the step.
 *
 * @throws ActionError, InputValidationError, MosooError, CancelledError: the door makes the one annotation of it
 */
export async function runStep(main: MainContext): Promise<void> {
  const { environment, secrets, log, outputs, stop } = main;
  const context = readContext(environment);
  const prepared = await prepare(main, context).catch((error: unknown) => {
    if (error instanceof InputValidationError) throw error;
    throw new ActionError(toFailureDetails(error, { isRerun: context.runAttempt > 1, noRequestMade: true }), error);
  });
  if (prepared === undefined) return;
  const { plan, progress } = prepared;
  const { inputs } = plan;
  stop.isWaiting = inputs.wait;
  logRequest(log, plan, context);

  const mosoo = new MosooClient({
    apiUrl: inputs.apiUrl,
    token: inputs.token,
    userAgent: `mosoo-thread-action/${version}`,
    redact: (text) => redact(text, secrets.all),
    environment,
    requestTimeoutMs: inputs.requestTimeout,
    createTimeoutMs: inputs.createTimeout,
    stop,
    note: createClientEventLogger(log, inputs.idempotencyKey !== undefined),
    onBaseUrlChange: createBaseUrlChangeLogger(log),
  });
  const comment = prepareComment({ inputs, context, secrets: secrets.all, log, outputs });
  // Not awaited: the last word waits for no earlier one. It never rejects.
  const showWorking = (question?: string): void => {
    void comment.show({ ...progress.report, outcome: "working", question }, { signal: stop.deadlineSignal });
  };
  const wait: WaitContext = {
    mosoo,
    inputs,
    context,
    secrets: secrets.all,
    stop,
    log,
    outputs,
    progress,
    showWorking,
  };

  /** The last word: summary first, for it costs nothing, then the comment. */
  async function tellTheEnd(ending: WaitResult): Promise<void> {
    Object.assign(progress.report, { outcome: ending.outcome, failure: ending.failure });
    if (inputs.wait) state.save(state.interruptPending, ending.interruptFailed === true ? "true" : "");
    if (inputs.summary) {
      // A summary that cannot be written (an old runner, a full disk) is no reason to fail.
      await writeSummary(progress.report, secrets.all).catch((error: unknown) => {
        log.warning(`The job summary cannot be written: ${excerpt(error instanceof Error ? error.message : "")}`);
      });
    }
    // The post step will know more of a run that could not be stopped.
    await comment.show(progress.report, { final: ending.interruptFailed !== true, signal: stop.deadlineSignal });
  }

  try {
    const started = await startThread({
      mosoo,
      plan,
      context,
      stop: stop.cancelSignal,
      listener: {
        thread: (known, link) => {
          progress.setThread(known, mosoo.base, link);
          savePostState(known, progress.report.threadUrl ?? "", wait);
        },
        info: (text) => {
          log.info(text);
        },
      },
    });
    logResult(log, started, progress.report.threadUrl ?? "", inputs.threadId !== undefined);

    let ending: WaitResult = { outcome: "started" };
    if (stop.cancelSignal.aborted) {
      ending = await stopRun(wait, started.run);
    } else if (inputs.wait) {
      showWorking();
      ending = await waitForRun(wait, started);
    }
    await tellTheEnd(ending);
    if (ending.failure !== undefined) throw new ActionError(ending.failure);
  } catch (error) {
    if (error instanceof ActionError) throw error;
    const run = progress.started?.run;
    const failure = toFailureDetails(error, {
      threadUrl: progress.report.threadUrl,
      continues: inputs.threadId !== undefined,
      messageNotConfirmed: run === null,
      isRerun: context.runAttempt > 1,
      hint: idHint(inputs),
    });
    // The run of an earlier attempt, which was being looked at when the signal came, is stopped like any other.
    const ending: WaitResult =
      error instanceof CancelledError && run != null
        ? await stopRun(wait, run)
        : { outcome: stop.cancelSignal.aborted ? "stopped" : "error", failure };
    await tellTheEnd(ending);
    throw new ActionError(ending.failure ?? failure, error);
  } finally {
    await mosoo.close();
  }
}
