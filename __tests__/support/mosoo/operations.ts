import { mayRead } from "./accounts.ts";
import type { Accounts, Caller } from "./accounts.ts";
import { eventResult, ownAttribution, threadAnswer, threadSummary } from "./answers.ts";
import type { FileStore } from "./file-store.ts";
import { conflict, forbidden, internalError, invalidRequest, notFound, readinessBlocked } from "./refusal.ts";
import type { RevisionFacts } from "./revision.ts";
import { activeRun } from "./thread-store.ts";
import type { ThreadStore } from "./thread-store.ts";
import type { StoredRun, StoredThread } from "./types.ts";
import type { CreateRequest, EventInput } from "./validation.ts";

export interface World {
  facts: RevisionFacts;
  accounts: Accounts;
  store: ThreadStore;
  files: FileStore;
  now: () => number;
  pendingCheckpointMs: number;
  remembersRequestIds: boolean;
  filesNameRuns: boolean;
}

export interface CreateInput {
  caller: Caller;
  agentId: string;
  request: CreateRequest;
  /** As it was sent. */
  body: unknown;
  key: string | null;
}

/** `POST /agents/{agentId}/threads`, once its body is checked. */
export function createThread(world: World, input: CreateInput): object {
  const { caller, agentId, request } = input;
  const attributedUserId = attribution(world, caller, request.attributedUserId);
  world.accounts.admitToAgent(agentId);
  if (caller.kind === "service" && request.fileIds.length > 0) {
    throw invalidRequest("Organization Service token callers cannot attach files.");
  }
  world.files.drafts(caller, request.fileIds);
  world.accounts.demandReady(agentId);
  const thread = world.store.createThread({
    agentId,
    attributedUserId,
    body: input.body,
    ownerToken: caller.token,
    ownerAccount: caller.account,
    externalRef: request.externalRef,
    userId: request.userId,
    idempotencyKey: input.key,
  });
  world.files.claim(caller, request.fileIds, thread.id);
  if (request.text !== null) world.store.startRun(thread, request.text, null, request.fileIds);
  return threadAnswer(thread, world.facts, "no-answer");
}

/** What a dead create left behind under its key. */
export function recoverThread(world: World, input: CreateInput): object | null {
  const thread = world.store.threads.find(
    (one) => one.idempotencyKey === input.key && one.ownerToken === input.caller.token && one.agentId === input.agentId,
  );
  return thread === undefined ? null : threadAnswer(thread, world.facts, "no-answer");
}

function attribution(world: World, caller: Caller, wanted: string | null): string | null {
  if (wanted === null) return ownAttribution(caller);
  if (caller.kind === "person") throw invalidRequest("Human PAT callers cannot set attributed_user_id.");
  const { person, otherPerson, outsider } = world.accounts.users;
  if (wanted === outsider) throw forbidden("The attributed user cannot use this Agent.");
  if (wanted !== person && wanted !== otherPerson) throw notFound("Attributed user was not found.");
  return wanted;
}

/** @throws Refusal 404 for a thread that is unknown or somebody else's */
export function readThread(world: World, caller: Caller, threadId: string): StoredThread {
  const thread = world.store.findThread(threadId);
  if (!mayRead(caller, thread)) throw notFound("Thread not found.");
  // While an agent is unpublished, every call to its threads is refused.
  world.accounts.admitToAgent(thread.agentId);
  return thread;
}

/** Archives a thread, ending its run, or takes it back; what it is already is refused with a bare 500. */
export function setArchived(world: World, thread: StoredThread, archived: boolean): void {
  if (thread.archived === archived) throw internalError();
  thread.archived = archived;
  const run = activeRun(thread);
  if (!archived || run === undefined) return;
  const message = "The thread was archived before its run completed.";
  world.store.endRun(run.id, "failed", { error: { code: "session.archived", message, retryable: false } });
}

/** `POST /threads/{threadId}/events`, once its body is checked. */
export function sendEvents(world: World, caller: Caller, threadId: string, events: EventInput[]): object {
  const thread = readThread(world, caller, threadId);
  // Files are claimed before anything else is looked at: a message refused after that has used its files up.
  const fileIds = events.map((event) => (event.type === "user_message" ? claim(world, caller, thread, event) : []));
  // An archived thread is read-only; the service says so with a bare 500.
  if (thread.archived) throw internalError();
  const results = events.map((event, index) => apply(world, thread, event, fileIds[index] ?? []));
  return {
    acceptedAt: new Date(world.now()).toISOString(),
    events: results,
    thread: threadSummary(thread, world.facts),
    warnings: [],
  };
}

type MessageInput = Extract<EventInput, { type: "user_message" }>;

function claim(world: World, caller: Caller, thread: StoredThread, message: MessageInput): string[] {
  if (!world.facts.uploads) return world.files.claimKnown(caller, message.fileIds, thread.id);
  world.files.claim(caller, message.fileIds, thread.id);
  return message.fileIds;
}

function apply(world: World, thread: StoredThread, event: EventInput, fileIds: string[]): object {
  switch (event.type) {
    case "user_message": {
      admitMessage(world, thread, event);
      const run = world.store.startRun(thread, event.text.trim(), event.requestId, fileIds);
      return eventResult(event.type, run, event.requestId, world.facts);
    }
    case "permission_decision":
      world.store.decide(thread, event.requestId);
      return eventResult(event.type, null, null, world.facts);
    case "user_interrupt": {
      const run = runToInterrupt(thread, event.runId);
      world.store.interrupt(run);
      return eventResult(event.type, run, null, world.facts);
    }
  }
}

function admitMessage(world: World, thread: StoredThread, message: MessageInput): void {
  const applied = thread.messages.some((one) => one.requestId !== null && one.requestId === message.requestId);
  if (applied && world.remembersRequestIds) {
    throw conflict("This client request has already been applied to the conversation.");
  }
  if (activeRun(thread) !== undefined) throw internalError();
  if (world.now() - world.store.lastEnd(thread) < world.pendingCheckpointMs) {
    throw readinessBlocked("The thread's last checkpoint is still pending.");
  }
}

function runToInterrupt(thread: StoredThread, runId: string | null): StoredRun {
  if (runId === null) {
    const active = activeRun(thread);
    if (active === undefined) throw invalidRequest("There is no active run to cancel.");
    return active;
  }
  const run = thread.runs.find((one) => one.id === runId);
  if (run === undefined) throw internalError();
  return run;
}
