/** Which pull request or issue to comment on. Pure, except for the look-up of a commit's pull requests. */
import type { ActionContext } from "../../actions/context.ts";
import type { Inputs } from "../../actions/inputs.ts";
import type { CommitPullRequest, RepositoryId } from "./github-api.ts";

export interface CommentTarget {
  number: number;
  kind: "pull request" | "issue";
}

export type SettledTarget =
  | { kind: "target"; target: CommentTarget }
  /** There is nothing to comment on; `notice` says why. */
  | { kind: "none"; notice: string };

/** `commit`: the event is about a commit, whose pull requests have to be looked up. */
export type TargetResult = SettledTarget | { kind: "commit"; sha: string };

/** Events about a commit that do not name its pull request. */
const COMMIT_EVENTS = new Set(["push", "check_run", "check_suite", "status", "deployment", "deployment_status"]);

const SET_NUMBER = "Set `pr-number` to choose the pull request.";

/** By the inputs and the event alone. */
export function findTarget(
  inputs: Pick<Inputs, "prNumber">,
  { subject, eventName, headSha }: Pick<ActionContext, "subject" | "eventName" | "headSha">,
): TargetResult {
  if (inputs.prNumber !== undefined) {
    const kind = subject?.number === inputs.prNumber ? subject.kind : "pull request";
    return { kind: "target", target: { number: inputs.prNumber, kind } };
  }
  if (subject !== undefined) return { kind: "target", target: { number: subject.number, kind: subject.kind } };
  if (COMMIT_EVENTS.has(eventName) && /^[0-9a-f]+$/i.test(headSha)) return { kind: "commit", sha: headSha };
  const event = eventName === "" ? "The event" : `The event \`${eventName}\``;
  return { kind: "none", notice: `No comment: ${event} has no pull request or issue. ${SET_NUMBER}` };
}

function isThisRepository(
  repository: RepositoryId | undefined,
  context: Pick<ActionContext, "repository" | "repositoryId">,
): boolean {
  if (repository === undefined) return false;
  if (repository.id !== undefined && context.repositoryId !== "") return String(repository.id) === context.repositoryId;
  return repository.fullName?.toLowerCase() === context.repository.toLowerCase();
}

/**
 * The commit's one pull request: open, into this repository, from this repository, with this very commit as its head.
 * GitHub also lists merged and stacked ones, and those of forks, that merely contain the commit.
 */
export function selectPullRequest(
  pullRequests: readonly CommitPullRequest[],
  sha: string,
  context: Pick<ActionContext, "repository" | "repositoryId">,
): SettledTarget {
  const [only, ...others] = pullRequests.filter(
    (each) =>
      each.isOpen &&
      isThisRepository(each.baseRepository, context) &&
      isThisRepository(each.headRepository, context) &&
      each.headSha.toLowerCase() === sha.toLowerCase(),
  );
  const commit = `commit ${sha.slice(0, 7)}`;
  if (only === undefined) {
    const notice = `No comment: ${commit} is not the head of an open pull request from this repository. ${SET_NUMBER}`;
    return { kind: "none", notice };
  }
  if (others.length > 0) {
    const numbers = [only, ...others].map(({ number }) => `#${number}`).join(", ");
    return {
      kind: "none",
      notice: `No comment: ${commit} is the head of several pull requests (${numbers}). ${SET_NUMBER}`,
    };
  }
  return { kind: "target", target: { number: only.number, kind: "pull request" } };
}
