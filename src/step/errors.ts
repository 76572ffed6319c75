/** A failure as one text for people: what happened, what to do next, and whether a thread exists. Pure. */
import { type ThreadState, MosooError, CancelledError } from "../mosoo/errors.ts";
import { InputValidationError, type InputIssue } from "../actions/input-errors.ts";
import { excerpt } from "../sanitize/index.ts";

/** A failure whose message is complete: it needs no more words. */
export class ActionError extends Error {
  override readonly name = "ActionError";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

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

function describeThreadState(
  threadState: ThreadState | undefined,
  { threadUrl, continues, messageNotConfirmed: unsent, isRerun: again }: FailureContext,
): string {
  if (threadUrl !== undefined) {
    if (threadState === "deleted") return `Its page was ${threadUrl}`;
    const without = unsent === true ? ", perhaps still without the message; a re-run of this workflow run goes on" : "";
    return `The thread exists${without}: ${threadUrl}`;
  }
  const maybe = threadState === "unknown";
  if (continues === true) {
    if (threadState === "created") return "The message was sent; a re-run of this workflow run goes on with it.";
    if (maybe)
      return "The message may have been sent; a re-run of this workflow run finds out, and does not send it twice.";
    return again === true
      ? "This attempt did not send the message; an earlier one may have, and a re-run finds it."
      : "The message was not sent.";
  }
  if (maybe) return "A thread may exist; a re-run of this workflow run finds it.";
  return again === true
    ? "This attempt created no thread; an earlier one may have, and a re-run finds it."
    : "No thread was created.";
}

/** The parts that are there, as one text. */
function joinSentences(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

/** In UTF-16 units: an annotation holds 4,096 in all, and what it says last must not be lost. */
const longestList = 3_600;

/** Several problems of the inputs, as many as there is room for. */
function problemsText(problems: readonly InputIssue[]): string {
  const inputs = new Set(problems.map(({ input }) => input)).size;
  const items = problems.map(({ input, text }, index) => `(${index + 1}) \`${input}\`: ${text}`);
  let length = 0;
  const shown = items.filter((item) => (length += item.length + 1) <= longestList);
  const more = items.length - shown.length;
  return joinSentences(
    inputs === problems.length ? `${inputs} inputs have problems.` : `The inputs have ${problems.length} problems.`,
    ...shown,
    more === 0 ? undefined : `… and ${more} more: the step's log has them all.`,
    "Nothing was sent.",
  );
}

/** The failure as one text. */
export function failureText(error: unknown, work: FailureContext = {}): string {
  if (error instanceof ActionError) return error.message;
  if (error instanceof InputValidationError) {
    const [only, ...more] = error.issues;
    return only !== undefined && more.length === 0
      ? `\`${only.input}\`: ${only.text} Nothing was sent.`
      : problemsText(error.issues);
  }
  if (error instanceof CancelledError) {
    return joinSentences(
      "The step was stopped from outside (cancelled or timed out).",
      describeThreadState(error.threadState, work),
    );
  }
  if (error instanceof MosooError) {
    const { input, serverMessage, advice, threadState: threadState, status, code } = error.details;
    const words = serverMessage === undefined ? "" : excerpt(serverMessage);
    const said = words === "" ? undefined : `The server said: "${words}"`;
    // Without a code it was not the API that refused.
    const odd = (status === 400 || status === 404) && code !== undefined ? work.hint : undefined;
    return joinSentences(
      input === undefined ? undefined : `\`${input}\`:`,
      error.message,
      said,
      advice,
      odd,
      describeThreadState(threadState, {
        ...work,
        isRerun: work.isRerun === true && !CODES_AFTER_KEY_LOOKUP.includes(code ?? ""),
      }),
    );
  }
  return joinSentences(
    `Something unexpected happened: ${excerpt(error instanceof Error ? error.message : "unknown").replace(/[.\s]*$/, ".")}`,
    "Please report it; a debug log (re-run with debug logging) has the details.",
    work.noRequestMade === true ? "Nothing was sent." : describeThreadState("unknown", work),
  );
}
