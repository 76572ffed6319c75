/** What an operation of several requests has: its deadline, how it is stopped, what it reports, what is known of its outcome. */
import type { Clock } from "../common/clock.ts";
import type { MosooError, ThreadState } from "./errors.ts";
import { type Failure, isAmbiguous } from "./retry.ts";

export interface Outcome {
  /** The last request may have been executed without its response being seen. */
  readonly ambiguous: boolean;
  /** The same of any request so far. */
  readonly everAmbiguous: boolean;
  /** The server said last that an earlier request with the key is still being processed. */
  readonly processing: boolean;
  /** The server has said that the operation is done: what fails from then on cannot undo that. */
  readonly done: boolean;
}

export const NOTHING_SENT: Outcome = { ambiguous: false, everAmbiguous: false, processing: false, done: false };

/** A request may have been executed although its response does not say so. */
export function markAmbiguous(outcome: Outcome): Outcome {
  return { ...outcome, ambiguous: true, everAmbiguous: true };
}

/** @param cutShort the deadline ended the attempt: whether the server still processes an earlier one stays as it was */
export function afterFailure(outcome: Outcome, failure: Failure, cutShort: boolean): Outcome {
  const next = isAmbiguous(failure) ? markAmbiguous(outcome) : outcome;
  return cutShort ? next : { ...next, processing: failure.kind === "processing" };
}

export function toThreadState({ ambiguous, processing, done }: Outcome): ThreadState {
  if (done) return "created";
  return ambiguous || processing ? "unknown" : "not_created";
}

/** The request from outside to shut down, in two stages. */
export interface ShutdownSignals {
  /** Aborted at once: nothing new starts, waits end. */
  cancelSignal: AbortSignal;
  /** Aborted a moment later: requests in flight end, too. */
  abortRequestsSignal: AbortSignal;
}

/** What the client reports while it works, for the log. */
export type ClientEvent =
  | { kind: "retry"; cause: MosooError; waitMs: number; attempt: number }
  | { kind: "generation"; generation: number; cause: MosooError }
  /** Another step seems to own the idempotency key. */
  | { kind: "shared-key" }
  /** The default host has no API: the requests go to its successor. */
  | { kind: "host-changed"; from: string; to: string }
  | { kind: "negotiated"; properties: string[] }
  | { kind: "external-ref-not-sent" }
  | { kind: "other-run"; status: string | undefined }
  | { kind: "uploaded"; name: string; bytes: number; done: number; of: number };

/** A deadline that several operations share. The time begins with the first of them. */
export class Budget {
  readonly ms: number;
  /** The input that raises it, where there is one. */
  readonly input: string | undefined;
  readonly #clock: Clock;
  #deadlineAt: number | undefined;

  constructor(clock: Clock, ms: number, input?: string) {
    this.#clock = clock;
    this.ms = ms;
    this.input = input;
  }

  /** On the clock's scale. */
  get deadlineAt(): number {
    this.#deadlineAt ??= this.#clock.now() + this.ms;
    return this.#deadlineAt;
  }

  /** Runs work whose time is excluded from the budget. */
  async excluding<T>(work: () => Promise<T>): Promise<T> {
    const { deadlineAt } = this;
    const startedAt = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#deadlineAt = deadlineAt + this.#clock.now() - startedAt;
    }
  }

  /** Gives back time that is excluded from the budget. */
  extend(ms: number): void {
    this.#deadlineAt = this.deadlineAt + ms;
  }
}
