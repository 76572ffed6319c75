/** What an empty token means, told so that nobody has to ask. */
import type { ActionContext } from "./context.ts";
import type { MissingTokenPolicy } from "./inputs.ts";

export type MissingToken = { skip: true; notice: string } | { skip: false; problem: string };

type Origin = Pick<ActionContext, "fromFork" | "fromDependabot" | "eventName">;

const condition = "if: github.event.pull_request.head.repo.full_name == github.repository";
/** There the event has no pull request, and the condition above would skip every run. */
const workflowRunCondition = "if: github.event.workflow_run.head_repository.full_name == github.repository";
const usualCauses =
  "Usual causes: a pull request from a fork (GitHub gives it no secrets), a run started by Dependabot (it has a secret store of its own), or a misspelt secret's name, which evaluates to nothing.";

/** On these a fork's pull request gets the secrets all the same: they run the base branch's workflow. */
const EVENTS_WITH_SECRETS_FOR_FORKS = new Set(["pull_request_target", "workflow_run"]);

/** Who made the token stay away, where the event and the actor prove it. */
function untrusted({ fromFork, fromDependabot, eventName }: Origin): string | undefined {
  if (fromDependabot) return "Dependabot started this run, and GitHub gives it the secrets of its own store alone";
  if (!fromFork) return undefined;
  return EVENTS_WITH_SECRETS_FOR_FORKS.has(eventName)
    ? "the pull request comes from a fork"
    : "the pull request comes from a fork, and GitHub gives those no secrets";
}

function forkCondition(eventName: string): string {
  if (eventName === "workflow_run") return `add \`${workflowRunCondition}\``;
  return eventName.startsWith("pull_request") ? `add \`${condition}\`` : `on pull_request add \`${condition}\``;
}

function explainMissingToken(origin: Origin): string {
  const proven = untrusted(origin);
  if (origin.fromDependabot) {
    return `Here ${proven ?? ""}. Add the secret under Settings › Secrets and variables › Dependabot, too, or set \`on-missing-token: skip-untrusted\`.`;
  }
  const skip = `to skip the step for forks ${forkCondition(origin.eventName)}, or set \`on-missing-token: skip-untrusted\`.`;
  if (proven === undefined) return `${usualCauses} Check the secret's name and where it is stored; ${skip}`;
  // The fork is no reason here, so it is the name or the store.
  if (EVENTS_WITH_SECRETS_FOR_FORKS.has(origin.eventName)) {
    return `Here ${proven}, but on ${origin.eventName} GitHub gives the secrets all the same: check the secret's name and where it is stored, or ${skip}`;
  }
  return `Here ${proven}: ${skip}`;
}

/** Decides about a step without a token. What is untrusted is proven by the event and the actor, not guessed. */
export function missingToken(policy: MissingTokenPolicy, origin: Origin): MissingToken {
  const proven = untrusted(origin);
  if (policy === "skip" || (policy === "skip-untrusted" && proven !== undefined)) {
    return {
      skip: true,
      notice: `Skipped: \`token\` is empty${proven === undefined ? "" : ` (${proven})`}. No thread was created.`,
    };
  }
  return { skip: false, problem: `It is empty. ${explainMissingToken(origin)}` };
}
