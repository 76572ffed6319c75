/** A failure as one text for people: what happened, what to do next, and whether a thread exists. Pure. */
import { type Existence, MosooError, StoppedError } from "./mosoo/errors.ts";
import { InputError, type Problem } from "./problems.ts";
import { excerpt } from "./report/untrusted.ts";

/** A failure whose message is complete: it needs no more words. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** What the failed step was to make, and how far it had come. */
export interface Work {
  /** The thread's page, where one is known. */
  threadUrl?: string | undefined;
  /** The message was for a thread that exists (`thread-id`). */
  continues?: boolean | undefined;
  /** The thread is known, but nobody has seen a run of the message in it yet. */
  unsent?: boolean | undefined;
  /** A re-run of the workflow run: an earlier attempt may have made the thread. */
  again?: boolean | undefined;
  /** No request had been made when it failed. */
  nothingSent?: boolean | undefined;
  /** What else may help about a refused request. */
  hint?: string | undefined;
}

/** Of an error with one of these codes the server has looked at the key first: it knows of no earlier request. */
const toldOfTheKey = [
  "not_found",
  "agent_not_published",
  "service_inactive",
  "readiness_blocked",
  "idempotency_conflict",
  "internal_error",
];

function existenceSentence(existence: Existence | undefined, { threadUrl, continues, unsent, again }: Work): string {
  if (threadUrl !== undefined) {
    if (existence === "gone") return `Its page was ${threadUrl}`;
    const without = unsent === true ? ", perhaps still without the message; a re-run of this workflow run goes on" : "";
    return `The thread exists${without}: ${threadUrl}`;
  }
  const maybe = existence === "maybe";
  if (continues === true) {
    if (existence === "exists") return "The message was sent; a re-run of this workflow run goes on with it.";
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
function join(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

/** In UTF-16 units: an annotation holds 4,096 in all, and what it says last must not be lost. */
const longestList = 3_600;

/** Several problems of the inputs, as many as there is room for. */
function problemsText(problems: readonly Problem[]): string {
  const inputs = new Set(problems.map(({ input }) => input)).size;
  const items = problems.map(({ input, text }, index) => `(${index + 1}) \`${input}\`: ${text}`);
  let length = 0;
  const shown = items.filter((item) => (length += item.length + 1) <= longestList);
  const more = items.length - shown.length;
  return join(
    inputs === problems.length ? `${inputs} inputs have problems.` : `The inputs have ${problems.length} problems.`,
    ...shown,
    more === 0 ? undefined : `… and ${more} more: the step's log has them all.`,
    "Nothing was sent.",
  );
}

/** The failure as one text. */
export function failureText(error: unknown, work: Work = {}): string {
  if (error instanceof StepFailure) return error.message;
  if (error instanceof InputError) {
    const [only, ...more] = error.problems;
    return only !== undefined && more.length === 0
      ? `\`${only.input}\`: ${only.text} Nothing was sent.`
      : problemsText(error.problems);
  }
  if (error instanceof StoppedError) {
    return join(
      "The step was stopped from outside (cancelled or timed out).",
      existenceSentence(error.existence, work),
    );
  }
  if (error instanceof MosooError) {
    const { input, serverMessage, advice, existence, status, code } = error.facts;
    const words = serverMessage === undefined ? "" : excerpt(serverMessage);
    const said = words === "" ? undefined : `The server said: "${words}"`;
    // Without a code it was not the API that refused.
    const odd = (status === 400 || status === 404) && code !== undefined ? work.hint : undefined;
    return join(
      input === undefined ? undefined : `\`${input}\`:`,
      error.message,
      said,
      advice,
      odd,
      existenceSentence(existence, { ...work, again: work.again === true && !toldOfTheKey.includes(code ?? "") }),
    );
  }
  return join(
    `Something unexpected happened: ${excerpt(error instanceof Error ? error.message : "unknown").replace(/[.\s]*$/, ".")}`,
    "Please report it; a debug log (re-run with debug logging) has the details.",
    work.nothingSent === true ? "Nothing was sent." : existenceSentence("maybe", work),
  );
}
