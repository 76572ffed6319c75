/** Every call of the API that the client makes: method, path and what a successful response holds. */
import { MAX_TRANSCRIPT_RESPONSE_BYTES } from "./http/body.ts";
import {
  type EventsResponse,
  type ThreadResponse,
  parseEventsResponse,
  parseThreadResponse,
  parseUpload,
} from "./contract/schema.ts";
import { type EventList, parseEventList } from "./runs/events.ts";

export interface Endpoint<T> {
  readonly method: "GET" | "POST";
  /** Below the API's base, its segments encoded. */
  readonly path: string;
  /** The promised body, or undefined where the text is something else. */
  readonly parse: (text: string) => T | undefined;
  /** Default: enough for everything but an agent's text. */
  readonly maxBodyBytes?: number;
  /** false: sent without the token. */
  readonly withToken?: false;
}

/** More events than this the service does not list; fewer would lose events of a long run. */
const MAX_EVENTS = 1_000;

const thread = (threadId: string): string => `/threads/${encodeURIComponent(threadId)}`;
const agent = (agentId: string): string => `/agents/${encodeURIComponent(agentId)}`;

/** The server's own contract. Its parser is loaded only where a server rejects a body. */
export function readContract<T>(parse: (text: string) => T | undefined): Endpoint<T> {
  return { method: "GET", path: "/openapi.json", parse, withToken: false };
}

export function createThread(agentId: string): Endpoint<ThreadResponse> {
  return { method: "POST", path: `${agent(agentId)}/threads`, parse: parseThreadResponse };
}

/** Responds with the file's ID. */
export function uploadFile(agentId: string): Endpoint<string> {
  return { method: "POST", path: `${agent(agentId)}/files`, parse: parseUpload };
}

export function getThread(threadId: string): Endpoint<ThreadResponse> {
  return {
    method: "GET",
    path: thread(threadId),
    parse: parseThreadResponse,
    maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
  };
}

/** The files of a thread: attachments and what the agent produced. Their parser is loaded only with `download-files`. */
export function listFiles<T>(threadId: string, parse: (text: string) => T | undefined): Endpoint<T> {
  return { method: "GET", path: `${thread(threadId)}/files`, parse };
}

/** A file's bytes: there is no text to parse. July 2026 on. */
export function readFile(fileId: string): Omit<Endpoint<never>, "parse"> {
  return { method: "GET", path: `/files/${encodeURIComponent(fileId)}/content` };
}

/** Messages and interrupts. */
export function postEvents(threadId: string): Endpoint<EventsResponse> {
  return { method: "POST", path: `${thread(threadId)}/events`, parse: parseEventsResponse };
}

/** The thread's newest events, oldest first. */
export function listEvents(threadId: string): Endpoint<EventList> {
  return {
    method: "GET",
    path: `${thread(threadId)}/events?limit=${MAX_EVENTS}`,
    parse: parseEventList,
    maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
  };
}

/** Server-sent events: there is no whole body to parse. */
export function streamEvents(threadId: string): Omit<Endpoint<never>, "parse"> {
  return { method: "GET", path: `${thread(threadId)}/events/stream?limit=${MAX_EVENTS}` };
}
