/** One visual language for summary and comment: what happened, for what, where to look, and the answer. */
import type { Outcome, Report } from "./report.ts";
import { codeSpan, markdownText } from "./untrusted.ts";

const faces: Record<Outcome, { icon: string; words: string }> = {
  started: { icon: "🚀", words: "The agent has started" },
  working: { icon: "⏳", words: "The agent is working" },
  completed: { icon: "✅", words: "The agent has finished" },
  failed: { icon: "❌", words: "The agent's run failed" },
  cancelled: { icon: "🚫", words: "The agent's run was cancelled" },
  expired: { icon: "⌛", words: "The agent's run expired" },
  waiting: { icon: "✋", words: "The agent waits for a person" },
  "timed-out": { icon: "⏱️", words: "The agent is not done yet" },
  stopped: { icon: "🛑", words: "The workflow was stopped" },
  error: { icon: "❌", words: "The work could not be handed to the agent" },
};

/** `4 min 12 s`, `38 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function headline(report: Report): string {
  const { icon, words } = faces[report.outcome];
  const time = report.durationMs === undefined ? "" : ` in ${duration(report.durationMs)}`;
  return `### ${icon} ${words}${report.outcome === "completed" ? time : ""}`;
}

function facts(report: Report): string {
  const { subject } = report;
  const subjectTitle = subject?.title === undefined ? "" : ` ${markdownText(subject.title, 100)}`;
  const parts = [
    subject === undefined ? "" : `For [#${subject.number}](${subject.url})${subjectTitle}`,
    report.threadUrl === undefined ? "" : `**[Open the thread](${report.threadUrl})**`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

function details(report: Report): string {
  const rows: [string, string | undefined][] = [
    ["Agent", report.agentId && codeSpan(report.agentId)],
    ["Thread", report.threadId && codeSpan(report.threadId)],
    ["Run", report.runId && codeSpan(report.runId)],
    ["Status", report.status && markdownText(report.status, 40)],
    ["Duration", report.durationMs === undefined ? undefined : duration(report.durationMs)],
    [
      "Tools",
      report.tools &&
        [...report.tools].map(([name, times]) => `${codeSpan(name, 60)}${times > 1 ? ` ×${times}` : ""}`).join(", "),
    ],
  ];
  return rows
    .filter(([, value]) => value)
    .map(([name, value]) => `${name} ${value ?? ""}`)
    .join(" · ");
}

function notes(report: Report): string[] {
  return [
    report.problem === undefined ? "" : `> ${markdownText(report.problem, 1_000)}`,
    report.question === undefined ? "" : `It asks: ${markdownText(report.question, 300)}`,
    report.resumedAfter === undefined
      ? ""
      : `The message was sent again in the same thread: the run before was ${markdownText(report.resumedAfter, 40)}.`,
    report.replayed === true && report.resumedAfter === undefined
      ? "This re-run found the thread that an earlier attempt had created."
      : "",
  ].filter((note) => note !== "");
}

/** The answer's heading where it is not the whole one. */
function answerIntroduction(report: Report): string {
  return report.answer?.complete === false ? "_The run did not complete: this is the text so far._\n\n" : "";
}

/**
 * The report as Markdown.
 *
 * @param answer the answer, cleaned; undefined where there is none
 * @param folded the answer goes into a collapsible part
 */
export function renderCard(report: Report, answer: string | undefined, folded: boolean): string {
  const intro = answerIntroduction(report);
  const body =
    answer === undefined
      ? ""
      : folded
        ? `<details open><summary>Answer</summary>\n\n${intro}${answer}\n\n</details>`
        : `${intro}${answer}`;
  return [headline(report), facts(report), ...notes(report), body, `<sub>${details(report)}</sub>`]
    .filter((part) => part !== "")
    .join("\n\n");
}
