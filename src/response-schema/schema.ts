/** The input `response-schema`: what is wrong with it, before anything is sent. */
import { parseLossless } from "./json.ts";
import { SandboxTimeoutError, createSandbox } from "./sandbox.ts";

/** A schema that was checked. */
export interface ResponseSchema {
  /** JSON without insignificant whitespace, as it is sent to the agent. */
  readonly text: string;
}

/** Reads a JSON Schema. @returns what is wrong with it, as sentences that say where, if something is */
export function parseSchema(text: string): ResponseSchema | { problems: readonly string[] } {
  try {
    const { problems } = createSandbox().compile(text);
    return problems.length > 0 ? { problems } : { text: JSON.stringify(parseLossless(text)) };
  } catch (error) {
    const limit = error instanceof SandboxTimeoutError ? " within two seconds" : "";
    return { problems: [`Cannot be compiled${limit}: simplify the schema.`] };
  }
}
