/** The agent's response, for later steps: a file with all of it, an output with as much as a step can take. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../mosoo/contract/schema.ts";
import type { Followed } from "../mosoo/runs/follow.ts";
import type { ResponseText } from "../report/report.ts";
import { redact } from "../sanitize/redact.ts";
import { truncateUtf8 } from "../sanitize/characters.ts";

/** One environment string of a later step holds at most 131,071 bytes; this leaves room for its name and others. */
const MAX_RESPONSE_OUTPUT_BYTES = 98_304;

export interface AgentResponse extends ResponseText {
  /** What is missing where the response had to be assembled from events. */
  truncated: "none" | "start" | "end" | "all";
}

function getTruncation({ history, transcript }: Followed): AgentResponse["truncated"] {
  if (transcript.isTruncated) return "end";
  if (history === "truncated") return "start";
  return history === "missing" && transcript.text === "" ? "all" : "none";
}

/**
 * The run's `finalOutput.text`, its last message alone. Where the server has none, everything the run said, joined in
 * order: that also holds earlier remarks.
 */
export function extractResponse(followed: Followed, run: Run): AgentResponse {
  const { result, transcript } = followed;
  const complete = result.kind === "ended" && run.status === "completed";
  const final = complete ? run.finalOutput?.text : undefined;
  if (typeof final === "string") return { text: final, complete, truncated: "none" };
  return { text: transcript.text, complete, truncated: getTruncation(followed) };
}

/** The output `response`: exact, or cut between characters with a note. */
export function responseOutput(response: ResponseText, secrets: readonly string[]): string {
  const note = "\n\n[Response truncated here. The file that the output response-file names holds all of it.]";
  return truncateUtf8(redact(response.text, secrets), MAX_RESPONSE_OUTPUT_BYTES, note).text;
}

/** Whether an output cannot hold the text, which must not be cut. */
export function isTooLongForOutput(text: string): boolean {
  return Buffer.byteLength(text) > MAX_RESPONSE_OUTPUT_BYTES;
}

/** Writes the whole response to a new file. @returns its path; undefined where it cannot be written */
export function writeResponseFile(
  { text }: ResponseText,
  folder: string,
  secrets: readonly string[],
  extension: "md" | "json" = "md",
): string | undefined {
  if (folder === "") return undefined;
  const path = join(folder, `mosoo-response-${randomUUID()}.${extension}`);
  try {
    writeFileSync(path, redact(text, secrets).toWellFormed(), { flag: "wx", mode: 0o600 });
    return path;
  } catch {
    return undefined;
  }
}
