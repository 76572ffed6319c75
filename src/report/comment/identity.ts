/** Which comment a step writes to, and the name by which readers distinguish several. Pure. */
import type { ActionContext } from "../../actions/context.ts";
import type { Inputs } from "../../actions/inputs.ts";
import { canonicalMatrix } from "../../common/json.ts";

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
