/** Waiting that an AbortSignal ends. */

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
