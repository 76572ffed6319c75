/**
 * What the main step leaves for the post step: IDs and flags, never a secret. The runner hands each value to the post
 * step as `STATE_<name>`, also when the main step was killed. Main and post are entries of their own; state only tells
 * the post step whether anything is left to do.
 */
import * as core from "@actions/core";

/** `true` while a run is waited for that nobody would interrupt if this process died. */
export const interruptPending = "waiting";
/** `true` while a comment says that the agent is at work. */
export const commentPending = "comment_open";
export const threadId = "thread_id";
export const runId = "run_id";
/** The thread's page. */
export const threadUrl = "thread_url";
/** The API's base as it answered, after a move of the service. */
export const apiUrl = "api_url";
/** The comment's ID, what it is on (`pull request 12`), and a digest of the idempotency key of the step that writes it. */
export const commentId = "comment_id";
export const commentTarget = "comment_target";
export const commentKey = "comment_key";
/** Path of the file with the report that the comment is to end with, and its SHA-256. */
export const lastReport = "last_report";
export const lastReportDigest = "last_report_digest";

/** Work that is done is not lost for it: @returns why the value could not be written, if so. */
export function save(name: string, value: string): string | undefined {
  try {
    core.saveState(name, value);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "unknown";
  }
}

export function read(name: string): string {
  return core.getState(name);
}
