/** Which runs the messages of a thread started, as the thread's events show it. Pure. */
import type { ThreadEvent } from "./events.ts";

/** Whether the event is a message with this text. */
export function isMessage({ type, content }: ThreadEvent, text: string): boolean {
  return type === "user.message" && content?.trim() === text.trim();
}

/**
 * The runs of the messages with this text, oldest first; undefined for a message whose run no event names.
 *
 * From July 2026 on a message's event carries the ID of its run. Before that the run is the one that starts, or ends
 * without having started, after the message; of the thread's last message it is the thread's newest run, unless an event
 * before the message names that run (a stale read).
 *
 * @param newestRunId the thread's newest run, as read with the events or later
 */
export function findRunsForMessage(
  text: string,
  events: readonly ThreadEvent[],
  newestRunId: string | undefined,
): (string | undefined)[] {
  const runs: (string | undefined)[] = [];
  const named = new Set<string>();
  let isUnnamed = false;
  for (const event of events) {
    const { type, runId, content } = event;
    if (type === "user.message") {
      const isOwn = isMessage(event, text);
      isUnnamed = isOwn && !runId;
      if (isOwn) runs.push(runId || undefined);
    } else if ((type === "run.started" || type === "run.completed") && content) {
      if (isUnnamed && !named.has(content)) runs.splice(-1, 1, content);
      isUnnamed &&= named.has(content);
      named.add(content);
    }
  }
  if (isUnnamed && newestRunId !== undefined && !named.has(newestRunId)) runs.splice(-1, 1, newestRunId);
  return runs;
}
