/** Which runs the messages of a thread started, as the thread's events show it. Pure. */
import type { ThreadEvent } from "./events.ts";

/** A message of a thread. */
export interface ThreadMessage {
  /** Without whitespace at its ends. */
  readonly text: string;
  /** undefined where no event names its run. */
  readonly runId: string | undefined;
}

/** Whether the event is a message with this text. */
export function isMessage({ type, content }: ThreadEvent, text: string): boolean {
  return type === "user.message" && content?.trim() === text.trim();
}

/**
 * The messages in the events, oldest first, with their runs.
 *
 * From July 2026 on a message's event carries the ID of its run. Before that the run is the one that starts, or ends
 * without having started, after the message; of the thread's last message it is the thread's newest run, unless an event
 * before the message names that run (a stale read).
 *
 * @param newestRunId the thread's newest run, as read with the events or later
 */
export function findMessages(events: readonly ThreadEvent[], newestRunId: string | undefined): ThreadMessage[] {
  const messages: ThreadMessage[] = [];
  const named = new Set<string>();
  let isUnnamed = false;
  const name = (runId: string): void => {
    const last = messages.pop();
    if (last !== undefined) messages.push({ ...last, runId });
    isUnnamed = false;
  };
  for (const { type, runId, content } of events) {
    if (type === "user.message") {
      messages.push({ text: content?.trim() ?? "", runId: runId || undefined });
      isUnnamed = !runId;
    } else if ((type === "run.started" || type === "run.completed") && content) {
      if (isUnnamed && !named.has(content)) name(content);
      named.add(content);
    }
  }
  if (isUnnamed && newestRunId !== undefined && !named.has(newestRunId)) name(newestRunId);
  return messages;
}

/** The runs of the messages with this text, oldest first; undefined for a message whose run no event names. */
export function findRunsForMessage(
  text: string,
  events: readonly ThreadEvent[],
  newestRunId: string | undefined,
): (string | undefined)[] {
  return findMessages(events, newestRunId).flatMap((message) => (message.text === text.trim() ? [message.runId] : []));
}
