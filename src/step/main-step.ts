/** The main step: prepare → start → wait → publish. */
import { type ActionContext, USER_AGENT, readContext } from "../actions/context.ts";
import { skipForActor } from "../actions/allowed-actors.ts";
import { InputValidationError } from "../actions/parsers.ts";
import { type Secrets, allowedActors, misspelledInputs, missingTokenPolicy } from "../actions/inputs.ts";
import type { Logger } from "../actions/logger.ts";
import { skipWithoutToken } from "../actions/missing-token.ts";
import type { Outputs } from "../actions/outputs.ts";
import type { ShutdownController } from "../actions/shutdown.ts";
import type { Clock } from "../common/clock.ts";
import { errorMessage } from "../common/format.ts";
import { MosooClient } from "../mosoo/client.ts";
import { CancelledError } from "../mosoo/errors.ts";
import type { Environment } from "../mosoo/http/proxy.ts";
import { hasMarker } from "../report/comment/marker.ts";
import type { CommentPublisher } from "../report/comment/publisher.ts";
import {
  createClientEventLogger,
  createBaseUrlChangeLogger,
  logCompletion,
  logRequest,
  logThread,
} from "./step-log.ts";
import { ActionError, getIssuesUrl, toFailureDetails } from "./errors.ts";
import { publish, savePostState } from "./publish.ts";
import { type StepPlan, buildStepRequest, idHint } from "./request.ts";
import { startThread } from "./start-thread.ts";
import type { StepResult } from "./step-result.ts";
import { StepProgress } from "./step-state.ts";
import type { WaitContext } from "./follow-run.ts";

export interface StepContext {
  environment: Environment;
  secrets: Secrets;
  log: Logger;
  outputs: Outputs;
}

interface MainContext extends StepContext {
  stop: ShutdownController;
  clock: Clock;
}

/** What the phases after `prepare` work with. */
interface Session extends WaitContext {
  /** undefined where there is none: `pr-comment: off`, or nothing to comment on. */
  comment: CommentPublisher | undefined;
}

/**
 * Why the step has nothing to do, if so. It comes before every problem of the inputs, but those of the inputs that it
 * needs itself.
 */
async function getSkipReason({ secrets, stop }: MainContext, context: ActionContext): Promise<string | undefined> {
  if (context.commentBody !== undefined && hasMarker(context.commentBody)) {
    return "Skipped: this action wrote the comment that triggered the workflow run, so starting the agent could loop.";
  }
  const policy = missingTokenPolicy();
  const withoutToken = secrets.token === "" && policy !== undefined ? skipWithoutToken(policy, context) : undefined;
  const allowed = allowedActors();
  if (withoutToken !== undefined || allowed === undefined) return withoutToken;
  return skipForActor(context, allowed, async (login) => {
    const { readAccess } = await import("../actions/collaborator-access.ts");
    const { apiUrl, repository } = context;
    return readAccess({ apiUrl, repository, login, githubToken: secrets.githubToken, signal: stop.cancelSignal });
  });
}

/** @throws ActionError where later steps would get no outputs: better before a thread is created than after */
function assertOutputsWritable(outputs: Outputs, log: Logger, skipped: "true" | "false"): void {
  try {
    outputs.set({ skipped });
  } catch (error) {
    throw new ActionError(
      {
        summary: `Failed to write the step's outputs (${errorMessage(error)}).`,
        advice: "Check the runner's disk and GITHUB_OUTPUT.",
        consequence: "Nothing was sent.",
      },
      error,
    );
  }
  outputs.setWriteErrorHandler((message) => {
    log.warning(`Failed to write an output (${message}): later steps do not get it.`);
  });
}

/**
 * All that comes before the first request.
 *
 * @returns undefined where the step has nothing to do
 * @throws ActionError, InputValidationError, CancelledError
 */
async function prepare(main: MainContext, context: ActionContext): Promise<StepPlan | undefined> {
  const { secrets, log, outputs, stop } = main;
  const skipReason = await stop.rejectOnCancel(getSkipReason(main, context));
  if (skipReason !== undefined) log.notice(skipReason);
  assertOutputsWritable(outputs, log, skipReason === undefined ? "false" : "true");
  if (skipReason !== undefined) return undefined;
  for (const { given, meant } of misspelledInputs())
    log.warning(`The action has no input \`${given}\`. Did you mean \`${meant}\`?`);
  return stop.rejectOnCancel(buildStepRequest(secrets, context));
}

async function openSession(main: MainContext, context: ActionContext, plan: StepPlan): Promise<Session> {
  const { environment, log, outputs, stop } = main;
  const { inputs } = plan;
  const secrets = main.secrets.all;
  const progress = new StepProgress(outputs, context);
  progress.setRequest(plan);
  const mosoo = new MosooClient({
    apiUrl: inputs.apiUrl,
    token: inputs.token,
    userAgent: USER_AGENT,
    environment,
    requestTimeoutMs: inputs.requestTimeout,
    createTimeoutMs: inputs.createTimeout,
    stop,
    clock: main.clock,
    note: createClientEventLogger(log, { isKeyGiven: inputs.idempotencyKey !== undefined, runId: context.runId }),
    onBaseUrlChange: createBaseUrlChangeLogger(log, inputs),
  });
  const options = { inputs, context, secrets, log, outputs, idempotencyKey: plan.key };
  const comment =
    inputs.prComment === "off" ? undefined : (await import("../report/comment/publisher.ts")).prepareComment(options);
  // Not awaited: the final comment does not wait for an earlier one. It never rejects.
  const showWorking = (question?: string): void => {
    void comment?.show({ ...progress.report, outcome: "working", question }, { signal: stop.deadlineSignal });
  };
  return { plan, mosoo, inputs, context, secrets, stop, log, outputs, progress, comment, showWorking };
}

/**
 * Starts the thread, or finds the one of an earlier attempt, and waits for its run.
 *
 * @throws MosooError, CancelledError
 */
async function startAndWait(session: Session): Promise<StepResult> {
  const { mosoo, plan, context, inputs, stop, log, progress, showWorking } = session;
  const handle = await startThread({
    mosoo,
    plan,
    context,
    stop: stop.cancelSignal,
    listener: {
      thread: (known) => {
        progress.setThread(known, mosoo.base);
        savePostState(known, session);
      },
      info: (text) => {
        log.info(text);
      },
    },
  });
  logThread(log, handle, progress.report.threadUrl ?? "", inputs.threadId !== undefined);
  if (!inputs.wait && !stop.cancelSignal.aborted) return { outcome: "started" };
  const { stopRun, waitForRun } = await import("./wait-for-run.ts");
  if (stop.cancelSignal.aborted) return stopRun(session, handle.run);
  showWorking();
  const result = await waitForRun(session, handle);
  if (result.outcome === "completed") logCompletion(log, progress.report);
  if (inputs.downloadFiles === undefined) return result;
  const { downloadFiles } = await import("./download-files.ts");
  return downloadFiles(session, result);
}

/** The result of a start that failed or was cancelled. */
async function toFailedResult(error: unknown, session: Session, issuesUrl: string | undefined): Promise<StepResult> {
  const { progress, inputs, context, stop } = session;
  const run = progress.handle?.run;
  // Cancelled while the run of an earlier attempt was read: it is interrupted like any other.
  if (error instanceof CancelledError && run != null) {
    const { stopRun } = await import("./wait-for-run.ts");
    return stopRun(session, run);
  }
  const failure = toFailureDetails(error, {
    threadUrl: progress.report.threadUrl,
    continues: inputs.threadId !== undefined,
    messageNotConfirmed: run === null,
    isRerun: context.runAttempt > 1,
    hint: idHint(inputs),
    issuesUrl,
  });
  return { outcome: stop.cancelSignal.aborted ? "stopped" : "error", failure };
}

/**
 * Runs the step.
 *
 * @throws ActionError, InputValidationError: run.ts makes the one annotation of it
 */
export async function runStep(main: MainContext): Promise<void> {
  const context = readContext(main.environment);
  const plan = await prepare(main, context).catch((error: unknown) => {
    if (error instanceof InputValidationError) throw error;
    const details = { isRerun: context.runAttempt > 1, noRequestMade: true, issuesUrl: getIssuesUrl(main.environment) };
    throw new ActionError(toFailureDetails(error, details), error);
  });
  if (plan === undefined) return;
  main.stop.isWaiting = plan.inputs.wait;
  logRequest(main.log, plan, context);

  const session = await openSession(main, context, plan);
  let result: StepResult = { outcome: "error" };
  let cause: unknown;
  try {
    result = await startAndWait(session);
  } catch (error) {
    cause = error;
    result = await toFailedResult(error, session, getIssuesUrl(main.environment));
  } finally {
    await publish(session, session.comment, result);
    await session.mosoo.close();
  }
  if (result.failure !== undefined) throw new ActionError(result.failure, cause);
}
