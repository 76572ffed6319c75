/** The report where people read it: the job summary, and the text of the pull request's comment. */
import { stat } from "node:fs/promises";
import * as core from "@actions/core";
import { frameLength, renderReport } from "./render.ts";
import { link, type RenderTarget } from "./links.ts";
import type { FailureDetails, Report } from "./report.ts";
import { redact } from "../sanitize/redact.ts";

/** The runner takes so many bytes a step, and shows nothing of more. */
const mostSummaryBytes = 1_048_576;
/** Beside the answer: the rest of the card (some 40 KB at most), and what masks lengthen. */
const besideAnswerBytes = 148_576;
/** With less room than this an answer is left out. */
const leastAnswer = 200;
/** A cancelled step has four seconds for all it has left to do; an answer that takes longer is shown as plain text. */
const renderMsWhenStopped = 500;

/** What the file holds already: other commands of the step, or other steps where a runner keeps one file for all. */
async function bytesWritten(): Promise<number> {
  const path = process.env["GITHUB_STEP_SUMMARY"] ?? "";
  // A file that is not there is the writer's to tell.
  return path === ""
    ? 0
    : await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
}

/**
 * Appends the report to the step's summary, a block of its own.
 *
 * @throws where there is nowhere to write it, or no room: never a reason to fail the step
 */
export async function writeSummary(report: Report, secrets: readonly string[]): Promise<void> {
  const told = { ...withoutSecrets(report, secrets), at: report.at ?? new Date().toISOString() };
  const written = await bytesWritten();
  const text = `${written === 0 ? "" : "\n\n"}${await renderSummary(told, written)}\n\n`;
  if (written + Buffer.byteLength(text) > mostSummaryBytes)
    throw new Error("what it holds already leaves no room for the report");
  await core.summary.addRaw(text).write();
}

/** The report as the summary shows it, where `written` bytes stand before it. */
export async function renderSummary(report: Report, written = 0): Promise<string> {
  return render(report, "summary", { maxBytes: Math.max(0, mostSummaryBytes - besideAnswerBytes - written) });
}

/** The report as the pull request's comment shows it, within `room` UTF-16 units. */
export async function renderComment(report: Report, room: number, secrets: readonly string[] = []): Promise<string> {
  const clean = withoutSecrets(report, secrets);
  return render(clean, "comment", { maxCharacters: room - frameLength(clean, "comment") });
}

async function render(
  report: Report,
  place: RenderTarget,
  limits: { maxBytes?: number; maxCharacters?: number },
): Promise<string> {
  const { answer, threadUrl } = report;
  const room = Math.min(limits.maxCharacters ?? Infinity, limits.maxBytes ?? Infinity);
  if (answer === undefined || answer.text.trim() === "" || room < leastAnswer)
    return renderReport(report, undefined, place);
  const { cleanMarkdown } = await import("../sanitize/markdown.ts");
  const rest = threadUrl === undefined ? "" : ` ${link("The thread has the rest.", threadUrl)}`;
  const { markdown } = cleanMarkdown(
    answer.text,
    { ...limits, note: `_The answer is cut here._${rest}` },
    report.outcome === "stopped" ? renderMsWhenStopped : undefined,
  );
  return renderReport(report, markdown === "" ? undefined : markdown, place);
}

function redactFailure(failure: FailureDetails, secrets: readonly string[]): FailureDetails {
  const fields = Object.entries(failure).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === "string" ? redact(value, secrets) : value,
  ]);
  return Object.fromEntries(fields) as FailureDetails;
}

/** The report with `***` for each secret, before anything is escaped: an escaped secret would not be found any more. */
export function withoutSecrets(report: Report, secrets: readonly string[]): Report {
  const clean = <T extends string | undefined>(text: T): T | string =>
    text === undefined ? text : redact(text, secrets);
  const { subject, answer, tools } = report;
  return {
    ...report,
    // IDs, too: who swaps two inputs has the token for an agent.
    agentId: clean(report.agentId),
    agentUrl: clean(report.agentUrl),
    threadId: clean(report.threadId),
    threadUrl: clean(report.threadUrl),
    runId: clean(report.runId),
    subject: subject && { ...subject, title: clean(subject.title) },
    answer: answer && { ...answer, text: clean(answer.text) },
    tools: tools && new Map([...tools].map(([name, times]) => [clean(name), times])),
    use: clean(report.use),
    status: clean(report.status),
    resumedAfter: clean(report.resumedAfter),
    externalRef: clean(report.externalRef),
    question: clean(report.question),
    failure: report.failure && redactFailure(report.failure, secrets),
  };
}
