/** JSON whose numbers keep their digits, and which holds no secret. */
import { redact } from "../sanitize/redact.ts";

/** What ECMAScript has and TypeScript's library does not yet (proposal-json-parse-with-source). */
interface JsonWithSource {
  parse: (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown;
  rawJSON: (text: string) => unknown;
  isRawJSON: (value: unknown) => boolean;
}
const { parse, rawJSON, isRawJSON } = JSON as unknown as JsonWithSource;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawJSON(value);
}

/**
 * Parses JSON for `JSON.stringify`: numbers are kept as they are written. Secrets in strings and property names become
 * `***` here, for in JSON text some characters of a secret may be escaped. `__proto__` is a property like any other.
 *
 * @param text at most some hundred levels
 * @throws SyntaxError where it is no JSON
 */
export function parseLossless(text: string, secrets: readonly string[] = []): unknown {
  // Every form that is redacted is at least as long as the secret, or a line of it.
  const shortest = Math.min(...secrets.flatMap((secret) => secret.split(/[\r\n]+/)).map(({ length }) => length));
  const hide = (part: string): string => (part.length < shortest ? part : redact(part, secrets));
  return parse(text, (_key, value, { source = "" }) => {
    if (typeof value === "string") return hide(value);
    if (typeof value === "number") return hide(source) === source ? rawJSON(source) : hide(source);
    if (!isObject(value)) return value;
    const names = Object.keys(value);
    if (names.every((name) => hide(name) === name)) return value;
    return Object.fromEntries(names.map((name) => [hide(name), value[name]]));
  });
}

/** The value of an object's own property, where that is a string. */
export function ownString(value: unknown, property: string): string | undefined {
  if (!isObject(value) || !Object.hasOwn(value, property)) return undefined;
  const text = value[property];
  return typeof text === "string" ? text : undefined;
}
