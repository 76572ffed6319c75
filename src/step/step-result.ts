/** What the end of a run, or of the wait for it, means for the step: the inputs decide. Pure. */
import type { Inputs } from "../actions/inputs.ts";
import { formatDuration } from "../common/format.ts";
import { type Run, isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowResult } from "../mosoo/runs/follow.ts";
import { retryAdvice } from "../report/outcomes.ts";
import type { FailureDetails, Outcome } from "../report/report.ts";
import { toFailureDetails } from "./errors.ts";

export interface StepResult {
  outcome: Outcome;
  /** Where the step fails. */
  failure?: FailureDetails | undefined;
  /** Where it does not, although the run did not complete. */
  warning?: FailureDetails;
  /** The run was to be interrupted and may still be running: the post step tries again. */
  interruptFailed?: boolean;
}

export type EndPolicies = Pick<
  Inputs,
  "wait" | "waitTimeout" | "onWaitTimeout" | "onCancel" | "onWaitingInput" | "failOnRunError" | "onRerun"
>;

export interface EndContext {
  policies: EndPolicies;
  /** As last seen; null where the thread has none. */
  run: Run | null;
  threadUrl: string | undefined;
  /** Where {@link shouldInterrupt} asked for an interrupt: the run after it. */
  interrupt?: { run: Run } | "failed" | undefined;
}

/** Whether the run is to be interrupted before the step ends. */
export function shouldInterrupt(result: FollowResult, { policies, run }: EndContext): boolean {
  if (run === null || isTerminalStatus(run.status)) return false;
  switch (result.kind) {
    case "timeout":
      return policies.onWaitTimeout === "interrupt";
    case "input_required":
      return policies.onWaitingInput === "interrupt";
    case "cancelled":
      return policies.wait && policies.onCancel === "interrupt";
    case "ended":
    case "error":
      return false;
  }
}

export function toStepResult(result: FollowResult, context: EndContext): StepResult {
  const interruptFailed = context.interrupt === "failed";
  const { threadUrl } = context;
  switch (result.kind) {
    case "ended":
      return fromEndedRun(result.run, context);
    case "input_required":
      return { ...fromInputRequest(result.title, context), interruptFailed };
    case "timeout": {
      const summary = `Timed out after ${formatDuration(context.policies.waitTimeout)} (\`wait-timeout\`).`;
      return { outcome: "timed-out", failure: { summary, ...afterTimeout(context), threadUrl }, interruptFailed };
    }
    case "cancelled": {
      const failure = { summary: "Step cancelled or timed out.", consequence: afterCancel(context), threadUrl };
      return { outcome: "stopped", failure, interruptFailed };
    }
    case "error": {
      const failure = toFailureDetails(result.error, { threadUrl });
      return { outcome: "error", failure: { ...failure, summary: `Failed to follow the run. ${failure.summary}` } };
    }
  }
}

/** @param advice what to do about it */
export function inputRequest(
  title: string | undefined,
  advice: string | undefined,
  threadUrl: string | undefined,
): FailureDetails {
  return { summary: "The agent requires human input.", serverMessage: title, advice, threadUrl };
}

const STATUS_PHRASES = { failed: "failed", cancelled: "was cancelled", expired: "expired" };

function fromEndedRun({ status, error }: Run, { policies, threadUrl }: EndContext): StepResult {
  if (status === "completed") return { outcome: "completed" };
  const outcome = status === "cancelled" || status === "expired" ? status : "failed";
  const serverMessage = [error?.code, error?.message]
    .filter((part) => typeof part === "string" && part !== "")
    .join(": ");
  const advice = retryAdvice(policies.onRerun);
  const failure = { summary: `The agent run ${STATUS_PHRASES[outcome]}.`, serverMessage, advice, threadUrl };
  return policies.failOnRunError ? { outcome, failure } : { outcome, warning: failure };
}

function fromInputRequest(title: string | undefined, context: EndContext): StepResult {
  const { policies, interrupt, threadUrl } = context;
  if (interrupt !== undefined) {
    const failure = { ...inputRequest(title, undefined, threadUrl), consequence: afterInterrupt(interrupt) };
    return { outcome: interrupt === "failed" ? "waiting" : "cancelled", failure };
  }
  const advice =
    policies.onRerun === "create"
      ? "Respond in the thread; a re-run of the job starts a new thread (`on-rerun: create`)."
      : "Respond in the thread, then re-run the job to resume waiting.";
  return { outcome: "waiting", failure: inputRequest(title, advice, threadUrl) };
}

function afterTimeout({ policies, interrupt }: EndContext): Pick<FailureDetails, "advice" | "consequence"> {
  if (interrupt !== undefined) return { consequence: afterInterrupt(interrupt) };
  if (policies.onRerun === "create") {
    return {
      advice: "The agent run is still in progress; a re-run of the job starts a new thread (`on-rerun: create`).",
    };
  }
  return { advice: "The agent run is still in progress; re-run the job to keep waiting." };
}

function afterCancel({ policies, run, interrupt }: EndContext): string | undefined {
  if (interrupt !== undefined) return afterInterrupt(interrupt);
  if (run === null || !policies.wait) return undefined;
  return isTerminalStatus(run.status)
    ? `The agent run had already ended (${run.status ?? ""}).`
    : "The agent run continues (`on-cancel: leave`).";
}

function afterInterrupt(interrupt: { run: Run } | "failed"): string {
  if (interrupt === "failed") return "Failed to interrupt the agent run; it may still be in progress.";
  const { status } = interrupt.run;
  return isTerminalStatus(status) ? `The agent run is ${status ?? ""}.` : "Sent interrupt to the agent run.";
}
