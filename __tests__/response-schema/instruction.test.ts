/** What the agent is asked beside the message. */
import { expect, it } from "@jest/globals";
import { appendInstruction, correctionText } from "../../src/response-schema/instruction.ts";

it("The instruction follows the message, and the schema is its last line", () => {
  expect(appendInstruction("Review this.", '{"type":"object"}')).toMatchInlineSnapshot(`
   "Review this.

   ---
   Respond with one JSON document that matches the JSON Schema below, and with nothing else: no text before or after it, no Markdown around it.
   JSON Schema:
   {"type":"object"}"
  `);
});

it("A correction has the problems as a list, each on one line", () => {
  expect(correctionText(["/a: must be string", "/b\n- c: must be integer"])).toMatchInlineSnapshot(`
   "Your response does not match the JSON Schema:
   - /a: must be string
   - /b - c: must be integer
   Send the whole JSON document again, corrected, and nothing else: no text before or after it, no Markdown around it."
  `);
});
