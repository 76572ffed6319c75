/** A thread's events, as tolerant of what is new as schema.ts. Loaded only by a step that waits. */
import { lenientText, parse } from "../schema.ts";
import * as z from "../zod.ts";

/** In UTF-16 units. IDs are remembered, so nobody else's length will do. */
export const longestEventId = 255;

const EventSchema = z.looseObject({
  /** Empty where it is missing, or too long. */
  id: z.catch(z.string().check(z.maxLength(longestEventId)), ""),
  type: z.string(),
  runId: lenientText,
  content: lenientText,
  toolName: lenientText,
  toolCallId: lenientText,
  occurredAt: lenientText,
});

const EventListSchema = z.looseObject({
  events: z.array(z.unknown()),
  truncated: z.catch(z.optional(z.boolean()), undefined),
});

export type ThreadEvent = z.infer<typeof EventSchema>;

export interface EventList {
  events: ThreadEvent[];
  /** Older events were left out. */
  truncated: boolean;
}

/** Ten times what is asked for. A server that gives more than that means no good. */
const mostEvents = 10_000;

export const parseEvent = (text: string): ThreadEvent | undefined => parse(EventSchema, text);

/** The event list; entries of an unknown make are left out. */
export function parseEventList(text: string): EventList | undefined {
  const list = parse(EventListSchema, text);
  if (list === undefined) return undefined;
  const newest = list.events.slice(-mostEvents);
  const events = newest.flatMap((entry) => {
    const event = EventSchema.safeParse(entry);
    return event.success ? [event.data] : [];
  });
  return { events, truncated: list.truncated === true || newest.length < list.events.length };
}
