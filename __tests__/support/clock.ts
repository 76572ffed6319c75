/** Clocks that tests hold: one that runs faster than the wall's, so that a minute is over in milliseconds. */
import type { Clock } from "../../src/mosoo/clock.ts";

/** A clock that runs `times` as fast as the wall's, from 0 on. `random` is what chance gives, 0.5 where none is given. */
export function fastClock(times: number, random: () => number = () => 0.5): Clock {
  const began = performance.now();
  return {
    now: () => (performance.now() - began) * times,
    random,
    timer: (ms, then) => setTimeout(then, ms / times),
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
        const timer = setTimeout(wake, ms / times);
        signal?.addEventListener("abort", wake, { once: true });
      }),
  };
}

/** A clock that moves only by sleeping: hours pass at once, and what takes real time takes none of it. */
export function jumpingClock(random: () => number = () => 0.5): Clock {
  let now = 0;
  return {
    now: () => now,
    random,
    timer: (ms, then) => setTimeout(then, ms),
    sleep: async (ms, signal) => {
      await new Promise(setImmediate);
      if (signal?.aborted !== true) now += Math.max(0, ms);
    },
  };
}
