/** Keeps at something until it works, the plan says stop, the deadline comes or the step is stopped. */
import type { Clock } from "../common/clock.ts";
import { type ThreadState, MosooError, CancelledError } from "./errors.ts";
import { type Failure, type RetryState, decideRetry, isAmbiguous, startRetrying } from "./retry.ts";

/** The wish from outside to stop, in two steps. */
export interface ShutdownSignals {
  /** Aborted at once: nothing new starts, waits end. */
  cancelSignal: AbortSignal;
  /** Aborted a moment later: what is in flight ends, too. */
  abortRequestsSignal: AbortSignal;
}

/** What goes on, for whoever writes the log. */
export type ClientEvent =
  | { kind: "retry"; because: MosooError; waitMs: number; tries: number }
  | { kind: "generation"; generation: number; because: MosooError }
  /** Another step seems to own the idempotency key. */
  | { kind: "shared-key" }
  | { kind: "negotiated"; properties: string[] }
  | { kind: "external-ref-not-sent" }
  | { kind: "other-run"; status: string | undefined }
  | { kind: "uploaded"; name: string; bytes: number; done: number; of: number };

/** A time that efforts share. It begins with the first of them. */
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

  /** Does something whose time goes on another account. */
  async excluding<T>(work: () => Promise<T>): Promise<T> {
    const deadlineAt = this.deadlineAt;
    const since = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#deadlineAt = deadlineAt + this.#clock.now() - since;
    }
  }

  /** Gives time back that went on another account. */
  extend(ms: number): void {
    this.#deadlineAt = this.deadlineAt + ms;
  }
}

export interface RetryLoopOptions {
  clock: Clock;
  /** How long all tries together may take. */
  budget: Budget;
  requestTimeoutMs: number;
  signals: ShutdownSignals;
  onEvent: (note: ClientEvent) => void;
  /** What it is about, for the error at the deadline: "creating the thread". */
  operation: string;
  /** Whether the host has answered anything so far. */
  hasResponded: () => boolean;
}

function seconds(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 6_000) / 10} min` : `${Math.round(ms / 360_000) / 10} h`;
}

export class RetryLoop {
  readonly #options: RetryLoopOptions;
  #state: RetryState;
  #tries = 0;
  #ambiguous = false;
  #everAmbiguous = false;
  #processing = false;
  #done = false;
  #doing: string;
  /** The try that was begun last has less time than a request may take: the deadline cuts it short. */
  #cutShort = false;
  /** The last failure that is not the deadline's own doing. */
  #lastFailure: MosooError | undefined;

  constructor(options: RetryLoopOptions) {
    this.#options = options;
    this.#doing = options.operation;
    this.#state = startRetrying(options.clock.now(), options.budget.deadlineAt);
  }

  /** Whether any request of this effort may have been carried out without us seeing its answer. */
  get everAmbiguous(): boolean {
    return this.#everAmbiguous;
  }

  get threadState(): ThreadState {
    if (this.#done) return "created";
    return this.#ambiguous || this.#processing ? "unknown" : "not_created";
  }

  get onEvent(): RetryLoopOptions["onEvent"] {
    return this.#options.onEvent;
  }

  get remainingMs(): number {
    return this.#options.budget.deadlineAt - this.#options.clock.now();
  }

  /** Whether waiting this long still leaves time for a try. */
  canWait(ms: number): boolean {
    return ms < this.remainingMs;
  }

  /**
   * Begins a try: the time limit and signal for its call.
   *
   * @throws CancelledError where the step was told to stop
   */
  startAttempt(): { timeoutMs: number; signal: AbortSignal } {
    this.throwIfCancelled();
    this.#tries += 1;
    const { requestTimeoutMs } = this.#options;
    this.#cutShort = this.remainingMs < requestTimeoutMs;
    return {
      timeoutMs: Math.max(1, Math.min(requestTimeoutMs, this.remainingMs)),
      signal: this.#options.signals.abortRequestsSignal,
    };
  }

  throwIfCancelled(): void {
    if (this.#options.signals.cancelSignal.aborted) throw new CancelledError(this.threadState);
  }

  /** The server has told what became of the request that was in doubt: nothing. */
  clearAmbiguity(): void {
    this.#ambiguous = false;
    this.#processing = false;
  }

  /** The server has told that it is done. What is still asked for, `next`, cannot undo that. */
  done(next: string): void {
    this.#done = true;
    this.#doing = next;
  }

  /** Time that goes on another account than this effort's. */
  extend(ms: number): void {
    this.#options.budget.extend(ms);
  }

  /** A request may have been carried out, although nobody has said so. */
  markAmbiguous(): void {
    this.#ambiguous = this.#everAmbiguous = true;
  }

  /**
   * After a failed try: waits until the next one is due.
   *
   * @param error what to throw where there is no next one
   * @param tried a look changes nothing on the server, so that its failure leaves nothing in doubt
   * @throws MosooError `error`, at the deadline with what was tried; CancelledError
   */
  async waitBeforeRetry(failure: Failure, error: MosooError, tried: "change" | "look" = "change"): Promise<void> {
    const { clock, budget, hasResponded: hostAnswered } = this.#options;
    const aborted = failure.kind === "connection" && failure.fault === "aborted";
    const cutByDeadline = this.#cutShort && failure.kind === "connection" && failure.fault === "timeout";
    if (tried === "change") {
      if (isAmbiguous(failure)) this.markAmbiguous();
      if (!cutByDeadline) this.#processing = failure.kind === "processing";
    }
    if (!cutByDeadline) this.#lastFailure = error;
    if (aborted) throw new CancelledError(this.threadState);
    const state = { ...this.#state, deadlineAt: budget.deadlineAt, hostAnswered: hostAnswered() };
    const verdict = decideRetry(state, failure, clock.now(), clock.random());
    this.#state = verdict.state;
    if (!verdict.retry) {
      if (verdict.because === "deadline") throw this.#tooLate(error, verdict.askedMs);
      throw this.#tries > 1 && verdict.because !== "final"
        ? this.#gaveUp(error)
        : error.extend({ threadState: this.threadState });
    }
    this.throwIfCancelled();
    this.#options.onEvent({ kind: "retry", because: error, waitMs: verdict.waitMs, tries: this.#tries });
    await clock.sleep(verdict.waitMs, this.#options.signals.cancelSignal);
    this.throwIfCancelled();
  }

  /** Waits without counting a failure. @throws CancelledError */
  async pause(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#options.signals.cancelSignal);
    this.throwIfCancelled();
  }

  #gaveUp(error: MosooError): MosooError {
    return new MosooError(`Gave up ${this.#doing} after ${this.#tries} tries. ${error.message}`, {
      ...error.details,
      threadState: this.threadState,
    });
  }

  #tooLate(last: MosooError, askedMs: number | undefined): MosooError {
    const { budget, clock } = this.#options;
    // That the deadline came while a try was under way tells nobody why there had to be so many.
    const error = this.#lastFailure ?? last;
    const cut = error === last ? 0 : 1;
    const allowed = budget.input === undefined ? seconds(budget.ms) : `\`${budget.input}\` (${seconds(budget.ms)})`;
    const spent = seconds(clock.now() - this.#state.startedAt);
    const whole = this.#tries - cut;
    const tries = `${whole === 1 ? "1 try" : `${whole} tries`}${cut === 0 ? "" : ", and one cut short,"}`;
    // The deadline can come as well of the spread that goes on top of what was asked.
    const asked =
      askedMs === undefined || askedMs <= this.remainingMs
        ? ""
        : ` The server asks to wait ${seconds(askedMs)}, which is longer than what is left of ${allowed}.`;
    const told = error.details.advice ?? "";
    const raise =
      budget.input === undefined || told.includes(`\`${budget.input}\``)
        ? ""
        : `${told === "" ? "Re-run the workflow later, or" : " Or"} raise \`${budget.input}\` (now ${seconds(budget.ms)}).`;
    const advice = this.#processing
      ? "An earlier request with this key is still being processed, or died half-way on the server: a re-run after ten minutes finds out."
      : `${told}${raise}`.trim();
    return new MosooError(`Gave up ${this.#doing} after ${tries} in ${spent}. Last: ${error.message}${asked}`, {
      ...error.details,
      advice,
      threadState: this.threadState,
    });
  }
}
