/** The report where people read it: the job summary, and the text of a comment. */
import * as core from "@actions/core";
import { stat } from "node:fs/promises";
import { redact } from "../sanitize/redact.ts";
import { link, type RenderTarget, frameLength, renderReport } from "./render.ts";
import type { Report } from "./report.ts";

/** The runner's limit for one step; it shows nothing of more. */
const MAX_SUMMARY_BYTES = 1_048_576;
/** What is left free of the response: the rest of the report (some 40 KB at most), and what masks lengthen. */
const RESERVED_SUMMARY_BYTES = 148_576;
/** With less room than this, in UTF-16 units, a response is left out. */
const MIN_RESPONSE_ROOM = 200;
/** A cancelled step has four seconds in all; a response that takes longer is shown as plain text. */
const SANITIZE_TIMEOUT_WHEN_STOPPED_MS = 500;

/** What the file holds already: of other commands of the step, or other steps where a runner keeps one file for all. */
async function bytesWritten(): Promise<number> {
  const path = process.env["GITHUB_STEP_SUMMARY"] ?? "";
  if (path === "") return 0;
  // That a file is missing is reported by the writer.
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/**
 * Appends the report to the step's summary, as a block of its own.
 *
 * @throws where it cannot be written, or there is no room: never a reason to fail the step
 */
export async function writeSummary(report: Report, secrets: readonly string[]): Promise<void> {
  const redacted = { ...redactReport(report, secrets), at: report.at ?? new Date().toISOString() };
  const written = await bytesWritten();
  const text = `${written === 0 ? "" : "\n\n"}${await renderSummary(redacted, written, secrets)}\n\n`;
  if (written + Buffer.byteLength(text) > MAX_SUMMARY_BYTES)
    throw new Error("what the summary already contains leaves no room for the report");
  await core.summary.addRaw(text).write();
}

/** The report as the summary shows it, after `written` bytes of other text. */
export async function renderSummary(report: Report, written = 0, secrets: readonly string[] = []): Promise<string> {
  const maxBytes = Math.max(0, MAX_SUMMARY_BYTES - RESERVED_SUMMARY_BYTES - written);
  return render(report, "summary", { maxBytes }, secrets);
}

/** The report as a comment shows it, within `room` UTF-16 units. */
export async function renderComment(report: Report, room: number, secrets: readonly string[] = []): Promise<string> {
  const redacted = redactReport(report, secrets);
  return render(redacted, "comment", { maxCharacters: room - frameLength(redacted, "comment") }, secrets);
}

async function render(
  report: Report,
  target: RenderTarget,
  limits: { maxBytes?: number; maxCharacters?: number },
  secrets: readonly string[],
): Promise<string> {
  const { response, threadUrl } = report;
  const room = Math.min(limits.maxCharacters ?? Infinity, limits.maxBytes ?? Infinity);
  if (response === undefined || response.text.trim() === "" || room < MIN_RESPONSE_ROOM)
    return renderReport(report, undefined, target);
  const { cleanMarkdown } = await import("../sanitize/markdown.ts");
  const rest = threadUrl === undefined ? "" : ` ${link("Read the rest in the thread.", threadUrl)}`;
  const { markdown } = cleanMarkdown(
    response.text,
    { ...limits, note: `_The response is truncated._${rest}` },
    report.outcome === "stopped" ? SANITIZE_TIMEOUT_WHEN_STOPPED_MS : undefined,
    secrets,
  );
  return renderReport(report, markdown === "" ? undefined : markdown, target);
}

function redactValue(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === "string") return redact(value, secrets);
  if (Array.isArray(value)) return value.map((each) => redactValue(each, secrets));
  if (value instanceof Map) return new Map([...value].map((entry) => redactValue(entry, secrets) as [string, unknown]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, redactValue(each, secrets)]));
}

/**
 * The report with `***` for each secret, before anything is escaped: an escaped secret would not be found anymore.
 * IDs, too: who swaps two inputs has the token for an agent.
 */
export function redactReport(report: Report, secrets: readonly string[]): Report {
  const { outcome, onRerun, subject } = report;
  const redacted = redactValue(report, secrets) as Report;
  // Words of this action, which a secret may happen to be.
  return {
    ...redacted,
    outcome,
    onRerun,
    subject: redacted.subject && subject && { ...redacted.subject, kind: subject.kind },
  };
}
