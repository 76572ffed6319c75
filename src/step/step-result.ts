/** What the end of a run, or of the wait for it, means for the step: the inputs decide. Pure. */
import type { Inputs } from "../actions/inputs.ts";
import { formatDuration, joinSentences } from "../common/format.ts";
import { type Run, isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowResult } from "../mosoo/runs/follow.ts";
import { describeEnd, retryAdvice } from "../report/outcomes.ts";
import type { FailureDetails, Outcome } from "../report/report.ts";
import { STEP_STOPPED, toFailureDetails } from "./errors.ts";

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
      const failure = { summary: STEP_STOPPED, ...afterCancel(context), threadUrl };
      return { outcome: "stopped", failure, interruptFailed };
    }
    case "error": {
      const failure = toFailureDetails(result.error, { threadUrl });
      const summary = `Failed to follow the agent run. ${failure.summary}`;
      return { outcome: "error", failure: { ...failure, summary, consequence: afterError(context) } };
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

function fromEndedRun({ status, error }: Run, { policies, threadUrl }: EndContext): StepResult {
  if (status === "completed") return { outcome: "completed" };
  const outcome = status === "cancelled" || status === "expired" ? status : "failed";
  const serverMessage = [error?.code, error?.message]
    .filter((part) => typeof part === "string" && part !== "")
    .join(": ");
  const advice = joinSentences(
    outcome === "failed" ? "The thread may show the cause." : undefined,
    retryAdvice(policies.onRerun),
  );
  const failure = { summary: `The agent run ${describeEnd(outcome)}.`, serverMessage, advice, threadUrl };
  return policies.failOnRunError ? { outcome, failure } : { outcome, warning: failure };
}

function fromInputRequest(title: string | undefined, context: EndContext): StepResult {
  const { policies, interrupt, threadUrl } = context;
  if (interrupt !== undefined) {
    const failure = { ...inputRequest(title, undefined, threadUrl), ...afterInterrupt(interrupt, policies) };
    return { outcome: interrupt === "failed" ? "waiting" : "cancelled", failure };
  }
  const advice =
    policies.onRerun === "create"
      ? "Respond in the thread; a re-run of the job starts a new thread (`on-rerun: create`)."
      : "Respond in the thread, then re-run the job to resume waiting.";
  return { outcome: "waiting", failure: inputRequest(title, advice, threadUrl) };
}

type NextStep = Pick<FailureDetails, "advice" | "consequence">;

function afterTimeout({ policies, interrupt }: EndContext): NextStep {
  if (interrupt !== undefined) return afterInterrupt(interrupt, policies);
  return { advice: `The agent run is still in progress; ${continueAdvice(policies)}.` };
}

/** What a re-run does while the run goes on. */
function continueAdvice({ onRerun }: EndPolicies): string {
  return onRerun === "create"
    ? "a re-run of the job starts a new thread (`on-rerun: create`)"
    : "re-run the job to keep waiting";
}

function afterCancel({ policies, run, interrupt }: EndContext): NextStep {
  if (interrupt !== undefined) return afterInterrupt(interrupt, policies);
  if (run === null || !policies.wait) return {};
  if (!isTerminalStatus(run.status)) {
    return { advice: `The agent run continues (\`on-cancel: leave\`); ${continueAdvice(policies)}.` };
  }
  return {
    advice: `The agent run had already ended (${run.status ?? ""}). ${retryAdvice(policies.onRerun, run.status)}`,
  };
}

function afterError({ policies, run }: EndContext): string | undefined {
  if (run === null || isTerminalStatus(run.status)) return undefined;
  return `The agent run may still be in progress; ${continueAdvice(policies)}.`;
}

function afterInterrupt(interrupt: { run: Run } | "failed", { onRerun }: EndPolicies): NextStep {
  if (interrupt === "failed") return { consequence: "Failed to interrupt the agent run; it may still be in progress." };
  const { status } = interrupt.run;
  if (!isTerminalStatus(status)) return { consequence: "Sent interrupt to the agent run." };
  return { advice: `The agent run ${describeEnd(status)}. ${retryAdvice(onRerun, status)}` };
}
