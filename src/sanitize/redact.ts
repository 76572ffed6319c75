/** Secrets in untrusted text: a server that echoes headers, an agent that saw the token, a response that quotes it. */

const MASK = "***";
/** In characters. Shorter inner pieces of a base64 form, and shorter lines of a secret, match text accidentally. */
const MIN_PIECE_LENGTH = 8;
/** In UTF-16 units. Of a longer secret, the expression that finds it with some characters escaped gets too large. */
const MAX_PATTERN_SOURCE_LENGTH = 1_000;

/** What to look for, compiled once for a list of secrets. */
interface Matchers {
  secrets: readonly string[];
  variants: readonly string[];
  patterns: readonly RegExp[] | undefined;
}

/** A step redacts many lines of the same few secrets. */
let cached: Matchers | undefined;

/**
 * Replaces every occurrence of each secret with `***`: as it is, percent-encoded, base64 (at each of the three offsets,
 * both alphabets), JSON-escaped (any of its characters), XML-escaped; of a secret of several lines also with other line
 * ends, and each line by itself. Occurrences that overlap are hidden together. Empty secrets are ignored. Redact the
 * whole text before truncating or splitting it: half a secret is not found.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const matchers = matchersFor(secrets);
  // One by one, not as one regular expression: of a secret as long as GitHub stores it that would be too large to make.
  const ranges = matchers.variants.flatMap((variant) => occurrences(text, variant));
  if (text.includes("\\u00")) {
    matchers.patterns ??= secrets.flatMap(unicodeEscapedPattern);
    for (const pattern of matchers.patterns) {
      for (const match of text.matchAll(pattern)) ranges.push([match.index, match.index + match[0].length]);
    }
  }
  return ranges.length === 0 ? text : maskRanges(text, ranges);
}

function matchersFor(secrets: readonly string[]): Matchers {
  // Compared by content: a list may grow.
  const isCached =
    cached?.secrets.length === secrets.length && cached.secrets.every((secret, at) => secret === secrets[at]);
  if (cached === undefined || !isCached) {
    const variants = new Set(secrets.flatMap(splitLines).flatMap(encodedVariants));
    variants.delete("");
    cached = { secrets: [...secrets], variants: [...variants], patterns: undefined };
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

function maskRanges(text: string, ranges: Range[]): string {
  ranges.sort(([a], [b]) => a - b);
  const parts: string[] = [];
  let hiddenUntil = 0;
  for (const [start, end] of ranges) {
    if (start >= hiddenUntil) parts.push(text.slice(hiddenUntil, start), MASK);
    hiddenUntil = Math.max(hiddenUntil, end);
  }
  return parts.join("") + text.slice(hiddenUntil);
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

/**
 * JSON may write any character as `\u0067`, and JSON inside JSON does so with more backslashes. Their number is bounded,
 * or a text of nothing else would take quadratic time; a secret with backslashes of its own is found in whole forms only.
 */
function unicodeEscapedPattern(secret: string): RegExp[] {
  if (secret === "" || secret.length > MAX_PATTERN_SOURCE_LENGTH || secret.includes("\\")) return [];
  const units = Array.from({ length: secret.length }, (_, at) => {
    const hex = secret.charCodeAt(at).toString(16).padStart(4, "0");
    const digits = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    const mayHaveBackslash = '"/'.includes(secret.charAt(at));
    return `(?:\\\\{1,8}u${digits}|${mayHaveBackslash ? "\\\\{0,8}" : ""}\\u${hex})`;
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
