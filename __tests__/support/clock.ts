/** A clock that tests control. */
import type { Clock } from "../../src/common/clock.ts";

/** Whether a file is read or a host name looked up: in threads, whose time depends on the machine. */
function isReading(): boolean {
  return process.getActiveResourcesInfo().some((name) => /^(?:FSReq|GetAddrInfo)/.test(name));
}

interface Sleeper {
  at: number;
  wake: () => void;
  /** Nothing waits anymore. */
  isGone: () => boolean;
}

/**
 * A clock that does not advance while work is pending, and then jumps to the moment that the first sleeper waits for:
 * hours pass in milliseconds, and neither real work nor a busy machine takes any of that time. Servers of the same
 * process must wait by this clock, too.
 *
 * @param grainMs so far behind the first one others are woken together with it, where there are very many
 * @param stillTurns turns of the event loop, a timer's and an immediate's each, after which all pending work is done
 */
export function patientClock(random: () => number = () => 0.5, grainMs = 0, stillTurns = 8): Clock {
  let now = 0;
  let changes = 0;
  let moving = false;
  const sleepers = new Set<Sleeper>();

  async function stillness(): Promise<void> {
    for (let seen = changes, turns = 0; turns < stillTurns; turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setImmediate(resolve));
      if (seen !== changes || isReading()) [seen, turns] = [changes, 0];
    }
  }

  async function move(): Promise<void> {
    if (moving) return;
    moving = true;
    while (sleepers.size > 0) {
      await stillness();
      for (const each of sleepers) if (each.isGone()) sleepers.delete(each);
      const inOrder = [...sleepers].sort((a, b) => a.at - b.at);
      const [first] = inOrder;
      if (first === undefined) break;
      const woken = inOrder.filter((each) => each === first || each.at < first.at + grainMs);
      now = Math.max(now, woken.at(-1)?.at ?? now);
      for (const each of woken) {
        sleepers.delete(each);
        each.wake();
      }
    }
    moving = false;
  }

  function add(sleeper: Sleeper): void {
    changes += 1;
    sleepers.add(sleeper);
    void move();
  }

  return {
    now: () => now,
    random,
    timer: (ms, then) => {
      const handle = setTimeout(() => undefined, 2 ** 31 - 1).unref();
      const wake = (): void => {
        clearTimeout(handle);
        then();
      };
      // The only visible effect of clearTimeout().
      add({ at: now + ms, wake, isGone: () => "_destroyed" in handle && handle._destroyed === true });
      return handle;
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const wake = (): void => {
          changes += 1;
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { at: now + ms, wake, isGone: () => false };
        signal?.addEventListener("abort", wake, { once: true });
        add(sleeper);
      }),
  };
}

/** A clock on which no time passes: a sleep ends by its signal alone, and a timer never. */
export function stoppedClock(): Clock {
  return {
    now: () => 0,
    random: () => 0.5,
    timer: () => setTimeout(() => undefined, 2 ** 31 - 1).unref(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (ms <= 0 || signal?.aborted === true) resolve();
        signal?.addEventListener("abort", () => {
          resolve();
        });
      }),
  };
}
