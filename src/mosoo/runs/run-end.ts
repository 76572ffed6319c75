/**
 * How a run ends, once following is over.
 *
 * Confirming: completes the transcript from the event list where no stream delivered the run's own ending event,
 * and waits for a completed run's response, which the service stores some moments after the status.
 *
 * Superseded: a newer run of its thread has followed, so that the thread does not show it anymore. An interrupt of it
 * changes nothing, and its response holds the run's real status. Where the token may not interrupt, the run's own ending
 * event decides, which knows less: it says "completed" of cancelled and expired runs, too.
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
import { readRetryDelayMs, type Moment, type ReadFailure, expectSoon, isRateLimited } from "./poll-scheduler.ts";
import { MosooError } from "../errors.ts";
import { toMosooError } from "../request.ts";

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

/** The service stores an ending event up to some seconds after the run's status. */
const ENDING_EVENT_GRACE_MS = 5_000;

type SupersededOutcome =
  | { kind: "none" }
  | { kind: "request"; effect: FollowEffect }
  | { kind: "retry"; failure?: ReadFailure }
  | { kind: "result"; result: FollowResult };

/** A newer run has begun: ours has ended, and its stream has nothing more to deliver. */
export function supersede(state: FollowState, { now }: Moment): FollowState {
  const schedule = expectSoon(state.schedule, "end", now);
  return { ...state, phase: "superseded", stream: { kind: "closed" }, schedule, failures: 0 };
}

/** The request whose response says how it ended. */
export function decideSuperseded({ superseded }: FollowState): FollowEffect {
  return superseded.isInterruptRefused ? { kind: "read_history" } : { kind: "interrupt" };
}

export function onSuperseded(
  state: FollowState,
  event: FollowEvent,
  context: FollowContext,
): [FollowState, SupersededOutcome] {
  switch (event.kind) {
    case "interrupted": {
      if (!isTerminalStatus(event.run?.status)) return [state, byEvent(state, context)];
      // Such a response never holds what the run said last.
      const run = { ...state.run, ...event.run, finalOutput: undefined };
      return [state, { kind: "result", result: { kind: "ended", run } }];
    }
    case "history_read": {
      const graceUntil = state.superseded.graceUntil ?? context.now + ENDING_EVENT_GRACE_MS;
      const history = event.isTruncated ? "truncated" : "complete";
      const next: FollowState = { ...state, history, superseded: { ...state.superseded, graceUntil } };
      const result = resultByEvent(state, context) ?? (context.now < graceUntil ? undefined : unknownEnd());
      return [next, result === undefined ? { kind: "retry" } : { kind: "result", result }];
    }
    case "failed":
      return onFailure(state, event, context);
    default:
      return [state, { kind: "none" }];
  }
}

function onFailure(
  state: FollowState,
  { call, failure }: FollowEvent & { kind: "failed" },
  context: FollowContext,
): [FollowState, SupersededOutcome] {
  const failures = state.failures + 1;
  const delayMs = readRetryDelayMs(failure, failures, context.random);
  if (delayMs !== undefined) {
    // "Completed" is also said of cancelled runs; what failed has failed.
    const result = context.transcript.terminalEvent === "failed" ? resultByEvent(state, context) : undefined;
    if (result !== undefined) return [state, { kind: "result", result }];
    const superseded = { ...state.superseded, lastFailure: toMosooError(failure).message };
    const retry = { kind: "retry", failure: { delayMs, isRateLimited: isRateLimited(failure) } } as const;
    return [{ ...state, failures, superseded }, retry];
  }
  if (call === "read_history")
    return [state, { kind: "result", result: resultByEvent(state, context) ?? unknownEnd() }];
  const refused = { ...state, superseded: { ...state.superseded, isInterruptRefused: true } };
  return [refused, byEvent(refused, context)];
}

function byEvent(state: FollowState, context: FollowContext): SupersededOutcome {
  const result = resultByEvent(state, context);
  return result === undefined ? { kind: "request", effect: { kind: "read_history" } } : { kind: "result", result };
}

function resultByEvent({ run }: FollowState, { transcript }: FollowContext): FollowResult | undefined {
  const status = transcript.terminalEvent;
  return status && { kind: "ended", run: { ...run, status } };
}

function unknownEnd(lastFailure?: string): FollowResult {
  const why =
    lastFailure === undefined
      ? "the server does not say how this one ended."
      : `how this one ended could not be read in time. Last: ${lastFailure}`;
  const error = new MosooError(`A newer agent run has started in the thread, and ${why}`, { threadState: "created" });
  return { kind: "error", error };
}

/** What is known when the deadline has passed. */
export function resultAtDeadline(state: FollowState, context: FollowContext): FollowResult {
  if (state.phase !== "superseded") return { kind: "timeout" };
  return resultByEvent(state, context) ?? unknownEnd(state.superseded.lastFailure);
}
