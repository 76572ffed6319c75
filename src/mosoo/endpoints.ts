/** Every call of the API that the client makes: method, path and what a successful response holds. Links to threads, too. */
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

/** What a path and a query may hold that other people's scripts pass on. */
const PLAIN_PATH = /^[\w.~@/=%+-]{1,2048}(\?[\w.~@/=%+-]{0,2048})?$/;

/** The page for people, on the API's origin. */
export function threadUrl(apiBase: URL, threadId: string): string {
  return new URL(thread(threadId), apiBase.origin).href;
}

/** The agent's page for people. */
export function agentUrl(apiBase: URL, agentId: string): string {
  return new URL(`/agent/${encodeURIComponent(agentId)}`, apiBase.origin).href;
}

/**
 * The thread's API resource: the answer's `links.thread` (in practice a path) on the API's origin; without one, or with
 * one that is more than a plain path there (`blob:` borrows the origin of what follows), `{base}/threads/{id}`.
 */
export function threadApiUrl(apiBase: URL, threadId: string, link: string | undefined): string {
  const own = `${apiBase.href.replace(/\/$/, "")}${thread(threadId)}`;
  if (link === undefined || link === "" || !URL.canParse(link, apiBase.origin)) return own;
  const resolved = new URL(link, apiBase.origin);
  const { origin, pathname, search } = resolved;
  const path = pathname + search;
  // So it has neither user nor fragment.
  const isPath = origin === apiBase.origin && resolved.href === origin + path && PLAIN_PATH.test(path);
  return isPath ? resolved.href : own;
}
