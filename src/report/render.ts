/**
 * One visual language for summary and comment: what happened, where to look, what to do, the answer, and the details
 * folded. Pure; every text from outside becomes harmless here, but for the answer, which comes cleaned.
 */
import { alertOf, defaultMessage, headline, nextStep } from "./outcomes.ts";
import { commitPage, gitHubLink, link, type RenderTarget } from "./links.ts";
import { renderInline } from "./inline.ts";
import type { FailureDetails, Report } from "./report.ts";
import { truncate } from "../sanitize/truncate.ts";
import { codeSpan, markdownText } from "../sanitize/inline.ts";

/** A longer answer is folded at first, in UTF-16 units of Markdown: some four screens, over which nobody should have to scroll. */
const MAX_EXPANDED_ANSWER_LENGTH = 10_000;
/** Tools named in the details. */
const mostTools = 20;
const longestQuote = 300;

/** Short enough for a line of links. */
function shortCommit(report: Report, place: RenderTarget): string | undefined {
  if (report.sha === undefined) return undefined;
  const page = commitPage(report);
  const short = codeSpan(report.sha.slice(0, 7));
  return page === undefined ? short : gitHubLink(short, page, place);
}

/** `2026-11-09 12:03 UTC` */
function formatTimestamp(at: string | undefined): string | undefined {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(at ?? "") ?? [];
  return day === undefined || time === undefined ? undefined : `${day} ${time} UTC`;
}

function subjectLink({ subject }: Report, place: RenderTarget): string | undefined {
  if (subject === undefined) return undefined;
  const title = subject.title === undefined ? "" : ` ${markdownText(subject.title, 100)}`;
  return `For ${gitHubLink(`#${subject.number}${title}`, subject.url, place)}`;
}

function workflowRun(report: Report, place: RenderTarget): string | undefined {
  if (report.runPage === undefined) return undefined;
  const label =
    report.use === undefined || place === "summary" ? "Workflow run" : `Job ${markdownText(report.use, 60)}`;
  return gitHubLink(label, report.runPage, place);
}

/** The line below the headline. A comment stands under its pull request, and says for which push it speaks. */
function facts(report: Report, place: RenderTarget): string {
  const { subject, threadUrl } = report;
  const thread = threadUrl === undefined ? undefined : `**${link("Open the thread", threadUrl)}**`;
  const about = place === "comment" && subject?.kind !== "issue" ? undefined : subjectLink(report, place);
  const commit = shortCommit(report, place);
  const push = [commit && `Commit ${commit}`, workflowRun(report, place), formatTimestamp(report.at)];
  return [thread, about, ...(place === "comment" ? push : [])].filter((part) => part !== undefined).join(" · ");
}

function alert(report: Report): string {
  const kind = alertOf(report);
  const lines =
    report.outcome === "waiting" || report.outcome === "working" ? questionLines(report) : problemLines(report);
  if (lines.length === 0) return "";
  // Lines parted by an empty one: a summary would run them together.
  return `> [!${kind ?? "IMPORTANT"}]\n> ${lines.join("\n>\n> ")}`;
}

function questionLines(report: Report): string[] {
  const { outcome, question, threadUrl, onRerun } = report;
  if (outcome === "working" && question === undefined) return [];
  // Empty also where a reader would see nothing of it.
  const text = renderInline(truncate(question ?? "", 300), undefined);
  const asked = text === "" ? "The agent asks a person." : `The agent asks: **${text}**`;
  const where =
    threadUrl === undefined ? "Decide on the thread's page" : link("Decide on the thread's page", threadUrl);
  const reRun =
    onRerun === "create" ? "a re-run of the job begins anew." : "then re-run the job: it picks the same run up.";
  const then = outcome === "working" ? "the agent then goes on." : reRun;
  return [asked, `${where}; ${then}`];
}

function problemLines(report: Report): string[] {
  if (alertOf(report) === undefined) return [];
  const problem = report.failure === undefined ? defaultMessage(report) : failureMarkdown(report.failure);
  return [problem, renderInline(nextStep(report), undefined)].filter((line) => line !== "");
}

/** The failure in one paragraph. The thread has a link of its own in the card. */
function failureMarkdown({ input, summary, serverMessage = "", advice, consequence }: FailureDetails): string {
  const quote = markdownText(serverMessage, longestQuote);
  const parts = [
    renderInline(input === undefined ? summary : `\`${input}\`: ${summary}`, undefined),
    quote === "" ? "" : `“${quote}”`,
    renderInline([advice, consequence].filter((part) => part !== undefined).join(" "), undefined),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** How this attempt came to its run, in one sentence. */
function history({ resumedAfter, replayed, runId }: Report): string {
  if (resumedAfter !== undefined) {
    const ended = resumedAfter === "cancelled" ? "was cancelled" : markdownText(resumedAfter, 40);
    return `An earlier attempt's run ${ended}, so the message was sent again in the same thread.`;
  }
  if (replayed !== true) return "";
  return `An earlier attempt of this step had begun this work: same thread${runId === undefined ? "" : ", same run"}.`;
}

/** What stands where the answer is not (yet). */
function answerPlaceholder({ outcome, question, answer }: Report): string {
  if (outcome === "started") return "The answer will be in the thread.";
  if (outcome === "working") return question === undefined ? "The answer will appear here." : "";
  // There is one, but it has no room here.
  if (answer !== undefined && answer.text.trim() !== "") return "The thread has the answer.";
  return outcome === "completed" ? "_The agent has finished without a word._" : "";
}

function answerPart(report: Report, answer: string | undefined, place: RenderTarget): string {
  if (answer === undefined) return answerPlaceholder(report);
  const unfinished = report.answer?.complete === false;
  const folded = answer.length > MAX_EXPANDED_ANSWER_LENGTH;
  if (place === "comment" && !folded) {
    return unfinished ? `_Unfinished: this is what the agent said so far._\n\n${answer}` : answer;
  }
  const title = `<b>${unfinished ? "Unfinished: what the agent said so far" : "Answer"}</b>`;
  const size = folded ? ` (some ${Math.round(answer.length / 1_000)},000 characters)` : "";
  return `<details${folded ? "" : " open"}><summary>${title}${size}</summary>\n\n${answer}\n\n</details>`;
}

function toolList({ tools }: Report): string | undefined {
  if (tools === undefined || tools.size === 0) return undefined;
  const names = [...tools]
    .slice(0, mostTools)
    .map(([name, times]) => `${codeSpan(name, 60)}${times > 1 ? ` ×${times}` : ""}`);
  return tools.size > mostTools ? `${names.join(", ")} and ${tools.size - mostTools} more` : names.join(", ");
}

function linkedId(id: string | undefined, page: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  return page === undefined ? codeSpan(id) : link(codeSpan(id), page);
}

function details(report: Report, place: RenderTarget): string {
  const status = report.status === undefined ? "" : `, ${markdownText(report.status, 40)}`;
  const inSummary = place === "summary";
  const rows: [string, string | undefined][] = [
    ["Agent", linkedId(report.agentId, report.agentUrl)],
    ["Thread", linkedId(report.threadId, report.threadUrl)],
    ["Run", report.runId === undefined ? undefined : `${codeSpan(report.runId)}${status}`],
    ["Tools", toolList(report)],
    ["Reference", report.externalRef === undefined ? undefined : codeSpan(report.externalRef)],
    ["Commit", inSummary ? shortCommit(report, place) : undefined],
    ["When", inSummary ? formatTimestamp(report.at) : undefined],
    ["GitHub", inSummary ? workflowRun(report, place) : undefined],
  ];
  const known = rows.filter(([, value]) => value !== undefined).map(([name, value]) => `- ${name}: ${value ?? ""}`);
  return known.length === 0 ? "" : `<details><summary>Details</summary>\n\n${known.join("\n")}\n\n</details>`;
}

/**
 * The report as Markdown.
 *
 * @param answer the answer, cleaned (markdown.ts); undefined where there is none
 */
export function renderReport(report: Report, answer: string | undefined, place: RenderTarget): string {
  return [
    headline(report),
    facts(report, place),
    history(report),
    alert(report),
    answerPart(report, answer, place),
    details(report, place),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** How many UTF-16 units the card takes at most beside an answer of less than a million. */
export function frameLength(report: Report, place: RenderTarget): number {
  const folded = "x".repeat(100_000);
  return renderReport(report, folded, place).length - folded.length;
}
