/** A failure as one text for people: what happened, what to do next, and whether a thread exists. Pure. */
import { type Existence, MosooError, StoppedError } from "./mosoo/errors.ts";
import { InputError } from "./problems.ts";
import { excerpt } from "./report/untrusted.ts";

/** A failure whose message is complete: it needs no more words. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

function existenceSentence(existence: Existence | undefined, threadUrl: string | undefined): string {
  if (threadUrl !== undefined) return `The thread exists: ${threadUrl}`;
  switch (existence) {
    case "maybe":
      return "A thread may exist; a re-run of this workflow run finds it.";
    case "exists":
      return "";
    case "none":
    case undefined:
      return "No thread was created.";
  }
}

/** The parts that are there, as one text. */
function join(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

/**
 * @param threadUrl the thread's page, where one is known
 * @param hint what else may help
 */
export function failureText(error: unknown, threadUrl: string | undefined, hint?: string): string {
  if (error instanceof StepFailure) return error.message;
  if (error instanceof InputError) {
    const { problems } = error;
    const list = problems.map(({ input, text }) => `\`${input}\`: ${text}`);
    return problems.length === 1
      ? join(list[0], "Nothing was sent.")
      : join(
          `${problems.length} inputs have problems.`,
          ...list.map((text, index) => `(${index + 1}) ${text}`),
          "Nothing was sent.",
        );
  }
  if (error instanceof StoppedError) {
    return join(
      "The step was stopped from outside (cancelled or timed out).",
      existenceSentence(error.existence, threadUrl),
    );
  }
  if (error instanceof MosooError) {
    const { input, serverMessage, advice, existence, status } = error.facts;
    const said = serverMessage === undefined ? undefined : `The server said: "${excerpt(serverMessage)}"`;
    const odd = status === 400 || status === 404 ? hint : undefined;
    return join(
      input === undefined ? undefined : `\`${input}\`:`,
      error.message,
      said,
      advice,
      odd,
      existenceSentence(existence, threadUrl),
    );
  }
  return join(
    `Something unexpected happened: ${excerpt(error instanceof Error ? error.message : "unknown")}`,
    "Please report it; a debug log (re-run with debug logging) has the details.",
    existenceSentence("maybe", threadUrl),
  );
}
