/** Whether the person who started the run may start the agent, on events that anyone can cause. */
import type { ActionContext } from "./context.ts";
import { InvalidInputError, parseEachLine } from "./parsers.ts";
import { type Trigger, isSameLogin } from "./event.ts";

/** Who may start the agent. */
export interface AllowedActors {
  /** Everyone. */
  anyone: boolean;
  /** People with write access to the repository. */
  write: boolean;
  logins: readonly string[];
}

/** What GitHub says of a person's access; `unknown` where it could not be asked. */
export type Access = { kind: "known"; permission: string } | { kind: "unknown"; reason: string };

/** `owner` is Gitea's. GitHub counts `maintain` as `write`. */
const PERMISSIONS_WITH_WRITE_ACCESS = new Set(["admin", "maintain", "write", "owner"]);
/** Also of accounts on Gitea and Forgejo, and of managed users (`octocat_acme`). */
const LOGIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\[bot\])?$/i;
/** Words that somebody may take for a permission: a person of that name must not be let in by mistake. */
const NOT_A_LOGIN = new Set([
  ...["admin", "maintain", "triage", "read", "none", "owner", "owners", "member", "members"],
  ...["collaborator", "collaborators", "contributor", "contributors", "everyone", "everybody", "all", "any"],
]);

function parseEntry(line: string): string {
  const entry = line.toLowerCase();
  if (NOT_A_LOGIN.has(entry)) throw new InvalidInputError("Must be `write`, `anyone` or a login, not a role.");
  if (!LOGIN.test(line)) {
    throw new InvalidInputError(
      `Must be \`write\`, \`anyone\` or a login, such as \`octocat\` or \`renovate[bot]\` (got ${line.length} characters).`,
    );
  }
  return entry;
}

/** The list, one entry per line. */
export function parseAllowedActors(text: string): AllowedActors {
  const entries = parseEachLine(parseEntry)(text);
  return {
    anyone: entries.includes("anyone"),
    write: entries.includes("write"),
    logins: entries.filter((entry) => entry !== "anyone" && entry !== "write"),
  };
}

/** Whether it has to be known what access the person has. */
function needsAccess({ isOpenToAnyone, login }: Trigger, { anyone, write, logins }: AllowedActors): boolean {
  return isOpenToAnyone && !anyone && write && login !== "" && !logins.some((each) => isSameLogin(each, login));
}

/**
 * Why the person may not start the agent; undefined where they may. Without proof the answer is no.
 *
 * @param access of the person, where {@link needsAccess}
 */
export function denyActor(trigger: Trigger, allowed: AllowedActors, access: Access | undefined): string | undefined {
  const { isOpenToAnyone, login, isOwner } = trigger;
  if (!isOpenToAnyone || allowed.anyone) return undefined;
  if (login === "") return "the event does not say who triggered it";
  if (allowed.logins.some((each) => isSameLogin(each, login))) return undefined;
  if (!allowed.write || access === undefined) return `${login} is not listed in \`allowed-actors\``;
  if (access.kind === "known") {
    return PERMISSIONS_WITH_WRITE_ACCESS.has(access.permission)
      ? undefined
      : `${login} does not have write access (permission: ${access.permission})`;
  }
  return isOwner ? undefined : `the access of ${login} could not be checked (${access.reason})`;
}

/**
 * The notice of a step that is skipped because of who started the run; undefined where it goes on.
 *
 * @param readAccess asks GitHub; called where the answer matters, and never rejects
 */
export async function skipForActor(
  { trigger }: Pick<ActionContext, "trigger">,
  allowed: AllowedActors,
  readAccess: (login: string) => Promise<Access>,
): Promise<string | undefined> {
  const access = needsAccess(trigger, allowed) ? await readAccess(trigger.login) : undefined;
  const reason = denyActor(trigger, allowed, access);
  return reason === undefined
    ? undefined
    : `Skipped: anyone can trigger ${trigger.eventName}, and ${reason}. To let others start the agent, list them in \`allowed-actors\`.`;
}
