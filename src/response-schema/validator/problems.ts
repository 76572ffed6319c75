/** What is wrong, as lines for people and for the agent: `<JSON pointer>: <rule>`. */
import type { ErrorObject } from "ajv";

/** More would not help the agent. */
export const MAX_PROBLEMS = 10;

export function problemLine(pointer: string, rule: string): string {
  return `${pointer === "" ? "(root)" : pointer}: ${rule}`;
}

/** What the error's message leaves out: which property, which values. */
function detail({ keyword, params }: ErrorObject): string {
  const named: Record<string, unknown> = params;
  const value =
    keyword === "enum"
      ? named["allowedValues"]
      : keyword === "const"
        ? named["allowedValue"]
        : (named["additionalProperty"] ?? named["unevaluatedProperty"]);
  if (value === undefined) return "";
  const list = Array.isArray(value) && keyword === "enum" ? value : [value];
  return ` (${list.map((each) => JSON.stringify(each)).join(", ")})`;
}

function toLine(error: ErrorObject): string {
  const name = error.propertyName === undefined ? "" : `property name ${JSON.stringify(error.propertyName)} `;
  return problemLine(error.instancePath, `${name}${error.message ?? error.keyword}${detail(error)}`);
}

/** Keywords whose error only says that others are broken, which have errors of their own. */
const SUMMARIES = new Set(["anyOf", "if", "propertyNames"]);

/** One to ten lines. */
export function toProblems(errors: readonly ErrorObject[]): string[] {
  const causes = errors.filter(({ keyword }) => !SUMMARIES.has(keyword));
  return [...new Set((causes.length > 0 ? causes : errors).map(toLine))].slice(0, MAX_PROBLEMS);
}

/** "line 3, column 5", both from 1. */
export function placeIn(text: string, at: number): string {
  const before = text.slice(0, at);
  const lines = before.split("\n");
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
