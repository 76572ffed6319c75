/** Why GitHub did not accept a comment, as a warning that says what to do. Pure. */
import {
  GitHubCancelledError,
  type GitHubFailure,
  isRateLimit,
  responseStatus,
  toGitHubFailure,
} from "../../actions/github-client.ts";
import { excerpt } from "../../sanitize/log-text.ts";
import { redact } from "../../sanitize/redact.ts";
import type { CommentTarget } from "./target.ts";

/** What the failed call was for. */
interface CommentContext {
  owner: string;
  repo: string;
  /** The commit, while its pull request was being looked up. */
  target: CommentTarget | { sha: string };
  token: string;
}

/** A failure to connect says "fetch failed"; the useful part is in its causes. */
function rootCause(error: unknown): string {
  let root = error;
  while (typeof root === "object" && root !== null && "cause" in root && root.cause !== undefined) root = root.cause;
  if (typeof root !== "object" || root === null) return String(root);
  // undici's own codes (UND_ERR_ABORTED) say less than its messages, such as a proxy's response.
  if ("code" in root && typeof root.code === "string" && !root.code.startsWith("UND_ERR")) return root.code;
  return "message" in root ? String(root.message) : "unknown error";
}

/** Text from GitHub, or from a proxy before it, as a part of a sentence. */
function quoted(text: string, token: string): string {
  return excerpt(redact(text, [token])).replace(/\.$/, "");
}

/** A runner may call a repository anything. */
function repositoryName({ owner, repo }: CommentContext): string {
  return excerpt(`${owner}/${repo}`, 150);
}

function describeTarget(context: CommentContext): string {
  const { target } = context;
  const what = "sha" in target ? `commit ${target.sha.slice(0, 7)}` : `${target.kind} #${target.number}`;
  return `${what} of ${repositoryName(context)}`;
}

function permissionAdvice(status: number, context: CommentContext): string {
  const { target } = context;
  const permission = "kind" in target && target.kind === "issue" ? "issues" : "pull-requests";
  const block = `permissions:\n  contents: read\n  ${permission}: write`;
  const missing =
    status === 404 && "kind" in target
      ? ` (GitHub also responds with 404 if ${repositoryName(context)} has no ${target.kind} #${target.number}: then check \`pr-number\`.)`
      : "";
  return (
    `Add these permissions to the job, or to the workflow if the job has none of its own:\n\n${block}\n\n` +
    "`contents: read` is for actions/checkout; permissions that are not listed are removed. A pull request from a fork gets a " +
    "read-only token regardless of the permissions. With `github-token`, that token needs the permission. For forks, leave " +
    `\`pr-comment\` off, or comment from a \`workflow_run\` workflow with \`pr-number\`.${missing}`
  );
}

function advice(failure: GitHubFailure, context: CommentContext): string {
  const { status, message } = failure;
  if (failure.headers === undefined) return "GitHub is not reachable; the next run retries.";
  if (isRateLimit(failure)) return "The rate limit of this token is exhausted; the next run retries.";
  if (status === 401) return "`github-token` is invalid: it expired, was revoked, or belongs to another server.";
  if (status === 403 && /locked/i.test(message))
    return "The conversation is locked: unlock it, or set `github-token` to a token that may write there.";
  if (status === 403 || status === 404) return permissionAdvice(status, context);
  if (status === 410) return "The conversation was deleted.";
  if (status >= 500) return "GitHub has an outage (https://www.githubstatus.com); the next run retries.";
  return "This is unexpected: please open an issue.";
}

/**
 * The text of one warning annotation. It never contains the token or a workflow command.
 *
 * @param error what Octokit threw
 */
export function formatCommentError(error: unknown, context: CommentContext): string {
  const what =
    "sha" in context.target
      ? `Failed to look up the pull request of ${describeTarget(context)}`
      : `Failed to comment on ${describeTarget(context)}`;
  if (error instanceof GitHubCancelledError) return `${what}: the step had no time left.`;
  const failure = toGitHubFailure(error);
  const message = quoted(failure?.headers === undefined ? rootCause(error) : failure.message, context.token);
  if (failure === undefined) return `${what}: ${message}. The thread is not affected.`;
  const cause =
    failure.headers === undefined
      ? message
      : // A proxy may respond without any text.
        [String(failure.status), message].filter((part) => part !== "").join(": ");
  return `${what} (${cause}). The thread is not affected. ${advice(failure, context)}`;
}

/** The commit, or the endpoint, is not there. */
export function isNotFound(error: unknown): boolean {
  const status = responseStatus(error);
  return status === 404 || status === 422;
}

/** The warning where another step of the run has the same comment. */
export function formatConflict(context: CommentContext): string {
  return (
    `Did not comment on ${describeTarget(context)}: another step of this workflow run already wrote the same comment, ` +
    "and GitHub does not distinguish the two steps. Set `pr-comment-key` to a different value in each of them (or to the " +
    "same value in both, to share one comment)."
  );
}

/** The warning where a comment may be this step's, and neither the server nor a signature says so. */
export function formatUnproven(context: CommentContext): string {
  return (
    `Did not comment on ${describeTarget(context)}: GitHub did not say which account \`github-token\` belongs to, so ` +
    "it is not certain that the existing comment is this action's. The next run retries."
  );
}
