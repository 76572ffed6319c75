/**
 * The hidden first line of the action's pull-request comment. It says which use of the action the comment belongs to
 * (a digest, so that nothing in it needs escaping) and which run wrote it last. Pure.
 *
 * A marker alone proves nothing, anybody can copy one: whoever looks for a comment also compares its author.
 */
import { createHash } from "node:crypto";

/** What one comment of a pull request belongs to; never a run or commit, so that later pushes find it again. */
export interface CommentIdentity {
  /** The workflow file's path, from GITHUB_WORKFLOW_REF without `@ref`. */
  workflow: string;
  job: string;
  step: string;
  /** Canonical JSON of the matrix leg. */
  matrix: string;
  /** The agent; empty where a thread is continued, for that may be another one in each run. */
  agent: string;
}

/** Where a run stands among the runs of its workflow; a re-run counts up `runAttempt` alone. */
export interface RunPosition {
  runId: string;
  runNumber: number;
  runAttempt: number;
}

/** `update`: one comment kept up to date. `new`: one a workflow run, which its re-runs find again. */
export type CommentMode = "update" | "new";

export interface CommentMarker {
  /** Digest of the identity, 32 hexadecimal digits. */
  use: string;
  runNumber: number;
  runAttempt: number;
  /** Only in a marker made with `new`. */
  runId?: string;
}

const opening = "<!-- mosoo-thread ";
const pattern = /^<!-- mosoo-thread v1 use=([0-9a-f]{32}) run=(\d{1,15})\.(\d{1,15})(?: id=([\w-]{1,64}))? -->/;

/** No marker is longer, line end included, in characters: what the caller leaves free of a comment's 65,536. */
export const MAX_MARKER_LENGTH = 180;

/** A whole number from GitHub's environment; 0, older than all others, where it is none. */
function ordinal(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 && value < 1e15 ? value : 0;
}

function digestOf({ workflow, job, step, matrix, agent }: CommentIdentity): string {
  return createHash("sha256")
    .update(JSON.stringify(["comment v1", workflow, job, step, matrix, agent]))
    .digest("hex")
    .slice(0, 32);
}

/** The marker as an HTML comment without a line end; it must become the very first characters of the comment. */
export function makeMarker(identity: CommentIdentity, position: RunPosition, mode: CommentMode): string {
  const run = `run=${ordinal(position.runNumber)}.${ordinal(position.runAttempt)}`;
  const id = mode === "new" ? ` id=${position.runId.replace(/[^\w-]/g, "_").slice(0, 64) || "0"}` : "";
  return `${opening}v1 use=${digestOf(identity)} ${run}${id} -->`;
}

/** What the marker at a comment's very first characters says; undefined where there is none, or one of another make. */
export function readMarker(body: string): CommentMarker | undefined {
  const [, use, runNumber, runAttempt, runId] = pattern.exec(body) ?? [];
  if (use === undefined) return undefined;
  const marker = { use, runNumber: Number(runNumber), runAttempt: Number(runAttempt) };
  return runId === undefined ? marker : { ...marker, runId };
}

/** Whether two markers stand for the same comment: the same use, and of `new` comments the same workflow run. */
export function isSameComment(a: CommentMarker, b: CommentMarker): boolean {
  return a.use === b.use && a.runId === b.runId;
}

/** Whether `a` was written by a later run than `b`, or by a later attempt of the same run. */
export function isNewer(a: CommentMarker, b: CommentMarker): boolean {
  return a.runNumber === b.runNumber ? a.runAttempt > b.runAttempt : a.runNumber > b.runNumber;
}

/** Whether a comment was written by this action, whatever its use and version: an event it causes must start no run. */
export function hasMarker(body: string): boolean {
  return body.startsWith(opening);
}
