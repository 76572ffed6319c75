/**
 * What the agent is asked, beside the message: the only place of these texts. They are part of the message, and so of
 * its length and its idempotency key: another wording gives the steps that have a schema other keys, so that a run that
 * began before an update of the action does not find its thread after it.
 */

const INSTRUCTION = `

---
Respond with one JSON document that matches the JSON Schema below, and with nothing else: no text before or after it, no Markdown around it.
JSON Schema:
`;

/** The message with the instruction and the schema at its end. */
export function appendInstruction(message: string, schemaText: string): string {
  return `${message}${INSTRUCTION}${schemaText}`;
}

/**
 * Asks for the response again.
 *
 * @param problems what `checkResponse` found: a line each
 */
export function correctionText(problems: readonly string[]): string {
  const list = problems.map((problem) => `- ${problem.replaceAll(/\s+/g, " ")}`).join("\n");
  return `Your response does not match the JSON Schema:
${list}
Send the whole JSON document again, corrected, and nothing else: no text before or after it, no Markdown around it.`;
}
