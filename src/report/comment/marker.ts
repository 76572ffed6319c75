/**
 * The hidden first line of the action's comment: whose comment it is (a digest, so that nothing in it needs escaping),
 * which run wrote it last, and a signature. Pure.
 *
 * Anyone can copy a marker into a comment of their own. So a marker proves nothing by itself: decide.ts compares the
 * comment's author, or the signature, which covers the author's ID.
 */
import { createHash, createHmac, hkdfSync } from "node:crypto";
import type { ActionContext } from "../../actions/context.ts";
import type { Inputs } from "../../actions/inputs.ts";
import { canonicalMatrix } from "../../common/json.ts";

/** The step of a workflow run that writes the comment. */
export interface WritingStep {
  runId: string;
  /** Counts the runs of one workflow. */
  runNumber: number;
  /** Counts the attempts of one run. */
  runAttempt: number;
  /** The step's idempotency key, or a digest of it: distinguishes steps that have the same identity. */
  key: string;
}

/** `update`: one comment that is kept up to date. `new`: one per workflow run, which its re-runs update. */
export type CommentMode = "update" | "new";

export interface CommentMarker {
  /** Digest of the identity, 32 hexadecimal digits. */
  identity: string;
  mode: CommentMode;
  runId: string;
  runNumber: number;
  runAttempt: number;
  /** Digest of the writer's idempotency key, 16 hexadecimal digits; "" where it is not known. */
  key: string;
  /** See `createMarkerSigner`, 32 hexadecimal digits. */
  signature?: string;
}

const OPENING = "<!-- mosoo-thread ";
const MARKER =
  /^<!-- mosoo-thread v1 use=([0-9a-f]{32}) run=(\d{1,15})\.(\d{1,15}) id=([\w-]{1,64})( new)?(?: key=([0-9a-f]{16}))?(?: sig=([0-9a-f]{32}))? -->/;

/** UTF-16 units, line end included. */
const MAX_MARKER_LENGTH = 256;
/** What GitHub's limit of 65,536 characters leaves below the marker, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 65_536 - MAX_MARKER_LENGTH;

function digest(value: unknown, digits: number): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, digits);
}

/** A whole number from GitHub's environment; 0, older than all others, where it is none. */
function toCount(value: number): number {
  return Number.isSafeInteger(value) && value > 0 && value < 1e15 ? value : 0;
}

function identityDigest({ workflow, job, step, matrix, agent, key }: CommentIdentity): string {
  return digest(key === undefined ? ["comment v1", workflow, job, step, matrix, agent] : ["comment key v1", key], 32);
}

export function makeMarker(identity: CommentIdentity, step: WritingStep, mode: CommentMode): CommentMarker {
  return {
    identity: identityDigest(identity),
    mode,
    runId: step.runId.replace(/[^\w-]/g, "_").slice(0, 64) || "0",
    runNumber: toCount(step.runNumber),
    runAttempt: toCount(step.runAttempt),
    key: step.key === "" ? "" : digest(step.key, 16),
  };
}

/** The marker as an HTML comment without a line end; it has to be the very first characters of the comment. */
export function formatMarker(marker: CommentMarker): string {
  const fields = [
    `use=${marker.identity} run=${marker.runNumber}.${marker.runAttempt} id=${marker.runId}`,
    ...(marker.mode === "new" ? ["new"] : []),
    ...(marker.key === "" ? [] : [`key=${marker.key}`]),
    ...(marker.signature === undefined ? [] : [`sig=${marker.signature}`]),
  ];
  return `${OPENING}v1 ${fields.join(" ")} -->`;
}

/** A comment's text without the signature in its marker. */
export function withoutSignature(body: string): string {
  return body.replace(/^(<!-- mosoo-thread [^\n]*?) sig=[0-9a-f]{32} -->/, "$1 -->");
}

/** What a comment's first characters say; undefined where there is no marker, or one of another version. */
export function parseMarker(body: string): CommentMarker | undefined {
  const [, identity, runNumber, runAttempt, runId, isNew, key = "", signature] = MARKER.exec(body) ?? [];
  if (identity === undefined || runId === undefined) return undefined;
  return {
    identity,
    mode: isNew === undefined ? "update" : "new",
    runId,
    runNumber: Number(runNumber),
    runAttempt: Number(runAttempt),
    key,
    ...(signature === undefined ? {} : { signature }),
  };
}

/** Whether two markers belong to the same comment: the same identity, and of `new` comments the same workflow run. */
export function isSameComment(a: CommentMarker, b: CommentMarker): boolean {
  return a.identity === b.identity && a.mode === b.mode && (a.mode === "update" || a.runId === b.runId);
}

/**
 * Whether `a` was written by a later run than `b`, or by a later attempt of the same run. Run IDs grow across workflows,
 * which may share a comment; where a runner's are not numbers, the run numbers decide.
 */
export function isNewer(a: CommentMarker, b: CommentMarker): boolean {
  if (a.runId === b.runId) return a.runAttempt > b.runAttempt;
  const haveNumericIds = [a, b].every(({ runId }) => /^\d+$/.test(runId));
  if (haveNumericIds) return BigInt(a.runId) > BigInt(b.runId);
  return a.runNumber === b.runNumber ? a.runAttempt > b.runAttempt : a.runNumber > b.runNumber;
}

/** Whether this action wrote a comment, with any identity and version: an event it causes must start no run. */
export function hasMarker(body: string): boolean {
  return body.startsWith(OPENING);
}

/** Signs a marker for the account with this ID. */
export type MarkerSigner = (authorId: number) => string;

/**
 * Signatures for servers that do not say whom a token belongs to. The signature covers the author's ID: a copy of the
 * marker in somebody else's comment is not valid. Its key is derived from the Mosoo token for this purpose alone.
 *
 * @param repository the repository's ID, or its name where it has none
 */
export function createMarkerSigner(
  token: string,
  scope: { repository: string; number: number; identity: string },
): MarkerSigner {
  const key = Buffer.from(hkdfSync("sha256", token, "", "mosoo-thread-action comment marker v1", 32));
  return (authorId) =>
    createHmac("sha256", key)
      .update(JSON.stringify([scope.repository, scope.number, scope.identity, authorId]))
      .digest("hex")
      .slice(0, 32);
}

/** What one comment of a pull request belongs to; never a run or commit, so that later pushes update it. */
export interface CommentIdentity {
  /** The workflow file's path, without the ref. */
  workflow: string;
  job: string;
  step: string;
  /** Canonical JSON of the job's matrix values. */
  matrix: string;
  /** The agent; empty where a thread is continued, for that may be another one in each run. */
  agent: string;
  /** `pr-comment-key`: the identity all by itself where it is given. */
  key: string | undefined;
}

export function commentIdentity(inputs: Inputs, context: ActionContext): CommentIdentity {
  return {
    workflow: context.workflowFile,
    job: context.job,
    step: context.step,
    matrix: canonicalMatrix(inputs.matrix ?? ""),
    agent: inputs.agentId ?? "",
    key: inputs.prCommentKey,
  };
}

/** The scalars of a matrix job's values, however deep. */
function scalars(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(scalars);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? [String(value)] : [];
}

/**
 * The job's name as GitHub shows it: `review (linux, 24)`.
 *
 * @param job the job's ID
 * @param matrix the matrix context as JSON; anything else counts as none
 */
export function jobDisplayName(job: string, matrix: string): string | undefined {
  let values: string[] = [];
  try {
    values = scalars(JSON.parse(matrix));
  } catch {
    // Not JSON: the job's ID has to do.
  }
  const name = values.length === 0 ? job : `${job} (${values.join(", ")})`;
  return name.trim() === "" ? undefined : name;
}
