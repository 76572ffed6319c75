import { afterEach, expect } from "@jest/globals";
import { checkExchange, publishedContracts } from "../contract-check.ts";
import { startFakeMosooServer } from "../fake-mosoo-server.ts";
import type { FakeMosooServer, FakeMosooServerOptions, Revision } from "../fake-mosoo-server.ts";

export const REVISIONS: readonly Revision[] = ["reference", "2026-07", "2026-08"];
export const LATER: readonly Revision[] = ["2026-07", "2026-08"];

const contracts = publishedContracts();
const servers: FakeMosooServer[] = [];
const violations: string[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(violations.splice(0)).toEqual([]);
});

/** A server that is closed after the test; its exchanges are held against the published contract where there is one. */
export async function start(options: FakeMosooServerOptions = {}): Promise<FakeMosooServer> {
  const contract = contracts?.[options.revision ?? "reference"];
  const server = await startFakeMosooServer({
    onExchange: (exchange) => {
      if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
    },
    ...options,
  });
  servers.push(server);
  return server;
}

interface Reply {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
  /** The envelope's code, where it is one. */
  code: unknown;
  message: string;
  replayed: boolean;
}

interface Wanted {
  token?: string | null;
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** One request; an object as `body` is sent as JSON, a text or bytes as they are. */
export async function call(server: FakeMosooServer, method: string, path: string, wanted: Wanted = {}): Promise<Reply> {
  const token = wanted.token === undefined ? server.tokens.person : wanted.token;
  const response = await fetch(path.startsWith("http") ? path : server.apiUrl + path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(wanted.key === undefined ? {} : { "idempotency-key": wanted.key }),
      ...(wanted.body === undefined ? {} : { "content-type": "application/json" }),
      ...wanted.headers,
    },
    ...(wanted.body === undefined
      ? {}
      : { body: typeof wanted.body === "string" ? wanted.body : JSON.stringify(wanted.body) }),
    ...(wanted.signal === undefined ? {} : { signal: wanted.signal }),
    redirect: "manual",
  });
  const text = await response.text();
  const json = parsed(text);
  const code = at(json, "error", "code");
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    code,
    message: String(at(json, "error", "message")),
    replayed: response.headers.get("idempotency-replayed") === "true",
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What lies at a place in JSON; `undefined` where nothing does. */
export function at(json: unknown, ...place: (string | number)[]): unknown {
  return place.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    json,
  );
}

/** The ID at a place in JSON. */
export function idAt(json: unknown, ...place: (string | number)[]): string {
  const id = at(json, ...place);
  if (typeof id !== "string") throw new Error(`There is no ID at ${place.join(".")}.`);
  return id;
}

/** A create body that a revision takes. */
export function createBody(revision: Revision, more: Record<string, unknown> = {}, text = "Hello"): object {
  return {
    input: { type: "user.message", content: [{ type: "text", text }] },
    ...(revision === "2026-08" ? { userId: "someone" } : {}),
    ...more,
  };
}

/** Creates a thread of the published Agent with a message in it. */
export function create(server: FakeMosooServer, wanted: Wanted & { agent?: string } = {}): Promise<Reply> {
  const agent = wanted.agent ?? server.agents.published;
  return call(server, "POST", `/agents/${agent}/threads`, { body: createBody(server.revision), ...wanted });
}

/** Sends one event into a thread. */
export function send(server: FakeMosooServer, threadId: string, event: object, wanted: Wanted = {}): Promise<Reply> {
  return call(server, "POST", `/threads/${threadId}/events`, { body: { events: [event] }, ...wanted });
}

export const message = (text: string, more: object = {}): object => ({ type: "user_message", text, ...more });

/** Uploads a file of some bytes. */
export async function upload(
  server: FakeMosooServer,
  content: string | Uint8Array<ArrayBuffer>,
  name = "notes.txt",
): Promise<Reply> {
  const form = new FormData();
  form.set("file", new File([content], name, { type: "text/plain" }));
  const response = await fetch(`${server.apiUrl}/agents/${server.agents.published}/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.tokens.person}` },
    body: form,
  });
  const json: unknown = await response.json();
  const { status, headers } = response;
  const code = at(json, "error", "code");
  return { status, headers, text: "", json, code, message: String(at(json, "error", "message")), replayed: false };
}

/** Resolves once something holds; tests wait for events, not for the clock. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("It never came to hold.");
}
