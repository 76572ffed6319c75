/** The input `response-schema`: what is wrong with it, before anything is sent. */
import { parseLossless } from "./json.ts";
import { TimeLimitError } from "../common/time-limit.ts";
import { type Sandbox, createSandbox } from "./sandbox.ts";

/** A schema that was checked. */
export interface ResponseSchema {
  /** JSON without insignificant whitespace, as it is sent to the agent. */
  readonly text: string;
}

/** A step compiles its schema once, though it may check several responses. */
const sandboxes = new WeakMap<ResponseSchema, Sandbox>();

/** Reads a JSON Schema. @returns what is wrong with it and where, as a sentence, if something is */
export function parseSchema(text: string): ResponseSchema | { problem: string } {
  try {
    const sandbox = createSandbox();
    const { problem } = sandbox.compile(text);
    if (problem !== undefined) return { problem };
    const schema = { text: JSON.stringify(parseLossless(text)) };
    sandboxes.set(schema, sandbox);
    return schema;
  } catch (error) {
    const limit = error instanceof TimeLimitError ? " within two seconds" : "";
    return { problem: `Cannot be compiled${limit}: simplify the schema.` };
  }
}

/** Where responses are checked against the schema. @throws TimeLimitError, or another error where it failed */
export function sandboxOf(schema: ResponseSchema): Sandbox {
  let sandbox = sandboxes.get(schema);
  if (sandbox === undefined) {
    sandbox = createSandbox();
    sandbox.compile(schema.text);
    sandboxes.set(schema, sandbox);
  }
  return sandbox;
}
