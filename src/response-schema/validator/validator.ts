/**
 * What runs in a context of its own (entry.ts, ../sandbox.ts): schema and response come from outside, and Ajv makes code of the
 * one and runs its patterns on the other. Only strings go in and out.
 */
import { findCandidates } from "./candidates.ts";
import { type Validators, compileSchema } from "./compile.ts";
import { type JsonSpan, scanJson } from "./json-spans.ts";
import { placeIn, problemLine, toProblems } from "./problems.ts";

/** Of objects and arrays inside of each other. */
const MAX_LEVELS = 64;
/** In UTF-16 units. A longer value may have more errors than there is time to find: only the first is looked for. */
const MAX_LENGTH_FOR_ALL_ERRORS = 20_000;
const TOO_DEEP = `must not have more than ${MAX_LEVELS} levels of objects and arrays`;

/** What is wrong with the schema, as a sentence; undefined where it can be used. */
export interface CompileResult {
  problem?: string | undefined;
}
export type CheckResult = { found: { start: number; end: number } } | { problems: string[] };

let validators: Validators | undefined;

/** Why the text is no JSON, as a sentence. */
function jsonProblem(text: string): string | undefined {
  const start = text.length - text.trimStart().length;
  const { found, brokenAt = start, isTooDeep } = scanJson(text);
  if (isTooDeep) return "Has too many levels of objects and arrays.";
  const value = found[0];
  if (value?.start === start) {
    const rest = text.slice(value.end).trimStart();
    return rest === "" ? undefined : `Is not JSON: text follows at ${placeIn(text, text.length - rest.length)}.`;
  }
  if (/[{[]/.test(text.charAt(start))) return `Is not JSON at ${placeIn(text, brokenAt)}.`;
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return `Is not JSON at ${placeIn(text, start)}.`;
  }
}

/** Compiles the schema. @returns why that is not possible, as a sentence */
function schemaProblem(schemaText: string): string | undefined {
  const compiled = compileSchema(JSON.parse(schemaText));
  if ("problems" in compiled) return `Is not a valid JSON Schema: ${compiled.problems.join("; ")}.`;
  validators = compiled;
  return undefined;
}

/** Compiles the schema for {@link check}. @returns JSON of a {@link CompileResult} */
export function compile(schemaText: string): string {
  const problem = jsonProblem(schemaText) ?? schemaProblem(schemaText);
  return JSON.stringify({ problem } satisfies CompileResult);
}

function problemsOf(
  response: string,
  { start, end, levels }: JsonSpan,
  { validate, validateAll }: Validators,
): string[] {
  if (levels > MAX_LEVELS) return [problemLine("", TOO_DEEP)];
  const isShort = end - start <= MAX_LENGTH_FOR_ALL_ERRORS;
  return toProblems((isShort ? validateAll : validate)(JSON.parse(response.slice(start, end))));
}

/** Finds the JSON that the schema accepts. @returns JSON of a {@link CheckResult} */
export function check(response: string): string {
  if (validators === undefined) throw new Error("No schema was compiled.");
  const { validate } = validators;
  const { spans, scan } = findCandidates(response);
  const found = spans.find(
    ({ start, end, levels }) => levels <= MAX_LEVELS && validate(JSON.parse(response.slice(start, end))).length === 0,
  );
  if (found !== undefined) return JSON.stringify({ found } satisfies CheckResult);
  const [longest] = spans.toSorted((a, b) => b.end - b.start - (a.end - a.start));
  if (longest !== undefined) {
    return JSON.stringify({ problems: problemsOf(response, longest, validators) } satisfies CheckResult);
  }
  const { brokenAt, isTooDeep } = scan;
  const where = brokenAt === undefined ? "" : `, and what begins like one breaks at ${placeIn(response, brokenAt)}`;
  const rule = isTooDeep ? TOO_DEEP : `must be a JSON document; the response has none${where}`;
  return JSON.stringify({ problems: [problemLine("", rule)] } satisfies CheckResult);
}
