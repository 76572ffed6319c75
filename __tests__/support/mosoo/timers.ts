import { type Clock, systemClock } from "../../../src/common/clock.ts";

/** Waits that do not outlive the server. */
export class Timers {
  readonly #clock: Clock;
  #stop = new AbortController();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Resolves after `ms` milliseconds; never, once stopped. */
  async wait(ms: number): Promise<void> {
    const { signal } = this.#stop;
    await this.#clock.sleep(ms, signal);
    if (signal.aborted) await new Promise(() => undefined);
  }

  stop(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
  }
}
