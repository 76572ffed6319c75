/** What a response that does not match the schema means for the step. Pure. */
import type { Inputs } from "../actions/inputs.ts";
import { joinSentences, pluralize } from "../common/format.ts";
import type { FailureDetails } from "../report/report.ts";
import { toFailureDetails } from "./errors.ts";
import type { StepResult } from "./step-result.ts";

/** Problems that the error quotes; the log has them all. */
const MAX_QUOTED_PROBLEMS = 3;

interface Mismatch {
  policies: Pick<Inputs, "responseRetries" | "onRerun">;
  /** What the check found; untrusted. */
  problems: readonly string[];
  /** Corrections that were sent, in all run attempts of the step. */
  corrections: number;
  threadUrl: string | undefined;
  /** Further ones were allowed, but `wait-timeout` is over. */
  isTimeOver: boolean;
}

function quoteProblems(problems: readonly string[]): string {
  const more = problems.length - MAX_QUOTED_PROBLEMS;
  return problems.slice(0, MAX_QUOTED_PROBLEMS).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function adviseOnMismatch({ policies, isTimeOver }: Mismatch): string | undefined {
  const { responseRetries, onRerun } = policies;
  const increase = isTimeOver ? "No time was left for a correction: increase `wait-timeout`." : undefined;
  if (responseRetries === 0) return "Set `response-retries` to have the agent correct its response.";
  // What a re-run does otherwise, the report says of every outcome.
  if (onRerun !== "resume") return increase;
  const more = responseRetries === 1 ? "another correction" : `up to ${responseRetries} more corrections`;
  return joinSentences(increase, `Re-run the job to ask the agent for ${isTimeOver ? "it" : more} in the same thread.`);
}

/** No more corrections are sent. */
export function mismatchResult(mismatch: Mismatch): StepResult {
  const { corrections, problems, threadUrl } = mismatch;
  const after = corrections === 0 ? "" : ` after ${pluralize(corrections, "correction")}`;
  const failure: FailureDetails = {
    summary: `The response does not match \`response-schema\`${after}.`,
    serverMessage: quoteProblems(problems),
    advice: adviseOnMismatch(mismatch),
    threadUrl,
  };
  return { outcome: "invalid", failure };
}

/**
 * A correction could not be sent.
 *
 * @param error why
 * @param isResend the run of the same correction, which an earlier attempt sent, had not completed
 */
export function sendFailureResult(error: unknown, isResend: boolean, threadUrl: string | undefined): StepResult {
  const failure = toFailureDetails(error, { threadUrl });
  const what = isResend
    ? "The agent run of the last correction did not complete, and sending the correction again failed."
    : "The response does not match `response-schema`, and asking for a correction failed.";
  return {
    outcome: isResend ? "error" : "invalid",
    // An input that is named would be that of the step's message.
    failure: { ...failure, summary: `${what} ${failure.summary}`, input: undefined, consequence: undefined },
  };
}

/** Of a step that was cancelled while it sent a correction: whether the agent works on it is not known. */
export function withUnknownCorrection(result: StepResult): StepResult {
  const consequence =
    "A correction may have been sent; a re-run of this workflow run checks, and does not send it twice.";
  return result.failure === undefined ? result : { ...result, failure: { ...result.failure, consequence } };
}

/** The server does not return the response, so that it cannot be checked. */
export function unreadableResult(threadUrl: string | undefined): StepResult {
  const failure = {
    summary: "The response could not be read, so that it was not checked against `response-schema`.",
    threadUrl,
  };
  return { outcome: "error", failure };
}
