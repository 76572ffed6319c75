/** The wish from outside that the step stops: a cancelled job, a newer push, a timed-out step. */
import type { ShutdownSignals } from "../mosoo/retry-loop.ts";
import { raceWithAbort } from "../common/abort.ts";
import { CancelledError } from "../mosoo/errors.ts";

/**
 * The runner sends SIGINT, SIGTERM after 7.5 s, and kills after 2.5 s more. A creation in flight gets this long to
 * answer, so that its run can be interrupted like any other. All in milliseconds from the first signal on.
 */
const IN_FLIGHT_GRACE_MS = 1_200;
/** Then a step that waits gives up whatever is still on its way: it has interrupted the run and told of it. */
const SHUTDOWN_TIMEOUT_WHEN_WAITING_MS = 3_500;
/** The same for any other step. */
const SHUTDOWN_TIMEOUT_MS = 1_900;
/** What cannot be given up, such as a host name that is being looked up, ends with the process. */
const FORCE_EXIT_DELAY_MS = 300;

export class ShutdownController implements ShutdownSignals {
  readonly #requested = new AbortController();
  readonly #inFlight = new AbortController();
  readonly #over = new AbortController();
  /** The step waits for the run, and has more to do when it is stopped. */
  isWaiting = false;

  /** @param onLast called when all time is over and the process still lives */
  constructor(onLast: () => void) {
    const stop = (): void => {
      this.#stop(onLast);
    };
    // A second signal changes nothing: the handlers stay, so that none of them kills the process.
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  }

  get cancelSignal(): AbortSignal {
    return this.#requested.signal;
  }

  get abortRequestsSignal(): AbortSignal {
    return this.#inFlight.signal;
  }

  /** Aborted when there is no time left for anything. */
  get deadlineSignal(): AbortSignal {
    return this.#over.signal;
  }

  /** `work`, or its end as soon as the step is told to stop: for what comes before anything is sent. */
  rejectOnCancel<T>(work: Promise<T>): Promise<T> {
    return raceWithAbort(work, this.cancelSignal, () => new CancelledError("not_created"));
  }

  #stop(onLast: () => void): void {
    if (this.cancelSignal.aborted) return;
    this.#requested.abort();
    setTimeout(() => {
      this.#inFlight.abort();
    }, IN_FLIGHT_GRACE_MS).unref();
    const most = this.isWaiting ? SHUTDOWN_TIMEOUT_WHEN_WAITING_MS : SHUTDOWN_TIMEOUT_MS;
    setTimeout(() => {
      this.#over.abort();
    }, most).unref();
    setTimeout(onLast, most + FORCE_EXIT_DELAY_MS).unref();
  }
}
