/** In the place of src/response-schema/validator-script.ts: the script as the build put it into dist/. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export function readValidatorScript(): string {
  return readFileSync(join(import.meta.dirname, "../../dist/action/validator.bundle.js"), "utf8");
}
