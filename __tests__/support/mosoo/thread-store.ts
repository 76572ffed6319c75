import { notFound } from "./refusal.ts";
import type { RevisionFacts } from "./revision.ts";
import { ScriptPlayer } from "./script-player.ts";
import type {
  AgentFile,
  EndedStatus,
  LiveStatus,
  RunEnding,
  RunEvent,
  RunScript,
  RunStatus,
  ScriptStep,
  StoredArtifact,
  StoredEvent,
  StoredRun,
  StoredThread,
} from "./types.ts";
import { newUlid } from "./ulid.ts";

const ENDED: ReadonlySet<RunStatus> = new Set(["completed", "failed", "cancelled", "expired"]);
const TITLE_UNITS = 60;

const hasEnded = (run: StoredRun): boolean => ENDED.has(run.status);
export const newestRun = (thread: StoredThread): StoredRun | undefined => thread.runs.at(-1);
export const activeRun = (thread: StoredThread): StoredRun | undefined => thread.runs.find((run) => !hasEnded(run));

type NewThread = Pick<
  StoredThread,
  "agentId" | "body" | "ownerToken" | "ownerAccount" | "attributedUserId" | "externalRef" | "userId" | "idempotencyKey"
>;

/** Threads with their runs and events, and their transitions. */
export class ThreadStore {
  readonly threads: StoredThread[] = [];
  readonly #facts: RevisionFacts;
  readonly #now: () => number;
  readonly #script: RunScript | undefined;
  readonly #player: ScriptPlayer;
  readonly #listeners = new Set<(threadId: string) => void>();
  readonly #asked = new Map<string, string>();

  constructor(facts: RevisionFacts, now: () => number, script: RunScript | undefined) {
    this.#facts = facts;
    this.#now = now;
    this.#script = script;
    this.#player = new ScriptPlayer((runId, step) => {
      this.#step(runId, step);
    });
  }

  /** Calls back whenever a thread has new events. */
  subscribe(listener: (threadId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  createThread(wanted: NewThread): StoredThread {
    const at = this.#now();
    const thread: StoredThread = {
      ...wanted,
      id: newUlid(at),
      createdAt: at,
      updatedAt: at,
      runs: [],
      events: [],
      messages: [],
      artifacts: [],
      title: null,
      archived: false,
    };
    this.threads.push(thread);
    return thread;
  }

  findThread(threadId: string): StoredThread {
    const thread = this.threads.find((one) => one.id === threadId);
    if (thread === undefined) throw notFound("Thread not found.");
    return thread;
  }

  findRun(runId: string): StoredRun {
    const run = this.threads.flatMap((thread) => thread.runs).find((one) => one.id === runId);
    if (run === undefined) throw new Error(`There is no run ${runId}.`);
    return run;
  }

  /** Takes a message into the thread and queues its run. */
  startRun(thread: StoredThread, text: string, requestId: string | null, fileIds: string[]): StoredRun {
    const at = this.#now();
    const run: StoredRun = {
      id: newUlid(at),
      threadId: thread.id,
      status: "queued",
      createdAt: at,
      startedAt: null,
      completedAt: null,
      updatedAt: at,
      error: null,
      finalText: null,
    };
    thread.runs.push(run);
    thread.messages.push({ text, requestId, fileIds, runId: run.id });
    // The service cuts titles by UTF-16 units, so that one may end in half a surrogate pair.
    thread.title ??= text.slice(0, TITLE_UNITS);
    thread.updatedAt = at;
    this.emit(run.id, { type: "user.message", content: text });
    const script = this.#script;
    if (script !== undefined) this.play(run.id, typeof script === "function" ? script({ run, thread, text }) : script);
    return run;
  }

  play(runId: string, steps: ScriptStep[]): void {
    this.#player.play(runId, steps);
  }

  emit(runId: string, event: RunEvent | RunEvent[]): void {
    const thread = this.findThread(this.findRun(runId).threadId);
    for (const one of Array.isArray(event) ? event : [event]) {
      const at = this.#now();
      const stored: StoredEvent = { ...one, content: one.content ?? "", id: newUlid(at), runId, occurredAt: at };
      thread.events.push(stored);
    }
    for (const listener of this.#listeners) listener(thread.id);
  }

  /** A file that the run produces. */
  writeFile(runId: string, file: AgentFile): StoredArtifact {
    const createdAt = file.createdAt ?? this.#now();
    const content = Buffer.from(file.content ?? `The content of ${file.name}.\n`);
    const artifact: StoredArtifact = {
      id: newUlid(createdAt),
      name: file.name,
      content,
      listedSize: file.listedSize ?? content.length,
      mimeType: file.mimeType === undefined ? "text/plain" : file.mimeType,
      createdAt,
      runId,
      hiddenReads: file.listedAfterReads ?? 0,
    };
    this.findThread(this.findRun(runId).threadId).artifacts.push(artifact);
    if (file.announced === false) return artifact;
    this.emit(runId, [
      { type: "file.changed", content: `/workspace/out/${file.name}` },
      { type: "session_files.updated", content: "Session files updated." },
    ]);
    return artifact;
  }

  /** Moves a run on; `waiting_input` writes the event that asks, `running` the one that it started. */
  setRunStatus(runId: string, status: LiveStatus, asked: { title?: string; requestId?: string } = {}): void {
    const run = this.findRun(runId);
    if (hasEnded(run)) throw new Error(`Run ${runId} has ended.`);
    const before = run.status;
    this.#touch(run, status);
    if (status === "running") {
      run.startedAt ??= run.updatedAt;
      if (before !== "running") this.emit(runId, { type: "run.started", content: runId });
    }
    if (status === "waiting_input") {
      this.#asked.set(runId, asked.requestId ?? newUlid(this.#now()));
      this.emit(runId, { type: "tool.confirmation.required", content: asked.title ?? "Run a command" });
    }
  }

  /** Ends a run. A text that no delta held is written as one first; the ending event is as imprecise as the service's. */
  endRun(runId: string, status: EndedStatus, ending: RunEnding = {}): void {
    const run = this.findRun(runId);
    if (hasEnded(run)) throw new Error(`Run ${runId} has ended.`);
    run.error = ending.error ?? null;
    if (status === "failed") run.error ??= { code: "runtime_error", message: "The run failed.", retryable: false };
    this.#setEnded(run, status);
    if (ending.stored === undefined) {
      this.#storeEnd(run, status, ending);
      return;
    }
    void ending.stored().then(() => {
      // The server may have been reset meanwhile.
      if (this.threads.some((thread) => thread.runs.includes(run))) this.#storeEnd(run, status, ending);
    });
  }

  /** What an interrupt does: cancels a run that goes on, leaves one that has ended as it is. */
  interrupt(run: StoredRun): void {
    if (hasEnded(run)) return;
    this.#setEnded(run, "cancelled");
    this.#emitEnd(run, "cancelled");
  }

  /** A person's decision: the run goes on if it is this question that it waits for; otherwise nothing happens. */
  decide(thread: StoredThread, requestId: string): void {
    const waiting = thread.runs.find((run) => run.status === "waiting_input" && this.#asked.get(run.id) === requestId);
    if (waiting !== undefined) this.setRunStatus(waiting.id, "running");
  }

  /** When the newest run to end did so, in milliseconds. */
  lastEnd(thread: StoredThread): number {
    return Math.max(-Infinity, ...thread.runs.map((run) => run.completedAt ?? -Infinity));
  }

  stopScripts(): void {
    this.#player.stopAll();
  }

  clear(): void {
    this.stopScripts();
    this.threads.length = 0;
    this.#asked.clear();
  }

  #setEnded(run: StoredRun, status: EndedStatus): void {
    this.#player.stop(run.id);
    this.#touch(run, status);
    run.completedAt = run.updatedAt;
  }

  #storeEnd(run: StoredRun, status: EndedStatus, { text, stored }: RunEnding): void {
    const last = this.#lastMessage(run);
    if (typeof text === "string" && text !== "" && (last === null || stored !== undefined)) {
      this.emit(run.id, { type: "agent.message.delta", content: text, startsMessage: last !== null });
    }
    run.finalText = text === undefined ? last : text;
    if (status === "completed") this.#listLastMessageAgain(run);
    this.#emitEnd(run, status);
  }

  /** Of a run that said several things the later revisions list the last one twice. */
  #listLastMessageAgain(run: StoredRun): void {
    const isSeveral = this.#deltas(run)
      .slice(1)
      .some((event) => event.startsMessage === true);
    if (!this.#facts.streams || !isSeveral || run.finalText === null) return;
    const content = run.finalText;
    this.emit(run.id, { type: "agent.message.delta", content, startsMessage: true, listOnly: true });
  }

  #emitEnd(run: StoredRun, status: EndedStatus): void {
    if (status !== "failed") {
      this.emit(run.id, { type: "run.completed", content: run.id });
      return;
    }
    const reason = this.#facts.runDetails ? run.error?.message : undefined;
    this.emit(run.id, { type: "run.failed", status: "error", content: reason ?? "Run failed." });
  }

  #touch(run: StoredRun, status: RunStatus): void {
    run.status = status;
    run.updatedAt = this.#now();
    this.findThread(run.threadId).updatedAt = run.updatedAt;
  }

  #deltas(run: StoredRun): StoredEvent[] {
    const { events } = this.findThread(run.threadId);
    return events.filter((event) => event.runId === run.id && event.type === "agent.message.delta");
  }

  #lastMessage(run: StoredRun): string | null {
    const deltas = this.#deltas(run);
    if (deltas.length === 0) return null;
    const start = Math.max(
      0,
      deltas.findLastIndex((event) => event.startsMessage === true),
    );
    return deltas
      .slice(start)
      .map((event) => event.content)
      .join("");
  }

  #step(runId: string, step: ScriptStep): void {
    if (hasEnded(this.findRun(runId))) return;
    if ("emit" in step) this.emit(runId, step.emit);
    else if ("write" in step) for (const file of [step.write].flat()) this.writeFile(runId, file);
    else if ("status" in step) this.setRunStatus(runId, step.status, step);
    else this.endRun(runId, step.end, step);
  }
}
