/** What Ajv does not check by itself, or not with its place: a walk through all objects of a schema. */

import { problemLine } from "./problems.ts";

type JsonObject = Record<string, unknown>;

/** Keywords whose value is no schema, and holds none. */
const DATA_KEYWORDS = new Set(["const", "enum", "default", "examples"]);
/** Keywords whose value has schemas by name. */
const MAP_KEYWORDS = new Set([
  ...["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"],
]);
const PROTO = "__proto__";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** A pattern as JSON Schema means it, with the `u` flag; without it where only that compiles, as many are written. */
export function compilePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

function isPattern(pattern: string): boolean {
  try {
    compilePattern(pattern);
    return true;
  } catch {
    return false;
  }
}

/** Every object that may be a schema, with its place. Unknown keywords are included: a `$ref` may lead there. */
export function* subschemas(value: unknown, pointer = ""): Generator<{ schema: JsonObject; pointer: string }> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* subschemas(item, pointerTo(pointer, index));
  }
  if (!isObject(value)) return;
  yield { schema: value, pointer };
  for (const [keyword, inner] of Object.entries(value)) {
    if (DATA_KEYWORDS.has(keyword)) continue;
    const place = pointerTo(pointer, keyword);
    if (!MAP_KEYWORDS.has(keyword) || !isObject(inner)) yield* subschemas(inner, place);
    else for (const [name, each] of Object.entries(inner)) yield* subschemas(each, pointerTo(place, name));
  }
}

function patternsOf(schema: JsonObject, pointer: string): string[] {
  const { pattern, patternProperties } = schema;
  const patterns = [
    ...(typeof pattern === "string" ? [{ pattern, place: pointerTo(pointer, "pattern") }] : []),
    ...Object.keys(isObject(patternProperties) ? patternProperties : {}).map((name) => ({
      pattern: name,
      place: pointerTo(pointerTo(pointer, "patternProperties"), name),
    })),
  ];
  return patterns
    .filter((each) => !isPattern(each.pattern))
    .map(({ place }) => problemLine(place, "is not a regular expression"));
}

/** What is wrong with the schema beside its grammar, as lines. */
export function findProblems(root: unknown): string[] {
  return [...subschemas(root)].flatMap(({ schema, pointer }) => [
    ...(schema["$async"] === undefined
      ? []
      : [problemLine(pointerTo(pointer, "$async"), "is not a keyword of JSON Schema: remove it")]),
    ...patternsOf(schema, pointer),
  ]);
}

/**
 * Takes what Ajv adds to JSON Schema out of the schema, and has it check a property named `__proto__`, which it skips in
 * `properties`. Changes `root`.
 */
export function conform(root: unknown): void {
  for (const { schema } of [...subschemas(root)]) {
    delete schema["nullable"];
    const { properties, patternProperties } = schema;
    if (isObject(properties) && Object.hasOwn(properties, PROTO)) {
      const patterns = isObject(patternProperties) ? patternProperties : {};
      schema["patternProperties"] = { ...patterns, [`^(?:${PROTO})$`]: properties[PROTO] };
    }
  }
}
