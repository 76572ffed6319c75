/** Why GitHub did not take a comment, as a warning that says what to do, and whether another try can help. Pure. */
import { excerpt } from "../../sanitize/log-text.ts";
import { redact } from "../../sanitize/redact.ts";

/** What is read of an error that Octokit throws; a failure below HTTP has no answer. */
interface GitHubFailure {
  status: number;
  message: string;
  headers: Record<string, unknown> | undefined;
}

export interface CommentPlace {
  owner: string;
  repo: string;
  number: number;
  token: string;
}

/** The comment is no longer wanted: the job is being cancelled, or a later text waits to be shown. */
export class CommentCancelledError extends Error {
  override name = "CommentCancelledError";
}

/** Longest wait before one more try, in milliseconds; a server that asks for more is not waited for. */
const MAX_RETRY_DELAY_MS = 20_000;
/** Refusals of a text that GitHub takes a moment later: what it has just written is not everywhere yet, or came too fast. */
const TRANSIENT_422 = /could not resolve to a node|submitted too quickly/i;
/** A secondary rate limit that names no time. */
const SECONDARY_RATE_LIMIT_DELAY_MS = 5_000;

function failureOf(error: unknown): GitHubFailure | undefined {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return undefined;
  const response = "response" in error ? error.response : undefined;
  const answered =
    typeof response === "object" && response !== null && "headers" in response ? response.headers : undefined;
  const headers = typeof answered === "object" && answered !== null ? { ...answered } : undefined;
  return { status: error.status, message: error.message, headers };
}

/** The HTTP status GitHub answered with; undefined where no answer came. */
export function answeredStatus(error: unknown): number | undefined {
  const failure = failureOf(error);
  return failure?.headers === undefined ? undefined : failure.status;
}

function isRateLimit({ status, message, headers }: GitHubFailure): boolean {
  if (status === 429) return true;
  return (
    status === 403 &&
    (/rate limit|abuse detection/i.test(message) ||
      headers?.["x-ratelimit-remaining"] === "0" ||
      headers?.["retry-after"] !== undefined)
  );
}

/**
 * Milliseconds until another try may help; undefined where none will.
 *
 * Rules: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 *
 * @param tried tries so far, 1 or more
 * @param baseDelayMs the pause after the first try; it doubles
 */
export function getRetryDelay(error: unknown, tried: number, baseDelayMs: number, now: number): number | undefined {
  const failure = failureOf(error);
  if (failure === undefined) return undefined;
  const backoff = baseDelayMs * 2 ** (tried - 1);
  const asked = Number(failure.headers?.["retry-after"] ?? Number.NaN) * 1000;
  if (isRateLimit(failure)) {
    const exhausted = failure.headers?.["x-ratelimit-remaining"] === "0";
    const reset = Number(failure.headers?.["x-ratelimit-reset"] ?? Number.NaN) * 1000 - now;
    const pause = Number.isFinite(asked)
      ? asked
      : exhausted && Number.isFinite(reset)
        ? reset
        : Math.max(backoff, SECONDARY_RATE_LIMIT_DELAY_MS);
    return pause <= MAX_RETRY_DELAY_MS ? Math.max(pause, 0) : undefined;
  }
  if (failure.status < 500 && !(failure.status === 422 && TRANSIENT_422.test(failure.message))) return undefined;
  return Number.isFinite(asked) ? (asked <= MAX_RETRY_DELAY_MS ? asked : undefined) : backoff;
}

/** A failure to connect says "fetch failed"; what is worth reading lies in its causes. */
function rootCause(error: unknown): string {
  let root = error;
  while (typeof root === "object" && root !== null && "cause" in root && root.cause !== undefined) root = root.cause;
  if (typeof root !== "object" || root === null) return String(root);
  // undici's own codes (UND_ERR_ABORTED) tell less than its words, such as what a proxy answered.
  if ("code" in root && typeof root.code === "string" && !root.code.startsWith("UND_ERR")) return root.code;
  return "message" in root ? String(root.message) : "unknown error";
}

/** Text from GitHub, or from whatever stands before it, as a part of a sentence. */
function quoted(text: string, token: string): string {
  return excerpt(redact(text, [token])).replace(/\.$/, "");
}

const permissionsBlock = ["permissions:", "  contents: read", "  pull-requests: write"].join("\n");

/** Whatever a runner takes for a repository's name. */
function nameOf({ owner, repo }: CommentPlace): string {
  return excerpt(`${owner}/${repo}`, 150);
}

function permissionAdvice(status: number, place: CommentPlace): string {
  const missing =
    status === 404
      ? ` (GitHub also says 404 where ${nameOf(place)} has no pull request #${place.number}: then check \`pr-number\`.)`
      : "";
  return (
    `Add this block to the job, or to the workflow if the job has none of its own:\n\n${permissionsBlock}\n\n` +
    "`contents: read` is for a checkout; a block takes away whatever it does not name. A pull request from a fork gets a " +
    "read-only token whatever the block says, and with `github-token` it is that token that needs the permission: for " +
    `forks, leave \`pr-comment\` off or comment from a \`workflow_run\` workflow with \`pr-number\`.${missing}`
  );
}

function advice(failure: GitHubFailure, place: CommentPlace): string {
  const { status, message } = failure;
  if (failure.headers === undefined) return "GitHub could not be reached; another run will try again.";
  if (isRateLimit(failure)) return "The rate limit of this token is used up; another run will try again.";
  if (status === 401) return "`github-token` is not accepted: it is expired, revoked, or another server's.";
  if (status === 403 && /locked/i.test(message))
    return "The conversation is locked: unlock it, or give a `github-token` that may write there.";
  if (status === 403 || status === 404) return permissionAdvice(status, place);
  if (status === 410) return "The pull request's conversation is gone.";
  if (status >= 500) return "GitHub has trouble of its own (https://www.githubstatus.com); another run will try again.";
  return "This is not expected: please report it.";
}

/** The text of one warning annotation. The token never appears in it, and nothing in it is a workflow command. */
export function formatCommentError(error: unknown, place: CommentPlace): string {
  const what = `The comment on pull request #${place.number} of ${nameOf(place)} was not written`;
  if (place.token.trim() === "")
    return `${what}: \`github-token\` is empty. Leave the input away, so that the job's own token is used.`;
  if (error instanceof CommentCancelledError) return `${what}: there was no time left for it.`;
  const failure = failureOf(error);
  const said = quoted(failure?.headers === undefined ? rootCause(error) : failure.message, place.token);
  if (failure === undefined) return `${what}: ${said}. The thread is not affected.`;
  // Whatever stands before GitHub may answer with no words at all.
  const answered =
    failure.headers === undefined ? said : [String(failure.status), said].filter((part) => part !== "").join(": ");
  return `${what} (${answered}). The thread is not affected. ${advice(failure, place)}`;
}
