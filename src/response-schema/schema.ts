/** The input `response-schema`: what is wrong with it, before anything is sent. */

/** A schema that was checked. */
export interface ResponseSchema {
  /** JSON without insignificant whitespace, as it is sent to the agent. */
  readonly text: string;
}

/** Reads a JSON Schema. @returns what is wrong with it, each problem with its place, where it is none */
export function parseSchema(text: string): ResponseSchema | { problems: readonly string[] } {
  try {
    return { text: JSON.stringify(JSON.parse(text)) };
  } catch {
    return { problems: ["Must be JSON."] };
  }
}
