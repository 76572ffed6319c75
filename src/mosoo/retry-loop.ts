/** Repeats an operation until it succeeds, its policy says stop, the deadline comes or the step is cancelled. */
import type { Clock } from "../common/clock.ts";
import { formatDuration, joinSentences } from "../common/format.ts";
import type { Budget } from "./budget.ts";
import type { ClientEvent, ShutdownSignals } from "./client-event.ts";
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
  type RetryPolicy,
  type RetryState,
  RETRY_POLICIES,
  decideRetry,
  isAmbiguous,
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

const PROCESSING_ADVICE =
  "An earlier request with this key is still being processed, or died on the server. Re-run the workflow in ten minutes.";

export class RetryLoop {
  readonly #options: RetryLoopOptions;
  readonly #operation: string;
  #state: RetryState;
  #attempts = 0;
  /** What is known of the outcome: of the last request that changes something, and of any so far. */
  #ambiguous = false;
  #everAmbiguous = false;
  #processing = false;
  #done = false;
  /** The current attempt has less time than a request may take: the deadline cuts it short. */
  #cutShort = false;
  /** What to do about the host of the last attempt. */
  #hostAdvice: string | undefined;
  /** The last failure that the deadline itself did not cause. */
  #lastFailure: MosooError | undefined;

  constructor(options: RetryLoopOptions) {
    this.#options = options;
    this.#operation = options.operation;
    this.#state = startRetrying(options.clock.now(), options.budget.deadlineAt);
  }

  /** Whether any request of this loop may have been executed without its response being seen. */
  get everAmbiguous(): boolean {
    return this.#everAmbiguous;
  }

  get threadState(): ThreadState {
    if (this.#options.parent !== undefined) return this.#options.parent.threadState;
    if (this.#done) return "created";
    return this.#ambiguous || this.#processing ? "unknown" : "not_created";
  }

  get onEvent(): RetryLoopOptions["onEvent"] {
    return this.#options.onEvent;
  }

  get remainingMs(): number {
    return this.#options.budget.deadlineAt - this.#options.clock.now();
  }

  /** Whether waiting this long still leaves time for an attempt. */
  canWait(ms: number): boolean {
    return ms < this.remainingMs;
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
    this.#hostAdvice = result.kind === "ok" ? undefined : hosts.adviceAfter(result);
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
    this.#attempts += 1;
    const { requestTimeoutMs } = this.#options;
    this.#cutShort = this.remainingMs < requestTimeoutMs;
    return { timeoutMs: Math.max(1, Math.min(requestTimeoutMs, this.remainingMs)), signal: this.signal };
  }

  throwIfCancelled(): void {
    if (this.#options.signals.cancelSignal.aborted) throw new CancelledError(this.threadState);
  }

  /** The server has said that the request whose outcome was unknown changed nothing. */
  clearAmbiguity(): void {
    this.#ambiguous = false;
    this.#processing = false;
  }

  /** The server has said that the operation is done: what fails from here on cannot undo that. */
  markDone(): void {
    this.#done = true;
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
    this.#ambiguous = this.#everAmbiguous = true;
    this.#options.hosts.markOutcomeUnknown();
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
    const aborted = failure.kind === "connection" && failure.fault === "aborted";
    const cutByDeadline = this.#cutShort && failure.kind === "connection" && failure.fault === "timeout";
    if (mutating) {
      if (isAmbiguous(failure)) this.markAmbiguous();
      if (!cutByDeadline) this.#processing = failure.kind === "processing";
    }
    if (!cutByDeadline) this.#lastFailure = error;
    if (aborted) throw new CancelledError(this.threadState);
    const state = { ...this.#state, deadlineAt: budget.deadlineAt, hasResponded: hostExists };
    const decision = decideRetry(policy, state, failure, clock.now(), clock.random());
    this.#state = decision.state;
    if (!decision.retry) {
      if (decision.because === "deadline") throw this.#deadlineExceededError(error, decision.retryAfterMs);
      const advice = this.#hostAdvice === undefined ? {} : { input: "api-url", advice: this.#hostAdvice };
      const last = error.extend({ ...advice, threadState: this.threadState });
      throw this.#attempts > 1 && decision.because !== "final" ? this.#retriesExhaustedError(last) : last;
    }
    this.throwIfCancelled();
    this.#options.onEvent({ kind: "retry", cause: error, waitMs: decision.waitMs, attempt: this.#attempts + 1 });
    await clock.sleep(decision.waitMs, this.#options.signals.cancelSignal);
    this.throwIfCancelled();
  }

  #retriesExhaustedError(error: MosooError): MosooError {
    return new MosooError(
      `Failed to ${this.#operation} after ${this.#attempts} attempts. ${error.summary}`,
      error.details,
    );
  }

  #deadlineExceededError(last: MosooError, retryAfterMs: number | undefined): MosooError {
    const { budget, clock } = this.#options;
    // That the deadline came during an attempt does not explain why there had to be so many.
    const error = this.#lastFailure ?? last;
    const cut = error === last ? 0 : 1;
    const allowed =
      budget.input === undefined ? formatDuration(budget.ms) : `\`${budget.input}\` (${formatDuration(budget.ms)})`;
    const spent = formatDuration(clock.now() - this.#state.startedAt);
    const whole = this.#attempts - cut;
    const attempts = `${whole === 1 ? "1 attempt" : `${whole} attempts`}${cut === 0 ? "" : ", and one cut short,"}`;
    // The jitter on top can exceed the deadline as well: then the server's figure explains nothing.
    const asked =
      retryAfterMs === undefined || retryAfterMs <= Math.max(0, this.remainingMs)
        ? undefined
        : `The server asks to wait ${formatDuration(retryAfterMs)}, which is longer than what is left of ${allowed}.`;
    const known = error.details.advice ?? "";
    const raise =
      budget.input === undefined || known.includes(`\`${budget.input}\``)
        ? ""
        : `${known === "" ? "Re-run the workflow later, or" : " Or"} increase \`${budget.input}\` (now ${formatDuration(budget.ms)}).`;
    const advice = this.#processing
      ? joinSentences(asked, PROCESSING_ADVICE)
      : joinSentences(asked, `${known}${raise}`.trim());
    return new MosooError(`Failed to ${this.#operation} after ${attempts} in ${spent}. Last error: ${error.summary}`, {
      ...error.details,
      advice,
      threadState: this.threadState,
    });
  }
}
