import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type Access, denyActor, parseAllowedActors, skipForActor } from "../../src/actions/allowed-actors.ts";
import { readAccess } from "../../src/actions/collaborator-access.ts";
import { type ActionContext, parseContext } from "../../src/actions/context.ts";
import { InvalidInputError } from "../../src/actions/parsers.ts";
import { EVENT_EXAMPLES } from "../support/event-examples.ts";
import {
  type FakeGitHubServer,
  type RepositoryRole,
  faults,
  startFakeGitHubServer,
  writeToken,
} from "../support/fake-github-server.ts";
import { events } from "../support/runner-events.ts";

const OPEN_EVENTS = [
  ...["issue_comment", "issues", "pull_request_target", "pull_request_review", "pull_request_review_comment"],
  ...["discussion", "discussion_comment", "commit_comment", "fork", "gollum", "watch"],
];
/** Events that only people with write access, or the repository itself, can cause with secrets present. */
const OTHER_EVENTS = [
  ...["push", "pull_request", "schedule", "workflow_dispatch", "repository_dispatch", "merge_group", "release"],
  ...["create", "delete", "deployment", "deployment_status", "check_run", "check_suite", "status", "label", ""],
];

/** GitHub's own example payloads of an event; `pull_request_target` has the payload of `pull_request`. */
function examplesOf(event: string): unknown[] {
  const name = event === "pull_request_target" ? "pull_request" : event;
  const payloads = EVENT_EXAMPLES.filter((example) => example.name === name).map(({ payload }) => payload);
  return payloads.length === 0 ? [{}] : payloads;
}

interface Who {
  actor?: string;
  triggeringActor?: string | undefined;
  runAttempt?: number;
}

function contextOf(event: string, payload: unknown, { actor = "octocat", ...who }: Who = {}): ActionContext {
  return parseContext(
    {
      GITHUB_EVENT_NAME: event,
      GITHUB_REPOSITORY: "octo-org/octo-repo",
      GITHUB_ACTOR: actor,
      GITHUB_TRIGGERING_ACTOR: "triggeringActor" in who ? who.triggeringActor : actor,
      GITHUB_RUN_ATTEMPT: String(who.runAttempt ?? 1),
    },
    payload,
  );
}

const write = parseAllowedActors("write");
const neverAsked = (): Promise<Access> => Promise.reject(new Error("GitHub was asked."));

describe("The list of allowed actors", () => {
  it("has one entry per line: `write`, `anyone` or logins, without regard to case", () => {
    expect(parseAllowedActors("write")).toEqual({ anyone: false, write: true, logins: [] });
    expect(parseAllowedActors(" Write \n\n Renovate[bot]\r\nocto-cat_acme")).toEqual({
      anyone: false,
      write: true,
      logins: ["renovate[bot]", "octo-cat_acme"],
    });
    expect(parseAllowedActors("ANYONE")).toEqual({ anyone: true, write: false, logins: [] });
  });

  it.each([
    "@octocat",
    "octocat, hubot",
    "octo cat",
    "org/team",
    "*",
    "admin",
    "Maintain",
    "everyone",
    "[bot]",
    "x\n-y",
  ])("rejects what is no login: %j", (text) => {
    expect(() => parseAllowedActors(text)).toThrow(InvalidInputError);
  });

  it("names the line of an entry that it rejects", () => {
    expect(() => parseAllowedActors("write\n@octocat")).toThrow("Line 2: ");
  });
});

describe("The check of who triggered the run", () => {
  it.each(OPEN_EVENTS)("applies to %s, by every example payload of GitHub's", async (event) => {
    for (const payload of examplesOf(event)) {
      const context = contextOf(event, payload, { actor: "stranger" });
      expect(context.trigger).toMatchObject({ isOpenToAnyone: true, login: "stranger", isOwner: false });
      const access = (): Promise<Access> => Promise.resolve({ kind: "known", permission: "read" });
      expect(await skipForActor(context, write, access)).toEqual(expect.any(String));
    }
  });

  it.each(OTHER_EVENTS)("asks nothing on an event that not everyone can trigger: %s", async (event) => {
    for (const payload of examplesOf(event)) {
      const context = contextOf(event, payload, { actor: "stranger" });
      expect(await skipForActor(context, write, neverAsked)).toBeUndefined();
    }
  });
});

describe("The check of a `workflow_run`", () => {
  const upstream = (facts: object): unknown => {
    const { payload } = events.workflowRun();
    const { workflow_run: run, ...rest } = payload as { workflow_run: object };
    return { ...rest, workflow_run: { ...run, triggering_actor: { login: "upstream-person" }, ...facts } };
  };
  const isOpen = (facts: object): boolean => contextOf("workflow_run", upstream(facts)).trigger.isOpenToAnyone;

  it("applies after events that anyone can trigger, after chains, and where the event is unknown", () => {
    const others = OTHER_EVENTS.filter((name) => name !== "");
    const all = [...OPEN_EVENTS, ...others, "workflow_run", "brand_new", "", undefined, 7];
    expect(all.filter((event) => !isOpen({ event }))).toEqual(others);
    expect(contextOf("workflow_run", undefined).trigger.isOpenToAnyone).toBe(true);
  });

  it("applies to forks, deleted forks, and where the repository is not known", () => {
    expect(contextOf("workflow_run", events.workflowRun({ fork: true }).payload).trigger.isOpenToAnyone).toBe(true);
    expect([null, undefined, {}].map((head_repository) => isOpen({ head_repository }))).toEqual([true, true, true]);
  });

  it("is about the person of the upstream run, and in a re-run about the person who re-runs it", () => {
    const payload = upstream({ event: "issue_comment" });
    const login = (runAttempt: number): string =>
      contextOf("workflow_run", payload, { actor: "github-actions[bot]", triggeringActor: "rerunner", runAttempt })
        .trigger.login;
    expect([login(1), login(2)]).toEqual(["upstream-person", "rerunner"]);
  });

  it("denies where the upstream run names nobody", () => {
    const payload = upstream({ event: "issue_comment", triggering_actor: undefined });
    const { trigger } = contextOf("workflow_run", payload);
    expect(denyActor(trigger, parseAllowedActors("write\noctocat"), undefined)).toEqual(expect.any(String));
  });

  it("reads every example payload of GitHub's", () => {
    for (const payload of examplesOf("workflow_run"))
      expect(typeof contextOf("workflow_run", payload).trigger.isOpenToAnyone).toBe("boolean");
  });
});

describe("The person who counts", () => {
  it.each<[string, Who, string]>([
    [
      "who triggered this attempt, not who triggered the first",
      { triggeringActor: "rerunner", runAttempt: 2 },
      "rerunner",
    ],
    ["the actor where the runner does not say who triggered the attempt", { triggeringActor: undefined }, "first"],
    ["the actor where the runner names nobody", { triggeringActor: "" }, "first"],
    ["nobody where neither is known", { actor: "" }, ""],
  ])("is %s", (_, who, login) => {
    expect(contextOf("issues", {}, { actor: "first", ...who }).trigger.login).toBe(login);
  });
});

describe("Where GitHub does not answer", () => {
  const unknown: Access = { kind: "unknown", reason: "GitHub could not be reached" };
  const comment = (association: string, author: string): unknown => ({
    comment: { author_association: association, user: { login: author } },
    issue: { author_association: "NONE", user: { login: "somebody" } },
  });
  const ofOwner = { issue: { author_association: "OWNER", user: { login: "owner" } }, comment: {} };

  it.each<[string, unknown, boolean]>([
    ["the owner of the repository may", comment("OWNER", "OctoCat"), true],
    ...["MEMBER", "COLLABORATOR", "CONTRIBUTOR", "NONE", "owner", ""].map((association): [string, unknown, boolean] => [
      `a person whose association is "${association}" may not`,
      comment(association, "octocat"),
      false,
    ]),
    ["a stranger may not on the issue of the owner", ofOwner, false],
    ["a person other than the owner who wrote the comment may not", comment("OWNER", "owner"), false],
  ])("%s start the agent", (_, payload, isAllowed) => {
    const { trigger } = contextOf("issue_comment", payload);
    expect(denyActor(trigger, write, unknown) === undefined).toBe(isAllowed);
  });

  it("the event counts only then", () => {
    const { trigger } = contextOf("issue_comment", comment("OWNER", "octocat"));
    expect(denyActor(trigger, write, { kind: "known", permission: "read" })).toEqual(expect.any(String));
  });
});

describe("GitHub's answer", () => {
  let github: FakeGitHubServer;
  /** Of its own, since an aborted request may arrive late. */
  let failing: FakeGitHubServer;
  const roles: [login: string, role: RepositoryRole | undefined, isAllowed: boolean][] = [
    ["an-admin", "admin", true],
    ["a-maintainer", "maintain", true],
    ["a-writer", "write", true],
    ["a-gitea-owner", "owner", true],
    ["a-triager", "triage", false],
    ["a-reader", "read", false],
    ["nobody", "none", false],
    ["unknown", undefined, false],
    ["some-app[bot]", undefined, false],
  ];

  beforeAll(async () => {
    [github, failing] = await Promise.all([startFakeGitHubServer(), startFakeGitHubServer()]);
    for (const [login, role] of roles) if (role !== undefined) github.roles.set(login, role);
  });
  afterEach(() => {
    github.faults.length = github.requests.length = 0;
  });
  afterAll(() => Promise.all([github.close(), failing.close()]));

  type Settings = Partial<Parameters<typeof readAccess>[0]>;
  const check = (context: ActionContext, list = "write", settings: Settings = {}): Promise<string | undefined> =>
    skipForActor(context, parseAllowedActors(list), (login) =>
      readAccess({
        apiUrl: github.apiUrl,
        repository: context.repository,
        githubToken: writeToken,
        retryDelayMs: 1,
        ...settings,
        login,
      }),
    );

  const byActor = (login: string): ActionContext => contextOf("issue_comment", {}, { actor: login });
  const byWriter = byActor("a-writer");

  it.each(roles)("decides whether %s, whose role is %s, may start the agent: %s", async (login, _, isAllowed) => {
    expect((await check(byActor(login))) === undefined).toBe(isAllowed);
    expect(github.requests).toMatchObject([
      {
        method: "GET",
        path: `/repos/octo-org/octo-repo/collaborators/${encodeURIComponent(login)}/permission`,
        authorization: expect.stringContaining(writeToken),
      },
    ]);
  });

  it("counts for the person of the upstream run", async () => {
    const payload = { workflow_run: { triggering_actor: { login: "a-reader" } } };
    expect(await check(contextOf("workflow_run", payload, { actor: "a-writer" }))).toEqual(expect.any(String));
    expect(github.requests[0]?.path).toContain("/a-reader/");
  });

  it("is an error or late: nobody may start the agent", async () => {
    for (const [login, role] of roles.slice(0, 6)) {
      if (role !== undefined) failing.roles.set(login, role);
      failing.faults.splice(0, 1, faults.serverError(99));
      const settings = { apiUrl: failing.apiUrl };
      expect(await check(byActor(login), "write", settings)).toContain("502");
      failing.faults.splice(0, 1, faults.slow(60_000, 99));
      expect(await check(byActor(login), "write", { ...settings, timeoutMs: 20 })).toEqual(expect.any(String));
    }
  });

  it("is waited for while it fails for a while", async () => {
    github.faults.push(faults.serverError(2), faults.dropped(1));
    expect(await check(byWriter)).toBeUndefined();
    expect(github.requests).toHaveLength(4);
  });

  it.each([
    ["a refusal", { status: 403, body: { message: "Resource not accessible by integration" } }],
    ["a response without a permission", { status: 200, body: {} }],
    ["a page in place of JSON", { status: 200, body: "<html>" }],
  ])("lets nobody start the agent: %s", async (_, fault) => {
    github.faults.push({ ...fault, times: 9 });
    expect(await check(byWriter)).toEqual(expect.any(String));
  });

  it("needs a token: without one, or with one that is refused, nobody may start the agent", async () => {
    expect(await check(byWriter, "write", { githubToken: "" })).toContain("`github-token`");
    expect(github.requests).toHaveLength(0);
    expect(await check(byWriter, "write", { githubToken: "ghs_another" })).toContain("401");
  });

  it("is not asked for where the list decides already", async () => {
    const byBot = byActor("Renovate[bot]");
    expect(await check(byBot, "write\nrenovate[BOT]")).toBeUndefined();
    expect(await check(byBot, "anyone")).toBeUndefined();
    expect(await check(byWriter, "renovate[bot]")).toContain("`allowed-actors`");
    expect(github.requests).toHaveLength(0);
  });
});

/** After a reword: `npm test -- __tests__/actions/allowed-actors.test.ts -u`. */
describe("The notice of a skipped step", () => {
  it("says who triggered the run and what to do", async () => {
    const notices = [
      ["octocat", "write", { kind: "known", permission: "read" }],
      ["octocat", "write", { kind: "unknown", reason: "GitHub responded with 502" }],
      ["octocat", "hubot", { kind: "known", permission: "admin" }],
      ["", "write", { kind: "known", permission: "admin" }],
    ] satisfies [string, string, Access][];
    for (const [actor, list, access] of notices) {
      const context = contextOf("issues", {}, { actor });
      expect(await skipForActor(context, parseAllowedActors(list), () => Promise.resolve(access))).toMatchSnapshot();
    }
  });
});
