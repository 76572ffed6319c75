import type { Caller } from "./accounts.ts";
import type { RevisionFacts } from "./revision.ts";
import { activeRun, newestRun } from "./thread-store.ts";
import type { StoredArtifact, StoredEvent, StoredFile, StoredRun, StoredThread } from "./types.ts";

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

function threadLinks(thread: StoredThread): { thread: string } {
  return { thread: `/api/v1/threads/${thread.id}` };
}

/** `final`: with the run's answer, which GET returns once the run is completed and POST never does. */
function runSummary(run: StoredRun, facts: RevisionFacts, final: "with-answer" | "no-answer"): object {
  const details = {
    error: run.error,
    finalOutput:
      final === "with-answer" && run.status === "completed" && run.finalText !== null ? { text: run.finalText } : null,
  };
  return {
    completedAt: isoOrNull(run.completedAt),
    createdAt: iso(run.createdAt),
    ...(facts.runDetails ? details : {}),
    id: run.id,
    startedAt: isoOrNull(run.startedAt),
    status: run.status,
    trigger: "user_prompt",
    updatedAt: iso(run.updatedAt),
  };
}

export function threadSummary(thread: StoredThread, facts: RevisionFacts): object {
  const attribution = {
    attributed_user: thread.attributedUserId === null ? null : { id: thread.attributedUserId },
    client_external_ref: thread.externalRef,
    created_by: { id: thread.ownerAccount, kind: creatorKind(thread, facts) },
  };
  return {
    agent_id: thread.agentId,
    created_at: iso(thread.createdAt),
    id: thread.id,
    kind: "pet",
    last_run_id: newestRun(thread)?.id ?? null,
    source: "api",
    status: activeRun(thread) === undefined ? "IDLE" : "RUNNING",
    title: thread.title,
    updated_at: iso(thread.updatedAt),
    ...(facts.attribution ? attribution : {}),
    ...(facts.userIdRequired ? { userId: thread.userId } : {}),
  };
}

function creatorKind(thread: StoredThread, facts: RevisionFacts): string {
  if (!facts.serviceTokens) return "access_token";
  return thread.ownerToken.startsWith("grt_svc_") ? "service_token" : "human_pat";
}

/** The answer of create and, `with-answer`, of GET. */
export function threadAnswer(
  thread: StoredThread,
  facts: RevisionFacts,
  final: "with-answer" | "no-answer",
): { links: object; run: object | null; thread: object } {
  const run = newestRun(thread);
  return {
    links: threadLinks(thread),
    run: run === undefined ? null : runSummary(run, facts, final),
    thread: threadSummary(thread, facts),
  };
}

export function eventEntry(event: StoredEvent, facts: RevisionFacts): object {
  const tool = {
    ...(event.toolCallId === undefined ? {} : { toolCallId: event.toolCallId }),
    ...(event.toolName === undefined ? {} : { toolName: event.toolName }),
    ...(event.toolInput === undefined ? {} : { toolInput: event.toolInput }),
  };
  return {
    id: event.id,
    ...(facts.runDetails ? { runId: event.runId } : {}),
    type: event.type,
    status: event.status ?? "available",
    ...{ content: event.content, occurredAt: iso(event.occurredAt) },
    durationMs: event.durationMs ?? null,
    tokens: event.tokens ?? null,
    ...(facts.toolDetails ? tool : {}),
  };
}

export function fileAnswer(file: StoredFile): { file: object } {
  return {
    file: { createdAt: iso(file.createdAt), id: file.id, mimeType: file.mimeType, name: file.name, size: file.size },
  };
}

/** An entry of a thread's file list. */
export function threadFileEntry(file: StoredFile | StoredArtifact, namesRun: boolean): object {
  const { id, name, mimeType } = file;
  const entry = { committed: true, createdAt: iso(file.createdAt), id, mimeType, name };
  if (!("content" in file)) return { ...entry, kind: "attachment", size: file.size };
  const run = namesRun ? { runId: file.runId } : {};
  return { ...entry, kind: "artifact", size: file.listedSize, ...run };
}

/** The result of one event of `POST /threads/{threadId}/events`. */
export function eventResult(
  type: string,
  run: StoredRun | null,
  requestId: string | null,
  facts: RevisionFacts,
): object {
  return {
    [facts.requestIdField]: requestId,
    run: run === null ? null : runSummary(run, facts, "no-answer"),
    type,
  };
}

/** Whom a new thread of the caller is attributed to, where nobody is named. */
export function ownAttribution(caller: Caller): string | null {
  return caller.kind === "person" ? caller.account : null;
}
