/** What the step leaves behind: the job summary, the comment, and what the post step needs. */
import type { Logger } from "../actions/logger.ts";
import * as state from "../actions/state.ts";
import { errorMessage } from "../common/format.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { CommentPublisher } from "../report/comment/publisher.ts";
import { writeSummary } from "../report/summary.ts";
import { redact } from "../sanitize/redact.ts";
import type { ThreadHandle } from "./thread-handle.ts";
import type { StepResult } from "./step-result.ts";
import type { WaitContext } from "./follow-run.ts";

/** What the post step needs, should this process be killed while it waits. IDs and flags, never a secret. */
export function savePostState({ threadId, run }: ThreadHandle, wait: WaitContext): void {
  const { mosoo, inputs, log, progress, secrets } = wait;
  if (!inputs.wait) return;
  const interrupts = inputs.onCancel === "interrupt" && run !== null && !isTerminalStatus(run.status);
  const values: [state.StateName, string][] = [
    ["thread_id", threadId],
    ["run_id", run?.id ?? ""],
    ["thread_url", progress.report.threadUrl ?? ""],
    ["api_url", mosoo.base.href],
    ["interrupt_pending", interrupts ? "true" : ""],
  ];
  // A hostile server may give the token as an ID.
  const errors = values.map(([name, value]) => state.save(name, redact(value, secrets)));
  const error = errors.find((each) => each !== undefined);
  if (error === undefined) return;
  log.warning(
    `Failed to save state for the post step (${error}): if this step is killed, the agent run is not interrupted.`,
  );
}

/** A summary that cannot be written (an old runner, a full disk) is no reason to fail. */
async function publishSummary(log: Logger, { progress, secrets }: WaitContext): Promise<void> {
  try {
    await writeSummary(progress.report, secrets);
  } catch (error) {
    log.warning(`Failed to write the job summary: ${errorMessage(error)}`);
  }
}

/** Publishes the step's end: the summary, and the comment meanwhile. */
export async function publish(
  wait: WaitContext,
  comment: CommentPublisher | undefined,
  result: StepResult,
): Promise<void> {
  const { inputs, progress, log, stop } = wait;
  const interruptPending = result.interruptFailed === true;
  progress.updateReport({ outcome: result.outcome, failure: result.failure });
  if (inputs.wait) state.save("interrupt_pending", interruptPending ? "true" : "");
  // It begins by saving the report for the post step. Where the run could not be interrupted, that one knows more.
  const shown = comment?.show(progress.report, { final: !interruptPending, signal: stop.deadlineSignal });
  if (inputs.summary) await publishSummary(log, wait);
  await shown;
}
