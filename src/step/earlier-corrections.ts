/** Finds the corrections that earlier attempts of the step have sent, by their first lines in the thread's events. */
import type { Run } from "../mosoo/contract/schema.ts";
import { MosooError, NEW_THREAD_ADVICE } from "../mosoo/errors.ts";
import { type EventList, findMessages, runOf } from "../mosoo/runs/events.ts";
import { type SentCorrection, findCorrections } from "./correction.ts";
import type { WaitContext } from "./follow-run.ts";
import { addThreadAdvice, readThread } from "./send-message.ts";
import type { ThreadHandle } from "./thread-handle.ts";

/** Whether the events go back to the run, so that every message after it is among them. */
function reachBackTo({ id }: Run, { events, truncated }: EventList): boolean {
  return !truncated || events.some((event) => runOf(event) === id);
}

function unreadableError(): MosooError {
  return new MosooError(
    "The thread has more events than the service lists, so that corrections of earlier attempts cannot be found.",
    {
      advice: `Check the thread for the response. ${NEW_THREAD_ADVICE}`,
      threadState: "created",
    },
  );
}

async function readEvents({ mosoo, plan }: WaitContext, threadId: string): Promise<EventList> {
  try {
    return await mosoo.listEvents(threadId);
  } catch (error) {
    throw addThreadAdvice(error, { plan });
  }
}

/**
 * The corrections that the thread holds already, in their order. None where this attempt has sent the message itself, or
 * no run is newer than the message's.
 *
 * @param run of the message
 * @throws MosooError where the events do not go back to that run; CancelledError
 */
export async function findEarlierCorrections(
  context: WaitContext,
  { replayed, sentInThisAttempt, isNewest, threadId }: ThreadHandle,
  run: Run,
): Promise<SentCorrection[]> {
  if (!replayed || sentInThisAttempt === true || isNewest === true) return [];
  const { key, request } = context.plan;
  const find = ({ events }: EventList, newestRunId?: string): SentCorrection[] => {
    // Whoever wrote the step's message may have begun it with anything.
    const others = findMessages(events, newestRunId).filter(({ text }) => text !== request.text.trim());
    return findCorrections(key, others);
  };
  const list = await readEvents(context, threadId);
  const found = find(list);
  const last = found.at(-1);
  if (last === undefined && !reachBackTo(run, list)) throw unreadableError();
  if (last === undefined || last.runId !== undefined) return found;
  // No event names its run (reference revision): it is the thread's newest, if the events then end with its message.
  const newest = (await readThread(context, threadId)).run;
  return find(await readEvents(context, threadId), newest?.id);
}
