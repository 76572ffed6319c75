/**
 * What each kind of input may be. Every rule reads a trimmed, non-empty text and gives a value, or throws a sentence
 * that says what is wrong by size or shape, and what to do. Pure.
 */
import { isLoopback } from "../mosoo/http/redirects.ts";
import { pluralize } from "../common/format.ts";

const unexpanded = /\$\{\{/;
const userInfo = /^[^/\\]*[/\\]{2}[^/\\?#]*@/;
const control = /\p{Cc}/u;
/** Blanks, control characters and what nobody sees: they come with copying, and break URLs and headers. */
const invisible = /[\s\p{Cc}\p{Cf}\p{Z}\p{Cs}]/u;

/** A rule's refusal; the message is for people. */
export class InvalidInputError extends Error {}

const evaluateIt = "Write it where GitHub evaluates it (a workflow file, under `with:`).";

function characters(text: string): string {
  return pluralize(text.length, "character");
}

function rejectUnevaluatedExpression(text: string, fix: string): void {
  if (unexpanded.test(text)) {
    throw new InvalidInputError(`The expression \${{ … }} stands there as text. ${fix}`);
  }
}

/** An ID that goes into a URL's path. Not refused merely for not being a ULID: the server decides. */
export function parseId(text: string): string {
  rejectUnevaluatedExpression(text, evaluateIt);
  const size = characters(text);
  if (invisible.test(text))
    throw new InvalidInputError(
      `The value (${size}) has blanks, line breaks or invisible characters inside. Give the bare ID.`,
    );
  if (/[/\\?#%]/.test(text))
    throw new InvalidInputError(
      `The value (${size}) has one of / \\ ? # % inside. Give the bare ID, not a URL or path.`,
    );
  if (/^\.+$/.test(text)) throw new InvalidInputError("The value is only dots. Give the ID.");
  if (text.length > 255) throw new InvalidInputError(`The value has ${size}; an ID has 26. Give the bare ID.`);
  return text;
}

const ulid = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/;

/** Whether the ID looks like those that the service makes today (26 characters of Crockford's base 32). */
export function isUlid(id: string): boolean {
  return ulid.test(id);
}

/** The bare token. A leading `Bearer ` is dropped. Says nothing of the value in its refusals. */
export function parseToken(text: string): string {
  // Not with a likely secret's name: the value is masked, and where it is that very expression, so would the advice be.
  rejectUnevaluatedExpression(
    text,
    "Write `token: ${{ secrets.NAME }}` in the workflow file, with your secret's name for NAME.",
  );
  const bare = text.replace(/^Bearer\s+/i, "");
  const size = characters(bare);
  if (control.test(bare))
    throw new InvalidInputError(
      `The secret (${size}) has a line break or another control character inside. Store it again as one line.`,
    );
  if (/[\s\p{Z}]/u.test(bare))
    throw new InvalidInputError(`The secret (${size}) has a blank inside. Store the token alone.`);
  if (!/^[\x21-\x7e]+$/.test(bare))
    throw new InvalidInputError(`The secret (${size}) has a character outside ASCII inside. Store it again.`);
  return bare;
}

/** A line of text: no control characters, at most 255 characters. */
export function parseLine(text: string): string {
  rejectUnevaluatedExpression(text, evaluateIt);
  if (control.test(text)) {
    throw new InvalidInputError(
      `The value (${characters(text)}) has a line break or another control character inside. Give one line.`,
    );
  }
  if (text.length > 255) throw new InvalidInputError(`It has ${characters(text)}; at most 255 are taken. Shorten it.`);
  return text;
}

/** The API's base, without trailing slashes. https, or http on loopback. */
export function parseApiUrl(text: string): URL {
  rejectUnevaluatedExpression(text, "Give the URL itself.");
  if (/[\s\p{Cc}\\]/u.test(text))
    throw new InvalidInputError(
      "It has a blank, a backslash or a control character inside. Give a URL such as https://mosoo.ai/api/v1.",
    );
  if (!URL.canParse(text))
    throw new InvalidInputError(
      `The value (${characters(text)}) is not a URL. Give one such as https://mosoo.ai/api/v1.`,
    );
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new InvalidInputError(`Its scheme is ${url.protocol.slice(0, -1).slice(0, 20)}. Give an https URL.`);
  if (url.username !== "" || url.password !== "" || userInfo.test(text))
    throw new InvalidInputError("It has a user or password inside. The token has an input of its own, `token`.");
  if (text.includes("?") || text.includes("#"))
    throw new InvalidInputError(
      "It has a query or fragment (? or #). Give the base alone, such as https://mosoo.ai/api/v1.",
    );
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new InvalidInputError(
      "Plain http is taken for loopback alone (localhost, 127.0.0.1, [::1]): the token would go over the network unencrypted. Give an https URL.",
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/** An idempotency key: 1 to 128 visible ASCII characters. */
export function parseIdempotencyKey(text: string): string {
  rejectUnevaluatedExpression(text, evaluateIt);
  if (text.length > 128) throw new InvalidInputError(`It has ${characters(text)}; at most 128 are taken. Shorten it.`);
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new InvalidInputError(
      `The value (${characters(text)}) has a blank or a character outside visible ASCII inside. Use letters, digits and - _ . : /`,
    );
  }
  return text;
}

/** Milliseconds of `90`, `90s`, `10m` or `1h`, from 1 s to 24 h. */
export function parseDuration(text: string): number {
  const match = /^(\d+)([smh]?)$/.exec(text);
  if (match === null)
    throw new InvalidInputError(`The value (${characters(text)}) is not a duration. Write 90 or 90s, 10m, 1h.`);
  const seconds = Number(match[1]) * { "": 1, s: 1, m: 60, h: 3600 }[match[2] as "" | "s" | "m" | "h"];
  if (seconds < 1 || seconds > 86_400)
    throw new InvalidInputError("The duration is out of range. Give one from 1s to 24h.");
  return seconds * 1_000;
}

/** The YAML 1.2 core words, as the toolkit takes them. */
export function parseBoolean(text: string): boolean {
  if (["true", "True", "TRUE"].includes(text)) return true;
  if (["false", "False", "FALSE"].includes(text)) return false;
  throw new InvalidInputError(`The value (${characters(text)}) is neither true nor false. Write one of the two.`);
}

export function parseChoice<const T extends string>(...choices: T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined)
      throw new InvalidInputError(
        `The value (${characters(text)}) is none of the choices. Write one of ${choices.join(", ")}.`,
      );
    return found;
  };
}

/** A pull request's number. */
export function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new InvalidInputError(
      `The value (${characters(text)}) is not the number of a pull request. Give digits alone, such as 12.`,
    );
  return Number(text);
}

/** One item a line; blanks around items and empty lines do not count. */
export function parseLines(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

export function parseIds(text: string): string[] {
  return parseLines(text).map((line, index) => {
    try {
      return parseId(line);
    } catch (error) {
      throw error instanceof InvalidInputError
        ? new InvalidInputError(
            `Line ${index + 1}: ${error.message}${line.includes(",") ? " One ID a line; commas do not split." : ""}`,
          )
        : error;
    }
  });
}

/** A file's path. Whether it may be read is seen when it is looked for. */
export function parsePath(text: string): string {
  rejectUnevaluatedExpression(text, evaluateIt);
  return text;
}

/** Patterns, one a line. Whether they match is seen when the files are looked for. */
export function parsePatterns(text: string): string[] {
  rejectUnevaluatedExpression(text, evaluateIt);
  const patterns = parseLines(text);
  if (control.test(patterns.join("")))
    throw new InvalidInputError(
      "A pattern has a control character inside. Write plain paths and patterns, one a line.",
    );
  if (patterns.some((pattern) => pattern.split(/[/\\]/).includes("..")))
    throw new InvalidInputError(
      "A pattern has `..` inside. Write it from the workspace on: files outside the workspace are not taken.",
    );
  return patterns;
}
