/** Finds the run of a message in a thread where others write, too. What cannot be proven is not reported as its run. */
import { type Run, compareRunAge } from "../contract/schema.ts";
import { MosooError, NEW_THREAD_ADVICE } from "../errors.ts";
import type { RetryLoop } from "../retry-loop.ts";
import { findMessageRuns, getEndedRunByInterrupt, isKeyUsed } from "../threads.ts";
import type { MessageRequest } from "./message.ts";

export type OwnRunQuery = Pick<
  MessageRequest,
  "text" | "threadId" | "knownRunIds" | "ownThread" | "hasUniqueText" | "resendKey"
>;

export interface OwnRun {
  run: Run | null;
  /** The message was sent again since, under the resend key. Which run is the first one's is not known: `run` is null. */
  wasResent: boolean;
}

function unprovenRunError(): MosooError {
  return new MosooError("The thread has the message, but its events do not show which agent run belongs to it.", {
    advice: `Check the thread. ${NEW_THREAD_ADVICE}`,
    threadState: "created",
  });
}

/**
 * The run of a message that the thread holds. It is proven where all events of the thread are listed, and exactly one
 * message has its text, apart from those whose runs are known to be others. Where the thread was created for the message,
 * or no other message has its text, it is the first one: what re-runs send again, or others copy, comes later. Among
 * several messages elsewhere it does not matter which is the first one, if the service has seen the key under which a
 * re-run sends the message again.
 *
 * @param newest the thread's newest run
 * @returns undefined where the thread holds no message with its text
 * @throws MosooError where it is not proven, or not readable; CancelledError
 */
export async function findOwnRun(
  loop: RetryLoop,
  { text, threadId, knownRunIds = [], ownThread = false, hasUniqueText = false, resendKey }: OwnRunQuery,
  newest: Run | null,
): Promise<OwnRun | undefined> {
  const found = await findMessageRuns(loop, threadId, text, newest?.id);
  if (found === undefined || (found.truncated && !hasUniqueText)) throw unprovenRunError();
  const candidates = found.runIds.filter((each) => each === undefined || !knownRunIds.includes(each));
  const [id] = candidates;
  if (candidates.length === 0) return undefined;
  if (id === undefined) throw unprovenRunError();
  if (candidates.length > 1 && !ownThread && !hasUniqueText) {
    if (resendKey === undefined || !(await isKeyUsed(loop, threadId, resendKey, id))) throw unprovenRunError();
    return { run: null, wasResent: true };
  }
  return { run: await readRun(loop, threadId, id, newest), wasResent: false };
}

async function readRun(loop: RetryLoop, threadId: string, id: string, newest: Run | null): Promise<Run> {
  if (id === newest?.id) return newest;
  // A stale read: a run that may be active must not be interrupted to find out how it ended.
  if (newest === null || compareRunAge(newest, { id }) === "older") return { id };
  return (await getEndedRunByInterrupt(loop, threadId, id)) ?? { id };
}

/** The same for a message of which the service has said that the thread holds it. @throws MosooError; CancelledError */
export async function getOwnRun(loop: RetryLoop, query: OwnRunQuery, newest: Run | null): Promise<OwnRun> {
  const found = await findOwnRun(loop, query, newest);
  if (found === undefined) throw unprovenRunError();
  return found;
}

/**
 * Whether the thread holds the message, by its text.
 *
 * @param sendingSince when the first request with the message was sent, as the wall clock's milliseconds; undefined where
 *   an earlier attempt may have sent it. An older message is another step's
 * @returns "unknown" where the message may be among events that the service does not list, or does not show this token;
 *   or where only another's has its text, by clocks that may differ
 * @throws MosooError; CancelledError
 */
export async function lookUpMessage(
  loop: RetryLoop,
  { text, threadId, knownRunIds = [] }: OwnRunQuery,
  sendingSince: number | undefined,
): Promise<"yes" | "no" | "unknown"> {
  const found = await findMessageRuns(loop, threadId, text, undefined);
  if (found === undefined) return "unknown";
  // Without run IDs messages are counted.
  if (found.runIds.length > knownRunIds.length) {
    return sendingSince !== undefined && found.newestAt < sendingSince ? "unknown" : "yes";
  }
  // Fewer than were sent: the service has changed the text.
  return found.truncated || found.runIds.length < knownRunIds.length ? "unknown" : "no";
}
