/**
 * Following a run as a state machine: `(state, event) → [state, effect]`. Pure; follow.ts performs the effects.
 *
 * What events say is a hint; `GET /threads/{id}`, as long as it shows our run, is the truth. There are three phases:
 * following (stream and polling, below), superseded and confirming (both in run-end.ts).
 */
import { MosooError } from "../errors.ts";
import { type ApiFailure, toMosooError } from "../request.ts";
import { type Run, type ThreadResponse, compareRunAge, isTerminalStatus } from "../contract/schema.ts";
import {
  confirm,
  cutShort,
  decideConfirming,
  onConfirming,
  decideSuperseded,
  onSuperseded,
  resultAtDeadline,
  supersede,
} from "./run-end.ts";
import type {
  FollowEffect,
  FollowEvent,
  FollowResult,
  FollowState,
  Transition,
  FollowContext,
} from "./follow-types.ts";
import {
  type Moment,
  type ReadFailure,
  STABLE_CONNECTION_MS,
  expectSoon,
  initialSchedule,
  isRateLimited,
  onConnectFailed,
  onInputSettled,
  onPolled,
  onStreamActivity,
  onStreamClosed,
  onStreamEvent,
  onStreamUnsupported,
  readRetryDelayMs,
} from "./poll-scheduler.ts";
import type { TranscriptEvent } from "./transcript.ts";

/** Without even a keep-alive comment (every 15 s or so) for this long the connection is dead. */
const STREAM_IDLE_TIMEOUT_MS = 45_000;
/** A run that says nothing is reported this often. */
const IDLE_REPORT_MS = 60_000;

/** @param mayHaveEnded the run is of an earlier attempt: it is read before anything else */
export function startFollowing(
  options: { run: Run; deadlineAt: number; mayHaveEnded: boolean; isStreamUnsupported?: boolean },
  moment: Moment,
): [FollowState, FollowEffect] {
  const { run, deadlineAt, mayHaveEnded, isStreamUnsupported = false } = options;
  const schedule = initialSchedule(moment);
  const state: FollowState = {
    run,
    deadlineAt,
    phase: "following",
    schedule: isStreamUnsupported ? onStreamUnsupported(schedule) : schedule,
    stream: { kind: "closed" },
    idleAt: moment.now + IDLE_REPORT_MS,
    isLastRead: false,
    failures: 0,
    input: { isReported: false },
    historyFor: undefined,
    history: "complete",
    superseded: { isInterruptRefused: false, lastFailure: "The server's responses do not say." },
    confirming: confirm({ kind: "timeout" }, moment.now),
  };
  if (mayHaveEnded) return [state, { kind: "read_thread" }];
  // A tick leads to what is next.
  return [isTerminalStatus(run.status) ? end(state, { kind: "ended", run }, moment) : state, waitUntil(moment.now)];
}

/** The next state, and what is to be done for it. */
export function transition(
  state: FollowState,
  event: FollowEvent,
  context: FollowContext,
): [FollowState, FollowEffect] {
  const [next, effect] = reduce(state, event, context);
  if (effect !== undefined) return [next, effect];
  switch (next.phase) {
    case "following":
      return decide(next, context, { kind: "read_thread" });
    case "superseded":
      return decide(next, context, decideSuperseded(next));
    case "confirming":
      return decideConfirming(next, context);
  }
}

function reduce(state: FollowState, event: FollowEvent, context: FollowContext): Transition {
  if (event.kind === "cancelled") {
    if (state.phase === "confirming") return [state, cutShort(state, context)];
    return [state, { kind: "finish", result: { kind: "cancelled" }, history: state.history }];
  }
  const informed = withNews(state, newsOf(event), context);
  switch (state.phase) {
    case "following":
      return onFollowing(informed, event, context);
    case "superseded": {
      const [next, outcome] = onSuperseded(informed, event, context);
      if (outcome.kind === "request") return [next, outcome.effect];
      if (outcome.kind === "result") return [end(next, outcome.result, context)];
      return [outcome.kind === "retry" ? goOn(next, context, outcome.failure) : next];
    }
    case "confirming":
      return onConfirming(informed, event, context);
  }
}

function newsOf(event: FollowEvent): readonly TranscriptEvent[] {
  if (event.kind === "history_read") return event.news;
  return event.kind === "stream_item" && event.news !== undefined ? [event.news] : [];
}

function withNews(state: FollowState, news: readonly TranscriptEvent[], { now }: Moment): FollowState {
  let next = state;
  for (const one of news) {
    if (one.kind === "text" || one.kind === "tool") next = { ...next, idleAt: now + IDLE_REPORT_MS };
    if (one.kind === "run_maybe_ended") next = { ...next, schedule: expectSoon(next.schedule, "end", now) };
    if (one.kind === "started")
      next = { ...next, input: { isReported: false }, schedule: onInputSettled(next.schedule) };
    if (one.kind === "input_required") {
      const input = { announced: { title: one.title }, isReported: false };
      next = { ...next, input, schedule: expectSoon(next.schedule, "input", now) };
    }
  }
  return next;
}

function onFollowing(state: FollowState, event: FollowEvent, context: FollowContext): Transition {
  const { now } = context;
  switch (event.kind) {
    case "stream_opened":
      return [{ ...state, stream: { kind: "open", openedAt: now, lastItemAt: now, hasProgress: false } }];
    case "stream_unsupported":
      return [{ ...state, stream: { kind: "closed" }, schedule: onStreamUnsupported(state.schedule) }];
    case "stream_unavailable": {
      const schedule = onConnectFailed(state.schedule, context, event.failure);
      return [{ ...state, stream: { kind: "closed" }, schedule }];
    }
    case "stream_item":
      return onStreamItem(state, event, now);
    case "stream_closed":
      return [closeStream(state, context)];
    case "thread_read":
      return onThreadRead({ ...state, failures: 0 }, event.response, context);
    case "history_read":
      return onHistory({ ...state, history: event.isTruncated ? "truncated" : "complete" }, context);
    case "failed":
      return event.call === "read_history" ? onHistory(state, context) : onReadFailed(state, event.failure, context);
    case "input_handled": {
      const reported: FollowState = {
        ...state,
        input: { isReported: true },
        schedule: onInputSettled(state.schedule),
      };
      if (event.keepWaiting) return [goOn(reported, context)];
      return [end(reported, { kind: "input_required", run: event.run, title: event.title }, context)];
    }
    default:
      return [state];
  }
}

function onStreamItem(state: FollowState, item: FollowEvent & { kind: "stream_item" }, now: number): Transition {
  const { stream } = state;
  if (stream.kind !== "open") return [state];
  // Until the stream has delivered something the thread is polled: a proxy may hold back what the stream delivers.
  const active = onStreamActivity(state.schedule);
  const next: FollowState = {
    ...state,
    schedule: item.news === undefined ? active : onStreamEvent(active, now),
    stream: {
      ...stream,
      lastItemAt: now,
      hasProgress: stream.hasProgress || item.news !== undefined || now - stream.openedAt > STABLE_CONNECTION_MS,
    },
  };
  // Everything that has arrived is taken before the thread is read.
  return item.hasBuffered ? [next, waitUntil(now)] : [next];
}

function closeStream(state: FollowState, context: FollowContext, isDead = false): FollowState {
  const { stream } = state;
  if (stream.kind !== "open") return { ...state, stream: { kind: "closed" } };
  const connection = {
    lifetimeMs: context.now - stream.openedAt,
    // A connection that only repeats the past and closes, or falls silent, is no better than none.
    hasProgress: stream.hasProgress && !isDead,
  };
  return { ...state, stream: { kind: "closed" }, schedule: onStreamClosed(state.schedule, context, connection) };
}

function onThreadRead(state: FollowState, { run }: ThreadResponse, context: FollowContext): Transition {
  if (run === null) return [goOn(state, context)];
  if (run.id !== state.run.id) {
    const age = compareRunAge(run, state.run);
    if (age === "older") return [goOn(state, context)];
    if (age === "newer" || context.transcript.terminalEvent !== undefined) return [supersede(state, context)];
    // Only our run's ending event proves that ours is the older one. Without it an interrupt could stop an active run.
    return [{ ...state, historyFor: undefined }, { kind: "read_history" }];
  }
  if (isTerminalStatus(run.status)) return [end(state, { kind: "ended", run }, context)];
  if (run.status !== "waiting_input")
    return [goOn({ ...state, input: { ...state.input, isReported: false } }, context)];
  const waiting: FollowState = { ...state, schedule: onInputSettled(state.schedule) };
  if (waiting.input.isReported) return [goOn(waiting, context)];
  const { announced } = waiting.input;
  if (announced === undefined) return [{ ...waiting, historyFor: run }, { kind: "read_history" }];
  return [waiting, { kind: "report_input", run, title: announced.title }];
}

/** The event list was read, or could not be. */
function onHistory(state: FollowState, context: FollowContext): Transition {
  const { historyFor: run, input } = state;
  if (run !== undefined) return [state, { kind: "report_input", run, title: input.announced?.title }];
  return [context.transcript.terminalEvent === undefined ? goOn(state, context) : supersede(state, context)];
}

function onReadFailed(state: FollowState, failure: ApiFailure, context: FollowContext): Transition {
  const failures = state.failures + 1;
  const delayMs = readRetryDelayMs(failure, failures, context.random);
  if (delayMs === undefined) return [end(state, { kind: "error", error: toThreadGoneError(failure) }, context)];
  return [goOn({ ...state, failures }, context, { delayMs, isRateLimited: isRateLimited(failure) })];
}

function toThreadGoneError(failure: ApiFailure): MosooError {
  if (failure.kind !== "error" || failure.code !== "not_found") return toMosooError(failure, "created");
  const advice = "The thread was deleted while the step was waiting, or the token's owner lost access to it.";
  return toMosooError(failure, "deleted").extend({ advice });
}

/** The run is still active, as far as this read shows. */
function goOn(state: FollowState, context: FollowContext, failure?: ReadFailure): FollowState {
  if (state.isLastRead) return end(state, resultAtDeadline(state, context), context);
  return { ...state, schedule: onPolled(state.schedule, context, failure) };
}

function end(state: FollowState, result: FollowResult, { now }: Moment): FollowState {
  return { ...state, phase: "confirming", stream: { kind: "closed" }, confirming: confirm(result, now) };
}

function waitUntil(until: number): FollowEffect {
  return { kind: "wait", until };
}

/** What is next while the run is active. @param read the effect of a read that is due */
function decide(state: FollowState, context: FollowContext, read: FollowEffect): [FollowState, FollowEffect] {
  const { now } = context;
  const { schedule, stream, deadlineAt, idleAt } = state;
  if (now >= deadlineAt) return [{ ...state, isLastRead: true }, read];
  if (now >= idleAt) return [{ ...state, idleAt: now + IDLE_REPORT_MS }, { kind: "report_idle" }];
  const canConnect = stream.kind === "closed" && state.phase === "following";
  if (canConnect && now >= schedule.connectAt) return [{ ...state, stream: { kind: "opening" } }, { kind: "connect" }];
  if (now >= schedule.pollAt) return [state, read];
  const deadAt = stream.kind === "open" ? stream.lastItemAt + STREAM_IDLE_TIMEOUT_MS : Infinity;
  if (now >= deadAt) {
    const text = `No data on the event stream for ${STREAM_IDLE_TIMEOUT_MS / 1_000} s; reconnecting`;
    return [closeStream(state, context, true), { kind: "debug", text }];
  }
  const connectAt = canConnect ? schedule.connectAt : Infinity;
  return [state, waitUntil(Math.min(deadlineAt, idleAt, schedule.pollAt, deadAt, connectAt))];
}
