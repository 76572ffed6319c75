import type { LoggedRequest } from "./types.ts";

export type Endpoint =
  | "create"
  | "events"
  | "thread"
  | "event-list"
  | "stream"
  | "upload"
  | "file-list"
  | "file-content"
  | "openapi"
  | "agent-threads"
  | "archive"
  | "unarchive";

/** The kinds of faults. "Before": nothing is committed. "After": everything is, and only the response is affected. */
export type FaultHandler =
  /** The socket is destroyed unanswered. */
  | { kind: "drop-before" }
  | { kind: "drop-after" }
  /** Before, of an upload: the socket is destroyed once so many bytes of the body have come (default 1). */
  | { kind: "drop-midway"; bytes?: number }
  /** Never answered. */
  | { kind: "hang-before" }
  | { kind: "hang-after" }
  /** After: headers promise the whole body, a part of it (default half) comes, the socket is destroyed. */
  | { kind: "cut"; part?: number }
  /**
   * Before: a response of the test's own. `body` is sent unchanged (default: the envelope of `code` and `message`). `stored`, of
   * create and events: after validation, in place of the operation, kept under the key and replayed.
   */
  | {
      kind: "status";
      status: number;
      code?: string;
      message?: string;
      body?: string;
      headers?: Record<string, string>;
      stored?: boolean;
    }
  /** Before: to `location`, else to the same path at `origin`. Status: default 308. */
  | { kind: "redirect"; status?: number; location?: string; origin?: string }
  /** After: the answer is `ms` late, and until then a key stays reserved: the request counts as still processing. */
  | { kind: "slow"; ms: number }
  /** After: half of the body, a pause of `ms`, the rest. */
  | { kind: "slow-body"; ms: number }
  /** An invalid success: a page, JSON of another shape, no ID, an empty body, broken JSON. `commit`: default true. */
  | { kind: "garbage"; shape?: "html" | "array" | "no-id" | "empty" | "broken"; status?: number; commit?: boolean }
  /** After: a 500 all the same. Create stores it under the key, events forget it. */
  | { kind: "fail-after" }
  /** The request dies with its key reserved, committed (default) or not, and its socket is destroyed. */
  | { kind: "crash-half-way"; commit?: boolean }
  /** Before: 429. `retryAfter` is sent unchanged (default "1"); `null`: none. */
  | { kind: "rate-limit"; retryAfter?: string | null }
  /** Before: an error whose message quotes the request's `Authorization`. Status: default 500. */
  | { kind: "echo-headers"; status?: number }
  /** After: the right answer under another content type (default `text/html`). */
  | { kind: "wrong-content-type"; contentType?: string }
  /** After: the right answer, compressed. */
  | { kind: "compressed"; encoding: Encoding }
  /** After: the right answer with a field of so many bytes (default 6,000,000) more; with `encoding` a small bomb. */
  | { kind: "huge"; bytes?: number; encoding?: Encoding }
  /** An event stream's socket is destroyed after so many events. */
  | { kind: "cut-stream"; after: number }
  /** An event stream opens and sends nothing at all. */
  | { kind: "mute-stream" }
  /** An event stream without keep-alive comments. */
  | { kind: "no-keep-alive" }
  /** After so many events an event stream sends `thread.error` and ends. */
  | { kind: "stream-error"; after: number };

export type Encoding = "gzip" | "deflate" | "br";

export type Fault = FaultHandler & {
  on: Endpoint | "any" | ((request: LoggedRequest) => boolean);
  /** The number of requests that have the fault. Default 1. */
  times?: number;
  /** So many matching requests pass first. Default 0. */
  skip?: number;
};

/** Faults in the order they were queued; the first that matches a request is used up by it. */
export class FaultQueue {
  #waiting: { fault: Fault; skip: number; times: number }[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  add(fault: Fault): void {
    this.#waiting.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  take(endpoint: Endpoint | undefined, request: LoggedRequest): Fault | undefined {
    for (const entry of this.#waiting) {
      if (!matches(entry.fault, endpoint, request)) continue;
      if (entry.skip > 0) {
        entry.skip -= 1;
        continue;
      }
      entry.times -= 1;
      if (entry.times <= 0) this.#waiting = this.#waiting.filter((one) => one !== entry);
      return entry.fault;
    }
    return undefined;
  }

  clear(): void {
    this.#waiting = [];
  }
}

function matches(fault: Fault, endpoint: Endpoint | undefined, request: LoggedRequest): boolean {
  if (typeof fault.on === "function") return fault.on(request);
  return fault.on === "any" || fault.on === endpoint;
}
