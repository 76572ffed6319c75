/** A thread's events, parsed as leniently as every response, and the messages and runs that they show. Pure. */
import * as z from "../../common/json.ts";
import { optionalString, parse } from "../contract/schema.ts";

/** In UTF-16 units. IDs are remembered, so a longer one counts as missing. */
export const MAX_EVENT_ID_LENGTH = 255;

const EventSchema = z.looseObject({
  /** Empty where it is missing or too long. */
  id: z.catch(z.string().check(z.maxLength(MAX_EVENT_ID_LENGTH)), ""),
  type: z.string(),
  runId: optionalString,
  content: optionalString,
  occurredAt: optionalString,
  toolName: optionalString,
  /** Of `usage.updated`: the session's total so far. */
  tokens: z.catch(z.optional(z.nullable(z.int().check(z.nonnegative()))), undefined),
});

const EventListSchema = z.looseObject({
  events: z.array(z.unknown()),
  truncated: z.catch(z.optional(z.boolean()), undefined),
});

export type ThreadEvent = z.infer<typeof EventSchema>;

export interface EventList {
  /** Oldest first. */
  events: ThreadEvent[];
  /** Older events were left out. */
  truncated: boolean;
}

/** Ten times what is asked for: a server that sends more is not to be trusted with this process's memory. */
const MAX_EVENTS = 10_000;

export const parseEvent = (text: string): ThreadEvent | undefined => parse(EventSchema, text);

/** The event list in a response's text; entries of an unknown shape are left out. */
export function parseEventList(text: string): EventList | undefined {
  const list = parse(EventListSchema, text);
  if (list === undefined) return undefined;
  const newest = list.events.slice(-MAX_EVENTS);
  const events = newest.flatMap((entry) => {
    const event = EventSchema.safeParse(entry);
    return event.success ? [event.data] : [];
  });
  return { events, truncated: list.truncated === true || newest.length < list.events.length };
}

/** A message of a thread. */
export interface ThreadMessage {
  /** Without whitespace at its ends. */
  readonly text: string;
  /** undefined where no event names its run. */
  readonly runId: string | undefined;
}

/** The run that an event starts or ends: its content, in every revision. */
function boundaryOf({ type, content }: ThreadEvent): string | undefined {
  return (type === "run.started" || type === "run.completed") && content ? content : undefined;
}

/** The run that an event belongs to, or starts or ends; undefined where it names none. */
export function runOf(event: ThreadEvent): string | undefined {
  return event.runId || boundaryOf(event);
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
  for (const event of events) {
    const { type, runId, content } = event;
    const boundary = boundaryOf(event);
    if (type === "user.message") {
      messages.push({ text: content?.trim() ?? "", runId: runId || undefined });
      isUnnamed = !runId;
    } else if (boundary !== undefined) {
      if (isUnnamed && !named.has(boundary)) name(boundary);
      named.add(boundary);
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
