import type { ServerResponse } from "node:http";
import { eventEntry } from "./answers.ts";
import { hangUp } from "./delivery.ts";
import type { FaultHandler } from "./faults.ts";
import { fold } from "./fold.ts";
import { internalError, refusalAnswer } from "./refusal.ts";
import type { RevisionFacts } from "./revision.ts";
import type { ThreadStore } from "./thread-store.ts";
import type { StoredEvent, StoredThread } from "./types.ts";

/** All open event streams of a server. */
export class EventStreams {
  readonly #open = new Set<EventStream>();
  readonly #facts: RevisionFacts;
  readonly #keepAliveMs: number;

  constructor(store: ThreadStore, facts: RevisionFacts, keepAliveMs: number) {
    this.#facts = facts;
    this.#keepAliveMs = keepAliveMs;
    store.subscribe((threadId) => {
      for (const stream of this.#open) if (stream.thread.id === threadId) stream.wake();
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Answers a request with a stream that stays open until either side closes it. */
  open(response: ServerResponse, thread: StoredThread, limit: number, fault: FaultHandler | undefined): void {
    const stream = new EventStream(response, thread, this.#facts, fault);
    this.#open.add(stream);
    response.on("close", () => {
      this.#open.delete(stream);
      stream.stop();
    });
    stream.start(limit, fault?.kind === "no-keep-alive" ? Infinity : this.#keepAliveMs);
  }

  cut(): void {
    for (const stream of this.#open) stream.destroy();
  }
}

/** One connection: the past folded, then what comes, folded as far as it was written at once. */
class EventStream {
  readonly thread: StoredThread;
  readonly #response: ServerResponse;
  readonly #facts: RevisionFacts;
  readonly #fault: FaultHandler | undefined;
  readonly #sent = new Set<string>();
  #seen = 0;
  #written = 0;
  #due: NodeJS.Immediate | undefined;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse, thread: StoredThread, facts: RevisionFacts, fault: FaultHandler | undefined) {
    this.#response = response;
    this.thread = thread;
    this.#facts = facts;
    this.#fault = fault;
  }

  start(limit: number, keepAliveMs: number): void {
    this.#response.writeHead(200, {
      "Content-Type":
        this.#fault?.kind === "wrong-content-type"
          ? (this.#fault.contentType ?? "text/html")
          : "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    if (this.#fault?.kind === "mute-stream") {
      this.#response.flushHeaders();
      return;
    }
    this.#write(": connected\n\n");
    if (Number.isFinite(keepAliveMs))
      this.#keepAlive = setInterval(() => {
        this.#write(": keepalive\n\n");
      }, keepAliveMs).unref();
    this.#send(fold(this.#unseen()).slice(-limit));
  }

  /** New events go out once the current turn is over, so that what is written together arrives folded. */
  wake(): void {
    if (this.#fault?.kind === "mute-stream") return;
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#send(fold(this.#unseen()));
    });
  }

  stop(): void {
    clearInterval(this.#keepAlive);
    clearImmediate(this.#due);
  }

  destroy(): void {
    this.stop();
    this.#response.destroy();
  }

  #unseen(): StoredEvent[] {
    const events = this.thread.events.slice(this.#seen);
    this.#seen = this.thread.events.length;
    return events.filter(({ listOnly }) => listOnly !== true);
  }

  #send(events: StoredEvent[]): void {
    if (this.#breaks()) return;
    for (const event of events) {
      if (this.#sent.has(event.id)) continue;
      this.#sent.add(event.id);
      const data = JSON.stringify(eventEntry(event, this.#facts));
      this.#write(`event: thread.event\nid: ${event.id}\ndata: ${data}\n\n`);
      this.#keepAlive?.refresh();
      this.#written += 1;
      if (this.#breaks()) return;
    }
  }

  /** Injects the fault of this stream when it is due. */
  #breaks(): boolean {
    const fault = this.#fault;
    if (fault?.kind !== "cut-stream" && fault?.kind !== "stream-error") return false;
    if (this.#written < fault.after) return false;
    this.stop();
    if (fault.kind === "cut-stream") {
      hangUp(this.#response);
      return true;
    }
    const error = JSON.stringify(refusalAnswer(internalError()).body);
    this.#response.end(`event: thread.error\ndata: ${error}\n\n`);
    return true;
  }

  #write(text: string): void {
    if (this.#response.writable) this.#response.write(text);
  }
}
