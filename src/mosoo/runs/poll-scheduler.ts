/**
 * When the thread is read next. Pure: time and chance are passed in, in milliseconds on the clock's scale.
 *
 * While a stream tells what happens, reads only look for what it did not tell. A hint (an event that says the run has
 * ended, or asks a person) is followed by a read at once, and by more where the thread does not show it yet. Without a
 * stream reads are all there is: polling.
 */
import { type Interval, onRateLimited, INITIAL_INTERVAL, withJitter, grow } from "./intervals.ts";

/** An end that no event announces is looked for after this long without an event, then at growing gaps. */
const firstGapMs = 60_000;
const longestGapMs = 300_000;
const gapGrowth = 1.5;
/** Pauses after an event said that the run has ended, and the thread does not show it. Then as in polling. */
const afterEndMs = [100, 300, 600, 1_000, 2_000];
/** The same for a question. Then it was answered already, as it seems. */
const afterQuestionMs = [100, 300, 600, 1_000, 2_000, 4_000];

export interface Read {
  /** How long the server is to be left alone, after a failure. */
  waitMs: number;
  /** The server answered 429. */
  limited: boolean;
}

export class PollScheduler {
  #at: number;
  #listening = false;
  #interval: Interval = INITIAL_INTERVAL;
  #gapMs = firstGapMs;
  #silentAt: number;
  #hint: { about: "end" | "question"; pauses: number[] } | undefined;

  /** Begins with polling. */
  constructor(now: number, random: number) {
    this.#silentAt = now + firstGapMs;
    this.#at = now + withJitter(INITIAL_INTERVAL, random);
  }

  /** When the next read is due. */
  get at(): number {
    return this.#at;
  }

  /** A stream has shown that it lives. Silence counts on from before. */
  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    if (this.#hint === undefined) this.#at = this.#silentAt;
  }

  /** An event came through the stream. */
  heard(now: number): void {
    this.#gapMs = firstGapMs;
    this.#silentAt = now + firstGapMs;
    if (this.#hint === undefined && this.#listening) this.#at = this.#silentAt;
  }

  /** The stream broke. Where it never lived, polling goes on as it was. */
  poll(now: number, random: number): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.#interval = INITIAL_INTERVAL;
    if (this.#hint === undefined) this.#at = now + withJitter(INITIAL_INTERVAL, random);
  }

  hinted(about: "end" | "question", now: number): void {
    this.#hint = { about, pauses: about === "end" ? [...afterEndMs] : [...afterQuestionMs] };
    this.#interval = INITIAL_INTERVAL;
    this.#at = now;
  }

  /** The question that an event announced was seen in the thread, or the run has gone on since. */
  questionSettled(): void {
    if (this.#hint?.about !== "question") return;
    this.#hint = undefined;
    if (this.#listening) this.#at = this.#silentAt;
  }

  /** The thread was read, and the run goes on as far as it tells. */
  wasRead(now: number, read: Read, random: number): void {
    this.#at = now + Math.max(read.waitMs, this.#pauseMs(now, read.limited, random));
  }

  #pauseMs(now: number, limited: boolean, random: number): number {
    const soon = this.#hint?.pauses.shift();
    if (soon !== undefined) return soon;
    if (this.#hint?.about === "question") this.#hint = undefined;
    if (this.#listening && this.#hint === undefined) {
      const gapMs = Math.min(longestGapMs, this.#gapMs * gapGrowth);
      this.#gapMs = gapMs;
      this.#silentAt = now + gapMs;
      return gapMs;
    }
    this.#interval = limited ? onRateLimited(this.#interval) : grow(this.#interval);
    return withJitter(this.#interval, random);
  }
}
