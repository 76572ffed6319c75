/** Whether a response matches its schema: finds the JSON in it, validates that, and writes it for scripts and people. */
import { TimeLimitError } from "../common/time-limit.ts";
import { redact } from "../sanitize/redact.ts";
import { truncate } from "../sanitize/characters.ts";
import { ownString, parseLossless } from "./json.ts";
import { type ResponseSchema, sandboxOf } from "./schema.ts";
import type { CheckResult } from "./validator/validator.ts";

export type CheckedResponse =
  | {
      kind: "valid";
      /** Minified, on one line, numbers with all their digits, secrets as `***`. */
      json: string;
      /** The same for people, on several lines. */
      indented: string;
      /** The text of the property that is written for people, where the JSON has it; untrusted. */
      markdown: string | undefined;
    }
  | {
      kind: "invalid";
      /** One to ten, each `<JSON pointer>: <rule>`; untrusted, secrets as `***`. */
      problems: readonly string[];
    };

interface CheckOptions {
  markdownProperty: string | undefined;
  secrets: readonly string[];
}

/** In UTF-16 units: property names and allowed values may be of any length. */
const MAX_PROBLEM_LENGTH = 300;

/** Without its middle where it is long: a pointer is at the start, and a rule at the end. */
function shorten(problem: string): string {
  if (problem.length <= MAX_PROBLEM_LENGTH) return problem;
  const half = MAX_PROBLEM_LENGTH / 2;
  return truncate(problem, half) + problem.slice(-half).toWellFormed();
}

function find(schema: ResponseSchema, response: string): CheckResult {
  try {
    return sandboxOf(schema).check(response);
  } catch (error) {
    const limit = error instanceof TimeLimitError ? " within two seconds" : "";
    return { problems: [`(root): could not be checked${limit}; a simpler document may be`] };
  }
}

/** Checks the agent's whole response. Takes a few seconds at most, whatever is in schema and response. */
export function checkResponse(
  schema: ResponseSchema,
  response: string,
  { markdownProperty, secrets }: CheckOptions,
): CheckedResponse {
  const result = find(schema, response);
  if ("problems" in result) {
    const problems = result.problems.map((problem) => shorten(redact(problem, secrets)));
    return { kind: "invalid", problems };
  }
  const value = parseLossless(response.slice(result.found.start, result.found.end), secrets);
  return {
    kind: "valid",
    json: JSON.stringify(value),
    indented: JSON.stringify(value, null, 2),
    markdown: markdownProperty === undefined ? undefined : ownString(value, markdownProperty),
  };
}
