/**
 * When the next request for a run is due: the next read of its thread, and the next attempt to open its event stream.
 * Pure: times are milliseconds on the caller's clock, and randomness is passed in.
 *
 * While a stream delivers events, the thread is read only for what the stream may have missed. An event that says that
 * the run has ended or needs input is followed by a read at once, and by more where the thread does not show it yet.
 * Without a stream the thread is polled, at growing intervals.
 */
import { type ApiFailure, toRetryFailure } from "../request.ts";
import { type Failure, RETRY_POLICIES, backoffMs, isRetryable, retryDelayMs } from "../retry.ts";

/** The first poll comes after this long; each interval is longer than the one before. */
export const INITIAL_POLL_INTERVAL_MS = 2_000;
const MAX_POLL_INTERVAL_MS = 15_000;
const MAX_RATE_LIMITED_INTERVAL_MS = 60_000;
const POLL_INTERVAL_GROWTH = 1.25;

/** A streamed run is read after this long without an event, then at growing intervals. */
const FIRST_QUIET_INTERVAL_MS = 60_000;
const MAX_QUIET_INTERVAL_MS = 300_000;
const QUIET_INTERVAL_GROWTH = 1.5;

/** Delays while the thread does not show yet what an event has announced. An end is polled for after that. */
const EXPECTATION_DELAYS_MS = {
  end: [100, 300, 600, 1_000, 2_000],
  // Input that the thread never shows as required was given before it was read.
  input: [100, 300, 600, 1_000, 2_000, 4_000],
};

/** A connection that lived this long works. */
export const STABLE_CONNECTION_MS = 10_000;
/** Connections that fail, or deliver nothing new, are retried so often at short delays; polling serves meanwhile. */
const MAX_FAST_RECONNECTS = 3;
const [FIRST_SLOW_RECONNECT_MS, MAX_SLOW_RECONNECT_MS] = [60_000, 300_000];

export interface Schedule {
  readonly pollAt: number;
  /** When to open the event stream; Infinity where the server has none. */
  readonly connectAt: number;
  /** The open stream has delivered something: a stream that is silent from the start is not relied on. */
  readonly isStreaming: boolean;
  /** Of polling, before jitter. */
  readonly intervalMs: number;
  readonly quietIntervalMs: number;
  readonly quietPollAt: number;
  /** What an event has announced and the thread does not show yet. */
  readonly expectation: { what: "end" | "input"; delaysMs: readonly number[] } | undefined;
  /** Connections in a row that failed or delivered nothing new. */
  readonly failedConnections: number;
  /** Connections in a row that delivered something and closed within {@link STABLE_CONNECTION_MS}. */
  readonly shortConnections: number;
}

/** The time of an event, and a random number from 0 to below 1. */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

/** `delayMs`: how long the server is left alone. */
export interface ReadFailure {
  readonly delayMs: number;
  readonly isRateLimited: boolean;
}

export function isRateLimited(failure: ApiFailure): boolean {
  return failure.kind === "error" && failure.status === 429;
}

/** A stream is opened at once; until it delivers something the thread is polled. */
export function initialSchedule({ now, random }: Moment): Schedule {
  return {
    pollAt: now + withJitter(INITIAL_POLL_INTERVAL_MS, random),
    connectAt: now,
    isStreaming: false,
    intervalMs: INITIAL_POLL_INTERVAL_MS,
    quietIntervalMs: FIRST_QUIET_INTERVAL_MS,
    quietPollAt: now + FIRST_QUIET_INTERVAL_MS,
    expectation: undefined,
    failedConnections: 0,
    shortConnections: 0,
  };
}

/** The interval after this one; an increase by rate limits stays. */
export function growInterval(intervalMs: number): number {
  return Math.max(intervalMs, Math.min(MAX_POLL_INTERVAL_MS, intervalMs * POLL_INTERVAL_GROWTH));
}

/**
 * Up to a tenth longer, so that jobs that began together drift apart. The interval that a long run settles at gets most
 * of it, so that ten minutes stay within 45 requests, the first and the last ones included.
 */
export function withJitter(intervalMs: number, random: number): number {
  return intervalMs * (intervalMs === MAX_POLL_INTERVAL_MS ? 1.08 + 0.02 * random : 1 + 0.1 * random);
}

/** When a read that failed is repeated, after so many failures in a row; undefined where that cannot help. */
export function readRetryDelayMs(failure: ApiFailure, failures: number, random: number): number | undefined {
  // Once more it would be as large.
  if (failure.kind === "connection" && failure.error.code === "response_too_large") return undefined;
  const reason = toRetryFailure(failure);
  if (!isRetryable(RETRY_POLICIES.poll, reason)) return undefined;
  return retryDelayMs(RETRY_POLICIES.poll, reason, failures, random);
}

/** The stream delivered a comment or an event. Its silence before that still counts. */
export function onStreamActivity(schedule: Schedule): Schedule {
  if (schedule.isStreaming) return schedule;
  return { ...schedule, isStreaming: true, pollAt: pollAtUnlessExpecting(schedule, schedule.quietPollAt) };
}

/** The stream delivered something new: a replay of the past says nothing of now. */
export function onStreamEvent(schedule: Schedule, now: number): Schedule {
  const quietPollAt = now + FIRST_QUIET_INTERVAL_MS;
  const pollAt = schedule.isStreaming ? pollAtUnlessExpecting(schedule, quietPollAt) : schedule.pollAt;
  return { ...schedule, quietIntervalMs: FIRST_QUIET_INTERVAL_MS, quietPollAt, pollAt };
}

/** @param connection `hasProgress`: it delivered something new, or lived long enough to be trusted */
export function onStreamClosed(
  schedule: Schedule,
  { now, random }: Moment,
  connection: { lifetimeMs: number; hasProgress: boolean },
): Schedule {
  const polling: Schedule = schedule.isStreaming
    ? {
        ...schedule,
        isStreaming: false,
        intervalMs: INITIAL_POLL_INTERVAL_MS,
        pollAt: pollAtUnlessExpecting(schedule, now + withJitter(INITIAL_POLL_INTERVAL_MS, random)),
      }
    : schedule;
  if (!connection.hasProgress) return onConnectFailed(polling, { now, random });
  const shortConnections = connection.lifetimeMs < STABLE_CONNECTION_MS ? schedule.shortConnections + 1 : 1;
  const failures = Math.max(1, shortConnections + 1 - MAX_FAST_RECONNECTS);
  const delayMs = backoffMs(failures, random, RETRY_POLICIES.stream);
  return { ...polling, failedConnections: 0, shortConnections, connectAt: now + delayMs };
}

/** The stream cannot be opened for now, or its connection delivered nothing new. */
export function onConnectFailed(schedule: Schedule, { now, random }: Moment, failure?: Failure): Schedule {
  const failedConnections = schedule.failedConnections + 1;
  const policy = RETRY_POLICIES.stream;
  const fastMs =
    failure === undefined
      ? backoffMs(failedConnections, random, policy)
      : retryDelayMs(policy, failure, failedConnections, random);
  const slowFor = failedConnections - MAX_FAST_RECONNECTS;
  const slowMs =
    slowFor < 0 ? 0 : Math.min(MAX_SLOW_RECONNECT_MS, FIRST_SLOW_RECONNECT_MS * 2 ** Math.min(10, slowFor));
  return { ...schedule, failedConnections, connectAt: now + Math.max(fastMs, slowMs) };
}

export function onStreamUnsupported(schedule: Schedule): Schedule {
  return { ...schedule, connectAt: Infinity };
}

/** An event says that the run has ended, or needs input: the thread is read at once. */
export function expectSoon(schedule: Schedule, what: "end" | "input", now: number): Schedule {
  const expectation = { what, delaysMs: EXPECTATION_DELAYS_MS[what] };
  return { ...schedule, expectation, intervalMs: INITIAL_POLL_INTERVAL_MS, pollAt: now };
}

/** The thread has shown that the run needs input, or the run has gone on since. */
export function onInputSettled(schedule: Schedule): Schedule {
  if (schedule.expectation?.what !== "input") return schedule;
  const pollAt = schedule.isStreaming ? schedule.quietPollAt : schedule.pollAt;
  return { ...schedule, expectation: undefined, pollAt };
}

/** The thread was read, or could not be, and the run is active as far as is known. */
export function onPolled(
  schedule: Schedule,
  moment: Moment,
  failure: ReadFailure = { delayMs: 0, isRateLimited: false },
): Schedule {
  const next = advance(schedule, moment, failure.isRateLimited);
  return { ...next, pollAt: Math.max(next.pollAt, moment.now + failure.delayMs) };
}

function advance(schedule: Schedule, { now, random }: Moment, isRateLimited: boolean): Schedule {
  const [delayMs, ...delaysMs] = schedule.expectation?.delaysMs ?? [];
  if (schedule.expectation !== undefined && delayMs !== undefined) {
    return { ...schedule, expectation: { ...schedule.expectation, delaysMs }, pollAt: now + delayMs };
  }
  const expectation = schedule.expectation?.what === "input" ? undefined : schedule.expectation;
  if (schedule.isStreaming && expectation === undefined) {
    const quietIntervalMs = Math.min(MAX_QUIET_INTERVAL_MS, schedule.quietIntervalMs * QUIET_INTERVAL_GROWTH);
    const quietPollAt = now + quietIntervalMs;
    return { ...schedule, expectation, quietIntervalMs, quietPollAt, pollAt: quietPollAt };
  }
  const intervalMs = isRateLimited
    ? Math.min(MAX_RATE_LIMITED_INTERVAL_MS, schedule.intervalMs * 2)
    : growInterval(schedule.intervalMs);
  return { ...schedule, expectation, intervalMs, pollAt: now + withJitter(intervalMs, random) };
}

function pollAtUnlessExpecting({ expectation, pollAt }: Schedule, otherwise: number): number {
  return expectation === undefined ? otherwise : pollAt;
}
