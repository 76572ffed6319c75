/**
 * What a run has said and done, put together from the thread's events. Pure.
 *
 * On each new connection (and in the event list) the service folds the past: a run's message deltas so far come as one
 * event under the last fragment's ID. So the run's text is built anew on each connection, and only what goes beyond
 * what was shown is new; other events are told once by their ID. Where events carry no run ID (the reference
 * revision), `run.started` and `run.completed` hold it as content, and the events between belong to that run.
 */
import type { ThreadEvent } from "./events.ts";

/** What one event brought. */
export type Happening =
  | { kind: "words"; text: string }
  | { kind: "thinking"; text: string }
  | { kind: "tool"; name: string }
  | { kind: "question"; title: string }
  /** The run may have ended, or another one has begun: a hint to read the thread. */
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
  "run.started",
]);

export class Transcript {
  readonly #runId: string;
  /** The run that events without a run ID belong to. */
  #current: string | undefined;
  #connectionText = "";
  #shownText = "";
  #connectionDeltas = new Set<string>();
  readonly #told = new Set<string>();
  readonly tools = new Map<string, number>();
  readonly unknownTypes = new Map<string, number>();
  /** How the run's own ending event calls its end, where one came. */
  endedAs: "completed" | "failed" | undefined;

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** All the run has said so far, remarks before its last message included. */
  get text(): string {
    return this.#connectionText.length >= this.#shownText.length ? this.#connectionText : this.#shownText;
  }

  /** A connection begins: the past comes again. */
  connect(): void {
    this.#connectionText = "";
    this.#connectionDeltas = new Set();
    this.#current = undefined;
  }

  /** Takes a whole event list, oldest first. */
  takeList(events: readonly ThreadEvent[]): Happening[] {
    this.connect();
    // A list that was cut begins in the middle of a run: the first mark tells of which.
    const mark = events.find((event) => event.type === "run.started" || event.type === "run.completed");
    if (mark === undefined) this.#current = this.#runId;
    else if (mark.type === "run.completed") this.#current = mark.content ?? undefined;
    return events.map((event) => this.take(event));
  }

  take(event: ThreadEvent): Happening {
    const { type } = event;
    const content = event.content ?? "";
    if (type === "run.started") this.#current = content;
    const owner = event.runId ?? (type.startsWith("run.") && type !== "run.failed" ? content : this.#current);
    if (type === "run.completed" || type === "run.failed") return this.#ended(type, owner, event.id);
    if (owner !== this.#runId) {
      return type === "run.started" && this.#once(event.id) ? { kind: "hint" } : undefined;
    }
    if (type === "agent.message.delta") return this.#words(event.id, content);
    if (!this.#once(event.id)) return undefined;
    switch (type) {
      case "agent.thinking.delta":
        return { kind: "thinking", text: content };
      case "tool.use.started": {
        const name = event.toolName ?? (content === "" ? "tool" : content);
        this.tools.set(name, (this.tools.get(name) ?? 0) + 1);
        return { kind: "tool", name };
      }
      case "tool.confirmation.required":
        return { kind: "question", title: content };
      default:
        if (silentTypes.has(type)) return undefined;
        this.unknownTypes.set(type, (this.unknownTypes.get(type) ?? 0) + 1);
        return { kind: "unknown", type };
    }
  }

  #ended(type: string, owner: string | undefined, id: string): Happening {
    const ours = owner === this.#runId;
    if (ours) this.endedAs = type === "run.failed" ? "failed" : "completed";
    this.#current = undefined;
    return ours && this.#once(id) ? { kind: "hint" } : undefined;
  }

  #words(id: string, content: string): Happening {
    if (this.#connectionDeltas.has(id)) return undefined;
    this.#connectionDeltas.add(id);
    this.#connectionText += content;
    const text = this.#connectionText.slice(this.#shownText.length);
    if (text === "") return undefined;
    this.#shownText = this.#connectionText;
    return { kind: "words", text };
  }

  #once(id: string): boolean {
    if (this.#told.has(id)) return false;
    this.#told.add(id);
    return true;
  }
}
