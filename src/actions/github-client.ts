/**
 * GitHub's client, loaded on the first call: only comments and permission checks need it, and it takes a while. What a failed
 * request means, and whether and when it is retried.
 */
import type { GitHubClient } from "./github-package.ts";
import { systemClock } from "../common/clock.ts";
import {
  type Failure,
  RETRY_POLICIES,
  decideRetry,
  isRetryable,
  parseRetryAfter,
  startRetrying,
} from "../mosoo/retry.ts";

export type { GitHubClient };

/** One request to GitHub may take this long, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

const noop = (): void => undefined;
/** Octokit logs deprecations that a server announces in its headers; they do not belong in the step's log. */
const SILENT_LOG = { debug: noop, info: noop, warn: noop, error: noop };

/**
 * @param token not empty
 * @param apiUrl GITHUB_API_URL, such as `https://github.example/api/v3`; a trailing slash is fine
 */
export async function createGitHubClient({ token, apiUrl }: { token: string; apiUrl: string }): Promise<GitHubClient> {
  const { createClient } = await import("./github-package.ts");
  return createClient({ token, baseUrl: apiUrl.replace(/\/+$/, "") });
}

/** The `request` option of one call: without Octokit's log, aborted after ten seconds or by `signal`. */
export function requestOptions(signal: AbortSignal | undefined): { signal: AbortSignal; log: typeof SILENT_LOG } {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return { signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]), log: SILENT_LOG };
}

/** What is read of an error that Octokit throws; a failure below HTTP has no headers. */
export interface GitHubFailure {
  status: number;
  message: string;
  headers: Record<string, unknown> | undefined;
}

/** The result is no longer wanted: the job is being cancelled, or a later text waits to be shown. */
export class GitHubCancelledError extends Error {
  override name = "GitHubCancelledError";
}

/** Rejections of a text that GitHub accepts a moment later: what it has just written is not everywhere yet, or came too fast. */
const TRANSIENT_422 = /could not resolve to a node|submitted too quickly/i;
/** A secondary rate limit that names no time. */
const SECONDARY_RATE_LIMIT_DELAY_MS = 5_000;

export function toGitHubFailure(error: unknown): GitHubFailure | undefined {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return undefined;
  const response = "response" in error ? error.response : undefined;
  const received =
    typeof response === "object" && response !== null && "headers" in response ? response.headers : undefined;
  const headers = typeof received === "object" && received !== null ? { ...received } : undefined;
  return { status: error.status, message: error.message, headers };
}

/** The HTTP status of GitHub's response; undefined where there was none. */
export function responseStatus(error: unknown): number | undefined {
  const failure = toGitHubFailure(error);
  return failure?.headers === undefined ? undefined : failure.status;
}

export function isRateLimit({ status, message, headers }: GitHubFailure): boolean {
  if (status === 429) return true;
  return (
    status === 403 &&
    (/rate limit|abuse detection/i.test(message) ||
      headers?.["x-ratelimit-remaining"] === "0" ||
      headers?.["retry-after"] !== undefined)
  );
}

/**
 * The failure as the retry policy sees it; undefined for what is no failed request, such as an unexpected response.
 *
 * Rules: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 *
 * @param now milliseconds since 1970
 */
function toFailure(error: unknown, now: number): Failure | undefined {
  const failure = toGitHubFailure(error);
  if (failure === undefined) return undefined;
  const { status, message, headers } = failure;
  const header = (name: string): string | undefined => {
    const value = headers?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const retryAfterMs = parseRetryAfter(header("retry-after"), now);
  if (isRateLimit(failure)) {
    const reset = header("x-ratelimit-remaining") === "0" ? header("x-ratelimit-reset") : undefined;
    const resetMs = reset === undefined ? Number.NaN : Math.max(0, Number(reset) * 1_000 - now);
    return {
      kind: "status",
      status: 429,
      retryAfterMs: retryAfterMs ?? (Number.isFinite(resetMs) ? resetMs : SECONDARY_RATE_LIMIT_DELAY_MS),
    };
  }
  return { kind: "status", status: status === 422 && TRANSIENT_422.test(message) ? 503 : status, retryAfterMs };
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  const failure = toFailure(error, Date.now());
  return failure !== undefined && isRetryable(RETRY_POLICIES.github, failure);
}

interface GitHubRetryOptions {
  /** Ends everything at once. */
  signal?: AbortSignal | undefined;
  /** No attempt is made anymore, while the one in flight goes on. */
  noRetrySignal?: AbortSignal | undefined;
  /** All attempts together, in milliseconds. */
  timeoutMs?: number | undefined;
  /** The delay after the first failed attempt, in milliseconds; it doubles with each. */
  retryDelayMs?: number | undefined;
}

/**
 * Calls `work` until it succeeds or its failure is final. Repeating it must do no harm.
 *
 * @param work is given a signal that aborts when there is no time left
 * @throws what the last attempt threw; GitHubCancelledError where none was made
 */
export async function retryGitHub<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { signal, noRetrySignal, timeoutMs = 30_000, retryDelayMs = 1_000 }: GitHubRetryOptions,
): Promise<T> {
  const callers = [signal, noRetrySignal].filter((each) => each !== undefined);
  if (callers.some(({ aborted }) => aborted)) throw new GitHubCancelledError();
  const end = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
  const policy = { ...RETRY_POLICIES.github, initialBackoffMs: retryDelayMs };
  let state = startRetrying(Date.now(), Date.now() + timeoutMs);
  for (;;) {
    try {
      return await work(end);
    } catch (error) {
      const failure = toFailure(error, Date.now());
      if (failure === undefined || noRetrySignal?.aborted === true) throw error;
      const decision = decideRetry(policy, state, failure, Date.now(), Math.random());
      if (!decision.retry) throw error;
      state = decision.state;
      await systemClock.sleep(decision.waitMs, AbortSignal.any(callers));
      if (callers.some(({ aborted }) => aborted)) throw error;
    }
  }
}
