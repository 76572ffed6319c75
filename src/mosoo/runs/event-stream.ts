/** The thread's event stream: server-sent events, one at a time, with the time in between in the caller's hand. */
import type { Readable } from "node:stream";
import { createParser } from "eventsource-parser";
import type { Clock } from "../../common/clock.ts";
import { MosooConnectionError } from "../errors.ts";
import { type ApiErrorResult, toErrorResult } from "../request.ts";
import { isRetryableStatus } from "../retry.ts";
import type { Transport } from "../http/transport.ts";
import { type ThreadEvent, redactEvent, MAX_EVENT_ID_LENGTH, parseEvent } from "./events.ts";

/** An event's data is a few kilobytes, a folded past a few megabytes. */
const mostBufferedCharacters = 32 * 1024 * 1024;

export type StreamItem = { kind: "event"; event: ThreadEvent } | { kind: "sign of life" } | { kind: "broken" };

export type OpenResult =
  | { kind: "open"; stream: EventStream }
  /** The server has no stream, or none for us: a status that does not pass, or something that is no event stream. */
  | { kind: "absent" }
  | { kind: "refused"; reply: ApiErrorResult }
  | { kind: "connection"; error: MosooConnectionError };

/** Opens the stream; the past comes first, folded. */
export async function openStream(
  transport: Transport,
  threadId: string,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<OpenResult> {
  try {
    const answer = await transport.stream({
      method: "GET",
      path: `/threads/${encodeURIComponent(threadId)}/events/stream?limit=1000`,
      headers: { accept: "text/event-stream" },
      ...options,
    });
    const type = answer.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (answer.status === 200 && type === "text/event-stream") {
      return { kind: "open", stream: new EventStream(answer.body, transport.redact.bind(transport)) };
    }
    // What stands in the body is of no use, and it might never end.
    answer.body.on("error", () => undefined).destroy();
    if (!isRetryableStatus(answer.status)) return { kind: "absent" };
    return { kind: "refused", reply: toErrorResult({ ...answer, text: "" }) };
  } catch (error) {
    if (error instanceof MosooConnectionError) return { kind: "connection", error };
    throw error;
  }
}

export class EventStream {
  readonly #body: Readable;
  readonly #items: StreamItem[] = [];
  #broken = false;
  #wake: (() => void) | undefined;

  /** @param conceal takes secrets out of text */
  constructor(body: Readable, conceal: (text: string) => string) {
    this.#body = body;
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ event, id, data }) => {
        // `thread.error` comes when the stream breaks on the server's side.
        if (event === "thread.error") this.#end();
        else this.#add(itemOf(event, id, data, conceal));
      },
      onComment: () => {
        this.#add({ kind: "sign of life" });
      },
      maxBufferSize: mostBufferedCharacters,
      // Unknown fields are no harm; a buffer that is too large is, and the parser takes no more after it.
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#end();
      },
    });
    body.on("data", (chunk: Buffer) => {
      if (!this.#broken) parser.feed(decoder.decode(chunk, { stream: true }));
      // What is here is heard before more is read: a server may send faster than anybody can look at its thread.
      if (this.hasMore) body.pause();
    });
    const end = (): void => {
      this.#end();
    };
    body.on("end", end).on("error", end).on("close", end);
  }

  /** Whether an item is there already. */
  get hasMore(): boolean {
    return this.#items.length > 0;
  }

  /** The next item; undefined when none came within `ms` or the signal was aborted. */
  async next(ms: number, clock: Clock, signal: AbortSignal): Promise<StreamItem | undefined> {
    if (!this.hasMore && ms > 0 && !signal.aborted) {
      const woken = new AbortController();
      const wake = (): void => {
        woken.abort();
      };
      this.#wake = wake;
      // AbortSignal.any() costs more than all the rest, and a run may have a hundred thousand events.
      signal.addEventListener("abort", wake, { once: true });
      await clock.sleep(ms, woken.signal);
      signal.removeEventListener("abort", wake);
      this.#wake = undefined;
    }
    const item = this.#items.shift();
    if (!this.hasMore) this.#body.resume();
    return item;
  }

  close(): void {
    this.#body.destroy();
  }

  #end(): void {
    if (this.#broken) return;
    this.#add({ kind: "broken" });
    this.#broken = true;
    this.#body.destroy();
  }

  #add(item: StreamItem): void {
    if (this.#broken) return;
    // Of many signs of life one says it all.
    if (item.kind !== "sign of life" || this.#items.at(-1)?.kind !== "sign of life") this.#items.push(item);
    this.#wake?.();
  }
}

/** What is no event of the thread still shows that the connection lives. */
function itemOf(
  name: string | undefined,
  id: string | undefined,
  data: string,
  conceal: (text: string) => string,
): StreamItem {
  const event = name === undefined || name === "thread.event" ? parseEvent(data) : undefined;
  if (event === undefined) return { kind: "sign of life" };
  const known = event.id !== "" || id === undefined || id.length > MAX_EVENT_ID_LENGTH ? event : { ...event, id };
  return { kind: "event", event: redactEvent(known, conceal) };
}
