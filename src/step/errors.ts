/** Turns any error into a failure as data: what happened, what to do next, and what exists now. Pure. */
import { type ThreadState, CancelledError, MosooError } from "../mosoo/errors.ts";
import { InputValidationError, type InputIssue } from "../actions/parsers.ts";
import { errorMessage, joinSentences } from "../common/format.ts";
import { splitLines } from "../sanitize/characters.ts";
import { excerpt } from "../sanitize/log-text.ts";
import { redact } from "../sanitize/redact.ts";
import type { FailureDetails } from "../report/report.ts";

/** A failure whose details are complete. */
export class ActionError extends Error {
  override readonly name = "ActionError";
  readonly failure: FailureDetails;

  constructor(failure: FailureDetails, cause?: unknown) {
    super(failure.summary, { cause });
    this.failure = failure;
  }
}

/** A job that is cancelled and a `timeout-minutes` that is over look the same to the step. */
export const STEP_STOPPED = "The step was stopped: the job was cancelled, or `timeout-minutes` was reached.";

/** What the failed step was to make, and how far it had come. */
export interface FailureContext {
  /** The thread's page, where one is known. */
  threadUrl?: string | undefined;
  /** The message was for a thread that exists (`thread-id`). */
  continues?: boolean | undefined;
  /** The thread is known, but nobody has seen a run of the message in it yet. */
  messageNotConfirmed?: boolean | undefined;
  /** A re-run of the workflow run: an earlier attempt may have made the thread. */
  isRerun?: boolean | undefined;
  /** Where to report an unexpected error. */
  issuesUrl?: string | undefined;
  /** No request had been made when it failed. */
  noRequestMade?: boolean | undefined;
  /** What else may help about a refused request. */
  hint?: string | undefined;
}

/** Of an error with one of these codes the server has looked at the key first: it knows of no earlier request. */
const CODES_AFTER_KEY_LOOKUP = [
  "not_found",
  "agent_not_published",
  "service_inactive",
  "readiness_blocked",
  "idempotency_conflict",
  "internal_error",
];

/** The issues of the repository that the action was loaded from; undefined for `uses: ./`. */
export function getIssuesUrl(environment: NodeJS.ProcessEnv): string | undefined {
  const repository = environment["GITHUB_ACTION_REPOSITORY"] ?? "";
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) return undefined;
  return `${environment["GITHUB_SERVER_URL"] || "https://github.com"}/${repository}/issues`;
}

/** What is known about the thread or message; undefined where the thread's URL is enough. */
function describeThreadState(threadState: ThreadState | undefined, context: FailureContext): string | undefined {
  const { threadUrl, continues, messageNotConfirmed, isRerun } = context;
  if (threadUrl !== undefined) {
    return messageNotConfirmed === true && threadState !== "deleted"
      ? "The message may not be in the thread yet; a re-run of this workflow run continues."
      : undefined;
  }
  const maybe = threadState === "unknown";
  if (continues === true) {
    if (threadState === "created") return "The message was sent; a re-run of this workflow run continues with it.";
    if (maybe) {
      return "The message may have been sent; a re-run of this workflow run checks, and does not send it twice.";
    }
    return isRerun === true
      ? "This attempt did not send the message; an earlier one may have, and a re-run finds it."
      : "The message was not sent.";
  }
  if (maybe) return "A thread may exist; a re-run of this workflow run finds it.";
  return isRerun === true
    ? "This attempt created no thread; an earlier one may have, and a re-run finds it."
    : "No thread was created.";
}

/** Of a server's message in an annotation, in UTF-16 units. */
const MAX_QUOTE_LENGTH = 300;
/** In UTF-16 units: an annotation holds 4,096 in all, and the end of the text must not be lost. */
const MAX_ISSUES_LENGTH = 3_600;

/** So many of these issues does one annotation have room for; the log lists the others. */
export function countShownIssues(issues: readonly InputIssue[]): number {
  let length = 0;
  const tooMany = issues.findIndex((issue) => (length += issueLine(issue).length + 1) > MAX_ISSUES_LENGTH);
  return tooMany < 0 ? issues.length : tooMany;
}

export function issueLine({ input, text }: InputIssue): string {
  // A file's name may contain line ends.
  return `- \`${input}\`: ${splitLines(text).join(" ⏎ ")}`;
}

/** Several problems of the inputs, each on a line of its own. */
function describeIssues(issues: readonly InputIssue[]): string {
  const inputs = new Set(issues.map(({ input }) => input)).size;
  const shown = countShownIssues(issues);
  const what =
    inputs === issues.length ? `${inputs} inputs are invalid.` : `${issues.length} problems with the inputs.`;
  return [
    `${what} Nothing was sent.`,
    ...issues.slice(0, shown).map(issueLine),
    ...(shown === issues.length ? [] : [`- … and ${issues.length - shown} more, which the step's log lists.`]),
  ].join("\n");
}

function fromMosooError(error: MosooError, context: FailureContext): FailureDetails {
  const { advice, threadState, status, code } = error.details;
  // Without a code it was not the API that refused.
  const isRefusedRequest = (status === 400 || status === 404) && code !== undefined;
  return {
    ...error.details,
    summary: error.message,
    advice: joinSentences(advice, isRefusedRequest ? context.hint : undefined),
    consequence: describeThreadState(threadState, {
      ...context,
      isRerun: context.isRerun === true && !CODES_AFTER_KEY_LOOKUP.includes(code ?? ""),
    }),
    threadUrl: context.threadUrl,
  };
}

/** Any error as data. */
export function toFailureDetails(error: unknown, context: FailureContext = {}): FailureDetails {
  if (error instanceof ActionError) return error.failure;
  const { threadUrl } = context;
  if (error instanceof InputValidationError) {
    const [only, ...more] = error.issues;
    return only !== undefined && more.length === 0
      ? { input: only.input, summary: only.text, consequence: "Nothing was sent." }
      : { summary: describeIssues(error.issues) };
  }
  if (error instanceof CancelledError) {
    const { threadState } = error;
    const consequence = describeThreadState(threadState, context);
    return { summary: STEP_STOPPED, consequence, threadState, threadUrl };
  }
  if (error instanceof MosooError) return fromMosooError(error, context);
  return {
    summary: "Unexpected error.",
    serverMessage: errorMessage(error),
    advice: `Re-run with debug logging enabled and open an issue${context.issuesUrl === undefined ? " in this action's repository." : `: ${context.issuesUrl}`}`,
    consequence: context.noRequestMade === true ? "Nothing was sent." : describeThreadState("unknown", context),
    threadUrl,
  };
}

/** A summary with what the server, run or agent says about it: `The run failed: "out of credits".` */
export function withQuote(summary: string, message: string | undefined, max = MAX_QUOTE_LENGTH): string {
  const quote = excerpt(message ?? "", max).replace(/\.$/, "");
  return quote === "" ? summary : `${summary.replace(/\.$/, "")}: "${quote}".`;
}

/**
 * The failure as one text, for the log and the annotation.
 *
 * @param secrets hidden in what is quoted before it is cut
 */
export function failureText(failure: FailureDetails, secrets: readonly string[]): string {
  const { input, summary, serverMessage = "", advice, consequence, requestId, threadUrl } = failure;
  return joinSentences(
    input === undefined ? undefined : `\`${input}\`:`,
    withQuote(summary, redact(serverMessage, secrets)),
    requestId === undefined ? undefined : `Request ID: ${requestId}.`,
    advice,
    consequence,
    threadUrl === undefined ? undefined : `Thread: ${threadUrl}`,
  );
}
