/**
 * Generations of an idempotency key. The service stores failures under the key and replays them for a day; a key that
 * holds one is burnt, and all attempts move on to the next one in the same order, so that they meet. Pure.
 */
import { createHash } from "node:crypto";

export const longestKey = 128;
/** Burnt generations that an attempt walks past. */
export const mostWalked = 20;
/** New generations that an attempt opens, so that an outage does not use them up. */
export const mostOpened = 2;

/** `key` with `suffix`, shortened by a digest of the key where both do not fit. */
export function suffixedKey(key: string, suffix: string): string {
  if (key.length + suffix.length <= longestKey) return key + suffix;
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${key.slice(0, longestKey - suffix.length - digest.length - 1)}-${digest}${suffix}`;
}

/** The key of a generation, counted from 1: `<key>`, `<key>~2`, `<key>~3` … */
export function generationKey(key: string, generation: number): string {
  return generation === 1 ? key : suffixedKey(key, `~${generation}`);
}
