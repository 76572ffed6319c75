/** The thread's event stream: server-sent events, delivered one at a time to a caller that decides how long to wait. */
import type { Readable } from "node:stream";
import { createParser } from "eventsource-parser";
import type { Clock } from "../../common/clock.ts";
import { streamEvents } from "../endpoints.ts";
import { MosooConnectionError } from "../errors.ts";
import { type ApiErrorResult, toErrorResult } from "../request.ts";
import { isRetryableStatus } from "../retry.ts";
import type { Transport } from "../http/transport.ts";
import { type ThreadEvent, MAX_EVENT_ID_LENGTH, parseEvent } from "./events.ts";

/** In UTF-16 units. An event's data is a few kilobytes, a folded past a few megabytes. */
const MAX_BUFFERED_LENGTH = 32 * 1024 * 1024;

/** `heartbeat`: a comment, or data that is no event of the thread. */
export type StreamItem = { kind: "event"; event: ThreadEvent } | { kind: "heartbeat" } | { kind: "closed" };

export type OpenResult =
  | { kind: "open"; stream: EventStream }
  /** The server has no stream for this client: a final status, or a body that is no event stream. */
  | { kind: "unsupported" }
  | { kind: "refused"; reply: ApiErrorResult }
  | { kind: "connection"; error: MosooConnectionError };

/** Opens the stream, which begins with a replay of the past. Throws nothing that network or server can cause. */
export async function openStream(
  transport: Transport,
  threadId: string,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<OpenResult> {
  try {
    const response = await transport.stream({
      ...streamEvents(threadId),
      headers: { accept: "text/event-stream" },
      ...options,
    });
    const type = response.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (response.status === 200 && type === "text/event-stream") {
      return { kind: "open", stream: new EventStream(response.body) };
    }
    // The body is of no use, and might never end.
    response.body.on("error", () => undefined).destroy();
    if (!isRetryableStatus(response.status)) return { kind: "unsupported" };
    return { kind: "refused", reply: toErrorResult({ ...response, text: "" }) };
  } catch (error) {
    if (error instanceof MosooConnectionError) return { kind: "connection", error };
    throw error;
  }
}

export class EventStream {
  readonly #body: Readable;
  readonly #items: StreamItem[] = [];
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(body: Readable) {
    this.#body = body;
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ event, id, data }) => {
        // The server sends `thread.error` when the stream breaks on its side.
        if (event === "thread.error") this.#end();
        else this.#add(toStreamItem(event, id, data));
      },
      onComment: () => {
        this.#add({ kind: "heartbeat" });
      },
      maxBufferSize: MAX_BUFFERED_LENGTH,
      // Unknown fields are ignored; after a buffer that is too large the parser accepts no more data.
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#end();
      },
    });
    body.on("data", (chunk: Buffer) => {
      if (!this.#isClosed) parser.feed(decoder.decode(chunk, { stream: true }));
      // Backpressure: a server may send faster than its thread can be read.
      if (this.hasBuffered) body.pause();
    });
    const end = (): void => {
      this.#end();
    };
    body.on("end", end).on("error", end).on("close", end);
  }

  /** Whether the next item is here already. */
  get hasBuffered(): boolean {
    return this.#items.length > 0;
  }

  /** The next item; undefined when none came within `ms`, or before the signal was aborted. */
  async next(ms: number, clock: Clock, signal: AbortSignal): Promise<StreamItem | undefined> {
    if (!this.hasBuffered && ms > 0 && !signal.aborted) {
      const woken = new AbortController();
      const wake = (): void => {
        // With a reason: without one a DOMException is made, which costs more than parsing the event.
        woken.abort("woken");
      };
      this.#wake = wake;
      // Not AbortSignal.any(): it would cost more than the rest, and a run may have a hundred thousand events.
      signal.addEventListener("abort", wake, { once: true });
      await clock.sleep(ms, woken.signal);
      signal.removeEventListener("abort", wake);
      this.#wake = undefined;
    }
    const item = this.#items.shift();
    if (!this.hasBuffered) this.#body.resume();
    return item;
  }

  close(): void {
    this.#body.destroy();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#add({ kind: "closed" });
    this.#isClosed = true;
    this.#body.destroy();
  }

  #add(item: StreamItem): void {
    if (this.#isClosed) return;
    // One heartbeat says as much as many.
    if (item.kind !== "heartbeat" || this.#items.at(-1)?.kind !== "heartbeat") this.#items.push(item);
    this.#wake?.();
  }
}

function toStreamItem(name: string | undefined, id: string | undefined, data: string): StreamItem {
  const event = name === undefined || name === "thread.event" ? parseEvent(data) : undefined;
  if (event === undefined) return { kind: "heartbeat" };
  const hasId = event.id !== "" || id === undefined || id.length > MAX_EVENT_ID_LENGTH;
  return { kind: "event", event: hasId ? event : { ...event, id } };
}
