/** Time and randomness, passed in so that tests control them; waiting that an AbortSignal ends. */
export interface Clock {
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal is aborted: the caller looks at the signal. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back after `ms`, unless cleared; `refresh` restarts the time. */
  timer(ms: number, then: () => void): NodeJS.Timeout;
  /** At least 0, below 1. */
  random(): number;
}

export const systemClock: Clock = {
  // Not performance.now(): its module takes longer to load than a short step takes to think.
  now: () => process.uptime() * 1_000,
  timer: (ms, then) => setTimeout(then, ms),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake, { once: true });
    }),
};

/**
 * `work`, or a rejection as soon as `signal` is aborted. The work itself goes on: pass it the signal where it can stop.
 *
 * @param toError what to reject with
 */
export async function raceWithAbort<T>(work: Promise<T>, signal: AbortSignal, toError: () => Error): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(toError());
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
