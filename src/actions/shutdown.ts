/** Graceful shutdown on a signal: a cancelled job, a newer push, a timed-out step. */
import { raceWithAbort } from "../common/clock.ts";
import { CancelledError } from "../mosoo/errors.ts";
import type { ShutdownSignals } from "../mosoo/operation.ts";

// The runner sends SIGINT, SIGTERM after 7.5 s, and kills after 2.5 s more (actions/runner, ProcessInvoker.cs).
// All in milliseconds from the first signal on.

/** A creation in flight gets this long to respond, so that its run can be interrupted like any other. */
const IN_FLIGHT_GRACE_MS = 1_200;
/** Then a step that waits aborts all requests in flight: it has interrupted the run and reported it. */
const SHUTDOWN_TIMEOUT_WHEN_WAITING_MS = 3_500;
/** The same for any other step. */
const SHUTDOWN_TIMEOUT_MS = 1_900;
/** What cannot be aborted, such as a DNS lookup, ends with the process. */
const FORCE_EXIT_DELAY_MS = 300;

export class ShutdownController implements ShutdownSignals {
  readonly #cancel = new AbortController();
  readonly #abortRequests = new AbortController();
  readonly #deadline = new AbortController();
  /** The step waits for the run, and has more to do when it is cancelled. */
  isWaiting = false;

  /** @param onForceExit called when all time is used up and the process is still alive */
  constructor(onForceExit: () => void) {
    const onSignal = (): void => {
      this.#shutDown(onForceExit);
    };
    // A second signal changes nothing: the handlers stay, so that none of them kills the process.
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  }

  /** Aborted with the first signal. */
  get cancelSignal(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Aborted when requests in flight are given up. */
  get abortRequestsSignal(): AbortSignal {
    return this.#abortRequests.signal;
  }

  /** Aborted when there is no time left for anything. */
  get deadlineSignal(): AbortSignal {
    return this.#deadline.signal;
  }

  /** For what comes before the first request. @throws CancelledError with the first signal */
  rejectOnCancel<T>(work: Promise<T>): Promise<T> {
    return raceWithAbort(work, this.cancelSignal, () => new CancelledError("not_created"));
  }

  #shutDown(onForceExit: () => void): void {
    if (this.cancelSignal.aborted) return;
    this.#cancel.abort();
    const timeoutMs = this.isWaiting ? SHUTDOWN_TIMEOUT_WHEN_WAITING_MS : SHUTDOWN_TIMEOUT_MS;
    after(IN_FLIGHT_GRACE_MS, () => {
      this.#abortRequests.abort();
    });
    after(timeoutMs, () => {
      this.#deadline.abort();
    });
    after(timeoutMs + FORCE_EXIT_DELAY_MS, onForceExit);
  }
}

/** Does not keep the process alive. */
function after(ms: number, callback: () => void): void {
  setTimeout(callback, ms).unref();
}
