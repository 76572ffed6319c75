/** Waits for the run, and hands its response to later steps. */
import { pluralize } from "../common/format.ts";
import type { Run } from "../mosoo/contract/schema.ts";
import {
  type RunEnd,
  type Wait,
  type WaitContext,
  concludeRun,
  followRun,
  mayRunHaveEnded,
  readEnd,
} from "./follow-run.ts";
import { publishResponse } from "./publish-response.ts";
import type { StepResult } from "./step-result.ts";
import type { ThreadHandle } from "./thread-handle.ts";

export { stopRun } from "./follow-run.ts";

/**
 * Follows the run to its end, and sets the outputs. With a response schema the runs of the corrections follow: then the
 * outputs and the report, tokens included, are those of the newest run that is the step's.
 *
 * @throws MosooError, CancelledError where the corrections of an earlier attempt cannot be read; nothing else that
 *   network or server can cause
 */
export async function waitForRun(context: WaitContext, handle: ThreadHandle): Promise<StepResult> {
  const { mosoo, log, progress, inputs } = context;
  const { run } = handle;
  if (run === null) {
    log.warning("The thread has no agent run to wait for.");
    return { outcome: "started" };
  }
  const startedAt = mosoo.clock.now();
  const end = await waitForEnd(context, handle, run, { startedAt, deadlineAt: startedAt + inputs.waitTimeout });
  const { response, valid, followed } = end;
  publishResponse(context, end);
  publishTokens(context, followed.tokens);
  const shown = valid?.shown ?? response;
  progress.updateReport({
    response: shown.text === "" ? undefined : shown,
    corrections: valid?.corrections,
    durationMs: durationMs(end.run, run, mosoo.clock.now() - startedAt),
  });
  return end.result;
}

async function waitForEnd(context: WaitContext, handle: ThreadHandle, run: Run, wait: Wait): Promise<RunEnd> {
  const { plan, progress } = context;
  if (plan.responseSchema !== undefined) {
    const { waitForValidResponse } = await import("./correct-response.ts");
    return waitForValidResponse(context, handle, run, plan.responseSchema, wait);
  }
  const { threadId } = handle;
  const followed = await followRun(context, { ...wait, threadId, run, mayHaveEnded: mayRunHaveEnded(handle) });
  const result = await concludeRun(context, followed.result, progress.handle?.run ?? run);
  return { ...readEnd(context, followed, run), result };
}

/** The run's own duration where the server says it, else the time waited; with corrections the longer of the two. */
function durationMs(last: Run, first: Run, waitedMs: number): number {
  const [from, to] = [last["startedAt"] ?? last["createdAt"], last["completedAt"]];
  const ms = typeof from === "string" && typeof to === "string" ? Date.parse(to) - Date.parse(from) : Number.NaN;
  if (!Number.isFinite(ms) || ms < 0) return waitedMs;
  return last.id === first.id ? ms : Math.max(ms, waitedMs);
}

function publishTokens({ log, outputs, progress }: WaitContext, tokens: number | undefined): void {
  outputs.set({ tokens: tokens === undefined ? "" : String(tokens) });
  if (tokens === undefined) return;
  log.info(`The agent run used ${pluralize(tokens, "token")}`);
  progress.updateReport({ tokens });
}
