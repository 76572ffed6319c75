import type { StoredEvent } from "./types.ts";

const STREAMED = new Set(["agent.message.delta", "agent.thinking.delta"]);
const ENDINGS = new Set(["run.completed", "run.failed"]);

/**
 * Joins the fragments of a run's text, as the later revisions do whenever they read events back: one event at the
 * place and time of the first fragment, under the ID of the last. A run's end, and a delta marked as the start of a
 * message, close what was open.
 */
export function fold(events: readonly StoredEvent[]): StoredEvent[] {
  const folded: StoredEvent[] = [];
  const open = new Map<string, number>();
  for (const event of events) {
    if (ENDINGS.has(event.type)) for (const type of STREAMED) open.delete(`${event.runId} ${type}`);
    if (!STREAMED.has(event.type)) {
      folded.push(event);
      continue;
    }
    const key = `${event.runId} ${event.type}`;
    const place = event.startsMessage === true ? undefined : open.get(key);
    const earlier = place === undefined ? undefined : folded[place];
    if (place === undefined || earlier === undefined) {
      open.set(key, folded.push(event) - 1);
    } else {
      folded[place] = { ...event, content: earlier.content + event.content, occurredAt: earlier.occurredAt };
    }
  }
  return folded;
}
