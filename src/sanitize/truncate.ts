/** Cutting between characters: what a reader sees as one stays whole. */

/** In UTF-16 units, how far back the start of a grapheme is searched for: longer ones are cut between code points. */
const MAX_GRAPHEME_LENGTH = 64;

/** Made when something is cut: it takes longer to make than the rest of a short step's reports. */
let graphemes: Intl.Segmenter | undefined;

/** `text`, or its start with "…" in place of the rest: at most `max` UTF-16 units in all. */
export function truncate(text: string, max: number): string {
  if (text.length <= max) return text;
  return max < 1 ? "" : text.slice(0, safeCutIndex(text, max - 1)) + "…";
}

/** The last place at or before `at` (UTF-16 units) where text may be cut. */
export function safeCutIndex(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const limit = codePointBoundary(text, at);
  const from = codePointBoundary(text, Math.max(0, limit - MAX_GRAPHEME_LENGTH));
  let last = from;
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const { index } of graphemes.segment(text.slice(from, limit + MAX_GRAPHEME_LENGTH))) {
    if (from + index > limit) break;
    last = from + index;
  }
  return last > from || from === 0 ? last : limit;
}

function codePointBoundary(text: string, at: number): number {
  const insidePair = at > 0 && at < text.length && isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at));
  return insidePair ? at - 1 : at;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/**
 * Cut to at most `maxBytes` of UTF-8, between characters; lone surrogates become U+FFFD. After a cut `note` follows,
 * inside the limit (left out where the limit has no room for it).
 */
export function truncateUtf8(text: string, maxBytes: number, note: string): { text: string; cut: boolean } {
  const whole = text.toWellFormed();
  if (Buffer.byteLength(whole) <= maxBytes) return { text: whole, cut: false };
  const ending = Buffer.byteLength(note) <= maxBytes ? note : "";
  const kept = utf16LengthWithin(whole, maxBytes - Buffer.byteLength(ending));
  return { text: whole.slice(0, safeCutIndex(whole, kept)) + ending, cut: true };
}

/** How many UTF-16 units from the start of `text` fit into `maxBytes` of UTF-8, never ending inside a pair. */
function utf16LengthWithin(text: string, maxBytes: number): number {
  if (maxBytes <= 0) return 0;
  return new TextEncoder().encodeInto(text, new Uint8Array(maxBytes)).read;
}
