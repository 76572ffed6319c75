/**
 * After following: completes the transcript from the event list where no stream delivered the run's own ending event,
 * and waits for a completed run's response, which the service stores some moments after the status.
 */
import { type Run, isTerminalStatus } from "../contract/schema.ts";
import type {
  ConfirmingState,
  FollowEffect,
  FollowEvent,
  FollowResult,
  FollowState,
  History,
  Transition,
  FollowContext,
} from "./follow-types.ts";
import { readRetryDelayMs } from "./poll-scheduler.ts";

/** How long the event list is retried where it holds the response, and where it only completes the transcript. */
const [REQUIRED_HISTORY_TIMEOUT_MS, OPTIONAL_HISTORY_TIMEOUT_MS] = [90_000, 3_000];

/**
 * Further reads while the event list lacks the ending event of a run whose response is awaited: 5 s in all. Of the list,
 * or of the thread where the list cannot be read.
 */
const HISTORY_DELAYS_MS = [200, 300, 500, 1_000, 1_500, 1_500];

/** Further reads of the thread after that, where the run may have said something that its final output lacks. */
const THREAD_DELAYS_MS = [150, 500];

export function confirm(result: FollowResult, now: number): ConfirmingState {
  return {
    result,
    startedAt: now,
    pending: undefined,
    isHistoryRead: false,
    failures: 0,
    historyDelaysMs: HISTORY_DELAYS_MS,
    threadDelaysMs: THREAD_DELAYS_MS,
  };
}

export function onConfirming(state: FollowState, event: FollowEvent, context: FollowContext): Transition {
  const { confirming } = state;
  switch (event.kind) {
    case "history_read": {
      const history = event.isTruncated ? "truncated" : "complete";
      return [{ ...state, history, confirming: { ...confirming, isHistoryRead: true } }];
    }
    case "thread_read": {
      const { run } = event.response;
      if (run?.id !== state.run.id || !isTerminalStatus(run.status)) return [state];
      return [{ ...state, confirming: { ...confirming, result: { kind: "ended", run } } }];
    }
    case "failed":
      return [event.call === "read_history" ? withoutHistory(state, event, context) : state];
    default:
      return [state];
  }
}

/** Retries the first read of the list while there is time for it; later ones have a schedule of their own. */
function withoutHistory(
  state: FollowState,
  { failure }: FollowEvent & { kind: "failed" },
  { now, random }: FollowContext,
): FollowState {
  const { confirming } = state;
  if (confirming.isHistoryRead) return state;
  const failures = confirming.failures + 1;
  const dueAt = now + (readRetryDelayMs(failure, failures, random) ?? Infinity);
  if (dueAt < confirming.startedAt + historyTimeoutMs(confirming)) {
    const pending = { dueAt, effect: readHistory(confirming) };
    return { ...state, confirming: { ...confirming, failures, pending } };
  }
  return { ...state, history: "missing", confirming: { ...confirming, isHistoryRead: true } };
}

/** What is next: a request that is due, a wait for it, a further one, or nothing. */
export function decideConfirming(state: FollowState, context: FollowContext): [FollowState, FollowEffect] {
  const { confirming } = state;
  const { pending } = confirming;
  if (pending !== undefined) {
    if (context.now < pending.dueAt) return [state, { kind: "wait", until: pending.dueAt }];
    return [{ ...state, confirming: { ...confirming, pending: undefined } }, pending.effect];
  }
  const next = nextRequest(state, context);
  if (next === undefined) return [state, finish(state, state.history)];
  const [confirmed, effect, delayMs] = next;
  if (delayMs === 0) return [{ ...state, confirming: confirmed }, effect];
  const dueAt = context.now + delayMs;
  return [
    { ...state, confirming: { ...confirmed, pending: { dueAt, effect } } },
    { kind: "wait", until: dueAt },
  ];
}

/** With its delay in milliseconds. */
function nextRequest(
  { confirming, history }: FollowState,
  { transcript }: FollowContext,
): [ConfirmingState, FollowEffect, number] | undefined {
  const { result, isHistoryRead, historyDelaysMs, threadDelaysMs } = confirming;
  if (result.kind === "cancelled" || result.kind === "error") return undefined;
  const hasEndingEvent = transcript.terminalEvent !== undefined;
  if (!hasEndingEvent && !isHistoryRead) return [confirming, readHistory(confirming), 0];
  if (result.kind !== "ended" || !lacksResponse(result.run)) return undefined;
  const hasFinalOutput = result.run.finalOutput !== undefined;
  const [graceMs, ...laterGraceMs] = historyDelaysMs;
  if (!hasEndingEvent && graceMs !== undefined) {
    const next = { ...confirming, historyDelaysMs: laterGraceMs };
    if (history !== "missing") return [next, readHistory(confirming), graceMs];
    if (hasFinalOutput) return [next, { kind: "read_thread" }, graceMs];
  }
  const [delayMs, ...rest] = threadDelaysMs;
  // A revision without final output, or a run that said nothing: nothing is to come.
  if (delayMs === undefined || !hasFinalOutput || (hasEndingEvent && transcript.text === "")) return undefined;
  return [{ ...confirming, threadDelaysMs: rest }, { kind: "read_thread" }, delayMs];
}

function lacksResponse({ status, finalOutput }: Run): boolean {
  return status === "completed" && !finalOutput?.text;
}

function historyTimeoutMs({ result }: ConfirmingState): number {
  const isRequired = result.kind === "ended" && typeof result.run.finalOutput?.text !== "string";
  return isRequired ? REQUIRED_HISTORY_TIMEOUT_MS : OPTIONAL_HISTORY_TIMEOUT_MS;
}

function readHistory(confirming: ConfirmingState): FollowEffect {
  return { kind: "read_history", timeoutMs: historyTimeoutMs(confirming) };
}

/** Ends at once with what there is. */
export function cutShort(state: FollowState, { transcript }: FollowContext): FollowEffect {
  const isComplete = state.confirming.isHistoryRead || transcript.terminalEvent !== undefined;
  return finish(state, isComplete ? state.history : "missing");
}

function finish({ confirming }: FollowState, history: History): FollowEffect {
  return { kind: "finish", result: confirming.result, history };
}
