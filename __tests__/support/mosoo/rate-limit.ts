import { Refusal } from "./refusal.ts";

/** Counts requests per token in fixed windows, as the service does. */
export class RateLimit {
  readonly #requests: number;
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #windows = new Map<string, { start: number; count: number }>();

  constructor(limit: { requests: number; windowMs: number }, now: () => number) {
    this.#requests = limit.requests;
    this.#windowMs = limit.windowMs;
    this.#now = now;
  }

  /** @throws Refusal 429 with the whole seconds to the window's end */
  count(token: string): void {
    const now = this.#now();
    const start = Math.floor(now / this.#windowMs) * this.#windowMs;
    const known = this.#windows.get(token);
    const count = known?.start === start ? known.count + 1 : 1;
    this.#windows.set(token, { start, count });
    if (count <= this.#requests) return;
    const seconds = Math.max(1, Math.ceil((start + this.#windowMs - now) / 1000));
    throw new Refusal(429, "rate_limited", "The request budget of this token is used up for now.", seconds);
  }

  clear(): void {
    this.#windows.clear();
  }
}
