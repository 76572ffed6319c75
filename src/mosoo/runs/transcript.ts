/**
 * What a run has said and done, assembled from its thread's events.
 *
 * A reducer: {@link applyEvent} takes a transcript and an event, and returns the next transcript and what is new in it.
 * Each connection (and the event list) begins with a replay of the past, in which the service folds a message's
 * fragments into one event under the last fragment's ID. So a replay is compared with the text that is known, and only
 * what goes beyond it is new; other events are new once, by their ID. Where events name no run (the reference revision),
 * `run.started` and `run.completed` hold its ID as content, and the events between them belong to that run.
 */
import type { ThreadEvent } from "./events.ts";

/** What is new by one event. */
export type TranscriptEvent =
  | { kind: "text"; text: string }
  | { kind: "thinking"; text: string }
  | { kind: "tool"; name: string }
  | { kind: "input_required"; title: string | undefined }
  /** The run has started, or has resumed after input was given. */
  | { kind: "started" }
  /** The run has ended, or a newer one has begun: a reason to read the thread. */
  | { kind: "run_maybe_ended" }
  | { kind: "unknown"; type: string };

export interface Transcript {
  readonly runId: string;
  /** Everything the run has said, remarks before its last message included. */
  readonly text: string;
  /** The run said more than is kept. */
  readonly isTruncated: boolean;
  /** How far into the text this connection's replay has come. */
  readonly position: number;
  /** The run that events without a run ID belong to. */
  readonly currentRunId: string | undefined;
  /** This connection has delivered an event of our run: a run that starts after it is newer. */
  readonly hasOwnEvent: boolean;
  /** What the run's own ending event calls its end. `completed` is also sent for cancelled and expired runs. */
  readonly terminalEvent: "completed" | "failed" | undefined;
  /** The session's total by the last `usage.updated` before this run and of this run. */
  readonly usage: { readonly before?: number; readonly total?: number };
  /** IDs of known events, with where in the text each ends. Shared by all states of one transcript, as the counts are. */
  readonly seen: BoundedMap<number>;
  readonly tools: Map<string, number>;
  readonly unknownTypes: Map<string, number>;
}

/** Of a run's text, in UTF-16 units: more than any agent says, and no more than a step can hold. */
const MAX_TEXT_LENGTH = 8 * 1024 * 1024;
/** Names that are counted, and the length of each in UTF-16 units; longer ones are counted together. */
const [MAX_NAMES, MAX_NAME_LENGTH, LONG_NAME] = [1_000, 200, "(a name that is too long)"];
/** A replay that begins in the middle is found by so much of the known text's end. */
const OVERLAP_LENGTH = 200;

const IGNORED_TYPES = new Set([
  "tool.use.completed",
  "file.changed",
  "session.status",
  "session_files.updated",
  "user.message",
]);

/** A map that forgets its oldest entries, some thousands at a time: a stream may never end. */
class BoundedMap<T> {
  /** Ten times what a connection repeats of the past. */
  static readonly #generationSize = 10_000;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  get(name: string): T | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  has(name: string): boolean {
    return this.#young.has(name) || this.#old.has(name);
  }

  set(name: string, value: T): void {
    if (this.#young.size >= BoundedMap.#generationSize) [this.#old, this.#young] = [this.#young, new Map<string, T>()];
    this.#young.set(name, value);
  }
}

export function emptyTranscript(runId: string): Transcript {
  return {
    runId,
    text: "",
    isTruncated: false,
    position: 0,
    currentRunId: undefined,
    hasOwnEvent: false,
    terminalEvent: undefined,
    usage: {},
    seen: new BoundedMap(),
    tools: new Map(),
    unknownTypes: new Map(),
  };
}

/**
 * Tokens the run has used, by the service's last report: the session's total less that before the run, where it is
 * known, else the session's total. undefined where the service reports none.
 */
export function tokensUsed({ usage: { before = 0, total } }: Transcript): number | undefined {
  return total !== undefined && total >= before ? total - before : total;
}

/** A connection begins: the past comes again. */
export function beginReplay(transcript: Transcript): Transcript {
  return { ...transcript, position: 0, currentRunId: undefined, hasOwnEvent: false };
}

/** Applies a whole event list, oldest first. */
export function applyEventList(
  transcript: Transcript,
  events: readonly ThreadEvent[],
): [Transcript, TranscriptEvent[]] {
  let next: Transcript = { ...beginReplay(transcript), currentRunId: runAtStart(events, transcript.runId) };
  const news: TranscriptEvent[] = [];
  for (const event of withoutRepeatedMessage(events, transcript.runId)) {
    const [applied, one] = applyEvent(next, event);
    next = applied;
    if (one !== undefined) news.push(one);
  }
  return [next, news];
}

export function applyEvent(transcript: Transcript, event: ThreadEvent): [Transcript, TranscriptEvent | undefined] {
  const { type, id } = event;
  const content = event.content ?? "";
  const currentRunId = type === "run.started" ? content : transcript.currentRunId;
  const owner = event.runId ?? (type === "run.completed" ? content : currentRunId);
  const isOwn = owner === transcript.runId;
  const next: Transcript = { ...transcript, currentRunId, hasOwnEvent: transcript.hasOwnEvent || isOwn };
  switch (type) {
    case "run.completed":
    case "run.failed": {
      const ended = { ...next, currentRunId: undefined };
      if (!isOwn) return [ended, undefined];
      const terminalEvent = type === "run.failed" ? "failed" : "completed";
      return [{ ...ended, terminalEvent }, isFirst(next, id) ? { kind: "run_maybe_ended" } : undefined];
    }
    case "usage.updated":
      return [withUsage(next, isOwn, event.tokens), undefined];
    case "agent.message.delta":
      return isOwn ? withText(next, id, content) : [next, undefined];
    case "run.started":
      if (!next.hasOwnEvent || !isFirst(next, id)) return [next, undefined];
      return [next, { kind: isOwn ? "started" : "run_maybe_ended" }];
    default:
      return [next, isOwn && isFirst(next, id) ? toTranscriptEvent(next, event, content) : undefined];
  }
}

function toTranscriptEvent(
  { tools, unknownTypes }: Transcript,
  { type, toolName }: ThreadEvent,
  content: string,
): TranscriptEvent | undefined {
  switch (type) {
    case "agent.thinking.delta":
      return { kind: "thinking", text: content };
    case "tool.use.started": {
      const name = toolName || content || "tool";
      countName(tools, name);
      return { kind: "tool", name };
    }
    case "tool.confirmation.required":
      return { kind: "input_required", title: content.trim() === "" ? undefined : content };
    default:
      if (IGNORED_TYPES.has(type)) return undefined;
      countName(unknownTypes, type);
      return { kind: "unknown", type };
  }
}

/** Whether an event is new, and not part of a replay. Without an ID it counts as new. */
function isFirst({ seen }: Transcript, id: string): boolean {
  if (id === "") return true;
  if (seen.has(id)) return false;
  seen.set(id, 0);
  return true;
}

function countName(names: Map<string, number>, text: string): void {
  // Not truncated: that could leave half of a secret, which is not redacted anymore.
  const name = text.length > MAX_NAME_LENGTH ? LONG_NAME : text;
  if (names.size < MAX_NAMES || names.has(name)) names.set(name, (names.get(name) ?? 0) + 1);
}

function withUsage(transcript: Transcript, isOwn: boolean, tokens: number | null | undefined): Transcript {
  const { usage, hasOwnEvent } = transcript;
  if (typeof tokens !== "number") return transcript;
  if (isOwn) return { ...transcript, usage: { ...usage, total: tokens } };
  return hasOwnEvent ? transcript : { ...transcript, usage: { ...usage, before: tokens } };
}

function withText(transcript: Transcript, id: string, content: string): [Transcript, TranscriptEvent | undefined] {
  const { text, seen } = transcript;
  const knownEnd = seen.get(id);
  if (knownEnd !== undefined) {
    return [{ ...transcript, position: Math.max(transcript.position, knownEnd) }, undefined];
  }
  const { added, position } = compareWithKnown(transcript, content);
  if (text.length + added.length > MAX_TEXT_LENGTH || (transcript.isTruncated && added !== "")) {
    return [{ ...transcript, isTruncated: true }, undefined];
  }
  if (id !== "") seen.set(id, position);
  return [{ ...transcript, text: text + added, position }, added === "" ? undefined : { kind: "text", text: added }];
}

/** What a message event adds to the known text, and how far into the text it reaches. */
function compareWithKnown({ text, position }: Transcript, content: string): { added: string; position: number } {
  const end = (added: string): { added: string; position: number } => ({ added, position: text.length + added.length });
  // The common case, and a cheap one: the replay is over, or this is the first connection.
  if (position === text.length) return end(content);
  const ahead = text.slice(position);
  if (content.startsWith(ahead)) return end(content.slice(ahead.length));
  if (ahead.startsWith(content)) return { added: "", position: position + content.length };
  // The replay was cut: it begins somewhere in the known text, or after it.
  const overlap = text.slice(-OVERLAP_LENGTH);
  const at = content.lastIndexOf(overlap);
  return end(at < 0 ? content : content.slice(at + overlap.length));
}

/** Whether a list from which older events were left out may lack the start of the run. */
export function mayLackStart(events: readonly ThreadEvent[], runId: string): boolean {
  return runAtStart(events, runId) === runId;
}

/** A truncated list may begin in the middle of a run. The first event that starts or ends a run identifies it. */
function runAtStart(events: readonly ThreadEvent[], runId: string): string | undefined {
  const first = events.find(({ type }) => ["run.started", "run.completed", "run.failed"].includes(type));
  // A run that starts without another's end before it resumes after input, or has only its message before it.
  if (first !== undefined && first.type !== "run.failed") return first.content ?? undefined;
  // A failure names no run: it is ours, unless ours begins after it.
  const beginsLater = events.some(({ type, content }) => type === "run.started" && content === runId);
  return first !== undefined && beginsLater ? undefined : runId;
}

/**
 * The list without the copy of the last message that the service stores just before `run.completed` where a run said
 * several things (July 2026 on): one event that repeats the message's own events before it.
 */
function withoutRepeatedMessage(events: readonly ThreadEvent[], runId: string): readonly ThreadEvent[] {
  const end = events.findLastIndex((event) => {
    return event.type === "run.completed" && (event.runId ?? event.content) === runId;
  });
  const own = events.slice(0, Math.max(0, end)).filter((event) => {
    return event.type === "agent.message.delta" && event.runId === runId;
  });
  const copy = own.pop();
  if (!copy?.content) return events;
  let before = "";
  while (before.length < copy.content.length && own.length > 0) before = (own.pop()?.content ?? "") + before;
  return before === copy.content ? events.filter((event) => event !== copy) : events;
}
