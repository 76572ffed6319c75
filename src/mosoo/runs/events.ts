/** A thread's events as the server sends them, parsed as leniently as every response. Loaded only by a step that waits. */
import { optionalString, parse } from "../contract/schema.ts";
import * as z from "../../common/zod.ts";

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
