/**
 * How a run ended that a newer one of its thread has followed, so that the thread does not show it anymore. An
 * interrupt of it changes nothing, and its response holds the run's real status. Where the token may not interrupt, the
 * run's own ending event decides, which knows less: it says "completed" of cancelled and expired runs, too.
 */
import { MosooError } from "../errors.ts";
import { toMosooError } from "../request.ts";
import { isTerminalStatus } from "../contract/schema.ts";
import type { FollowEffect, FollowEvent, FollowResult, FollowState, FollowContext } from "./follow-types.ts";
import { type Moment, type ReadFailure, expectSoon, isRateLimited, readRetryDelayMs } from "./poll-scheduler.ts";

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
  const error = new MosooError(`A newer run has started in the thread, and ${why}`, { threadState: "created" });
  return { kind: "error", error };
}

/** What is known when the deadline has passed. */
export function resultAtDeadline(state: FollowState, context: FollowContext): FollowResult {
  if (state.phase !== "superseded") return { kind: "timeout" };
  return resultByEvent(state, context) ?? unknownEnd(state.superseded.lastFailure);
}
