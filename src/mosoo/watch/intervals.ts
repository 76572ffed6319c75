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
export const firstInterval: Interval = { ms: firstMs };

/** After a look: a quarter longer, up to 15 s; what 429s made of it stays. */
export function longer(interval: Interval): Interval {
  return { ms: Math.max(interval.ms, Math.min(longestMs, interval.ms * growth)) };
}

/**
 * After a 429: twice as long, up to 60 s, and not before the server allows. So many waiting legs under one token leave
 * room for those that create.
 */
export function afterRefusal(interval: Interval): Interval {
  return { ms: Math.min(longestAfterRefusalsMs, interval.ms * 2) };
}

/** Upward by 6 to 10 %: legs that began together drift apart, and ten minutes stay within 45 requests. */
export function jittered(interval: Interval, random: number): number {
  return interval.ms * (1.06 + 0.04 * random);
}
