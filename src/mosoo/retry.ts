/**
 * The plan: what is tried again, when, and until when. Pure: time and chance are passed in.
 *
 * A request to create carries an idempotency key, so asking again is safe; what matters is not to ask too early, not
 * to ask as one with every other leg of a matrix, and to stop at the deadline with a reason.
 */
import type { ConnectionErrorCode } from "./errors.ts";

const INITIAL_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;
/** Even the luckiest draw waits this long, so that tries are bounded by the deadline. */
const MIN_DELAY_MS = 100;
/** A name that does not resolve or a port that refuses is a typing error more often than an outage. */
const unreachableTries = 3;
const unreachableMs = 15_000;
const badShapesInARow = 3;
/** Longer than any deadline: what is beyond it makes no difference. */
const longestAskedSeconds = 1e9;

/** What a try ended with, as the plan sees it. */
export type Failure =
  | { kind: "status"; status: number; retryAfterMs?: number | undefined }
  /** 409 "still processing", or a conflict whose wording is not known. */
  | { kind: "processing"; retryAfterMs?: number | undefined }
  /** 2xx, but not the promised body. */
  | { kind: "invalid_response" }
  | { kind: "connection"; fault: ConnectionErrorCode; status?: number | undefined };

export interface RetryState {
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** Failed tries so far. */
  readonly failures: number;
  readonly unreachable: number;
  readonly invalidResponses: number;
  /** The host has answered something before, so it exists. */
  readonly hostAnswered: boolean;
}

export type RetryDecision =
  | { retry: true; waitMs: number; state: RetryState }
  | { retry: false; because: "final" | "unreachable" | "invalid_response"; state: RetryState }
  /** `askedMs`: how long the server asked to wait, where it did. */
  | { retry: false; because: "deadline"; askedMs?: number; state: RetryState };

/** A fresh plan. Times on one scale, in milliseconds. */
export function startRetrying(now: number, deadlineAt: number, hostAnswered = false): RetryState {
  return { startedAt: now, deadlineAt, failures: 0, unreachable: 0, invalidResponses: 0, hostAnswered };
}

/** Whether a status is worth another try with the same key: 408, 425, 429, and every 5xx but 501 and 505. */
export function isRetryableStatus(status: number): boolean {
  if (status === 408 || status === 425 || status === 429) return true;
  return status >= 500 && status !== 501 && status !== 505;
}

/** Whether the request may have been carried out although it failed. */
export function isAmbiguous(failure: Failure): boolean {
  switch (failure.kind) {
    case "status":
      return failure.status === 408 || (failure.status >= 500 && isRetryableStatus(failure.status));
    case "invalid_response":
      return true;
    case "processing":
      return false;
    case "connection":
      return [
        "connection_reset",
        "timeout",
        "body_truncated",
        "invalid_http_response",
        "response_too_large",
        "aborted",
      ].includes(failure.fault);
  }
}

function isRetryable(failure: Failure): boolean {
  if (failure.kind === "status") return isRetryableStatus(failure.status);
  if (failure.kind !== "connection") return true;
  if (failure.fault === "proxy_refused") return failure.status !== undefined && isRetryableStatus(failure.status);
  return [
    ...["dns_not_found", "connection_refused", "proxy_unreachable", "tls_handshake_failed"],
    ...["connection_reset", "timeout", "body_truncated", "invalid_http_response"],
  ].includes(failure.fault);
}

/** Something answers, but not an API: twice more, and it will go on so. */
function isInvalidResponse(failure: Failure): boolean {
  return (
    failure.kind === "invalid_response" || (failure.kind === "connection" && failure.fault === "invalid_http_response")
  );
}

function isUnreachable(failure: Failure): boolean {
  return (
    failure.kind === "connection" &&
    ["dns_not_found", "connection_refused", "proxy_unreachable"].includes(failure.fault)
  );
}

/** Full jitter: anywhere between nothing and 0.5 s, 1 s, 2 s … 10 s. */
export function backoffMs(failures: number, random: number): number {
  const ceiling = Math.min(MAX_BACKOFF_MS, INITIAL_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
  return Math.max(MIN_DELAY_MS, random * ceiling);
}

/**
 * A pause of what a Retry-After asks for and some more, so that the legs of a matrix do not come back as one, and no
 * shorter than without it. What was asked fits before the deadline where it can, whatever comes on top.
 */
function retryAfterDelayMs(askedMs: number, backoff: number, leftMs: number, random: number): number {
  const room = Math.max(0, leftMs - askedMs) / 2;
  const spread = Math.min(MAX_BACKOFF_MS, Math.max(1_000, askedMs / 4));
  const onTop = Math.max(random * Math.min(spread, room), Math.min(backoff - askedMs, room));
  return Math.max(MIN_DELAY_MS, askedMs + onTop);
}

/**
 * Decides about the next try.
 *
 * @param now the clock's time in ms, on the scale of the state
 * @param random at least 0, below 1
 */
export function decideRetry(state: RetryState, failure: Failure, now: number, random: number): RetryDecision {
  const next: RetryState = {
    ...state,
    failures: state.failures + 1,
    unreachable: isUnreachable(failure) ? state.unreachable + 1 : 0,
    invalidResponses: isInvalidResponse(failure) ? state.invalidResponses + 1 : 0,
    hostAnswered: state.hostAnswered || failure.kind !== "connection",
  };
  if (!isRetryable(failure)) return { retry: false, because: "final", state: next };
  if (next.invalidResponses >= badShapesInARow) return { retry: false, because: "invalid_response", state: next };

  const asked = "retryAfterMs" in failure ? failure.retryAfterMs : undefined;
  const backoff = backoffMs(next.failures, random);
  const waitMs = asked === undefined ? backoff : retryAfterDelayMs(asked, backoff, state.deadlineAt - now, random);

  if (isUnreachable(failure) && !next.hostAnswered) {
    const late = now + waitMs - state.startedAt > unreachableMs;
    if (next.unreachable >= unreachableTries || late) return { retry: false, because: "unreachable", state: next };
  }
  if (now + waitMs >= state.deadlineAt) {
    return { retry: false, because: "deadline", state: next, ...(asked === undefined ? {} : { askedMs: asked }) };
  }
  return { retry: true, waitMs, state: next };
}

/** Milliseconds since 1970 that an HTTP date stands for; undefined where it is missing or not understood. */
export function parseHttpDate(header: string | undefined): number | undefined {
  const value = header?.trim() ?? "";
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : date;
}

/**
 * Milliseconds that a `Retry-After` header asks for: whole seconds or an HTTP date (RFC 9110, 10.2.3).
 *
 * @param wallNow milliseconds since 1970, for dates: by the clock of the server that wrote the header, if it tells
 * @returns undefined where the header is missing or not understood
 */
export function parseRetryAfter(header: string | undefined, wallNow: number): number | undefined {
  if (header === undefined) return undefined;
  const value = header.trim();
  if (/^\d+(\.\d+)?$/.test(value)) return Math.min(Number(value), longestAskedSeconds) * 1_000;
  const date = parseHttpDate(value);
  return date === undefined ? undefined : Math.max(0, date - wallNow);
}
