/** How often a run is looked at where no stream tells of it. Pure. */

const firstMs = 2_000;
const longestMs = 15_000;
const longestAfterRefusalsMs = 60_000;
const growth = 1.25;

export interface Interval {
  /** Before jitter. */
  readonly ms: number;
}

/** The first look is after 2 s. */
export const INITIAL_INTERVAL: Interval = { ms: firstMs };

/** After a look: a quarter longer, up to 15 s; what 429s made of it stays. */
export function grow(interval: Interval): Interval {
  return { ms: Math.max(interval.ms, Math.min(longestMs, interval.ms * growth)) };
}

/**
 * After a 429: twice as long, up to 60 s, and not before the server allows. So many waiting legs under one token leave
 * room for those that create.
 */
export function onRateLimited(interval: Interval): Interval {
  return { ms: Math.min(longestAfterRefusalsMs, interval.ms * 2) };
}

/**
 * Upward by a tenth at most: legs that began together drift apart. The interval that a long run settles at gets most of
 * it, so that ten minutes stay within 45 requests, the first and the last ones included.
 */
export function withJitter(interval: Interval, random: number): number {
  return interval.ms * (interval.ms === longestMs ? 1.08 + 0.02 * random : 1 + 0.1 * random);
}

/** What comes on top of a Retry-After: the legs that were refused together do not come back as one. */
export function retryAfterWithJitter(retryAfterMs: number, random: number): number {
  return retryAfterMs + random * Math.min(10_000, Math.max(1_000, retryAfterMs / 4));
}
