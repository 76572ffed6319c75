/**
 * The retry policy, all of it: what is retried, when, how often and until when, per kind of call. Pure: clock and RNG
 * are passed in.
 *
 * A request that changes something carries an idempotency key, so that sending it again is safe. What matters is not to
 * come back too early, not to come back together with every other job of a matrix, and to stop with a reason.
 */
import type { ConnectionErrorCode } from "./errors.ts";

/** How one kind of call is retried. */
export interface RetryPolicy {
  /** A failed request may have been executed all the same: its outcome is unknown until the server says otherwise. */
  mutating: boolean;
  /** Connection errors after which the same request can succeed. */
  connectionErrors: ReadonlySet<ConnectionErrorCode>;
  /** Full jitter draws a delay between nothing and the backoff; none waits for the backoff itself. */
  jitter: "full" | "none";
  initialBackoffMs: number;
  maxBackoffMs: number;
  /** The first request included. */
  maxAttempts: number;
  /** In a row. Something answers, but it is not the API: it will go on like that. */
  maxInvalidResponses: number;
  /** In a row, while the host has never answered: a mistyped address is more likely than an outage. */
  maxUnreachableAttempts: number;
  /** A server that asks for a longer delay is not waited for. */
  maxRetryAfterMs: number;
}

const TRANSIENT_CONNECTION_ERRORS: ReadonlySet<ConnectionErrorCode> = new Set([
  "dns_not_found",
  "dns_lookup_failed",
  "connection_refused",
  "connection_reset",
  "tls_handshake_failed",
  "timeout",
  "connect_timeout",
  "body_truncated",
  "invalid_http_response",
  "proxy_unreachable",
]);

const UNTIL_DEADLINE: RetryPolicy = {
  mutating: false,
  connectionErrors: TRANSIENT_CONNECTION_ERRORS,
  jitter: "full",
  initialBackoffMs: 500,
  maxBackoffMs: 10_000,
  maxAttempts: Infinity,
  maxInvalidResponses: 3,
  maxUnreachableAttempts: 3,
  maxRetryAfterMs: Infinity,
};

/** The host has answered before, so that it is waited for as long as the deadline allows. */
const PATIENT: RetryPolicy = {
  ...UNTIL_DEADLINE,
  connectionErrors: new Set([...TRANSIENT_CONNECTION_ERRORS, "proxy_refused"]),
  maxInvalidResponses: Infinity,
  maxUnreachableAttempts: Infinity,
};

/** The policy of each kind of call. Where a policy has no limit of its own, the caller's deadline is the limit. */
export const RETRY_POLICIES = {
  /** `POST /agents/{id}/threads` */
  create: { ...UNTIL_DEADLINE, mutating: true },
  /** `POST /threads/{id}/events` with a message. */
  send: { ...UNTIL_DEADLINE, mutating: true },
  /** A read before or between requests that change something; an interrupt, which is safe to repeat. */
  read: UNTIL_DEADLINE,
  /** `GET /openapi.json`: an outage of this path alone must not fail the step, nor delay it for long. */
  contract: { ...UNTIL_DEADLINE, maxAttempts: 6, maxInvalidResponses: 1 },
  /** One file. What no message names stays a draft, so that a second upload does no harm. */
  upload: UNTIL_DEADLINE,
  /** The content of one file: what was cut off begins anew. */
  download: { ...UNTIL_DEADLINE, maxInvalidResponses: 5 },
  /** Reads of the run that is being waited for. */
  poll: PATIENT,
  /** Reconnects of an event stream that has worked; while it is down, polling goes on. */
  stream: { ...PATIENT, maxBackoffMs: 3_000 },
  /** GitHub's REST and GraphQL API, for comments: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
  github: {
    ...PATIENT,
    jitter: "none",
    initialBackoffMs: 1_000,
    maxBackoffMs: 8_000,
    maxAttempts: 5,
    maxRetryAfterMs: 20_000,
  },
} as const satisfies Record<string, RetryPolicy>;

/** No delay is shorter, so that the number of attempts is bounded by the deadline. */
const MIN_DELAY_MS = 100;
/** An attempt with less time before the deadline would only be cut short. */
const MIN_ATTEMPT_MS = 1_000;
/** An address that never answered is given up after this long, however slow each attempt is. */
const MAX_UNREACHABLE_MS = 15_000;
/** Longer than any deadline of a job: what is beyond makes no difference. */
const MAX_RETRY_AFTER_SECONDS = 1e9;
const [MIN_SPREAD_MS, MAX_SPREAD_MS] = [1_000, 10_000];

/** What an attempt ended with, as the policy sees it. */
export type Failure =
  | { kind: "status"; status: number; retryAfterMs?: number | undefined }
  /** 409 "still processing", or a conflict whose wording is unknown. */
  | { kind: "processing"; retryAfterMs?: number | undefined }
  /** 2xx, but not with the promised body. */
  | { kind: "invalid_response" }
  | { kind: "connection"; fault: ConnectionErrorCode; status?: number | undefined };

export interface RetryState {
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** Failed attempts so far. */
  readonly failures: number;
  /** Of these, in a row up to now. */
  readonly unreachable: number;
  readonly invalidResponses: number;
  /** The host has answered something before, so it exists. */
  readonly hasResponded: boolean;
}

export type RetryDecision =
  | { retry: true; waitMs: number; state: RetryState }
  | { retry: false; because: "final" | "unreachable" | "invalid_response" | "attempts"; state: RetryState }
  /** `retryAfterMs`: how long the server asked to wait, where it did. */
  | { retry: false; because: "deadline"; retryAfterMs?: number; state: RetryState };

/** The state before the first attempt. Times on one scale, in milliseconds. */
export function startRetrying(now: number, deadlineAt: number, hasResponded = false): RetryState {
  return { startedAt: now, deadlineAt, failures: 0, unreachable: 0, invalidResponses: 0, hasResponded };
}

/** 408, 425, 429, and every 5xx but 501 and 505. */
export function isRetryableStatus(status: number): boolean {
  if (status === 408 || status === 425 || status === 429) return true;
  return status >= 500 && status !== 501 && status !== 505;
}

/** Whether the same request can succeed later. */
export function isRetryable(policy: RetryPolicy, failure: Failure): boolean {
  if (failure.kind === "status") return isRetryableStatus(failure.status);
  if (failure.kind !== "connection") return true;
  if (failure.fault === "proxy_refused" && failure.status !== undefined && isRetryableStatus(failure.status))
    return true;
  return policy.connectionErrors.has(failure.fault);
}

const AMBIGUOUS_CONNECTION_ERRORS: ReadonlySet<ConnectionErrorCode> = new Set([
  "connection_reset",
  "timeout",
  "body_truncated",
  "invalid_http_response",
  "response_too_large",
  "aborted",
]);

/** Whether the server may have executed the request although it failed. */
export function isAmbiguous(failure: Failure): boolean {
  switch (failure.kind) {
    case "status":
      return failure.status === 408 || (failure.status >= 500 && isRetryableStatus(failure.status));
    case "invalid_response":
      return true;
    case "processing":
      return false;
    case "connection":
      return AMBIGUOUS_CONNECTION_ERRORS.has(failure.fault);
  }
}

/** Whether the time was over, be it before or after the server could get the request. */
export function isTimeout(failure: Failure): boolean {
  return failure.kind === "connection" && (failure.fault === "timeout" || failure.fault === "connect_timeout");
}

function isInvalidResponse(failure: Failure): boolean {
  return (
    failure.kind === "invalid_response" || (failure.kind === "connection" && failure.fault === "invalid_http_response")
  );
}

const UNREACHABLE: ReadonlySet<ConnectionErrorCode> = new Set([
  "dns_not_found",
  "dns_lookup_failed",
  "connection_refused",
  "proxy_unreachable",
]);

function isUnreachable(failure: Failure): boolean {
  return failure.kind === "connection" && UNREACHABLE.has(failure.fault);
}

/**
 * The delay after so many failures in a row: exponential, with the policy's jitter.
 *
 * @param random at least 0, below 1
 */
export function backoffMs(
  failures: number,
  random: number,
  { initialBackoffMs, maxBackoffMs, jitter }: RetryPolicy = UNTIL_DEADLINE,
): number {
  const ceiling = Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 10));
  return jitter === "none" ? ceiling : Math.max(MIN_DELAY_MS, random * ceiling);
}

/**
 * The delay before the next attempt. After a `Retry-After` it is never shorter than what the server asked for, nor than
 * the backoff; the jitter on top keeps the jobs of a matrix apart, and leaves room for an attempt before the deadline.
 *
 * @param failures failed attempts so far, this one included
 * @param random at least 0, below 1
 * @param remainingMs until the last moment at which an attempt may begin
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failure: Failure,
  failures: number,
  random: number,
  remainingMs = Infinity,
): number {
  const backoff = backoffMs(failures, random, policy);
  const retryAfterMs = retryAfterOf(failure);
  // The time that is left is used to its end.
  if (retryAfterMs === undefined) return remainingMs < MIN_DELAY_MS ? backoff : Math.min(backoff, remainingMs);
  const room = Math.max(0, remainingMs - retryAfterMs) / 2;
  const spread = policy.jitter === "none" ? 0 : Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, retryAfterMs / 4));
  const onTop = Math.max(random * Math.min(spread, room), Math.min(backoff - retryAfterMs, room));
  return Math.max(MIN_DELAY_MS, retryAfterMs + onTop);
}

function retryAfterOf(failure: Failure): number | undefined {
  return "retryAfterMs" in failure ? failure.retryAfterMs : undefined;
}

/**
 * Decides about the next attempt.
 *
 * @param now on the scale of the state, in milliseconds
 * @param random at least 0, below 1
 */
export function decideRetry(
  policy: RetryPolicy,
  state: RetryState,
  failure: Failure,
  now: number,
  random: number,
): RetryDecision {
  const next: RetryState = {
    ...state,
    failures: state.failures + 1,
    unreachable: isUnreachable(failure) ? state.unreachable + 1 : 0,
    invalidResponses: isInvalidResponse(failure) ? state.invalidResponses + 1 : 0,
    hasResponded: state.hasResponded || failure.kind !== "connection",
  };
  if (!isRetryable(policy, failure)) return { retry: false, because: "final", state: next };
  if (next.invalidResponses >= policy.maxInvalidResponses) {
    return { retry: false, because: "invalid_response", state: next };
  }
  if (next.failures >= policy.maxAttempts) return { retry: false, because: "attempts", state: next };

  const retryAfterMs = retryAfterOf(failure);
  const lastStartAt = state.deadlineAt - MIN_ATTEMPT_MS;
  const waitMs = retryDelayMs(policy, failure, next.failures, random, lastStartAt - now);
  if (isUnreachable(failure) && !next.hasResponded) {
    const late = now + waitMs - state.startedAt > MAX_UNREACHABLE_MS;
    if (policy.maxUnreachableAttempts !== Infinity && (next.unreachable >= policy.maxUnreachableAttempts || late)) {
      return { retry: false, because: "unreachable", state: next };
    }
  }
  const tooLong = retryAfterMs !== undefined && retryAfterMs > policy.maxRetryAfterMs;
  if (tooLong || now + waitMs > lastStartAt) {
    return { retry: false, because: "deadline", state: next, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  return { retry: true, waitMs, state: next };
}

/** An HTTP date in milliseconds since 1970; undefined where it is missing or not understood. */
export function parseHttpDate(header: string | undefined): number | undefined {
  const value = header?.trim() ?? "";
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : date;
}

/**
 * Milliseconds that a `Retry-After` header asks for: whole seconds or an HTTP date (RFC 9110, 10.2.3).
 *
 * @param wallNow milliseconds since 1970, for dates: by the clock of the server that wrote the header, if known
 * @returns undefined where the header is missing or not understood
 */
export function parseRetryAfter(header: string | undefined, wallNow: number): number | undefined {
  if (header === undefined) return undefined;
  const value = header.trim();
  if (/^\d+(\.\d+)?$/.test(value)) return Math.min(Number(value), MAX_RETRY_AFTER_SECONDS) * 1_000;
  const date = parseHttpDate(value);
  return date === undefined ? undefined : Math.max(0, date - wallNow);
}
