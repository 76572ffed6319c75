import { readinessBlocked, Refusal, notFound, unauthenticated } from "./refusal.ts";
import type { Revision, StoredThread } from "./types.ts";
import { newUlid } from "./ulid.ts";

/** Who asks: a token with the account, or the service identity, behind it. */
export interface Caller {
  token: string;
  kind: "person" | "service";
  /** Account ID of a person, the token's own ID of a service. */
  account: string;
}

/** Tokens, people and Agents that exist. */
export class Accounts {
  readonly agents: { published: string; unpublished: string; notReady: string };
  readonly users: { person: string; otherPerson: string; outsider: string };
  readonly tokens: { person: string; service: string; otherPerson: string };
  /** Agents that were unpublished after their threads were created. */
  readonly withdrawn = new Set<string>();
  readonly #callers: ReadonlyMap<string, Caller>;

  constructor(revision: Revision, nowMs: number) {
    const id = (): string => newUlid(nowMs);
    this.agents = { published: id(), unpublished: id(), notReady: id() };
    this.users = { person: id(), otherPerson: id(), outsider: id() };
    const reference = revision === "reference";
    const [person, service] = reference ? ["grt_pat_", "grt_svc_"] : ["mst_", "mst_"];
    this.tokens = {
      person: `${person}P${id()}person`,
      service: `${service}S${id()}service`,
      otherPerson: `${person}P${id()}other`,
    };
    const callers: Caller[] = [
      { token: this.tokens.person, kind: "person", account: this.users.person },
      { token: this.tokens.otherPerson, kind: "person", account: this.users.otherPerson },
      reference
        ? { token: this.tokens.service, kind: "service", account: id() }
        : { token: this.tokens.service, kind: "person", account: this.users.person },
    ];
    this.#callers = new Map(callers.map((caller) => [caller.token, caller]));
  }

  /**
   * The caller behind an `Authorization` header.
   * @param people only a person's token will do, as on some endpoints of the reference revision
   * @throws Refusal 401
   */
  authenticate(authorization: string | undefined, people: boolean): Caller {
    const token = /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw unauthenticated("A valid token is required.");
    const caller = this.#callers.get(token);
    if (caller === undefined) throw unauthenticated("The token is invalid or revoked.");
    if (people && caller.kind === "service") throw unauthenticated("Personal Access Token is invalid or revoked.");
    return caller;
  }

  callerOf(token: string): Caller {
    return this.authenticate(`Bearer ${token}`, false);
  }

  /** @throws Refusal 404 for an Agent that does not exist, 409 for one that is not published */
  admitToAgent(agentId: string): void {
    if (agentId === this.agents.unpublished || this.withdrawn.has(agentId)) {
      throw new Refusal(409, "agent_not_published", "This Agent is not published as an active API service.");
    }
    if (agentId !== this.agents.published && agentId !== this.agents.notReady) throw notFound("Agent not found.");
  }

  /** @throws Refusal 409 for an Agent whose set-up is not complete */
  demandReady(agentId: string): void {
    if (agentId === this.agents.notReady) {
      throw readinessBlocked("Agent is not ready to run: a credential of its runtime is missing.");
    }
  }
}

/** Whether the caller may see a thread: its own, or a person's one that is attributed to them. */
export function mayRead(caller: Caller, thread: StoredThread): boolean {
  if (caller.kind === "service") return thread.ownerToken === caller.token;
  return thread.ownerAccount === caller.account || thread.attributedUserId === caller.account;
}
