/** Each outcome's face: its icon, its words, how loud it is, and what to do where nothing else says it. Pure. */
import { formatDuration } from "../common/format.ts";
import type { Outcome, Report } from "./report.ts";

/** GitHub's alerts, from calm to loud. */
type Alert = "IMPORTANT" | "WARNING" | "CAUTION";

interface OutcomeStyle {
  icon: string;
  /** The headline's word; `time` is the duration, where it is known. */
  label: (time: string | undefined, report: Report) => string;
  /** What stands out below the headline; undefined where nothing went wrong. */
  alert?: Alert;
  /** What happened, where the report does not say it. */
  defaultMessage?: string;
}

function timed(word: string, preposition: string): OutcomeStyle["label"] {
  return (time) => (time === undefined ? word : `${word} ${preposition} ${time}`);
}

const OUTCOME_STYLES: Record<Outcome, OutcomeStyle> = {
  started: { icon: "🚀", label: () => "started" },
  working: { icon: "⏳", label: () => "working" },
  completed: { icon: "✅", label: timed("completed", "in") },
  failed: { icon: "❌", label: timed("failed", "after"), alert: "CAUTION", defaultMessage: "The agent's run failed." },
  cancelled: {
    icon: "🚫",
    label: timed("cancelled", "after"),
    alert: "WARNING",
    defaultMessage: "The agent's run was cancelled.",
  },
  expired: {
    icon: "⏰",
    label: timed("expired", "after"),
    alert: "WARNING",
    defaultMessage: "The agent's run expired.",
  },
  waiting: { icon: "✋", label: () => "waiting for a person", alert: "IMPORTANT" },
  "timed-out": {
    icon: "⏱️",
    label: timed("not done", "after"),
    alert: "WARNING",
    defaultMessage: "The agent needs longer than the step waits.",
  },
  stopped: {
    icon: "🛑",
    label: timed("stopped", "after"),
    alert: "WARNING",
    defaultMessage: "The step was stopped before the agent was done.",
  },
  error: {
    icon: "❌",
    label: (_, { threadUrl }) => (threadUrl === undefined ? "not started" : "no answer"),
    alert: "CAUTION",
    defaultMessage: "Something went wrong; the step's log says more.",
  },
};

/** `### ✅ Mosoo agent · completed in 4 min 12 s` */
export function headline(report: Report): string {
  const { icon, label: word } = OUTCOME_STYLES[report.outcome];
  const time = report.durationMs === undefined ? undefined : formatDuration(report.durationMs);
  return `### ${icon} Mosoo agent · ${word(time, report)}`;
}

export function alertOf(report: Report): Alert | undefined {
  return OUTCOME_STYLES[report.outcome].alert;
}

/** What happened, where the report itself does not say it. */
export function defaultMessage(report: Report): string {
  return OUTCOME_STYLES[report.outcome].defaultMessage ?? "";
}

function isTerminal({ outcome, status }: Report): boolean {
  const ended = status === "completed" || status === "failed" || status === "cancelled" || status === "expired";
  return ended || outcome === "failed" || outcome === "cancelled" || outcome === "expired";
}

/** What a re-run of the job does; "" where there is no run to speak of, or the problem itself says what to do. */
export function nextStep(report: Report): string {
  const { outcome, onRerun = "resume" } = report;
  if (outcome === "error" || report.threadUrl === undefined) return "";
  if (onRerun === "create") return "Re-run the job to try again in a new thread.";
  if (!isTerminal(report)) {
    // A timeout's own words speak of the re-run already.
    return outcome === "timed-out" && report.failure?.advice !== undefined
      ? ""
      : "A re-run of the job finds the same run again.";
  }
  return onRerun === "replay"
    ? "A re-run of the job only finds the same run again (`on-rerun: replay`); a new workflow run starts anew."
    : "Re-run the job to send the message again in the same thread.";
}
