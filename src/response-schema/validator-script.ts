/** The text of the script that validates, which the build bundles from validator/entry.ts and puts beside this file. */
import { readFileSync } from "node:fs";

/** @throws where the file cannot be read */
export function readValidatorScript(): string {
  return readFileSync(new URL("./validator.bundle.js", import.meta.url), "utf8");
}
