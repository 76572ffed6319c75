/** Deadlines that several operations share. */
import type { Clock } from "../common/clock.ts";

/** A deadline that several operations share. The time begins with the first of them. */
export class Budget {
  readonly ms: number;
  /** The input that raises it, where there is one. */
  readonly input: string | undefined;
  readonly #clock: Clock;
  #deadlineAt: number | undefined;

  constructor(clock: Clock, ms: number, input?: string) {
    this.#clock = clock;
    this.ms = ms;
    this.input = input;
  }

  /** On the clock's scale. */
  get deadlineAt(): number {
    this.#deadlineAt ??= this.#clock.now() + this.ms;
    return this.#deadlineAt;
  }

  /** Runs work whose time is excluded from the budget. */
  async excluding<T>(work: () => Promise<T>): Promise<T> {
    const { deadlineAt } = this;
    const startedAt = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#deadlineAt = deadlineAt + this.#clock.now() - startedAt;
    }
  }

  /** Gives back time that is excluded from the budget. */
  extend(ms: number): void {
    this.#deadlineAt = this.deadlineAt + ms;
  }
}
