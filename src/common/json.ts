/** JSON: zod, set up once, to parse it; and canonical text. */
import { config } from "zod/mini";

// A step parses a handful of values, so compiling a parser for each schema costs more than it saves. Everything imports
// zod from here, so that this comes before the first schema.
config({ jitless: true });

export * from "zod/mini";

/** JSON with the properties of every object in order, so that their order does not matter; undefined ones are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonicalJson(each)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The matrix job in canonical form; outside a matrix GitHub gives `null` or nothing. */
export function canonicalMatrix(matrix: string): string {
  if (matrix.trim() === "") return "null";
  try {
    return canonicalJson(JSON.parse(matrix));
  } catch {
    return matrix;
  }
}
