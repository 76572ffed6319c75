/** The wish from outside that the step stops: a cancelled job, a newer push, a timed-out step. */
import type { Clock } from "./mosoo/clock.ts";
import type { Stop } from "./mosoo/effort.ts";

/**
 * The runner sends SIGINT, SIGTERM after 7.5 s, and kills after 2.5 s more. A creation in flight gets this long to
 * answer, so that its run can be interrupted like any other.
 */
const graceMs = 1_500;
/** From the signal to the end of the step. */
const mostMs = 3_700;

export class StopWish implements Stop {
  readonly #requested = new AbortController();
  readonly #inFlight = new AbortController();
  readonly #clock: Clock;
  #at: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    const stop = (): void => {
      this.#stop();
    };
    // A second signal changes nothing: the handlers stay, so that none of them kills the process.
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  }

  get requested(): AbortSignal {
    return this.#requested.signal;
  }

  get inFlight(): AbortSignal {
    return this.#inFlight.signal;
  }

  /** Milliseconds that are left for tidying up; all of them before any signal. */
  get remainingMs(): number {
    return this.#at === undefined ? mostMs : Math.max(0, this.#at + mostMs - this.#clock.now());
  }

  #stop(): void {
    if (this.#at !== undefined) return;
    this.#at = this.#clock.now();
    this.#requested.abort();
    setTimeout(() => {
      this.#inFlight.abort();
    }, graceMs).unref();
  }
}
