/**
 * Waits for a response that matches `response-schema`: a response that does not is answered in the same thread, and the
 * run of that correction is followed like any other. Loaded only by a step that has a schema.
 */
import { pluralize } from "../common/format.ts";
import type { Run, Thread } from "../mosoo/contract/schema.ts";
import { CancelledError, MosooError, NEW_THREAD_ADVICE } from "../mosoo/errors.ts";
import type { SentMessage } from "../mosoo/messages/message.ts";
import type { ResponseText } from "../report/report.ts";
import { checkResponse } from "../response-schema/check.ts";
import { correctionText } from "../response-schema/instruction.ts";
import type { ResponseSchema } from "../response-schema/schema.ts";
import { fenced } from "../sanitize/inline.ts";
import { type CorrectionId, type SentCorrection, correctionLimit, nextCorrection } from "./correction.ts";
import { mismatchResult, sendFailureResult, unreadableResult, withUnknownCorrection } from "./correction-result.ts";
import { findEarlierCorrections } from "./earlier-corrections.ts";
import {
  type RunEnd,
  type Wait,
  type WaitContext,
  concludeRun,
  followRun,
  mayRunHaveEnded,
  readEnd,
  stopRun,
} from "./follow-run.ts";
import { savePostState } from "./publish.ts";
import { sendCorrection } from "./send-correction.ts";
import type { StepResult } from "./step-result.ts";
import type { ThreadHandle } from "./thread-handle.ts";

/** The message whose run is followed: the step's own, or a correction. */
interface Current {
  correction: Pick<SentCorrection, "id" | "text"> | undefined;
  /** undefined where no event names it: it failed before it started. */
  run: Run | undefined;
  mayHaveEnded: boolean;
  /** An earlier attempt sent the correction, and this attempt may send it again. */
  mayResend: boolean;
}

type EndedRun = Omit<RunEnd, "result">;

type Judgment =
  | { verdict: "valid"; json: string; shown: ResponseText }
  | { verdict: "invalid"; problems: readonly string[] }
  | { verdict: "not_completed" | "not_ended" | "unreadable" };

/**
 * @param run of the step's message
 * @throws MosooError, CancelledError where the corrections of earlier attempts cannot be read
 */
export async function waitForValidResponse(
  context: WaitContext,
  handle: ThreadHandle,
  run: Run,
  schema: ResponseSchema,
  wait: Wait,
): Promise<RunEnd> {
  const { mosoo } = context;
  const { threadId } = handle;
  const earlier = await findEarlierCorrections(context, handle, run);
  const limit = limitOf(context, earlier);
  let current = startAt(context, handle, run, earlier);
  let { contract } = handle;
  let isStreamUnsupported = false;
  for (;;) {
    const last = current.correction?.id;
    const end = await follow(context, current, { ...wait, threadId, isStreamUnsupported });
    isStreamUnsupported = end?.followed.isStreamUnsupported === true;
    const judgment = judge(context, schema, end);
    logJudgment(context, judgment, last?.number ?? 0);
    const next = nextCorrection({ last, limit, mayResend: current.mayResend }, judgment.verdict);
    const isTimeOver = mosoo.clock.now() >= wait.deadlineAt;
    if (next === undefined || isTimeOver) {
      if (end === undefined) throw unknownRunError();
      return conclude(context, end, judgment, { corrections: last?.number ?? 0, isTimeOver: next !== undefined });
    }
    const text = judgment.verdict === "invalid" ? correctionText(judgment.problems) : (current.correction?.text ?? "");
    try {
      const sent = await sendCorrection(context, { threadId, id: next, text, contract }, wait.deadlineAt);
      contract = sent.contract ?? contract;
      current = continueWith(context, handle, { id: next, text }, sent);
    } catch (error) {
      if (end === undefined) throw error;
      return { ...end, result: await resultOfFailure(context, end, error, next) };
    }
  }
}

/** How many corrections the step may have asked for in the end. A re-run that resumes gets more of them. */
function limitOf({ inputs, context }: WaitContext, earlier: readonly SentCorrection[]): number {
  const grantsMore = inputs.onRerun === "resume" && context.runAttempt > 1;
  return correctionLimit(earlier.at(-1)?.id.number ?? 0, inputs.responseRetries, grantsMore);
}

/** The last correction of earlier attempts, or the step's message. */
function startAt(context: WaitContext, handle: ThreadHandle, run: Run, earlier: readonly SentCorrection[]): Current {
  const { progress, log, inputs } = context;
  const last = earlier.at(-1);
  if (last === undefined) {
    return { correction: undefined, run, mayHaveEnded: mayRunHaveEnded(handle), mayResend: false };
  }
  for (const { runId } of earlier) if (runId !== undefined) progress.addOwnRun({ id: runId });
  const { id, runId } = last;
  const mayResend = inputs.onRerun === "resume" && id.sending < context.context.runAttempt;
  if (runId !== undefined) setRun(context, handle, { id: runId });
  log.info(`Continuing with correction ${id.number} of an earlier attempt (agent run ${runId ?? "unknown"})`);
  return { correction: last, run: runId === undefined ? undefined : { id: runId }, mayHaveEnded: true, mayResend };
}

/** The run of a correction that was sent. */
function continueWith(
  context: WaitContext,
  handle: ThreadHandle,
  correction: Pick<SentCorrection, "id" | "text">,
  { run, thread, replayed }: SentMessage,
): Current {
  if (run === null) throw unknownRunError();
  setRun(context, handle, run, thread);
  const { number, sending } = correction.id;
  const again = sending === 1 ? "" : " again";
  context.log.info(`Sent correction ${number}${again} (agent run ${run.id}: ${run.status ?? "unknown"})`);
  return { correction, run, mayHaveEnded: replayed, mayResend: false };
}

/** From now on it is this run that the outputs name, and that the post step interrupts. */
function setRun(context: WaitContext, handle: ThreadHandle, run: Run, thread?: Thread): void {
  context.progress.setRun(run, thread);
  savePostState({ ...handle, run }, context);
}

function unknownRunError(): MosooError {
  return new MosooError(
    "The thread has a correction of this step, but its events do not show which agent run belongs to it.",
    {
      advice: `Check the thread. ${NEW_THREAD_ADVICE}`,
      threadState: "created",
    },
  );
}

async function follow(
  context: WaitContext,
  { run, mayHaveEnded }: Current,
  options: Wait & { threadId: string; isStreamUnsupported: boolean },
): Promise<EndedRun | undefined> {
  if (run === undefined) return undefined;
  return readEnd(context, await followRun(context, { ...options, run, mayHaveEnded }), run);
}

/** Only what a completed run has said is checked, and only where all of it was read. */
function judge(context: WaitContext, schema: ResponseSchema, end: EndedRun | undefined): Judgment {
  if (end === undefined) return { verdict: "not_completed" };
  const { followed, response } = end;
  if (followed.result.kind !== "ended") return { verdict: "not_ended" };
  if (!response.complete) return { verdict: "not_completed" };
  if (response.truncated === "all") return { verdict: "unreadable" };
  if (response.truncated !== "none") {
    // What remains might hold a part of the JSON that is valid by itself.
    return { verdict: "invalid", problems: ["(root): is incomplete, because the response is too long"] };
  }
  const { inputs, secrets } = context;
  const checked = checkResponse(schema, response.text, { markdownProperty: inputs.markdownProperty, secrets });
  if (checked.kind === "invalid") return { verdict: "invalid", problems: checked.problems };
  const markdown = checked.markdown?.trim() ?? "";
  const text = markdown === "" ? fenced(checked.indented, "json") : markdown;
  return { verdict: "valid", json: checked.json, shown: { text, complete: true } };
}

function logJudgment({ log, progress }: WaitContext, judgment: Judgment, corrections: number): void {
  if (judgment.verdict === "valid") {
    const after = corrections === 0 ? "" : ` after ${pluralize(corrections, "correction")}`;
    log.info(`The response matches \`response-schema\`${after}`);
  }
  if (judgment.verdict !== "invalid") return;
  log.info(`The response of agent run ${progress.report.runId ?? ""} does not match \`response-schema\`:`);
  for (const problem of judgment.problems) log.info(`- ${problem}`);
}

async function conclude(
  context: WaitContext,
  end: EndedRun,
  judgment: Judgment,
  { corrections, isTimeOver }: { corrections: number; isTimeOver: boolean },
): Promise<RunEnd> {
  const { inputs: policies, progress } = context;
  const { threadUrl } = progress.report;
  switch (judgment.verdict) {
    case "valid": {
      const { json, shown } = judgment;
      return { ...end, result: { outcome: "completed" }, valid: { json, shown, corrections } };
    }
    case "invalid": {
      const { problems } = judgment;
      return { ...end, result: mismatchResult({ policies, problems, corrections, threadUrl, isTimeOver }) };
    }
    case "unreadable":
      return { ...end, result: unreadableResult(threadUrl) };
    case "not_completed":
    case "not_ended": {
      const { followed, run } = end;
      const result = await concludeRun(context, followed.result, run);
      // An interrupt may have changed the run.
      return { ...readEnd(context, followed, run), result };
    }
  }
}

/** The correction could not be sent, or that is not known. */
async function resultOfFailure(
  context: WaitContext,
  { run }: EndedRun,
  error: unknown,
  { sending }: CorrectionId,
): Promise<StepResult> {
  if (!(error instanceof CancelledError))
    return sendFailureResult(error, sending > 1, context.progress.report.threadUrl);
  const result = await stopRun(context, run);
  return error.threadState === "unknown" ? withUnknownCorrection(result) : result;
}
