/**
 * Single characters that do harm wherever untrusted text is shown: terminal sequences, control characters, and the
 * bidirectional overrides that make text read differently from what it is. And cutting between characters: what a reader
 * sees as one stays whole.
 */

/** Everything that any reader of a log may take for the end of a line (.NET itself knows only \n, \r and \r\n). */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u;

/** CSI and OSC sequences whole; then DCS, SOS, PM, APC; then two-character escapes. Bodies stop at any control, so matching is linear. */
const TERMINAL_SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/gu;
const CONTROL = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/gu;
/** Embeddings, overrides and isolates; the plain marks U+200E, U+200F and U+061C are needed in right-to-left prose. */
const BIDI_OVERRIDE = /[\u202a-\u202e\u2066-\u2069]/gu;
/** The tag block: a second, invisible ASCII that no writing needs. */
const TAG_CHARACTER = /[\u{e0000}-\u{e007f}]/gu;
/** What some sink drops, or no reader sees: all of the above but line ends. As one expression, or a drop could uncover another. */
const HIDDEN_SOURCE = [TERMINAL_SEQUENCE.source, String.raw`(?!\u0085)${CONTROL.source}`, BIDI_OVERRIDE.source].join(
  "|",
);
/** Made when it is needed: its Unicode property takes a while. */
let hidden: RegExp | undefined;
const PRINTABLE_ASCII = /^[\t\n\r -~]*$/;
/** Whitespace, what has no glyph, and the empty Braille pattern, which has one without ink. */
const INVISIBLE = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]*$/u;

export function splitLines(text: string): string[] {
  return text.split(LINE_END);
}

/**
 * The pieces of the text that a reader may see, each with where in the text it begins: without terminal sequences,
 * controls and characters that have no glyph. Undefined where that is all of it.
 */
export function visiblePieces(text: string): { at: number; piece: string }[] | undefined {
  if (PRINTABLE_ASCII.test(text)) return undefined;
  const pieces: { at: number; piece: string }[] = [];
  hidden ??= new RegExp(`${HIDDEN_SOURCE}|\\p{Default_Ignorable_Code_Point}+`, "gu");
  let from = 0;
  for (const { index, 0: dropped } of text.matchAll(hidden)) {
    if (index > from) pieces.push({ at: from, piece: text.slice(from, index) });
    from = index + dropped.length;
  }
  if (from === 0) return undefined;
  return [...pieces, { at: from, piece: text.slice(from) }];
}

/** Whether a reader sees nothing of the text: it is empty, or has whitespace and invisible characters only. */
export function isInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

/**
 * One line without terminal sequences (dropped) and with controls and overrides made visible: ␛ for ESC, � for C1,
 * [U+202E] for an override. Lone surrogates become U+FFFD. Tabs stay.
 */
export function escapeControlCharacters(line: string): string {
  return line
    .toWellFormed()
    .replace(TERMINAL_SEQUENCE, "")
    .replace(CONTROL, controlPicture)
    .replace(BIDI_OVERRIDE, (override) => `[U+${override.charCodeAt(0).toString(16).toUpperCase()}]`)
    .replace(TAG_CHARACTER, "");
}

/**
 * The same for prose that is rendered: there the invisible is dropped, a picture of it would only disturb. Line ends
 * that Markdown does not know, but a bot's regular expression may, become spaces.
 */
export function stripControlCharacters(text: string): string {
  return text
    .toWellFormed()
    .replace(TERMINAL_SEQUENCE, "")
    .replace(/[\v\f\u0085\u2028\u2029]/gu, " ")
    .replace(CONTROL, "")
    .replace(BIDI_OVERRIDE, "")
    .replace(TAG_CHARACTER, "");
}

function controlPicture(control: string): string {
  const code = control.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}

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
