/**
 * When the event stream is tried (again): soon after one that brought something; where streams are not to be had, or
 * bring nothing, a few times soon and then minutes apart, for polling does instead. Pure: time and chance are passed in.
 */
import { backoffMs } from "../retry.ts";
import { retryAfterWithJitter } from "./intervals.ts";

/** A connection that lived this long is a working one. */
export const STABLE_CONNECTION_MS = 10_000;
/** After streams that brought something and soon broke, all the same. */
const longestPauseMs = 3_000;
const quickTries = 3;
const [firstLongPauseMs, longestLongPauseMs] = [60_000, 300_000];

export class ReconnectPolicy {
  #at: number;
  /** Streams in a row that were not to be had, or brought nothing. */
  #vain = 0;
  /** Streams in a row that brought something and soon broke. */
  #short = 0;

  constructor(now: number) {
    this.#at = now;
  }

  /** When the next try is due. */
  get at(): number {
    return this.#at;
  }

  /** The server has no stream. */
  giveUp(): void {
    this.#at = Infinity;
  }

  /** The stream could not be had, or brought nothing. */
  failed(now: number, random: number, retryAfterMs: number | undefined): void {
    const tries = (this.#vain += 1);
    const pauseMs =
      tries < quickTries
        ? backoffMs(tries, random)
        : Math.min(longestLongPauseMs, firstLongPauseMs * 2 ** Math.min(10, tries - quickTries));
    const askedMs = retryAfterMs === undefined ? 0 : retryAfterWithJitter(retryAfterMs, random);
    this.#at = now + Math.max(pauseMs, askedMs);
  }

  /** The stream brought something, and broke. */
  broke(now: number, random: number, livedMs: number): void {
    this.#vain = 0;
    this.#short = livedMs < STABLE_CONNECTION_MS ? this.#short + 1 : 1;
    const growing = Math.max(1, this.#short + 1 - quickTries);
    this.#at = now + Math.min(longestPauseMs, backoffMs(growing, random));
  }
}
