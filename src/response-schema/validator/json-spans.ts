/**
 * JSON in a text: where it is, and where it is broken. One pass over the text, whatever is in it; `JSON.parse` neither
 * finds the end of a value nor says for every error where it is.
 */

/** A value in a text. */
export interface JsonSpan {
  start: number;
  /** After its last character. */
  end: number;
  /** How deep objects and arrays are nested in it: 0 for `1`, 1 for `[1]`. */
  levels: number;
}

export interface JsonScan {
  /** The outermost objects and arrays, in order; those inside of something in brackets where that is no JSON. */
  found: JsonSpan[];
  /** Where the longest text in brackets that is no JSON breaks the grammar first. */
  brokenAt: number | undefined;
  /** The text ends before a bracket is closed: nothing in it counts as found. */
  isUnclosed: boolean;
  /** There are more brackets inside of each other than are searched: nothing in it counts as found. */
  isTooDeep: boolean;
}

/** No JSON of so many levels is accepted. */
const MAX_SCANNED_LEVELS = 1_000;

/** What may come next. */
type State = "key or end" | "key" | "colon" | "value or end" | "value" | "comma or end";

interface Bracket {
  start: number;
  isObject: boolean;
  state: State;
  levels: number;
  /** Where its text or what is inside it breaks the grammar first. */
  brokenAt: number | undefined;
}

const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const OPENING = /[{[]/g;
const HEX = /[\dA-Fa-f]{4}/y;

/** The end of the string that begins at `start`, and where it is broken. A line break ends it: no JSON string has one. */
function scanString(text: string, start: number, end: number): { end: number; brokenAt: number | undefined } {
  let brokenAt: number | undefined;
  let at = start + 1;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return { end: at + 1, brokenAt };
    if (code === 0x0a || code === 0x0d) return { end: at, brokenAt: brokenAt ?? at };
    if (code < 0x20) brokenAt ??= at;
    if (code === 0x5c) {
      at += 1;
      HEX.lastIndex = at + 1;
      const isEscape = text[at] === "u" ? HEX.test(text) : '"\\/bfnrt'.includes(text[at] ?? " ");
      if (!isEscape) brokenAt ??= at;
      // A line break after a backslash ends the string, too.
      if (!isEscape && /[\n\r]/.test(text[at] ?? "")) continue;
    }
    at += 1;
  }
  return { end, brokenAt: brokenAt ?? end };
}

/** The state after a value, or undefined where there may be none. */
function afterValue(state: State): State | undefined {
  return state === "value" || state === "value or end" ? "comma or end" : undefined;
}

function afterString(state: State): State | undefined {
  return state === "key" || state === "key or end" ? "colon" : afterValue(state);
}

function afterComma({ state, isObject }: Bracket): State | undefined {
  if (state !== "comma or end") return undefined;
  return isObject ? "key" : "value";
}

/** Finds the objects and arrays in `text` from `start` to `end`. */
export function scanJson(text: string, start = 0, end = text.length): JsonScan {
  const found: JsonSpan[] = [];
  const open: Bracket[] = [];
  const broken = { length: 0, at: undefined as number | undefined };
  let at = start;

  const proceed = (bracket: Bracket, state: State | undefined): void => {
    if (state === undefined) bracket.brokenAt ??= at;
    else bracket.state = state;
  };
  const close = (bracket: Bracket): void => {
    if (!bracket.state.endsWith("end")) bracket.brokenAt ??= at;
    open.pop();
    const outer = open.at(-1);
    if (bracket.brokenAt === undefined) {
      while ((found.at(-1)?.start ?? -1) > bracket.start) found.pop();
      found.push({ start: bracket.start, end: at + 1, levels: bracket.levels });
    } else if (outer === undefined && at - bracket.start > broken.length) {
      Object.assign(broken, { length: at - bracket.start, at: bracket.brokenAt });
    }
    if (outer === undefined) return;
    outer.levels = Math.max(outer.levels, bracket.levels + 1);
    outer.brokenAt ??= bracket.brokenAt;
    proceed(outer, afterValue(outer.state));
  };

  while (at < end) {
    const inner = open.at(-1);
    if (inner === undefined) {
      OPENING.lastIndex = at;
      at = OPENING.exec(text)?.index ?? end;
      if (at >= end) break;
    }
    const character = text.charAt(at);
    if (character === "{" || character === "[") {
      if (open.length === MAX_SCANNED_LEVELS) return { found: [], brokenAt: at, isUnclosed: true, isTooDeep: true };
      if (inner !== undefined && afterValue(inner.state) === undefined) inner.brokenAt ??= at;
      const isObject = character === "{";
      const state = isObject ? "key or end" : "value or end";
      open.push({ start: at, isObject, state, levels: 1, brokenAt: undefined });
    } else if (inner === undefined) {
      // Not reached: outside of brackets only an opening one is looked at.
    } else if (character === (inner.isObject ? "}" : "]")) {
      close(inner);
    } else if (character === '"') {
      const string = scanString(text, at, end);
      proceed(inner, afterString(inner.state));
      inner.brokenAt ??= string.brokenAt;
      at = string.end - 1;
    } else if (character === ",") {
      proceed(inner, afterComma(inner));
    } else if (character === ":") {
      proceed(inner, inner.state === "colon" ? "value" : undefined);
    } else if (!/[\t\n\r ]/.test(character)) {
      SCALAR.lastIndex = at;
      const scalar = SCALAR.exec(text)?.[0];
      proceed(inner, scalar === undefined ? undefined : afterValue(inner.state));
      at += (scalar?.length ?? 1) - 1;
    }
    at += 1;
  }
  const unclosed = open[0];
  if (unclosed === undefined) return { found, brokenAt: broken.at, isUnclosed: false, isTooDeep: false };
  const brokenAt = open.find((each) => each.brokenAt !== undefined)?.brokenAt ?? end;
  return { found: [], brokenAt, isUnclosed: true, isTooDeep: false };
}
