/** What an empty token means, told so that nobody has to ask. */
import type { RunContext } from "./github.ts";
import type { MissingTokenPolicy } from "./inputs.ts";

export type MissingToken = { skip: true; notice: string } | { skip: false; problem: string };

const condition = "if: github.event.pull_request.head.repo.full_name == github.repository";

function untrusted(context: Pick<RunContext, "fromFork" | "fromDependabot">): string | undefined {
  if (context.fromFork) return "the pull request comes from a fork, and GitHub gives those no secrets";
  if (context.fromDependabot)
    return "Dependabot started this run, and GitHub gives it the secrets of its own store alone";
  return undefined;
}

/** Decides about a step without a token. What is untrusted is proven by the event and the actor, not guessed. */
export function missingToken(
  policy: MissingTokenPolicy,
  context: Pick<RunContext, "fromFork" | "fromDependabot">,
): MissingToken {
  const proven = untrusted(context);
  if (policy === "skip" || (policy === "skip-untrusted" && proven !== undefined)) {
    return {
      skip: true,
      notice: `Skipped: \`token\` is empty${proven === undefined ? "" : ` (${proven})`}. No thread was created.`,
    };
  }
  const cause =
    proven === undefined
      ? "Usual causes: a pull request from a fork (GitHub gives it no secrets), a run started by Dependabot (it has a secret store of its own), or a misspelt secret's name, which evaluates to nothing."
      : `Here ${proven}.`;
  const cure = context.fromDependabot
    ? "Add the secret under Settings › Secrets and variables › Dependabot, too, or set `on-missing-token: skip-untrusted`."
    : `Check the secret's name and where it is stored; to skip the step for forks add \`${condition}\`, or set \`on-missing-token: skip-untrusted\`.`;
  return { skip: false, problem: `It is empty. ${cause} ${cure}` };
}
