/** The agent's answer, for later steps: a file with all of it, an output with as much as a step can take. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../mosoo/contract/schema.ts";
import type { Followed } from "../mosoo/runs/follow.ts";
import type { ResponseText } from "../report/report.ts";
import { redact } from "../sanitize/redact.ts";
import { truncateUtf8 } from "../sanitize/truncate.ts";

/** One environment string of a later step holds 131,071 bytes and no more; this leaves room for its name and neighbours. */
const MAX_RESPONSE_OUTPUT_BYTES = 98_304;

export interface AgentResponse extends ResponseText {
  /** What of it the server did not give, or nobody could keep, where it had to be put together from events. */
  truncated: "nothing" | "beginning" | "end" | "everything";
}

function getTruncation({ history, transcript }: Followed): AgentResponse["truncated"] {
  if (transcript.isTruncated) return "end";
  if (history === "truncated") return "beginning";
  return history === "missing" && transcript.text === "" ? "everything" : "nothing";
}

/**
 * The canonical answer is the run's `finalOutput.text`, the last message alone. Where the server has none, all that the
 * run said, joined in order: that also holds earlier remarks.
 */
export function extractResponse(followed: Followed, run: Run): AgentResponse {
  const { result, transcript } = followed;
  const complete = result.kind === "ended" && run.status === "completed";
  const final = complete ? run.finalOutput?.text : undefined;
  if (typeof final === "string") return { text: final, complete, truncated: "nothing" };
  return { text: transcript.text, complete, truncated: getTruncation(followed) };
}

/** The output `response`: exact, or cut between characters with a note. */
export function responseOutput(answer: ResponseText, secrets: readonly string[]): string {
  const note = "\n\n[The answer goes on; the whole of it is in the file that the output response-file names.]";
  return truncateUtf8(redact(answer.text, secrets), MAX_RESPONSE_OUTPUT_BYTES, note).text;
}

/** Writes the whole answer under a name of its own. @returns its path; undefined where it cannot be written */
export function writeResponseFile(
  answer: ResponseText,
  folder: string,
  secrets: readonly string[],
): string | undefined {
  if (folder === "") return undefined;
  const path = join(folder, `mosoo-response-${randomUUID()}.md`);
  try {
    writeFileSync(path, redact(answer.text, secrets).toWellFormed(), { flag: "wx", mode: 0o600 });
    return path;
  } catch {
    return undefined;
  }
}
