/** The errors of an operation that was retried for nothing, as people read them. Pure. */
import { formatDuration, joinSentences, pluralize } from "../common/format.ts";
import type { Budget } from "./operation.ts";
import { MosooError } from "./errors.ts";

const PROCESSING_ADVICE =
  "An earlier request with this key is still being processed, or died on the server. Re-run the workflow in ten minutes.";

/** @param operation what failed: "create the thread" */
export function retriesExhaustedError(operation: string, attempts: number, last: MosooError): MosooError {
  return new MosooError(`Failed to ${operation} after ${attempts} attempts. ${last.summary}`, last.details);
}

interface DeadlineFacts {
  /** "create the thread" */
  operation: string;
  budget: Pick<Budget, "ms" | "input">;
  attempts: number;
  /** What the last whole attempt ended with. */
  error: MosooError;
  /** The deadline ended the last attempt. */
  lastIsCutShort: boolean;
  spentMs: number;
  remainingMs: number;
  /** What the server asked for. */
  retryAfterMs: number | undefined;
  /** The server said last that an earlier request is still being processed. */
  isProcessing: boolean;
}

/** No attempt fits in before the deadline. */
export function deadlineExceededError(facts: DeadlineFacts): MosooError {
  const { operation, budget, error, lastIsCutShort, spentMs, remainingMs, retryAfterMs } = facts;
  const limit = formatDuration(budget.ms);
  const allowed = budget.input === undefined ? limit : `\`${budget.input}\` (${limit})`;
  const whole = facts.attempts - (lastIsCutShort ? 1 : 0);
  const attempts = `${pluralize(whole, "attempt")}${lastIsCutShort ? ", and one cut short," : ""}`;
  // The jitter on top can exceed the deadline as well: then the server's figure explains nothing.
  const asked =
    retryAfterMs === undefined || retryAfterMs <= Math.max(0, remainingMs)
      ? undefined
      : `The server asks to wait ${formatDuration(retryAfterMs)}, which is longer than what is left of ${allowed}.`;
  const known = error.details.advice ?? "";
  const raise =
    budget.input === undefined || known.includes(`\`${budget.input}\``)
      ? ""
      : `${known === "" ? "Re-run the workflow later, or" : " Or"} increase \`${budget.input}\` (now ${limit}).`;
  const advice = facts.isProcessing ? PROCESSING_ADVICE : `${known}${raise}`.trim();
  return new MosooError(
    `Failed to ${operation} after ${attempts} in ${formatDuration(spentMs)}. Last error: ${error.summary}`,
    { ...error.details, advice: joinSentences(asked, advice) },
  );
}
