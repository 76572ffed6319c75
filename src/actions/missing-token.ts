/** What a missing token means: a skip, or an error that names the likely cause. Pure. */
import type { ActionContext } from "./context.ts";
import type { MissingTokenPolicy } from "./inputs.ts";

type Origin = Pick<ActionContext, "fromFork" | "fromDependabot" | "eventName">;

const PULL_REQUEST_CONDITION = "if: github.event.pull_request.head.repo.full_name == github.repository";
/** There the event has no pull request, and the condition above would skip every run. */
const WORKFLOW_RUN_CONDITION = "if: github.event.workflow_run.head_repository.full_name == github.repository";

/** On these a fork's pull request gets the secrets too: they run the base branch's workflow. */
const EVENTS_WITH_SECRETS_FOR_FORKS = new Set(["pull_request_target", "workflow_run"]);

/** Why the run gets no secrets, or is not trusted with them, as the event and the actor prove it. */
function untrustedOrigin({ fromFork, fromDependabot, eventName }: Origin): string | undefined {
  if (fromDependabot) return "Dependabot started the workflow run, and GitHub only passes it the Dependabot secrets";
  if (!fromFork) return undefined;
  return EVENTS_WITH_SECRETS_FOR_FORKS.has(eventName)
    ? "the pull request comes from a fork"
    : "the pull request comes from a fork, and GitHub does not pass secrets to those";
}

function skipAdvice(eventName: string): string {
  const condition = eventName === "workflow_run" ? WORKFLOW_RUN_CONDITION : PULL_REQUEST_CONDITION;
  const where = eventName === "workflow_run" || eventName.startsWith("pull_request") ? "add" : "on pull_request add";
  return `To skip the step for forks, ${where} \`${condition}\` or set \`on-missing-token: skip-untrusted\`.`;
}

/** The problem of a missing token, with its cause where the event and the actor prove one. */
export function explainMissingToken(origin: Origin): string {
  const { eventName, fromDependabot } = origin;
  const proven = untrustedOrigin(origin);
  const skip = skipAdvice(eventName);
  if (proven === undefined) {
    return `Required, but empty. Usual causes: a pull request from a fork (GitHub passes it no secrets), a run started by Dependabot (it has its own secrets), or a misspelled secret name. Check the name and where the secret is stored. ${skip}`;
  }
  if (fromDependabot) {
    return `Required, but empty: ${proven}. Add the secret under Settings › Secrets and variables › Dependabot, or set \`on-missing-token: skip-untrusted\`.`;
  }
  if (EVENTS_WITH_SECRETS_FOR_FORKS.has(eventName)) {
    return `Required, but empty. The pull request comes from a fork, but GitHub passes secrets on ${eventName} nevertheless: check the secret's name and where it is stored. ${skip}`;
  }
  return `Required, but empty: ${proven}. ${skip}`;
}

/** The notice of a step that is skipped because it has no token; undefined where it fails instead. */
export function skipWithoutToken(policy: MissingTokenPolicy, origin: Origin): string | undefined {
  const proven = untrustedOrigin(origin);
  if (policy === "fail" || (policy === "skip-untrusted" && proven === undefined)) return undefined;
  const why = proven === undefined ? "" : ` (${proven})`;
  const expected =
    proven === undefined ? " For forks and Dependabot this is expected; otherwise check the secret's name." : "";
  return `Skipped because \`token\` is empty${why} and \`on-missing-token\` is \`${policy}\`. No thread was created.${expected}`;
}
