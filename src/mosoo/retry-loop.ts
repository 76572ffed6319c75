/** Repeats an operation until it succeeds, its policy says stop, the deadline comes or the step is cancelled. */
import type { Clock } from "../common/clock.ts";
import {
  type Budget,
  type ClientEvent,
  type ShutdownSignals,
  type Outcome,
  NOTHING_SENT,
  afterFailure,
  markAmbiguous,
  toThreadState,
  deadlineExceededError,
  retriesExhaustedError,
} from "./operation.ts";
import type { Endpoint } from "./endpoints.ts";
import { type ThreadState, MosooError, CancelledError } from "./errors.ts";
import { classifyConflict } from "./idempotency.ts";
import {
  type ApiErrorResult,
  type ApiFailure,
  type ApiResult,
  type RequestInit,
  request,
  toMosooError,
  toRetryFailure,
} from "./request.ts";
import {
  type Failure,
  type RetryDecision,
  type RetryPolicy,
  type RetryState,
  RETRY_POLICIES,
  decideRetry,
  isTimeout,
  startRetrying,
} from "./retry.ts";
import type { HostFallback } from "./host-fallback.ts";
import type { Transport } from "./http/transport.ts";

export interface RetryLoopOptions {
  transport: Transport;
  hosts: HostFallback;
  clock: Clock;
  policy: RetryPolicy;
  /** How long all attempts together may take. */
  budget: Budget;
  requestTimeoutMs: number;
  signals: ShutdownSignals;
  onEvent: (event: ClientEvent) => void;
  /** For the error at the deadline: "create the thread". */
  operation: string;
  /** The operation that this one is a part of: only its requests change something, and it knows their outcome. */
  parent?: RetryLoop | undefined;
  /** The host is known to exist, even if this transport has had no response from it yet. */
  hostExists?: boolean;
}

interface Attempt {
  readonly number: number;
  /** It has less time than a request may take: the deadline cuts it short. */
  readonly isCutShort: boolean;
  /** What to do about the host. */
  readonly hostAdvice: string | undefined;
}

export class RetryLoop {
  readonly #options: RetryLoopOptions;
  #retries: RetryState;
  #outcome = NOTHING_SENT;
  #attempt: Attempt = { number: 0, isCutShort: false, hostAdvice: undefined };
  /** The last failure that the deadline itself did not cause. */
  #lastFailure: MosooError | undefined;

  constructor(options: RetryLoopOptions) {
    this.#options = options;
    this.#retries = startRetrying(options.clock.now(), options.budget.deadlineAt);
  }

  /** Whether any request of this loop may have been executed without its response being seen. */
  get everAmbiguous(): boolean {
    return this.#outcome.everAmbiguous;
  }

  get threadState(): ThreadState {
    return this.#options.parent?.threadState ?? toThreadState(this.#outcome);
  }

  get onEvent(): RetryLoopOptions["onEvent"] {
    return this.#options.onEvent;
  }

  get remainingMs(): number {
    return this.#options.budget.deadlineAt - this.#options.clock.now();
  }

  get transport(): Transport {
    return this.#options.transport;
  }

  /** Aborts requests in flight. */
  get signal(): AbortSignal {
    return this.#options.signals.abortRequestsSignal;
  }

  /** Whether the server is assumed to have the newest contract. */
  get servesNewestContract(): boolean {
    return this.#options.hosts.servesNewestContract;
  }

  /**
   * Makes one attempt.
   *
   * @returns `host_changed`: the request was not executed, and has to be built again for another host
   * @throws CancelledError
   */
  async attempt<T>(endpoint: Endpoint<T>, init?: RequestInit): Promise<ApiResult<T> | { kind: "host_changed" }> {
    const { hosts } = this.#options;
    const result = await request(this.transport, endpoint, { ...this.startAttempt(), ...init });
    if (hosts.switchAfter(result)) return { kind: "host_changed" };
    this.#attempt = { ...this.#attempt, hostAdvice: result.kind === "ok" ? undefined : hosts.adviceAfter(result) };
    return result;
  }

  /**
   * Repeats a read, or another request that is safe to repeat, until it succeeds.
   *
   * @throws MosooError; CancelledError
   */
  async read<T>(endpoint: Endpoint<T>, init?: RequestInit): Promise<T> {
    for (;;) {
      const result = await this.attempt(endpoint, init);
      if (result.kind === "host_changed") continue;
      if (result.kind === "ok") return result.value;
      await this.#waitBeforeRead(result);
    }
  }

  /** As {@link read}. @returns undefined where the server does not show it to this token */
  readIfAccessible<T>(endpoint: Endpoint<T>, init?: RequestInit): Promise<T | undefined> {
    return this.readUnless(endpoint, init, ({ status }) => [401, 403, 404].includes(status));
  }

  /** As {@link read}. @returns undefined where the server's answer is that rejection */
  async readUnless<T>(
    endpoint: Endpoint<T>,
    init: RequestInit | undefined,
    isExpectedRejection: (result: ApiErrorResult) => boolean,
  ): Promise<T | undefined> {
    for (;;) {
      const result = await this.attempt(endpoint, init);
      if (result.kind === "host_changed") continue;
      if (result.kind === "ok") return result.value;
      if (result.kind === "error" && isExpectedRejection(result)) return undefined;
      await this.#waitBeforeRead(result);
    }
  }

  /** A conflict about a key where there is none does not come from the service: it passes. */
  async #waitBeforeRead(result: ApiFailure): Promise<void> {
    const conflict = result.kind === "error" ? classifyConflict(result) : undefined;
    const passes = conflict !== undefined && conflict !== "readiness_blocked";
    await this.waitBeforeRetry(passes ? { kind: "processing" } : toRetryFailure(result), toMosooError(result));
  }

  /** Begins an attempt: the time limit and signal for its request. @throws CancelledError */
  startAttempt(): { timeoutMs: number; signal: AbortSignal } {
    this.throwIfCancelled();
    const { requestTimeoutMs } = this.#options;
    const { remainingMs } = this;
    this.#attempt = { ...this.#attempt, number: this.#attempt.number + 1, isCutShort: remainingMs < requestTimeoutMs };
    return { timeoutMs: Math.max(1, Math.min(requestTimeoutMs, remainingMs)), signal: this.signal };
  }

  throwIfCancelled(): void {
    if (this.#options.signals.cancelSignal.aborted) throw new CancelledError(this.threadState);
  }

  /** The server has said that the request whose outcome was unknown changed nothing. */
  clearAmbiguity(): void {
    this.#outcome = { ...this.#outcome, ambiguous: false, processing: false };
  }

  /** The server has said that the operation is done: what fails from here on cannot undo that. */
  markDone(): void {
    this.#outcome = { ...this.#outcome, done: true };
  }

  /** For a read that this operation needs: attempts of its own within the same budget. */
  forRead(operation: string, policy: RetryPolicy = RETRY_POLICIES.read): RetryLoop {
    return new RetryLoop({ ...this.#options, operation, policy, parent: this });
  }

  /** Time that is excluded from the budget. */
  extend(ms: number): void {
    this.#options.budget.extend(ms);
  }

  /** A request may have been executed although its response does not say so. */
  markAmbiguous(): void {
    this.#setOutcome(markAmbiguous(this.#outcome));
  }

  /**
   * After a failed attempt: waits until the next one is due.
   *
   * @param error what to throw where there is no next one
   * @param mutating false: a read between requests that change something leaves nothing in doubt
   * @throws MosooError `error`, at the deadline with the number of attempts; CancelledError
   */
  async waitBeforeRetry(failure: Failure, error: MosooError, mutating = this.#options.policy.mutating): Promise<void> {
    const { clock, budget, policy, transport, hostExists = transport.hasResponded } = this.#options;
    const isCutByDeadline = this.#attempt.isCutShort && isTimeout(failure);
    if (mutating) this.#setOutcome(afterFailure(this.#outcome, failure, isCutByDeadline));
    if (!isCutByDeadline) this.#lastFailure = error;
    if (failure.kind === "connection" && failure.fault === "aborted") throw new CancelledError(this.threadState);
    const state = { ...this.#retries, deadlineAt: budget.deadlineAt, hasResponded: hostExists };
    const decision = decideRetry(policy, state, failure, clock.now(), clock.random());
    this.#retries = decision.state;
    if (!decision.retry) throw this.#finalError(error, decision);
    this.throwIfCancelled();
    this.#options.onEvent({ kind: "retry", cause: error, waitMs: decision.waitMs, attempt: this.#attempt.number + 1 });
    await clock.sleep(decision.waitMs, this.#options.signals.cancelSignal);
    this.throwIfCancelled();
  }

  #setOutcome(outcome: Outcome): void {
    this.#outcome = outcome;
    if (outcome.ambiguous) this.#options.hosts.markOutcomeUnknown();
  }

  #finalError(error: MosooError, decision: RetryDecision & { retry: false }): MosooError {
    const { operation, budget, clock } = this.#options;
    const { number: attempts, hostAdvice } = this.#attempt;
    const { threadState } = this;
    if (decision.because === "deadline") {
      return deadlineExceededError({
        operation,
        budget,
        attempts,
        // That the deadline came during an attempt does not explain why there had to be so many.
        error: this.#lastFailure ?? error,
        lastIsCutShort: this.#lastFailure !== undefined && this.#lastFailure !== error,
        spentMs: clock.now() - this.#retries.startedAt,
        remainingMs: this.remainingMs,
        retryAfterMs: decision.retryAfterMs,
        isProcessing: this.#outcome.processing,
      }).extend({ threadState });
    }
    const last = error.extend({
      ...(hostAdvice === undefined ? {} : { input: "api-url", advice: hostAdvice }),
      threadState,
    });
    return attempts > 1 && decision.because !== "final" ? retriesExhaustedError(operation, attempts, last) : last;
  }
}
