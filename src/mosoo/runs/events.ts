/** A thread's events, as tolerant of what is new as schema.ts. Loaded only by a step that waits. */
import { optionalString, parse } from "../contract/schema.ts";
import * as z from "../../common/zod.ts";

/** In UTF-16 units. IDs are remembered, so nobody else's length will do. */
export const MAX_EVENT_ID_LENGTH = 255;

const EventSchema = z.looseObject({
  /** Empty where it is missing, or too long. */
  id: z.catch(z.string().check(z.maxLength(MAX_EVENT_ID_LENGTH)), ""),
  type: z.string(),
  runId: optionalString,
  content: optionalString,
  toolName: optionalString,
  toolCallId: optionalString,
  occurredAt: optionalString,
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

/**
 * The event without secrets, save in the agent's words. Those come in pieces, cut anywhere and differently each time: to
 * be known again they stay as they came, and whoever shows them conceals what the pieces make.
 */
export function redactEvent(event: ThreadEvent, conceal: (text: string) => string): ThreadEvent {
  if (event.type === "agent.message.delta") return event;
  const { type, content, toolName } = event;
  return {
    ...event,
    type: conceal(type),
    content: content && conceal(content),
    toolName: toolName && conceal(toolName),
  };
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
