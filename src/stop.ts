/** The wish from outside that the step stops: a cancelled job, a newer push, a timed-out step. */
import type { Clock } from "./mosoo/clock.ts";
import type { Stop } from "./mosoo/effort.ts";

/**
 * The runner sends SIGINT, SIGTERM after 7.5 s, and kills after 2.5 s more. A creation in flight gets this long to
 * answer, so that its run can be interrupted like any other.
 */
const graceMs = 1_500;
/** From the signal to the end of a step that waits: it interrupts the run and tells of it. */
const mostWhileWaitingMs = 3_700;
/** From the signal to the end of any other step. */
const mostMs = 1_900;

export class StopWish implements Stop {
  readonly #requested = new AbortController();
  readonly #inFlight = new AbortController();
  readonly #over = new AbortController();
  readonly #clock: Clock;
  readonly #mostMs: number;
  #at: number | undefined;

  constructor(clock: Clock, waits: boolean) {
    this.#clock = clock;
    this.#mostMs = waits ? mostWhileWaitingMs : mostMs;
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

  /** Aborted when there is no time left for anything. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Milliseconds that are left for tidying up; all of them before any signal. */
  get remainingMs(): number {
    return this.#at === undefined ? this.#mostMs : Math.max(0, this.#at + this.#mostMs - this.#clock.now());
  }

  #stop(): void {
    if (this.#at !== undefined) return;
    this.#at = this.#clock.now();
    this.#requested.abort();
    setTimeout(() => {
      this.#inFlight.abort();
    }, graceMs).unref();
    setTimeout(() => {
      this.#over.abort();
    }, this.#mostMs).unref();
  }
}
