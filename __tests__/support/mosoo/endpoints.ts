import type { IncomingMessage } from "node:http";
import type { Caller } from "./accounts.ts";
import { eventEntry, fileAnswer, threadAnswer, threadFileEntry, threadSummary } from "./answers.ts";
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
import { type Answer, notFound } from "./refusal.ts";
import type { LoggedRequest, Revision, StoredArtifact, StoredThread } from "./types.ts";
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
  fault: FaultHandler | undefined;
}

/** Either an answer, or a file's bytes, or a thread whose events are to be streamed. */
export type Outcome = { answer: Answer } | { content: StoredArtifact } | { stream: StoredThread; limit: number };

type Respond = (state: ServerState, call: Call) => Promise<Outcome> | Outcome;

/** What each endpoint answers. Each throws a `Refusal` for what the service refuses. */
export const ENDPOINTS: Record<Endpoint, Respond> = {
  openapi: (state) => done(contractOf(state.revision, state.apiUrl())),
  create: respondCreate,
  events: respondEvents,
  upload: respondUpload,
  "file-list": respondFileList,
  "file-content": (state, call) => {
    const caller = reader(state, call, "anybody");
    const id = readUlid(call.id, "File ID");
    const thread = state.store.threads.find(({ artifacts }) => artifacts.some((one) => one.id === id));
    const file = thread?.artifacts.find((one) => one.id === id);
    if (thread === undefined || file === undefined) throw notFound("File not found.");
    readThread(state, caller, thread.id);
    return { content: file };
  },
  thread: (state, call) => {
    const caller = reader(state, call, "anybody");
    return done(threadAnswer(readThread(state, caller, threadId(call)), state.facts, "with-answer"));
  },
  "event-list": (state, call) => {
    const { thread, limit } = eventsAsked(state, call);
    const events = state.facts.streams ? fold(thread.events) : thread.events;
    const shown = events.slice(-limit).map((event) => eventEntry(event, state.facts));
    return done({ events: shown, truncated: events.length > limit });
  },
  stream: (state, call) => {
    const { thread, limit } = eventsAsked(state, call);
    return { stream: thread, limit };
  },
  "agent-threads": respondAgentThreads,
  archive: (state, call) => respondArchive(state, call, true),
  unarchive: (state, call) => respondArchive(state, call, false),
};

function done(body: unknown, status = 200): { answer: Answer } {
  return { answer: { status, headers: {}, body } };
}

/** Who calls. The reference revision lets only people write to threads that exist. */
function authenticate(state: ServerState, call: Call, who: "anybody" | "people"): Caller {
  return state.accounts.authenticate(call.raw.headers.authorization, who === "people");
}

/** Reads count before anything else is looked at. */
function reader(state: ServerState, call: Call, who: "anybody" | "people"): Caller {
  const caller = authenticate(state, call, who);
  state.rate.count(caller.token);
  return caller;
}

const agentId = (call: Call): string => readUlid(call.id, "Agent ID");
const threadId = (call: Call): string => readUlid(call.id, "Thread ID");

function eventsAsked(state: ServerState, call: Call): { thread: StoredThread; limit: number } {
  const caller = reader(state, call, "anybody");
  const id = threadId(call);
  const limit = readLimit(call.query.get("limit"));
  return { thread: readThread(state, caller, id), limit };
}

function respondFileList(state: ServerState, call: Call): Outcome {
  const caller = reader(state, call, "anybody");
  const thread = readThread(state, caller, threadId(call));
  const attachments = state.files.files.filter((file) => file.threadId === thread.id);
  const artifacts = thread.artifacts.filter((file) => file.hiddenReads === 0);
  for (const file of thread.artifacts) file.hiddenReads = Math.max(0, file.hiddenReads - 1);
  return done({ files: [...attachments, ...artifacts].map((file) => threadFileEntry(file, state.filesNameRuns)) });
}

async function respondCreate(state: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(state, call, "anybody");
  const agent = agentId(call);
  const request = readCreateRequest(call.bytes, state.facts);
  const key = readKey(call.raw.headers["idempotency-key"]?.toString());
  const input: CreateInput = { caller, agentId: agent, request, body: call.logged.json, key };
  const answer = await once(state, call, caller, key, request, {
    status: 201,
    storesErrors: true,
    operation: () => createThread(state, input),
    ...(state.facts.recovers ? { recover: () => recoverThread(state, input) } : {}),
  });
  return { answer };
}

async function respondEvents(state: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(state, call, "people");
  const id = threadId(call);
  const events = readEventsRequest(call.bytes, state.facts);
  const key = readKey(call.raw.headers["idempotency-key"]?.toString());
  const answer = await once(state, call, caller, key, events, {
    status: 200,
    storesErrors: false,
    operation: () => sendEvents(state, caller, id, events),
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
  state: ServerState,
  call: Call,
  caller: Caller,
  key: string | null,
  parsed: unknown,
  operation: Operation,
): Promise<Answer> {
  return answerOnce({
    ...operation,
    keys: state.keys,
    token: caller.token,
    key,
    // The parsed body: the order of its keys, and how characters were escaped, make no difference.
    request: JSON.stringify([call.raw.method, call.pathname, parsed]),
    count: () => {
      state.rate.count(caller.token);
    },
    interception: interception(call.fault),
    wait: state.wait,
  });
}

function interception(fault: FaultHandler | undefined): Interception {
  if (fault?.kind === "slow") return { holdMs: fault.ms };
  if (fault?.kind === "fail-after") return { fails: true };
  if (fault?.kind === "crash-half-way") return { dies: fault.commit === false ? "uncommitted" : "committed" };
  if (fault?.kind === "status" && fault.stored === true) return { instead: storedFailure(fault) };
  return {};
}

/** The service takes the whole upload before it counts it or looks for the Agent. */
async function respondUpload(state: ServerState, call: Call): Promise<Outcome> {
  const caller = authenticate(state, call, "anybody");
  const agent = agentId(call);
  const file = await readUpload(call.raw);
  call.logged.multipart = file;
  state.rate.count(caller.token);
  state.accounts.admitToAgent(agent);
  const { filename, size, sha256, mimeType } = file;
  return done(fileAnswer(state.files.add(caller, { name: filename, size, sha256, mimeType })), 201);
}

function respondAgentThreads(state: ServerState, call: Call): Outcome {
  const caller = reader(state, call, "people");
  const agent = agentId(call);
  const archived = readArchived(call.query.get("archived"));
  state.accounts.admitToAgent(agent);
  const threads = state.store.threads
    .filter((thread) => thread.agentId === agent && thread.ownerAccount === caller.account)
    .filter((thread) => archived === null || thread.archived === archived);
  return done({
    threads: threads
      .slice(-100)
      .reverse()
      .map((thread) => threadSummary(thread, state.facts)),
  });
}

function respondArchive(state: ServerState, call: Call, archived: boolean): Outcome {
  const caller = authenticate(state, call, "people");
  const id = threadId(call);
  state.rate.count(caller.token);
  setArchived(state, readThread(state, caller, id), archived);
  return done({ ok: true });
}
