/**
 * What a run has said and done, put together from the thread's events. Pure.
 *
 * On each new connection (and in the event list) the service folds the past: a run's message deltas so far come as one
 * event under the last fragment's ID. So the run's text is built anew on each connection, and only what goes beyond
 * what was told is new; other events are told once by their ID. Where events carry no run ID (the reference
 * revision), `run.started` and `run.completed` hold it as content, and the events between belong to that run.
 */
import { createHash } from "node:crypto";
import type { ThreadEvent } from "./events.ts";
import { BoundedMap } from "./bounded-map.ts";

/** What one event brought. */
export type TranscriptEvent =
  | { kind: "words"; text: string }
  | { kind: "thinking"; text: string }
  | { kind: "tool"; name: string }
  /** A person is asked. `id` is the event's. */
  | { kind: "question"; id: string; title: string | undefined }
  /** The run goes on: at its beginning, and after an answer to a question. */
  | { kind: "started" }
  /** The run may have ended, or a newer one has begun: a hint to read the thread. */
  | { kind: "hint" }
  | { kind: "unknown"; type: string }
  | undefined;

/** Types that are known, and say nothing that is told. */
const silentTypes = new Set([
  "tool.use.completed",
  "file.changed",
  "session.status",
  "session_files.updated",
  "usage.updated",
  "user.message",
]);

/** What is kept of a run's words, in UTF-16 units: more than any agent says, and no more than a step can hold. */
const mostText = 8 * 1024 * 1024;
/** Names that are counted, and what is kept of each, in UTF-16 units. */
const [mostNames, longestName] = [1_000, 200];

/** So much of the end of what was told is looked for, where a past that was cut does not begin with its beginning. */
const tailLength = 200;

function countName(names: Map<string, number>, text: string): void {
  // A copy: a slice would keep all that it was cut from.
  const name = Buffer.from(text.slice(0, longestName)).toString();
  if (names.size < mostNames || names.has(name)) names.set(name, (names.get(name) ?? 0) + 1);
}

export class Transcript {
  readonly #runId: string;
  /** The run that events without a run ID belong to. */
  #current: string | undefined;
  /** An event of our run came on this connection: what others begin after it is newer. */
  #ourTurn = false;
  /** All that was told. */
  #told = "";
  /** How far into it this connection's telling has come. */
  #position = 0;
  /** Where in it each delta ends. */
  readonly #ends = new BoundedMap<number>();
  #connectionText = "";
  #connectionDeltas = new BoundedMap<true>();
  readonly #seen = new BoundedMap<true>();
  /** Of events without an ID: how often each came, at most on one connection, and on this one. */
  readonly #unnamed = new BoundedMap<number>();
  #connectionUnnamed = new BoundedMap<number>();
  readonly tools = new Map<string, number>();
  readonly unknownTypes = new Map<string, number>();
  /** The run has said more than is kept. */
  overflowed = false;
  /** How the run's own ending event calls its end, where one came. */
  endedAs: "completed" | "failed" | undefined;

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** All the run has said so far, remarks before its last message included. */
  get text(): string {
    return this.#connectionText.length > this.#told.length ? this.#connectionText : this.#told;
  }

  /** A connection begins: the past comes again. */
  connect(): void {
    this.#connectionText = "";
    this.#connectionDeltas = new BoundedMap();
    this.#connectionUnnamed = new BoundedMap();
    this.#position = 0;
    this.#current = undefined;
    this.#ourTurn = false;
  }

  /** Takes a whole event list, oldest first. */
  takeList(events: readonly ThreadEvent[]): TranscriptEvent[] {
    this.connect();
    this.#current = this.#runAtStartOf(events);
    return events.map((event) => this.take(event));
  }

  take(event: ThreadEvent): TranscriptEvent {
    const { type } = event;
    const content = event.content ?? "";
    if (type === "run.started") this.#current = content;
    const owner = event.runId ?? (type === "run.completed" ? content : this.#current);
    const ours = owner === this.#runId;
    this.#ourTurn ||= ours;
    if (type === "run.completed" || type === "run.failed") return this.#ended(event, ours);
    if (!ours) return type === "run.started" && this.#ourTurn && this.#once(event) ? { kind: "hint" } : undefined;
    if (type === "agent.message.delta") return this.#words(event.id, content);
    return this.#once(event) ? this.#other(event, content) : undefined;
  }

  #other(event: ThreadEvent, content: string): TranscriptEvent {
    const { type } = event;
    switch (type) {
      case "run.started":
        return { kind: "started" };
      case "agent.thinking.delta":
        return { kind: "thinking", text: content };
      case "tool.use.started": {
        const name = event.toolName || content || "tool";
        countName(this.tools, name);
        return { kind: "tool", name };
      }
      case "tool.confirmation.required":
        return { kind: "question", id: event.id, title: content.trim() === "" ? undefined : content };
      default:
        if (silentTypes.has(type)) return undefined;
        countName(this.unknownTypes, type);
        return { kind: "unknown", type };
    }
  }

  #ended(event: ThreadEvent, ours: boolean): TranscriptEvent {
    if (ours) this.endedAs = event.type === "run.failed" ? "failed" : "completed";
    this.#current = undefined;
    return ours && this.#once(event) ? { kind: "hint" } : undefined;
  }

  /** A list that was cut may begin in the middle of a run: the first mark tells of which. */
  #runAtStartOf(events: readonly ThreadEvent[]): string | undefined {
    const mark = events.find(({ type }) => ["run.started", "run.completed", "run.failed"].includes(type));
    // A run that starts without another's end before it goes on after a question, or has only its message before it.
    if (mark !== undefined && mark.type !== "run.failed") return mark.content ?? undefined;
    // A failure names no run: it is ours, unless ours begins after it.
    const later = events.some(({ type, content }) => type === "run.started" && content === this.#runId);
    return mark !== undefined && later ? undefined : this.#runId;
  }

  #words(id: string, content: string): TranscriptEvent {
    if (id !== "") {
      if (this.#connectionDeltas.has(id)) return undefined;
      this.#connectionDeltas.set(id, true);
    }
    this.overflowed ||= this.#connectionText.length + content.length > mostText;
    if (this.overflowed) return undefined;
    this.#connectionText += content;
    const text = this.#beyondTold(id, content);
    this.overflowed ||= this.#told.length + text.length > mostText;
    if (text === "" || this.overflowed) return undefined;
    this.#told += text;
    this.#position = this.#told.length;
    if (id !== "") this.#ends.set(id, this.#position);
    return { kind: "words", text };
  }

  /** What a delta tells beyond what was told. */
  #beyondTold(id: string, content: string): string {
    const end = this.#ends.get(id);
    if (end !== undefined) {
      this.#position = Math.max(this.#position, end);
      return "";
    }
    // All of the past has come again (or it is the first time): the common case, and a cheap one.
    if (this.#position === this.#told.length) return content;
    const ahead = this.#told.slice(this.#position);
    if (content.startsWith(ahead)) return content.slice(ahead.length);
    if (ahead.startsWith(content)) {
      this.#position += content.length;
      return "";
    }
    // The past came cut: it begins somewhere in what was told, or after it.
    const tail = this.#told.slice(-tailLength);
    const at = content.lastIndexOf(tail);
    return at < 0 ? content : content.slice(at + tail.length);
  }

  /** Whether an event is news, and not the past that comes again. */
  #once(event: ThreadEvent): boolean {
    const { id } = event;
    if (id === "") return this.#onceUnnamed(event);
    if (this.#seen.has(id)) return false;
    this.#seen.set(id, true);
    return true;
  }

  /** Without an ID an event is known by all that it says: it is news where no connection has brought it so often. */
  #onceUnnamed({ type, runId, content, toolName, toolCallId, occurredAt }: ThreadEvent): boolean {
    const all = JSON.stringify([type, runId, content, toolName, toolCallId, occurredAt]);
    const name = createHash("sha256").update(all).digest("base64");
    const times = (this.#connectionUnnamed.get(name) ?? 0) + 1;
    this.#connectionUnnamed.set(name, times);
    if (times <= (this.#unnamed.get(name) ?? 0)) return false;
    this.#unnamed.set(name, times);
    return true;
  }
}
