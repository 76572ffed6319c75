/** The job summary. */
import * as core from "@actions/core";
import { renderCard } from "./card.ts";
import type { Report } from "./report.ts";
import { redact } from "./untrusted.ts";

/** 1 MiB is the runner's limit for a step's summary, over which nothing is shown; the margin is for what others wrote. */
const mostAnswerBytes = 900_000;

/** Appends the report to the step's summary. */
export async function writeSummary(report: Report, secrets: readonly string[]): Promise<void> {
  await core.summary.addRaw(redact(await renderSummary(report), secrets), true).write();
}

/** The report as the summary shows it. */
export async function renderSummary(report: Report): Promise<string> {
  if (report.answer === undefined || report.answer.text.trim() === "") return renderCard(report, undefined, true);
  const { cleanMarkdown } = await import("./markdown.ts");
  const more = report.threadUrl === undefined ? "" : `[Read the rest in the thread](${report.threadUrl})`;
  const { markdown } = cleanMarkdown(report.answer.text, { maxBytes: mostAnswerBytes, note: more });
  return renderCard(report, markdown, true);
}

/** The report as the pull request's comment shows it, within `room` characters. */
export async function renderComment(report: Report, room: number): Promise<string> {
  const bare = renderCard(report, report.answer === undefined ? undefined : "", false);
  if (report.answer === undefined || report.answer.text.trim() === "") return bare;
  const { cleanMarkdown } = await import("./markdown.ts");
  const more = report.threadUrl === undefined ? "" : `[Read the rest in the thread](${report.threadUrl})`;
  const { markdown } = cleanMarkdown(report.answer.text, { maxCharacters: room - bare.length - 100, note: more });
  return renderCard(report, markdown, false);
}
