import type { IncomingMessage } from "node:http";
import type { Caller } from "./accounts.ts";
import { eventEntry, fileAnswer, threadAnswer, threadSummary } from "./answers.ts";
import { contractOf } from "./contract.ts";
import { storedFailure } from "./delivery.ts";
import type { Endpoint, FaultHandler } from "./faults.ts";
import { fold } from "./fold.ts";
import { answerOnce } from "./idempotency.ts";
import type { Interception } from "./idempotency.ts";
import type { KeyMemory } from "./keys.ts";
import { readKey } from "./keys.ts";
import { createThread, readThread, recoverThread, sendEvents, setArchived } from "./operations.ts";
import type { CreateInput, World } from "./operations.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Answer } from "./refusal.ts";
import type { LoggedRequest, Revision, StoredThread } from "./types.ts";
import { readUpload } from "./upload.ts";
import { readArchived, readCreateRequest, readEventsRequest, readLimit, readUlid } from "./validation.ts";

export interface ServerState extends World {
  revision: Revision;
  apiUrl: () => string;
  keys: KeyMemory;
  rate: RateLimit;
  wait: (ms: number) => Promise<void>;
}

/** A routed request, its body read unless it is an upload. */
export interface Call {
  raw: IncomingMessage;
  bytes: Buffer;
  logged: LoggedRequest;
  pathname: string;
  query: URLSearchParams;
  id: string;
  mishap: FaultHandler | undefined;
}

/** Either an answer, or a thread whose events are to be streamed. */
export type Outcome = { answer: Answer } | { stream: StoredThread; limit: number };

type Respond = (desk: ServerState, call: Call) => Promise<Outcome> | Outcome;

/** What each endpoint answers. Each throws a `Refusal` for what the service refuses. */
export const ENDPOINTS: Record<Endpoint, Respond> = {
  openapi: (desk) => done(contractOf(desk.revision, desk.apiUrl())),
  create: respondCreate,
  events: respondEvents,
  upload: respondUpload,
  thread: (desk, call) => {
    const caller = reader(desk, call, "anybody");
    return done(threadAnswer(readThread(desk, caller, threadId(call)), desk.facts, "with-answer"));
  },
  "event-list": (desk, call) => {
    const { thread, limit } = eventsAsked(desk, call);
    const events = desk.facts.streams ? fold(thread.events) : thread.events;
    const shown = events.slice(-limit).map((event) => eventEntry(event, desk.facts));
    return done({ events: shown, truncated: events.length > limit });
  },
  stream: (desk, call) => {
    const { thread, limit } = eventsAsked(desk, call);
    return { stream: thread, limit };
  },
  "agent-threads": respondAgentThreads,
  archive: (desk, call) => respondArchive(desk, call, true),
  unarchive: (desk, call) => respondArchive(desk, call, false),
};

function done(body: unknown, status = 200): { answer: Answer } {
  return { answer: { status, headers: {}, body } };
}

/** Who calls. The reference revision lets only people write to threads that exist. */
function authenticate(desk: ServerState, call: Call, who: "anybody" | "people"): Caller {
  return desk.accounts.authenticate(call.raw.headers.authorization, who === "people");
}

/** Reads count before anything else is looked at. */
function reader(desk: ServerState, call: Call, who: "anybody" | "people"): Caller {
  const caller = authenticate(desk, call, who);
  desk.rate.count(caller.token);
  return caller;
}

const agentId = (call: Call): string => readUlid(call.id, "Agent ID");
const threadId = (call: Call): string => readUlid(call.id, "Thread ID");

function eventsAsked(desk: ServerState, call: Call): { thread: StoredThread; limit: number } {
  const caller = reader(desk, call, "anybody");
  const id = threadId(call);
  const limit = readLimit(call.query.get("limit"));
  return { thread: readThread(desk, caller, id), limit };
}

async function respondCreate(desk: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(desk, call, "anybody");
  const agent = agentId(call);
  const request = readCreateRequest(call.bytes, desk.facts);
  const key = readKey(call.raw.headers["idempotency-key"]?.toString());
  const input: CreateInput = { caller, agentId: agent, request, body: call.logged.json, key };
  const answer = await once(desk, call, caller, key, request, {
    status: 201,
    storesErrors: true,
    operation: () => createThread(desk, input),
    ...(desk.facts.recovers ? { recover: () => recoverThread(desk, input) } : {}),
  });
  return { answer };
}

async function respondEvents(desk: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(desk, call, "people");
  const id = threadId(call);
  const events = readEventsRequest(call.bytes, desk.facts);
  const key = readKey(call.raw.headers["idempotency-key"]?.toString());
  const answer = await once(desk, call, caller, key, events, {
    status: 200,
    storesErrors: false,
    operation: () => sendEvents(desk, caller, id, events),
  });
  return { answer };
}

interface Operation {
  status: number;
  storesErrors: boolean;
  operation: () => unknown;
  recover?: () => unknown;
}

function once(
  desk: ServerState,
  call: Call,
  caller: Caller,
  key: string | null,
  parsed: unknown,
  operation: Operation,
): Promise<Answer> {
  return answerOnce({
    ...operation,
    keys: desk.keys,
    token: caller.token,
    key,
    // The parsed body: the order of its keys, and how characters were escaped, make no difference.
    request: JSON.stringify([call.raw.method, call.pathname, parsed]),
    count: () => {
      desk.rate.count(caller.token);
    },
    interception: interception(call.mishap),
    wait: desk.wait,
  });
}

function interception(mishap: FaultHandler | undefined): Interception {
  if (mishap?.kind === "slow") return { holdMs: mishap.ms };
  if (mishap?.kind === "fail-after") return { fails: true };
  if (mishap?.kind === "crash-half-way") return { dies: mishap.commit === false ? "uncommitted" : "committed" };
  if (mishap?.kind === "status" && mishap.stored === true) return { instead: storedFailure(mishap) };
  return {};
}

/** The service takes the whole upload before it counts it or looks for the Agent. */
async function respondUpload(desk: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(desk, call, "anybody");
  const agent = agentId(call);
  const file = await readUpload(call.raw);
  call.logged.multipart = file;
  desk.rate.count(caller.token);
  desk.accounts.admitToAgent(agent);
  const { filename, size, sha256, mimeType } = file;
  return done(fileAnswer(desk.files.add(caller, { name: filename, size, sha256, mimeType })), 201);
}

function respondAgentThreads(desk: ServerState, call: Call): Outcome {
  const caller = reader(desk, call, "people");
  const agent = agentId(call);
  const archived = readArchived(call.query.get("archived"));
  desk.accounts.admitToAgent(agent);
  const threads = desk.store.threads
    .filter((thread) => thread.agentId === agent && thread.ownerAccount === caller.account)
    .filter((thread) => archived === null || thread.archived === archived);
  return done({
    threads: threads
      .slice(-100)
      .reverse()
      .map((thread) => threadSummary(thread, desk.facts)),
  });
}

function respondArchive(desk: ServerState, call: Call, archived: boolean): Outcome {
  const caller = authenticate(desk, call, "people");
  const id = threadId(call);
  desk.rate.count(caller.token);
  setArchived(desk, readThread(desk, caller, id), archived);
  return done({ ok: true });
}
