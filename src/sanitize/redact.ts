/** Secrets in untrusted text: a server that echoes headers, an agent that saw the token, a response that quotes it. */

import { visiblePieces } from "./characters.ts";

const MASK = "***";
/** In characters. Shorter inner pieces of a base64 form, and shorter lines of a secret, match text accidentally. */
const MIN_PIECE_LENGTH = 8;
/** In UTF-16 units. Of a longer secret, the expression that finds it with some characters escaped gets too large. */
const MAX_PATTERN_SOURCE_LENGTH = 1_000;

/** What to look for, compiled once for a list of secrets. */
interface Matchers {
  secrets: readonly string[];
  /** The secrets, and as JSON pointers have them. */
  forms: readonly string[];
  variants: readonly string[];
  patterns: readonly RegExp[] | undefined;
}

/** A step redacts many lines of the same few secrets. */
let cached: Matchers | undefined;

/**
 * Replaces every occurrence of each secret with `***`: as it is, base64 (at each of the three offsets, both alphabets),
 * percent-encoded, or escaped for JSON, XML, Markdown (any of its characters) or JSON pointers; of a secret of several
 * lines also with other line ends, and each line by itself. Characters that a sink drops, such as a color in the middle, do not count.
 * Occurrences that overlap are hidden together. Empty secrets are ignored. Redact the whole text before truncating or
 * splitting it: half a secret is not found.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const ranges = findSecrets(text, secrets);
  return ranges.length === 0 ? text : maskRanges(text, ranges);
}

/** Where {@link redact} finds secrets, in order; ranges do not overlap. */
export function findSecrets(text: string, secrets: readonly string[]): Range[] {
  const matchers = matchersFor(secrets);
  const ranges = search(text, matchers);
  const pieces = visiblePieces(text);
  if (pieces !== undefined) {
    const toOffset = offsetMap(pieces);
    for (const [start, end] of search(pieces.map(({ piece }) => piece).join(""), matchers)) {
      ranges.push([toOffset(start), toOffset(end - 1) + 1]);
    }
  }
  return mergeRanges(ranges);
}

/** Offsets in the joined pieces → offsets in the text they were taken from. */
function offsetMap(pieces: readonly { at: number; piece: string }[]): (offset: number) => number {
  let length = 0;
  const starts = pieces.map(({ piece }) => (length += piece.length) - piece.length);
  return (offset) => {
    // Halving: hostile text may have as many secrets as pieces.
    let [low, high] = [0, pieces.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return (pieces[low]?.at ?? 0) + offset - (starts[low] ?? 0);
  };
}

function search(text: string, matchers: Matchers): Range[] {
  // One by one, not as one regular expression: of a secret as long as GitHub stores it that would be too large to make.
  const ranges = matchers.variants.flatMap((variant) => occurrences(text, variant));
  if (ESCAPE.test(text)) {
    matchers.patterns ??= matchers.forms.flatMap(escapedPattern);
    for (const pattern of matchers.patterns) {
      for (const match of text.matchAll(pattern)) ranges.push([match.index, match.index + match[0].length]);
    }
  }
  return ranges;
}

function matchersFor(secrets: readonly string[]): Matchers {
  // Compared by content: a list may grow.
  const isCached =
    cached?.secrets.length === secrets.length && cached.secrets.every((secret, at) => secret === secrets[at]);
  if (cached === undefined || !isCached) {
    const forms = [...new Set(secrets.flatMap((secret) => [secret, asPointerToken(secret)]))];
    const variants = new Set(forms.flatMap(splitLines).flatMap(encodedVariants));
    variants.delete("");
    cached = { secrets: [...secrets], forms, variants: [...variants], patterns: undefined };
  }
  return cached;
}

type Range = readonly [start: number, end: number];

function occurrences(text: string, variant: string): Range[] {
  const found: Range[] = [];
  for (let at = text.indexOf(variant); at >= 0; at = text.indexOf(variant, at + 1)) {
    found.push([at, at + variant.length]);
  }
  return found;
}

function mergeRanges(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const [start, end] of ranges.sort(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last === undefined || start >= last[1]) merged.push([start, end]);
    else if (end > last[1]) merged[merged.length - 1] = [last[0], end];
  }
  return merged;
}

function maskRanges(text: string, ranges: readonly Range[]): string {
  const ends = [0, ...ranges.map(([, end]) => end)];
  return [...ranges.map(([start], index) => text.slice(ends[index], start)), text.slice(ends.at(-1))].join(MASK);
}

/** As a property's name in a JSON pointer (RFC 6901), which is how a problem with it is located. */
function asPointerToken(secret: string): string {
  return secret.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The secret; of one with several lines also its forms with each kind of line end, and the lines that are long enough. */
function splitLines(secret: string): string[] {
  const lines = secret.split(/\r\n|\r|\n/u);
  if (lines.length === 1) return [secret];
  const whole = ["\n", "\r\n", "\r"].map((lineEnd) => lines.join(lineEnd));
  return [secret, ...whole, ...lines.map((line) => line.trim()).filter((line) => line.length >= MIN_PIECE_LENGTH)];
}

function encodedVariants(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    percent,
    percent.replace(/%[0-9A-F]{2}/gu, (hex) => hex.toLowerCase()),
    json,
    json.replaceAll("/", "\\/"),
    ...xmlEscapedVariants(secret),
    ...[0, 1, 2].flatMap((shift) => base64Variants(secret, shift)),
  ];
}

/** What begins an escaped character: most texts have none, and need no search for them. */
const ESCAPE = /\\[!-/:-@[-`{-~]|\\u00|%[2-7][0-9a-f]|&#/i;

/**
 * Any character may be `\u0067` (JSON), `%67` or `&#103;`, and punctuation may have a backslash before it (Markdown);
 * JSON inside JSON has more backslashes. Their number is bounded, or a text of nothing else would take quadratic time; a
 * secret with backslashes of its own is found in whole forms only.
 */
function escapedPattern(secret: string): RegExp[] {
  if (secret === "" || secret.length > MAX_PATTERN_SOURCE_LENGTH || secret.includes("\\")) return [];
  const units = Array.from({ length: secret.length }, (_, at) => {
    const code = secret.charCodeAt(at);
    const hex = code.toString(16);
    const digits = (text: string): string => text.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    const unit = hex.padStart(4, "0");
    const forms = [
      `\\\\{1,8}u${digits(unit)}`,
      ...(code < 0x80 ? [`%${digits(hex.padStart(2, "0"))}`] : []),
      `&#0{0,5}(?:${code}|[xX]0{0,5}${digits(hex)});`,
      `${/[!-/:-@[-`{-~]/.test(secret.charAt(at)) ? "\\\\{0,8}" : ""}\\u${unit}`,
    ];
    return `(?:${forms.join("|")})`;
  });
  return [new RegExp(units.join(""), "g")];
}

/** As text and as an attribute's value in XML and HTML. */
function xmlEscapedVariants(secret: string): string[] {
  const text = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const quoted = text.replaceAll('"', "&quot;");
  return [text, quoted, quoted.replaceAll("'", "&#39;"), quoted.replaceAll("'", "&apos;")];
}

/** The characters of base64 text that depend on the secret alone when `shift` bytes precede it. */
function base64Variants(secret: string, shift: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]);
  const inside = bytes.toString("base64").slice(Math.ceil((shift * 8) / 6), Math.floor((bytes.length * 8) / 6));
  if (inside.length < MIN_PIECE_LENGTH) return [];
  return [inside, inside.replaceAll("+", "-").replaceAll("/", "_")];
}
