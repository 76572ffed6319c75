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
  /**
   * The outermost objects and arrays, in order; those inside of something in brackets where that is no JSON. None where a
   * bracket is not closed.
   */
  found: JsonSpan[];
  /** Where the longest text in brackets that is no JSON breaks the grammar first. */
  brokenAt: number | undefined;
  /** There are more brackets inside of each other than are searched: none is found. */
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

/** The state after a value; undefined where there may be none. */
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

/** What is at `at` leads to `state`; undefined where it may not be there. */
function proceed(bracket: Bracket, state: State | undefined, at: number): void {
  if (state === undefined) bracket.brokenAt ??= at;
  else bracket.state = state;
}

function openBracket(text: string, start: number): Bracket {
  const isObject = text.charAt(start) === "{";
  return { start, isObject, state: isObject ? "key or end" : "value or end", levels: 1, brokenAt: undefined };
}

/** Reads what is no bracket inside of one. @returns where it ends */
function scanToken(bracket: Bracket, text: string, at: number, end: number): number {
  const character = text.charAt(at);
  switch (character) {
    case "\t":
    case "\n":
    case "\r":
    case " ":
      return at + 1;
    case ",":
      proceed(bracket, afterComma(bracket), at);
      return at + 1;
    case ":":
      proceed(bracket, bracket.state === "colon" ? "value" : undefined, at);
      return at + 1;
    case '"': {
      const string = scanString(text, at, end);
      proceed(bracket, afterString(bracket.state), at);
      bracket.brokenAt ??= string.brokenAt;
      return string.end;
    }
    default: {
      SCALAR.lastIndex = at;
      const scalar = SCALAR.exec(text)?.[0];
      proceed(bracket, scalar === undefined ? undefined : afterValue(bracket.state), at);
      return at + (scalar?.length ?? 1);
    }
  }
}

interface OutermostScan {
  /** What is JSON: all of it, or what is inside. */
  found: JsonSpan[];
  brokenAt: number | undefined;
  /** After its closing bracket. */
  end: number;
  ending: "closed" | "unclosed" | "too deep";
}

/** Reads what is in the bracket at `start`. One that does not match the open one closes nothing. */
function scanOutermost(text: string, start: number, end: number): OutermostScan {
  const found: JsonSpan[] = [];
  const outer: Bracket[] = [];
  let bracket = openBracket(text, start);
  for (let at = start + 1; at < end;) {
    const character = text.charAt(at);
    if (character === "{" || character === "[") {
      if (afterValue(bracket.state) === undefined) bracket.brokenAt ??= at;
      outer.push(bracket);
      bracket = openBracket(text, at);
      if (outer.length === MAX_SCANNED_LEVELS) return { found: [], brokenAt: at, end, ending: "too deep" };
      at += 1;
    } else if (character === (bracket.isObject ? "}" : "]")) {
      if (!bracket.state.endsWith("end")) bracket.brokenAt ??= at;
      at += 1;
      const { start: from, levels, brokenAt } = bracket;
      if (brokenAt === undefined) {
        while ((found.at(-1)?.start ?? -1) > from) found.pop();
        found.push({ start: from, end: at, levels });
      }
      const next = outer.pop();
      if (next === undefined) return { found, brokenAt, end: at, ending: "closed" };
      next.levels = Math.max(next.levels, levels + 1);
      next.brokenAt ??= brokenAt;
      proceed(next, afterValue(next.state), at);
      bracket = next;
    } else at = scanToken(bracket, text, at, end);
  }
  // An outer bracket goes on only after the inner ones: its error comes first.
  const broken = [...outer, bracket].find(({ brokenAt }) => brokenAt !== undefined);
  return { found: [], brokenAt: broken?.brokenAt ?? end, end, ending: "unclosed" };
}

/** Finds the objects and arrays in `text` from `start` to `end`. */
export function scanJson(text: string, start = 0, end = text.length): JsonScan {
  const found: JsonSpan[] = [];
  let brokenAt: number | undefined;
  let longest = 0;
  for (let at = start; ;) {
    OPENING.lastIndex = at;
    at = OPENING.exec(text)?.index ?? end;
    if (at >= end) return { found, brokenAt, isTooDeep: false };
    const scan = scanOutermost(text, at, end);
    if (scan.ending !== "closed") {
      return { found: [], brokenAt: scan.brokenAt, isTooDeep: scan.ending === "too deep" };
    }
    if (scan.brokenAt !== undefined && scan.end - at > longest) {
      longest = scan.end - at;
      brokenAt = scan.brokenAt;
    }
    for (const span of scan.found) found.push(span);
    at = scan.end;
  }
}
