/** Finds the run of a message that is known, or supposed, to be in a thread where others write, too. */
import { type Run, compareRunAge } from "../contract/schema.ts";
import { MosooError } from "../errors.ts";
import type { RetryLoop } from "../retry-loop.ts";
import { findMessageRuns, getEndedRunByInterrupt } from "../threads.ts";
import type { MessageRequest } from "./message-request.ts";

/**
 * The run of a message that the thread holds; the newest run where the events do not tell.
 *
 * @throws MosooError; CancelledError
 */
export async function findOwnRun(
  loop: RetryLoop,
  { text, threadId, firstAttempt }: MessageRequest,
  newest: Run | null,
): Promise<Run | null> {
  // The message is there, and no failure to learn more about it changes that.
  const ignoreMosooError = (error: unknown): undefined => {
    if (!(error instanceof MosooError)) throw error;
  };
  const search = findMessageRuns(loop, threadId, text, newest?.id);
  // A re-run must not take another's run for its own: after that one's failure it would send the message again.
  const runs = await (firstAttempt ? search.catch(ignoreMosooError) : search);
  const id = runs?.runIds.at(-1);
  if (id === undefined || id === newest?.id) return newest;
  // A stale read: a run that may go on must not be interrupted to learn its end.
  if (newest === null || compareRunAge(newest, { id }) === "older") return { id };
  return (await getEndedRunByInterrupt(loop, threadId, id).catch(ignoreMosooError)) ?? { id };
}

/**
 * Whether the thread holds the message, by its text.
 *
 * @returns "unknown" where the message may be among events that the service does not list, or does not show this token
 * @throws MosooError; CancelledError
 */
export async function lookUpMessage(
  loop: RetryLoop,
  { text, threadId, knownRunIds = [] }: MessageRequest,
): Promise<"yes" | "no" | "unknown"> {
  const runs = await findMessageRuns(loop, threadId, text, undefined);
  if (runs === undefined) return "unknown";
  if (runs.runIds.some((id) => !knownRunIds.includes(id))) return "yes";
  return runs.truncated ? "unknown" : "no";
}
