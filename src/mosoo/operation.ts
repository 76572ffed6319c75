/**
 * What an operation of several requests has: its deadline, how it is stopped, what it reports, what is known of its
 * outcome, and its errors where retries did not help.
 */
import type { Clock } from "../common/clock.ts";
import { MosooError, type ThreadState } from "./errors.ts";
import { type Failure, isAmbiguous } from "./retry.ts";
import { formatDuration, joinSentences, pluralize } from "../common/format.ts";

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
  /** What that input is set to: more than `ms` where part of it is over. */
  readonly inputMs: number;
  readonly #clock: Clock;
  #deadlineAt: number | undefined;

  constructor(clock: Clock, ms: number, input?: string, inputMs = ms) {
    this.#clock = clock;
    this.ms = ms;
    this.input = input;
    this.inputMs = inputMs;
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

const PROCESSING_ADVICE =
  "An earlier request with this key is still being processed, or died on the server. Re-run the workflow in ten minutes.";

/** @param operation what failed: "create the thread" */
export function retriesExhaustedError(operation: string, attempts: number, last: MosooError): MosooError {
  return new MosooError(`Failed to ${operation} after ${attempts} attempts. ${last.summary}`, last.details);
}

interface DeadlineFacts {
  /** "create the thread" */
  operation: string;
  budget: Pick<Budget, "inputMs" | "input">;
  attempts: number;
  /** What the last whole attempt ended with. */
  error: MosooError;
  /** The deadline ended the last attempt. */
  lastIsCutShort: boolean;
  spentMs: number;
  remainingMs: number;
  /** What the server asked for. */
  retryAfterMs: number | undefined;
  /** The server said last that an earlier request is still being processed. */
  isProcessing: boolean;
}

/** No attempt fits in before the deadline. */
export function deadlineExceededError(facts: DeadlineFacts): MosooError {
  const { operation, budget, error, lastIsCutShort, spentMs, remainingMs, retryAfterMs } = facts;
  const limit = formatDuration(budget.inputMs);
  const allowed = budget.input === undefined ? limit : `\`${budget.input}\` (${limit})`;
  const whole = facts.attempts - (lastIsCutShort ? 1 : 0);
  const attempts = `${pluralize(whole, "attempt")}${lastIsCutShort ? ", and one cut short," : ""}`;
  // The jitter on top can exceed the deadline as well: then the server's figure explains nothing.
  const asked =
    retryAfterMs === undefined || retryAfterMs <= Math.max(0, remainingMs)
      ? undefined
      : `The server asks to wait ${formatDuration(retryAfterMs)}, which is longer than what is left of ${allowed}.`;
  const known = error.details.advice ?? "";
  const raise =
    budget.input === undefined || known.includes(`\`${budget.input}\``)
      ? ""
      : `${known === "" ? "Re-run the workflow later, or" : " Or"} increase \`${budget.input}\` (now ${limit}).`;
  const advice = facts.isProcessing ? PROCESSING_ADVICE : `${known}${raise}`.trim();
  return new MosooError(
    `Failed to ${operation} after ${attempts} in ${formatDuration(spentMs)}. Last error: ${error.summary}`,
    { ...error.details, advice: joinSentences(asked, advice) },
  );
}
