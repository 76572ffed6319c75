/**
 * What the main step leaves for the post step: IDs and flags, never a secret. The runner hands each value to the post
 * step as `STATE_<name>`, also where the main step was killed.
 */
import * as core from "@actions/core";
import { errorMessage } from "../common/format.ts";

export const STATE_NAMES = [
  /** `true` while the step waits for a run that nobody would interrupt if this process died. */
  "interrupt_pending",
  /** `true` while a comment says that the run is in progress. */
  "comment_pending",
  "thread_id",
  "run_id",
  "thread_url",
  /** The API's base URL, where a redirect led. */
  "api_url",
  /** The comment's ID, what it is on (`pull request 12`), and a digest of the idempotency key of the step that writes it. */
  "comment_id",
  "comment_target",
  "comment_key",
  /** Path of the file with the report that the comment is to end with, and its SHA-256. */
  "last_report",
  "last_report_digest",
] as const;

export type StateName = (typeof STATE_NAMES)[number];

/** State that cannot be written is no reason to fail. @returns why it could not, if so */
export function save(name: StateName, value: string): string | undefined {
  try {
    core.saveState(name, value);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** @returns "" where it was not saved */
export function read(name: StateName): string {
  return core.getState(name);
}
