/**
 * What each kind of input accepts. Every parser takes a trimmed, non-empty text and returns a value, or throws a
 * sentence that says what the value must be, with its size but never its content. Pure.
 */
import { formatInteger } from "../common/format.ts";
import { isLoopback } from "../mosoo/http/redirects.ts";

/** A parser's rejection; the message is for people. */
export class InvalidInputError extends Error {}

const CONTROL_CHARACTER = /\p{Cc}/u;
/** Whitespace, control characters and invisible ones: they come from copying, and break URLs and headers. */
const INVISIBLE = /[\s\p{Cc}\p{Cf}\p{Z}\p{Cs}]/u;
const USER_INFO = /^[^/\\]*[/\\]{2}[^/\\?#]*@/;
/** 26 characters of Crockford's base 32; the first holds three bits only. */
const ULID = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/;
const MAX_ID_LENGTH = 255;
const MAX_LINE_LENGTH = 255;
const MAX_KEY_LENGTH = 128;
const MIN_SECONDS = 1;
const MAX_SECONDS = 86_400;
const SECONDS_PER_UNIT = { "": 1, s: 1, m: 60, h: 3_600 };

/** "(got 1 character)", "(got 1,234 characters)". */
function got(text: string): string {
  return `(got ${formatInteger(text.length)} character${text.length === 1 ? "" : "s"})`;
}

/** Whether an expression is there as text, because GitHub did not evaluate it. */
function hasExpression(text: string): boolean {
  return text.includes("${{");
}

/** A text without an expression: everything but a message, which may be about expressions. */
export function rejectExpression(text: string): string {
  if (!hasExpression(text)) return text;
  throw new InvalidInputError(
    "Contains an unevaluated expression. GitHub evaluates `${{ … }}` only in workflow files and action metadata.",
  );
}

/** An ID that becomes a segment of a URL's path. It need not be a ULID: the server decides. */
export function parseId(text: string): string {
  if (INVISIBLE.test(text))
    throw new InvalidInputError(`Must not contain whitespace or invisible characters ${got(text)}.`);
  if (/[/\\?#%]/.test(text))
    throw new InvalidInputError(`Must be the ID alone, not a URL or path: / \\ ? # % are not allowed ${got(text)}.`);
  if (/^\.+$/.test(text)) throw new InvalidInputError("Must not consist of dots only.");
  if (text.length > MAX_ID_LENGTH)
    throw new InvalidInputError(`Must be at most ${MAX_ID_LENGTH} characters ${got(text)}; an ID has 26.`);
  return text;
}

/** Whether the ID looks like those that the service makes. */
export function isUlid(id: string): boolean {
  return ULID.test(id);
}

/** The part of a stored secret that is the token, and how it was stored. */
interface StoredToken {
  token: string;
  storedAs: "token" | "bearer" | "quoted" | "assignment";
}

/** Separates a token from what people store around it: `Bearer x`, `"x"`, `NAME=x`. */
export function unwrapToken(text: string): StoredToken {
  const quoted = /^(["'`])(.+)\1$/s.exec(text)?.[2];
  if (quoted !== undefined) return { token: quoted, storedAs: "quoted" };
  const assigned = /^[A-Z_][A-Z0-9_]*=(?!=*$)(.+)$/s.exec(text)?.[1];
  if (assigned !== undefined) return { token: assigned.replace(/^(["'`])(.+)\1$/s, "$2"), storedAs: "assignment" };
  const bearer = /^Bearer\s+(.+)$/is.exec(text)?.[1];
  return bearer === undefined ? { token: text, storedAs: "token" } : { token: bearer, storedAs: "bearer" };
}

/** The token, without a leading `Bearer `. */
export function parseToken(text: string): string {
  if (hasExpression(text)) {
    // Without a likely name of a secret: the value is masked, and the advice with it where it is that very expression.
    throw new InvalidInputError(
      "Contains an unevaluated expression. Write `token: ${{ secrets.NAME }}` in the workflow file, with the name of your secret.",
    );
  }
  const { token, storedAs } = unwrapToken(text);
  if (CONTROL_CHARACTER.test(token)) {
    throw new InvalidInputError(
      `Must not contain a line break or another control character ${got(token)}. Store the secret again, as one line.`,
    );
  }
  if (storedAs === "quoted") throw new InvalidInputError("Must not be in quotes. Store the secret without them.");
  if (storedAs === "assignment") {
    throw new InvalidInputError(
      "Must be the token alone, not `NAME=value`. Store only what follows the equals sign as the secret.",
    );
  }
  if (/[\s\p{Z}]/u.test(token))
    throw new InvalidInputError(`Must not contain whitespace ${got(token)}. Store the token alone as the secret.`);
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new InvalidInputError(`Must contain ASCII characters only ${got(token)}. Store the secret again.`);
  return token;
}

/** A line of text: no control characters, at most 255 characters. */
export function parseLine(text: string): string {
  if (CONTROL_CHARACTER.test(text))
    throw new InvalidInputError(`Must be one line without control characters ${got(text)}.`);
  if (text.length > MAX_LINE_LENGTH)
    throw new InvalidInputError(`Must be at most ${MAX_LINE_LENGTH} characters ${got(text)}.`);
  return text;
}

/** The API's base URL, without trailing slashes. https, or http on loopback. */
export function parseApiUrl(text: string): URL {
  if (/[\s\p{Cc}\\]/u.test(text))
    throw new InvalidInputError("Must not contain whitespace, backslashes or control characters.");
  if (!URL.canParse(text)) throw new InvalidInputError(`Must be a URL, such as https://mosoo.ai/api/v1 ${got(text)}.`);
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new InvalidInputError(`Must be an https URL (got ${url.protocol.slice(0, -1).slice(0, 20)}).`);
  if (url.username !== "" || url.password !== "" || USER_INFO.test(text))
    throw new InvalidInputError("Must not contain a user name or password. The token has its own input, `token`.");
  if (text.includes("?") || text.includes("#"))
    throw new InvalidInputError("Must not contain a query or fragment (? or #).");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new InvalidInputError(
      "Must be an https URL: plain http would send the token unencrypted. It is only accepted for localhost, 127.0.0.1 and [::1].",
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/** An idempotency key: 1 to 128 visible ASCII characters. */
export function parseIdempotencyKey(text: string): string {
  if (text.length > MAX_KEY_LENGTH)
    throw new InvalidInputError(`Must be at most ${MAX_KEY_LENGTH} characters ${got(text)}.`);
  if (!/^[\x21-\x7e]+$/.test(text))
    throw new InvalidInputError(`Must contain visible ASCII characters only, without whitespace ${got(text)}.`);
  return text;
}

/** Milliseconds of `90`, `90s`, `10m` or `1h`, from 1 s to 24 h. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+)([smh]?)$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidInputError(`Must be a duration, such as 90, 90s, 10m or 1h ${got(text)}.`);
  const seconds = Number(amount) * SECONDS_PER_UNIT[unit as keyof typeof SECONDS_PER_UNIT];
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) throw new InvalidInputError("Must be from 1s to 24h.");
  return seconds * 1_000;
}

/** The YAML 1.2 core words, as `core.getBooleanInput` accepts them. */
export function parseBoolean(text: string): boolean {
  if (["true", "True", "TRUE"].includes(text)) return true;
  if (["false", "False", "FALSE"].includes(text)) return false;
  throw new InvalidInputError(`Must be true or false ${got(text)}.`);
}

/** One of these words. */
export function parseChoice<const T extends string>(...choices: T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw new InvalidInputError(`Must be one of ${choices.join(", ")} ${got(text)}.`);
  };
}

/** The number of a pull request or issue. */
export function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new InvalidInputError(`Must be the number of a pull request or issue, such as 12 ${got(text)}.`);
  return Number(text);
}

/** A whole number from `min` to `max`. */
export function parseCount(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (count >= min && count <= max) return count;
    throw new InvalidInputError(`Must be a whole number from ${min} to ${max} ${got(text)}.`);
  };
}

/** JSON, known by its first character, or the path of a file that holds it. */
export function parseJsonOrPath(text: string): { json: string } | { path: string } {
  return /^[{[]/.test(text) ? { json: text } : { path: rejectExpression(text) };
}

/** One item per line; whitespace around items and empty lines do not count. */
export function parseLines(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** A list whose every line `parse` accepts; a rejection names the line. */
export function parseEachLine<T>(parse: (line: string) => T): (text: string) => T[] {
  return (text) =>
    parseLines(text).map((line, index) => {
      try {
        return parse(line);
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        const hint = line.includes(",") ? " Write one item per line; commas do not separate items." : "";
        throw new InvalidInputError(`Line ${index + 1}: ${error.message}${hint}`);
      }
    });
}

/** Glob patterns of file names, one per line, without the folders that a name does not have. */
export function parseNamePatterns(text: string): string[] {
  // `**/` also matches no folder at all.
  const patterns = parseLines(text).map((line) => line.replace(/^(!?)(?:\.\/|\*\*\/)+(?=.)/, "$1"));
  if (CONTROL_CHARACTER.test(patterns.join("")))
    throw new InvalidInputError("Patterns must not contain control characters.");
  if (patterns.some((pattern) => /[/\\]/.test(pattern)))
    throw new InvalidInputError("Patterns match file names, which have no folders: / and \\ are not allowed.");
  return patterns;
}

/** Glob patterns, one per line. Whether they match is known when the files are looked for. */
export function parsePatterns(text: string): string[] {
  const patterns = parseLines(text);
  if (CONTROL_CHARACTER.test(patterns.join("")))
    throw new InvalidInputError("Patterns must not contain control characters.");
  if (patterns.some((pattern) => pattern.split(/[/\\]/).includes("..")))
    throw new InvalidInputError("Patterns must not contain `..`: files outside the workspace are not attached.");
  return patterns;
}

export interface InputIssue {
  input: string;
  /** What is wrong, by size or shape (never a secret's value), and what to do; whole sentences. */
  text: string;
}

export class InputValidationError extends Error {
  override readonly name = "InputValidationError";
  readonly issues: readonly InputIssue[];

  constructor(problems: readonly InputIssue[]) {
    super(problems.map(({ input, text }) => `\`${input}\`: ${text}`).join(" "));
    this.issues = problems;
  }
}
