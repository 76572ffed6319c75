/** How each outcome is shown: icon, headline, alert, and what to do next where nothing else says it. Pure. */
import { formatDuration } from "../common/format.ts";
import type { Outcome, Report } from "./report.ts";

/** GitHub's alerts, from calm to loud. */
type Alert = "IMPORTANT" | "WARNING" | "CAUTION";

interface OutcomeStyle {
  icon: string;
  /** For the headline; `time` is the duration, where it is known. */
  label: (time: string | undefined, report: Report) => string;
  /** Of what is highlighted below the headline; undefined where nothing went wrong. */
  alert?: Alert;
  /** What happened, where the report does not say it. */
  defaultMessage?: string;
}

function timed(word: string, preposition: string): OutcomeStyle["label"] {
  return (time) => (time === undefined ? word : `${word} ${preposition} ${time}`);
}

const OUTCOME_STYLES: Record<Outcome, OutcomeStyle> = {
  started: { icon: "🚀", label: () => "Started" },
  working: { icon: "⏳", label: () => "Running" },
  completed: { icon: "✅", label: timed("Completed", "in") },
  invalid: {
    icon: "❌",
    label: timed("Invalid response", "after"),
    alert: "CAUTION",
    defaultMessage: "The response does not match `response-schema`.",
  },
  "files-missing": {
    icon: "❌",
    label: () => "Files missing",
    alert: "CAUTION",
    defaultMessage: "Failed to download the agent's files.",
  },
  failed: { icon: "❌", label: timed("Failed", "after"), alert: "CAUTION", defaultMessage: "The agent run failed." },
  cancelled: {
    icon: "🚫",
    label: timed("Cancelled", "after"),
    alert: "WARNING",
    defaultMessage: "The agent run was cancelled.",
  },
  expired: {
    icon: "⏰",
    label: timed("Expired", "after"),
    alert: "WARNING",
    defaultMessage: "The agent run expired before it finished.",
  },
  waiting: { icon: "✋", label: () => "Waiting for input", alert: "IMPORTANT" },
  "timed-out": {
    icon: "⏱️",
    label: timed("Timed out", "after"),
    alert: "WARNING",
    defaultMessage: "The agent run takes longer than the step waits.",
  },
  stopped: {
    icon: "🛑",
    label: timed("Step stopped", "after"),
    alert: "WARNING",
    defaultMessage: "The job was cancelled, or reached `timeout-minutes`, before the agent run finished.",
  },
  error: {
    icon: "❌",
    label: (_, { threadUrl }) => (threadUrl === undefined ? "Failed to start" : "Failed to get the response"),
    alert: "CAUTION",
    defaultMessage: "An error occurred; the step's log has the details.",
  },
};

/** `### ✅ Mosoo agent · Completed in 4 min 12 s` */
export function headline(report: Report): string {
  const { icon, label } = OUTCOME_STYLES[report.outcome];
  const time = report.durationMs === undefined ? undefined : formatDuration(report.durationMs);
  return `### ${icon} Mosoo agent · ${label(time, report)}`;
}

export function alertOf(report: Report): Alert | undefined {
  return OUTCOME_STYLES[report.outcome].alert;
}

export function defaultMessage(report: Report): string {
  return OUTCOME_STYLES[report.outcome].defaultMessage ?? "";
}

const TERMINAL: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "expired"]);

function isTerminal({ outcome, status = "" }: Report): boolean {
  return TERMINAL.has(status) || TERMINAL.has(outcome);
}

const END_PHRASES: Readonly<Record<string, string>> = {
  cancelled: "was cancelled",
  expired: "expired before it finished",
};

/** How a run ended, as the end of a sentence: "was cancelled". @param status a terminal one */
export function describeEnd(status: string | undefined | null): string {
  return END_PHRASES[status ?? ""] ?? status ?? "";
}

/** What to do about a run that ended, as `on-rerun` is set. */
export function retryAdvice(onRerun: NonNullable<Report["onRerun"]>, status?: string | null): string {
  if (onRerun === "create") return "Re-run the job to try again in a new thread.";
  if (status === "completed") return "Re-run the job to get its response.";
  return onRerun === "replay"
    ? "A re-run of the job returns the same agent run (`on-rerun: replay`); start a new workflow run to try again."
    : "Re-run the job to send the message again in the same thread.";
}

/** What a re-run of the job does; "" where there is no run, or the failure itself says what to do. */
export function nextStep(report: Report): string {
  const { outcome, failure, threadUrl, onRerun = "resume" } = report;
  if (outcome === "error" || threadUrl === undefined || (failure?.advice ?? "") !== "") return "";
  const canResume = onRerun !== "create" && !isTerminal(report);
  if (canResume) return "Re-run the job to keep waiting for the same agent run.";
  // A re-run validates the same response again.
  return retryAdvice(onRerun, outcome === "invalid" ? undefined : report.status);
}
