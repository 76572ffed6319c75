/**
 * The report as Markdown, the same for summary and comment: headline, links, what went wrong and what to do, the
 * response, and details. Pure. Every text from outside is sanitized here, but for the response, which comes sanitized.
 *
 * A comment also goes out as mail, so its links are absolute. In a summary the runner masks secrets, and an owner's or
 * repository's name is easily part of one: there, links within GitHub are root-relative, and the names are character
 * references. (`../../pull/12` would be right on `…/runs/1` and wrong on `…/runs/1/attempts/2`, and each summary is
 * shown on both.)
 */
import { formatInteger, pluralize } from "../common/format.ts";
import { codeSpan, markdownText } from "../sanitize/inline.ts";
import { alertOf, defaultMessage, describeEnd, headline, nextStep } from "./outcomes.ts";
import type { FailureDetails, Report } from "./report.ts";

export type RenderTarget = "summary" | "comment";

/** A Markdown link. `label` is Markdown. */
export function link(label: string, url: string): string {
  return `[${label}](${url.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

/** A link to a page of the GitHub that runs the workflow. */
function gitHubLink(label: string, url: string, target: RenderTarget): string {
  return link(label, target === "summary" ? toRootRelative(url) : url);
}

/** The repository's path, after any sub-path of the server, and the page in it. */
const REPOSITORY_PAGE = /^(.*)(\/(?:pulls?|issues|commit)\/[^/]*|\/actions\/runs\/.*)$/;

/** `/owner/name/pull/12` with all before `/pull` as character references: masks find no name, browsers read the URL. */
function toRootRelative(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search, hash } = new URL(url);
  return (
    pathname.replace(REPOSITORY_PAGE, (_, path: string, page: string) => toReferences(path) + page) + search + hash
  );
}

function toReferences(path: string): string {
  return path.replace(/[^/]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

/** The page of the report's commit; undefined where the repository's is not known. */
function commitUrl({ runPage, sha }: Report): string | undefined {
  const end = runPage?.lastIndexOf("/actions/runs/") ?? -1;
  return end < 0 || sha === undefined ? undefined : `${runPage?.slice(0, end) ?? ""}/commit/${sha}`;
}

/** Text as Markdown that renders as it is, with the whitespace at its ends: a part of a sentence. */
function plainPart(text: string): string {
  const [, before = "", inside = "", after = ""] = /^(\s*)([\s\S]*?)(\s*)$/u.exec(text) ?? [];
  return `${before === "" ? "" : " "}${markdownText(inside)}${after === "" ? "" : " "}`;
}

/** A sentence of this action as Markdown: `code` in backticks stays code, and everything else renders as it is. */
export function sentence(text: string): string {
  const parts = text
    .replace(/\s+/gu, " ")
    .trim()
    .split(/(`[^`\n]+`)/u);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return plainPart(part);
      const before = parts[index - 1] ?? "";
      // Two code spans would run into one, and `$` before one would make it a formula.
      const separator = before.endsWith("$") || (before === "" && index > 1) ? "\u200b" : "";
      return separator + codeSpan(part.slice(1, -1));
    })
    .join("")
    .trim();
}

/** A longer response is collapsed, in UTF-16 units of Markdown: some four screens. */
const MAX_EXPANDED_RESPONSE_LENGTH = 10_000;
/** Tools and files that are named in the details. */
const MAX_LISTED = 20;
/** Of a text from outside within a sentence, in UTF-16 units. */
const MAX_QUOTE_LENGTH = 300;

function shortCommit(report: Report, target: RenderTarget): string | undefined {
  if (report.sha === undefined) return undefined;
  const url = commitUrl(report);
  const short = codeSpan(report.sha.slice(0, 7));
  return url === undefined ? short : gitHubLink(short, url, target);
}

/** `2026-11-09 12:03 UTC` */
function formatTimestamp(at: string | undefined): string | undefined {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(at ?? "") ?? [];
  return day === undefined || time === undefined ? undefined : `${day} ${time} UTC`;
}

function subjectLink({ subject }: Report, target: RenderTarget): string | undefined {
  if (subject === undefined) return undefined;
  const title = subject.title === undefined ? "" : ` ${markdownText(subject.title, 100)}`;
  return `For ${gitHubLink(`#${subject.number}${title}`, subject.url, target)}`;
}

function workflowRun(report: Report, target: RenderTarget): string | undefined {
  if (report.runPage === undefined) return undefined;
  const { jobName } = report;
  const label = jobName === undefined || target === "summary" ? "Workflow run" : `Job ${markdownText(jobName, 60)}`;
  return gitHubLink(label, report.runPage, target);
}

/** The line below the headline. A comment says which push it belongs to, since later ones update it. */
function links(report: Report, target: RenderTarget): string {
  const thread =
    report.threadUrl === undefined ? undefined : `**${link("Open the thread in Mosoo", report.threadUrl)}**`;
  const commit = shortCommit(report, target);
  const push = [commit && `Commit ${commit}`, workflowRun(report, target), formatTimestamp(report.at)];
  return [thread, subjectLink(report, target), ...(target === "comment" ? push : [])]
    .filter((part) => part !== undefined)
    .join(" · ");
}

function alert(report: Report): string {
  const { outcome } = report;
  const lines = outcome === "waiting" || outcome === "working" ? inputRequest(report) : problem(report);
  if (lines.length === 0) return "";
  // With an empty line between two: a summary would join them.
  return `> [!${alertOf(report) ?? "IMPORTANT"}]\n> ${lines.join("\n>\n> ")}`;
}

function inputRequest({ outcome, question, threadUrl, onRerun }: Report): string[] {
  if (outcome === "working" && question === undefined) return [];
  const quote = markdownText(question ?? "", MAX_QUOTE_LENGTH);
  const respond = threadUrl === undefined ? "Respond in the thread" : link("Respond in the thread", threadUrl);
  const next =
    outcome === "working"
      ? " to continue."
      : onRerun === "create"
        ? ". A re-run of the job starts a new thread."
        : ", then re-run the job to resume waiting.";
  return [quote === "" ? "The agent needs input from a person." : `The agent asks: **${quote}**`, respond + next];
}

function problem(report: Report): string[] {
  if (alertOf(report) === undefined) return [];
  const what = report.failure === undefined ? sentence(defaultMessage(report)) : renderFailure(report.failure);
  return [what, sentence(nextStep(report))].filter((line) => line !== "");
}

/** The failure in one paragraph. The thread has a link of its own. */
function renderFailure({ input, summary, serverMessage = "", advice, consequence }: FailureDetails): string {
  const quote = markdownText(serverMessage, MAX_QUOTE_LENGTH).replace(/\.$/, "");
  const what = sentence(input === undefined ? summary : `\`${input}\`: ${summary}`);
  const parts = [
    quote === "" ? what : `${what.replace(/\.$/, "")}: "${quote}".`,
    sentence(advice ?? ""),
    sentence(consequence ?? ""),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** How this attempt came to its run, in one sentence. */
function history({ resumedAfter, replayed, runId }: Report): string {
  if (resumedAfter !== undefined) {
    const ended = markdownText(describeEnd(resumedAfter), 40);
    return `The agent run of an earlier attempt ${ended}, so the message was sent again in the same thread.`;
  }
  if (replayed !== true) return "";
  return `The thread${runId === undefined ? "" : " and the agent run"} of an earlier attempt ${runId === undefined ? "is" : "are"} reused.`;
}

/** What is shown where the response is not, or not yet. */
function responsePlaceholder({ outcome, question, response, threadUrl }: Report): string {
  if (outcome === "started") return "The response will be in the thread.";
  if (outcome === "working") {
    if (question !== undefined) return "";
    // No later step may update the comment: its first text has to remain correct.
    const otherwise =
      threadUrl === undefined ? "" : ` If the job ends before that, ${link("read it in the thread", threadUrl)}.`;
    return `The response will appear here when the agent finishes.${otherwise}`;
  }
  // There is one, but no room for it here.
  if (response !== undefined && response.text.trim() !== "") return "The response is in the thread.";
  if (outcome !== "completed") return "";
  const look = threadUrl === undefined ? "" : " The thread shows what it did.";
  return `_The agent returned an empty response._${look}`;
}

function responsePart(report: Report, response: string | undefined, target: RenderTarget): string {
  if (response === undefined) return responsePlaceholder(report);
  const title = report.response?.complete === false ? "Partial response" : "Response";
  const isCollapsed = response.length > MAX_EXPANDED_RESPONSE_LENGTH;
  if (target === "comment" && !isCollapsed) {
    return title === "Response" ? response : `**${title}**\n\n${response}`;
  }
  const size = isCollapsed ? ` (about ${formatInteger(Math.round(response.length / 1_000) * 1_000)} characters)` : "";
  return `<details${isCollapsed ? "" : " open"}><summary><b>${title}</b>${size}</summary>\n\n${response}\n\n</details>`;
}

/** At most so many that a reader reads them. */
function list(items: readonly string[]): string | undefined {
  if (items.length === 0) return undefined;
  const shown = items.slice(0, MAX_LISTED).join(", ");
  return items.length > MAX_LISTED ? `${shown} and ${items.length - MAX_LISTED} more` : shown;
}

function toolList({ tools = new Map() }: Report): string | undefined {
  return list(Array.from(tools, ([name, times]) => codeSpan(name, 60) + (times > 1 ? ` ×${times}` : "")));
}

function fileList({ files = [] }: Report): string | undefined {
  return list(files.map(({ name, size }) => `${codeSpan(name, 100)} (${formatInteger(size)} bytes)`));
}

function correctionsRow({ corrections = 0 }: Report): string | undefined {
  return corrections === 0 ? undefined : `valid after ${pluralize(corrections, "correction")}`;
}

function linkedId(id: string | undefined, url: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  return url === undefined ? codeSpan(id) : link(codeSpan(id), url);
}

function details(report: Report, target: RenderTarget): string {
  const status = report.status === undefined ? "" : `, ${markdownText(report.status, 40)}`;
  const requestId = report.failure?.requestId;
  const inSummary = target === "summary";
  const rows: [string, string | undefined][] = [
    ["Agent", linkedId(report.agentId, report.agentUrl)],
    ["Thread", linkedId(report.threadId, report.threadUrl)],
    ["Agent run", report.runId === undefined ? undefined : `${codeSpan(report.runId)}${status}`],
    ["Response", correctionsRow(report)],
    ["Tokens", report.tokens === undefined ? undefined : formatInteger(report.tokens)],
    ["Tools", toolList(report)],
    ["Files", fileList(report)],
    ["Request ID", requestId === undefined ? undefined : codeSpan(requestId, 100)],
    ["External reference", report.externalRef === undefined ? undefined : codeSpan(report.externalRef)],
    ["Commit", inSummary ? shortCommit(report, target) : undefined],
    ["Time", inSummary ? formatTimestamp(report.at) : undefined],
    ["GitHub", inSummary ? workflowRun(report, target) : undefined],
  ];
  const known = rows.flatMap(([name, value]) => (value === undefined ? [] : [`- ${name}: ${value}`]));
  return known.length === 0 ? "" : `<details><summary>Details</summary>\n\n${known.join("\n")}\n\n</details>`;
}

/**
 * The report as Markdown.
 *
 * @param response sanitized Markdown (sanitize/markdown.ts); undefined where there is none
 */
export function renderReport(report: Report, response: string | undefined, target: RenderTarget): string {
  return [
    headline(report),
    links(report, target),
    history(report),
    alert(report),
    responsePart(report, response, target),
    details(report, target),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** How many UTF-16 units the report takes at most beside a response of less than a million. */
export function frameLength(report: Report, target: RenderTarget): number {
  const collapsed = "x".repeat(100_000);
  return renderReport(report, collapsed, target).length - collapsed.length;
}
