/** Each outcome's face: its icon, its words, how loud it is, and what to do where nothing else says it. Pure. */
import { duration } from "./duration.ts";
import type { Outcome, Report } from "./report.ts";

/** GitHub's alerts, from calm to loud. */
type Alert = "IMPORTANT" | "WARNING" | "CAUTION";

interface Face {
  icon: string;
  /** The headline's word; `time` is the duration, where it is known. */
  word: (time: string | undefined, report: Report) => string;
  /** What stands out below the headline; undefined where nothing went wrong. */
  alert?: Alert;
  /** What happened, where the report does not say it. */
  happened?: string;
}

function timed(word: string, preposition: string): Face["word"] {
  return (time) => (time === undefined ? word : `${word} ${preposition} ${time}`);
}

const faces: Record<Outcome, Face> = {
  started: { icon: "🚀", word: () => "started" },
  working: { icon: "⏳", word: () => "working" },
  completed: { icon: "✅", word: timed("completed", "in") },
  failed: { icon: "❌", word: timed("failed", "after"), alert: "CAUTION", happened: "The agent's run failed." },
  cancelled: {
    icon: "🚫",
    word: timed("cancelled", "after"),
    alert: "WARNING",
    happened: "The agent's run was cancelled.",
  },
  expired: { icon: "⏰", word: timed("expired", "after"), alert: "WARNING", happened: "The agent's run expired." },
  waiting: { icon: "✋", word: () => "waiting for a person", alert: "IMPORTANT" },
  "timed-out": {
    icon: "⏱️",
    word: timed("not done", "after"),
    alert: "WARNING",
    happened: "The agent needs longer than the step waits.",
  },
  stopped: {
    icon: "🛑",
    word: timed("stopped", "after"),
    alert: "WARNING",
    happened: "The step was stopped before the agent was done.",
  },
  error: {
    icon: "❌",
    word: (_, { threadUrl }) => (threadUrl === undefined ? "not started" : "no answer"),
    alert: "CAUTION",
    happened: "Something went wrong; the step's log says more.",
  },
};

/** `### ✅ Mosoo agent · completed in 4 min 12 s` */
export function headline(report: Report): string {
  const { icon, word } = faces[report.outcome];
  const time = report.durationMs === undefined ? undefined : duration(report.durationMs);
  return `### ${icon} Mosoo agent · ${word(time, report)}`;
}

export function alertOf(report: Report): Alert | undefined {
  return faces[report.outcome].alert;
}

/** What happened, where the report itself does not say it. */
export function happened(report: Report): string {
  return faces[report.outcome].happened ?? "";
}

function isOver({ outcome, status }: Report): boolean {
  const ended = status === "completed" || status === "failed" || status === "cancelled" || status === "expired";
  return ended || outcome === "failed" || outcome === "cancelled" || outcome === "expired";
}

/** What a re-run of the job does; "" where there is no run to speak of, or the problem itself says what to do. */
export function nextStep(report: Report): string {
  const { outcome, onRerun = "resume" } = report;
  if (outcome === "error" || report.threadUrl === undefined) return "";
  if (onRerun === "create") return "Re-run the job to try again in a new thread.";
  if (!isOver(report)) {
    // A timeout's own words speak of the re-run already.
    return outcome === "timed-out" && report.problem !== undefined
      ? ""
      : "A re-run of the job finds the same run again.";
  }
  return onRerun === "replay"
    ? "A re-run of the job only finds the same run again (`on-rerun: replay`); a new workflow run starts anew."
    : "Re-run the job to send the message again in the same thread.";
}
