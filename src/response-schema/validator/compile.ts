/** A JSON Schema → validators, by Ajv: draft 2020-12 and draft-07. */
import { Ajv, type ErrorObject, type Options, MissingRefError } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { MAX_PROBLEMS, problemLine, toProblems } from "./problems.ts";
import { compilePattern, conform, findProblems, isObject, pointerTo, subschemas } from "./subschemas.ts";

/** @returns the errors, none where the value is valid */
type Validate = (value: unknown) => readonly ErrorObject[];

export interface Validators {
  /** Stops at the first error. */
  validate: Validate;
  /** Finds every error. */
  validateAll: Validate;
}

const DRAFTS = new Map([
  ["json-schema.org/draft/2020-12/schema", Ajv2020],
  ["json-schema.org/draft-07/schema", Ajv],
]);

/** Without `code.process` and `code.source`: with them an `$id` is put into a comment of the generated code as it is. */
const OPTIONS: Options = {
  // Unknown keywords and formats are annotations.
  strict: false,
  // An infinite number is what is left of one with too many digits.
  strictNumbers: true,
  // `toString` is no property of an object that does not have it.
  ownProperties: true,
  // Prices are multiples of 0.01: the quotient may be off by less than this power of ten.
  multipleOfPrecision: 9,
  // A schema that is referred to a thousand times is not copied a thousand times.
  inlineRefs: false,
  logger: false,
  // Optimizing the code takes longer than it saves: a response is validated once or twice.
  code: { optimize: false, regExp: Object.assign(compilePattern, { code: "new RegExp" }) },
};

function classFor(schema: unknown): typeof Ajv | typeof Ajv2020 | undefined {
  const given = isObject(schema) ? schema["$schema"] : undefined;
  if (given === undefined) return Ajv2020;
  return typeof given === "string" ? DRAFTS.get(given.replace(/^https?:\/\//, "").replace(/#$/, "")) : undefined;
}

function build(schema: unknown, AjvClass: typeof Ajv | typeof Ajv2020, allErrors: boolean): Validate {
  const ajv = new AjvClass({ ...OPTIONS, allErrors, validateSchema: false });
  addFormats.default(ajv, { keywords: false });
  const validate = ajv.compile(schema as object | boolean);
  return (value) => (validate(value) ? [] : (validate.errors ?? []));
}

/** The problem of a schema that the drafts' own schemas accept, and Ajv does not. */
function compileProblem(error: unknown, schema: unknown): string {
  if (error instanceof MissingRefError) {
    // The error has the reference as resolved: with an `$id` before it.
    const place = [...subschemas(schema)].find(({ schema: { $ref } }) => {
      return typeof $ref === "string" && error.missingRef.endsWith($ref);
    });
    const rule = "refers to nothing in this schema: nothing is fetched, so copy what it refers to into `$defs`";
    return problemLine(pointerTo(place?.pointer ?? "", "$ref"), rule);
  }
  return problemLine("", `cannot be compiled (${error instanceof Error ? error.message : "unknown error"})`);
}

/** What is wrong with the schema by its draft, and by what Ajv does not check with its place. */
function findAllProblems(schema: unknown, AjvClass: typeof Ajv | typeof Ajv2020): string[] {
  if (!isObject(schema))
    return typeof schema === "boolean" ? [] : [problemLine("", "must be an object, true or false")];
  const meta = new AjvClass({ ...OPTIONS, allErrors: true });
  return meta.validateSchema(schema) === true ? findProblems(schema) : toProblems(meta.errors ?? []);
}

/** Compiles a schema, and changes it. @returns what is wrong with it, one to ten lines, where something is */
export function compileSchema(schema: unknown): Validators | { problems: string[] } {
  try {
    const AjvClass = classFor(schema);
    if (AjvClass === undefined) {
      const rule = "must be draft 2020-12 or draft-07; other drafts are not supported";
      return { problems: [problemLine("/$schema", rule)] };
    }
    if (isObject(schema)) delete schema["$schema"];
    const problems = findAllProblems(schema, AjvClass);
    if (problems.length > 0) return { problems: problems.slice(0, MAX_PROBLEMS) };
    conform(schema);
    const validate = build(schema, AjvClass, false);
    let all: Validate | undefined;
    return {
      validate,
      validateAll: (value) => (all ??= build(schema, AjvClass, true))(value),
    };
  } catch (error) {
    return { problems: [compileProblem(error, schema)] };
  }
}
