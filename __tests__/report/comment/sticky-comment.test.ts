import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { MAX_COMMENT_LENGTH } from "../../../src/report/comment/comment-writer.ts";
import type { CommentIdentity } from "../../../src/report/comment/identity.ts";
import { formatMarker, makeMarker, withoutSignature } from "../../../src/report/comment/marker.ts";
import { openComment, type CommentSettings, type StickyComment } from "../../../src/report/comment/sticky-comment.ts";
import {
  actionsBot,
  faults,
  readToken,
  startFakeGitHubServer,
  writeToken,
  type GitHubComment,
  type FakeGitHubServer,
} from "../../support/fake-github-server.ts";

const identity: CommentIdentity = {
  workflow: ".github/workflows/review.yml",
  job: "review",
  step: "mosoo",
  matrix: "null",
  agent: "01J00000000000000000000000",
  key: undefined,
};

let github: FakeGitHubServer;

beforeEach(async () => {
  github = await startFakeGitHubServer();
});

afterEach(async () => {
  await github.close();
});

interface Run {
  run?: number;
  attempt?: number;
  runId?: string;
  number?: number;
  /** Idempotency key. */
  key?: string;
}

function settings({
  run = 7,
  attempt = 1,
  runId = String(17_000_000_000 + run),
  number = 12,
  key = `gh-${runId}-abc`,
  ...rest
}: Run & Partial<CommentSettings> = {}): CommentSettings {
  return {
    mode: "update",
    token: writeToken,
    owner: "octo-org",
    repo: "octo-repo",
    repository: "424242",
    target: { kind: "pull request", number },
    identity,
    step: { runId, runNumber: run, runAttempt: attempt, key },
    signingSecret: "mst_token",
    apiUrl: github.apiUrl,
    graphqlUrl: github.graphqlUrl,
    retryDelayMs: 2,
    ...rest,
  };
}

const open = (options?: Run & Partial<CommentSettings>, known?: { id: number }): StickyComment =>
  openComment(settings(options), known);
function markerOf(run: number, attempt = 1): string {
  const runId = String(17_000_000_000 + run);
  return formatMarker(
    makeMarker(identity, { runId, runNumber: run, runAttempt: attempt, key: `gh-${runId}-abc` }, "update"),
  );
}
/** The body of our comment without a signature. */
const unsigned = (comment: GitHubComment | undefined): string => withoutSignature(comment?.body ?? "");
const own = (): GitHubComment[] => github.comments.filter(({ login }) => login === actionsBot.login);
/** What a reader sees of our comments. */
const texts = (): string[] => own().map(({ body }) => body.replace(/^<!--.*-->\n/, ""));
const asked = (method: string): string[] =>
  github.requests.filter((request) => request.method === method).map(({ path }) => path);

/** Something that happens once, just before GitHub answers the first such request. */
function before(method: string, happens: () => unknown, path = /comments/): void {
  github.onRequest = (request) => {
    if (request.method !== method || !path.test(request.path)) return;
    github.onRequest = undefined;
    happens();
  };
}

async function refusal(comment: StickyComment): Promise<string> {
  const outcome = await comment.show("Working");
  if (outcome.kind !== "refused") throw new Error(`The comment was ${outcome.kind}`);
  return outcome.warning;
}

describe("a step's comment", () => {
  it("is created with its marker as the very first characters, then updated in place", async () => {
    const comment = open();
    expect(comment.id).toBeUndefined();
    const created = await comment.show("Working");
    const id = own()[0]?.id;
    expect(created).toEqual({
      kind: "written",
      id,
      url: `https://github.com/octo-org/octo-repo/pull/12#issuecomment-${id ?? 0}`,
    });
    expect(comment.id).toBe(id);
    expect(own()[0]?.body).toBe(`${markerOf(7)}\nWorking`);
    expect(await comment.show("Done")).toMatchObject({ kind: "written", id });
    expect(texts()).toEqual(["Done"]);
  });

  it("costs no request before the first text, four for it, and two for each update", async () => {
    const comment = open();
    expect(github.requests).toEqual([]);
    await comment.show("Working");
    expect(github.requests.map(({ method }) => method)).toEqual(["POST", "GET", "POST", "GET"]);
    await comment.show("Done");
    expect(github.requests.slice(4).map(({ method }) => method)).toEqual(["GET", "PATCH"]);
  });

  it("is found by a later run among 230 others, on whatever page", async () => {
    github.preload(230);
    await open().show("First");
    github.preload(40);
    expect(await open({ run: 8 }).show("Second")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Second"]);
    expect(asked("GET").some((path) => path.includes("page=3"))).toBe(true);
  });

  it("is another one for another matrix job and on another pull request", async () => {
    await github.close();
    github = await startFakeGitHubServer({ numbers: [12, 13] });
    await open().show("A");
    await open({ identity: { ...identity, matrix: '{"os":"linux"}' } }).show("B");
    await open({ number: 13 }).show("C");
    expect(own().map(({ number, body }) => [number, body.at(-1)])).toEqual([
      [12, "A"],
      [12, "B"],
      [13, "C"],
    ]);
  });

  it("is a new one per workflow run in `new` mode, which a re-run updates", async () => {
    await open({ mode: "new" }).show("Run 7");
    await open({ mode: "new", run: 8 }).show("Run 8");
    await open({ mode: "new", attempt: 2 }).show("Run 7 again");
    await open().show("Kept up to date");
    expect(texts()).toEqual(["Run 7 again", "Run 8", "Kept up to date"]);
  });

  it("is read by its ID in the post step, without a search", async () => {
    const comment = open();
    await comment.show("Working");
    github.preload(230);
    github.requests.length = 0;
    const { id } = comment;
    if (id === undefined) throw new Error("no id");
    expect(await open({}, { id }).show("Cancelled")).toMatchObject({ kind: "written", id });
    expect(github.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /repos/octo-org/octo-repo/issues/comments/${id}`,
      `PATCH /repos/octo-org/octo-repo/issues/comments/${id}`,
    ]);
  });

  it("is found although the list contains what is not a comment", async () => {
    await open().show("Seven");
    const [comment] = own();
    const odd = { id: 7, body: 7, user: { login: null }, html_url: {} };
    const ours = { id: comment?.id, body: comment?.body, user: { login: actionsBot.login, type: "Bot" } };
    const body = [null, "x", { id: "y" }, odd, { id: 8, body: null, user: null }, ours];
    github.faults.push({ method: "GET", path: /\/12\/comments/, times: 9, status: 200, body });
    expect(await open({ run: 8 }).show("Eight")).toMatchObject({ kind: "written", id: comment?.id });
    expect(texts()).toEqual(["Eight"]);
  });

  it("is not written twice when it already says the text", async () => {
    await open().show("Done");
    await open().show("Done");
    expect(asked("PATCH")).toEqual([]);
  });

  it("is created again when a person deleted it, before or during the update", async () => {
    const comment = open();
    await comment.show("Working");
    github.comments.length = 0;
    expect(await comment.show("Still working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    before("PATCH", () => (github.comments.length = 0));
    expect(await comment.show("Done")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Done"]);
  });

  it("works on GitHub Enterprise Server", async () => {
    await github.close();
    github = await startFakeGitHubServer({ enterprise: true, prefix: "/github" });
    expect(github.apiUrl).toMatch(/\/github\/api\/v3$/);
    await open({ apiUrl: `${github.apiUrl}/` }).show("Working");
    await open({ run: 8 }).show("Done");
    expect(texts()).toEqual(["Done"]);
    expect(asked("POST")).toContain("graphql");
  });
});

describe("other people's comments", () => {
  it("are never touched, although they carry the marker", async () => {
    const forged = [
      github.addComment({ body: `${markerOf(1)}\nForged`, login: "mallory" }),
      github.addComment({ body: `${markerOf(99)}\nForged, and newer`, login: "mallory" }),
      github.addComment({ body: `${markerOf(1)}\nA person of the bot's name`, login: "github-actions" }),
      github.addComment({ body: `${markerOf(1)}\nAnother bot`, login: "other[bot]", type: "Bot" }),
      github.addComment({ body: ` ${markerOf(1)}\nNot the first characters`, login: actionsBot.login, type: "Bot" }),
      github.addComment({ body: `Answer: ${markerOf(1)}`, login: actionsBot.login, type: "Bot" }),
    ].map((comment) => ({ ...comment }));
    const comment = open();
    await comment.show("Working");
    await comment.show("Done");
    expect(github.comments.slice(0, -1)).toEqual(forged);
    expect(unsigned(github.comments.at(-1))).toBe(`${markerOf(7)}\nDone`);
    expect(asked("DELETE")).toEqual([]);
  });

  it("are never touched by way of a wrong ID either", async () => {
    const { id, body } = github.addComment({ body: "Mine" });
    expect(await open({}, { id }).show("Done")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(github.comments[0]?.body).toBe(body);
  });
});

describe("the token's account", () => {
  it.each([
    ["an App, as REST writes it", { login: "Mosoo-Reviewer[bot]", type: "Bot" as const }],
    [
      "an App without [bot], in other letters",
      { login: "mosoo-reviewer[bot]", type: "Bot" as const, viewer: "Mosoo-Reviewer" },
    ],
    ["a person", { login: "octocat", type: "User" as const }],
    ["a person, by REST alone", { login: "octocat", type: "User" as const, viewer: null }],
  ])("may be %s", async (_, account) => {
    github.tokens.set(writeToken, account);
    await open().show("Working");
    await open({ run: 8 }).show("Done");
    expect(github.comments.map((each) => [each.login, unsigned(each)])).toEqual([
      [account.login, `${markerOf(8)}\nDone`],
    ]);
  });

  it("is asked for once more after a failure of GraphQL, and then REST is asked", async () => {
    github.faults.push({ path: /^graphql$/, times: 2, status: 502 });
    await open().show("Working");
    expect(asked("POST").filter((path) => path === "graphql")).toHaveLength(2);
    expect(asked("GET").filter((path) => path === "/user")).toHaveLength(1);
    expect(texts()).toEqual(["Working"]);
  });

  it("is proven by the signature of the comment while GraphQL is down", async () => {
    const comment = open();
    await comment.show("Working");
    await comment.show("Done");
    github.faults.push({ path: /^graphql$/, times: 9, status: 502 });
    expect(await open({ run: 8 }).show("Eight")).toMatchObject({ kind: "written" });
    expect(texts()).toEqual(["Eight"]);
  });

  it("costs the comment rather than a second one where nothing proves it", async () => {
    await open().show("Working");
    github.faults.push({ path: /^graphql$/, times: 9, status: 502 });
    expect(await refusal(open({ run: 8 }))).toContain("which account");
    expect(texts()).toEqual(["Working"]);
  });
});

describe("a server that does not say whom a token belongs to", () => {
  const writes = (): string[] =>
    github.requests.filter(({ method, path }) => method !== "GET" && path !== "graphql").map(({ method }) => method);

  beforeEach(async () => {
    await github.close();
    github = await startFakeGitHubServer({ gitea: true, prefix: "/gitea" });
  });

  it("has its comment found by the signature, without any other write", async () => {
    await open().show("Seven");
    expect(writes()).toEqual(["POST", "PATCH"]);
    github.requests.length = 0;
    await open({ run: 8 }).show("Eight");
    expect(writes()).toEqual(["PATCH"]);
    expect(texts()).toEqual(["Eight"]);
  });

  it("is not deceived by copies of the whole comment, older or newer, by whomever", async () => {
    await open().show("Seven");
    const [ours] = own();
    github.comments.length = 0;
    const copies = ["mallory", "gitea-actions"].map((login) => ({
      ...github.addComment({ body: ours?.body ?? "", login }),
    }));
    await open({ run: 8 }).show("Eight");
    expect(github.comments.slice(0, -1)).toEqual(copies);
    expect(texts()).toEqual(["Eight"]);
  });

  it("is not deceived by a signature of another Mosoo token", async () => {
    await open({ signingSecret: "mst_stranger" }).show("Forged");
    await open({ run: 8 }).show("Eight");
    // The account has two comments with our marker, and the one that was just created proves whose both are.
    expect(texts()).toEqual(["Eight"]);
  });

  it.each([
    ["an answer lost after the comment was created", { status: 502 }],
    ["a connection cut after the comment was created", { drop: true }],
  ])("has one comment in spite of %s", async (_, fault) => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, ...fault });
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    await open({ run: 8 }).show("Done");
    expect(texts()).toEqual(["Done"]);
    expect(asked("POST").filter((path) => path.includes("comments"))).toHaveLength(1);
    expect(asked("DELETE")).toEqual([]);
  });

  it("has no second comment by a post step that cannot prove the first one", async () => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, drop: true });
    await open().show("Working", { signal: AbortSignal.timeout(300) });
    github.comments.length = 0;
    github.addComment({ body: `${markerOf(7)}\nWorking`, login: actionsBot.login, type: "Bot" });
    expect(await refusal(open())).toContain("which account");
    expect(texts()).toEqual(["Working"]);
  });

  it("has one comment in the end where two runs create one at the same time", async () => {
    await Promise.all([open({ run: 7 }).show("Seven"), open({ run: 8 }).show("Eight")]);
    expect(own()).toHaveLength(1);
  });

  it("has its comment on an issue's own page", async () => {
    const outcome = await open().show("Working");
    expect(outcome).toMatchObject({ url: expect.stringMatching(/\/pulls\/12#issuecomment-\d+$/) });
  });
});

describe("two steps of one run that GitHub does not tell apart", () => {
  const other = { key: "gh-17000000007-other" };

  it("do not write over each other: the second one names `pr-comment-key`", async () => {
    await open().show("First");
    expect(await refusal(open(other))).toContain("`pr-comment-key`");
    expect(texts()).toEqual(["First"]);
  });

  it("leave one comment where both create one at the same time", async () => {
    before(
      "POST",
      () => github.addComment({ body: `${markerOf(7)}\nFirst`, login: actionsBot.login, type: "Bot" }),
      /issues\/12/,
    );
    expect(await refusal(open(other))).toContain("`pr-comment-key`");
    expect(texts()).toEqual(["First"]);
  });

  it("share a comment on purpose by the same `pr-comment-key`", async () => {
    const shared = { ...identity, key: "review" };
    await open({ identity: shared }).show("First");
    await open({ ...other, identity: { ...shared, job: "docs" } }).show("Second");
    expect(texts()).toEqual(["Second"]);
  });

  it("have a comment each with different values of `pr-comment-key`", async () => {
    await open({ identity: { ...identity, key: "a" } }).show("First");
    await open({ ...other, identity: { ...identity, key: "b" } }).show("Second");
    expect(texts()).toEqual(["First", "Second"]);
  });
});

describe("runs at the same time", () => {
  it("converge on the oldest comment, and only the one just created is deleted", async () => {
    before(
      "POST",
      () => github.addComment({ body: `${markerOf(7)}\nOlder run`, login: actionsBot.login, type: "Bot" }),
      /issues\/12/,
    );
    github.preload(3);
    const comment = open({ run: 8 });
    expect(await comment.show("Newer run")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Newer run"]);
    expect(github.comments).toHaveLength(4);
    await comment.show("Done");
    expect(texts()).toEqual(["Done"]);
  });

  it("converge without losing a newer run's words", async () => {
    before(
      "POST",
      () => github.addComment({ body: `${markerOf(9)}\nNewest`, login: actionsBot.login, type: "Bot" }),
      /issues\/12/,
    );
    const comment = open({ run: 8 });
    expect(await comment.show("Older")).toMatchObject({ kind: "superseded", id: own()[0]?.id });
    expect(texts()).toEqual(["Newest"]);
    expect(comment.id).toBe(own()[0]?.id);
  });

  it("delete nothing that another run has written to meanwhile", async () => {
    before(
      "POST",
      () => github.addComment({ body: `${markerOf(7)}\nSeven`, login: actionsBot.login, type: "Bot" }),
      /issues\/12/,
    );
    const comment = open({ run: 8 });
    const shown = comment.show("Eight");
    while (own().length < 2) await new Promise(setImmediate);
    before("PATCH", () => ((own()[1] ?? { body: "" }).body = `${markerOf(9)}\nNine`));
    await shown;
    expect(texts()).toEqual(["Eight", "Nine"]);
    expect(asked("DELETE")).toEqual([]);
  });

  it("end with one comment and the newest run's words, three of them racing", async () => {
    await Promise.all([open({ run: 7 }).show("Seven"), open({ run: 9 }).show("Nine"), open({ run: 8 }).show("Eight")]);
    expect(own()).toHaveLength(1);
    // Whoever comes later to the comment of a newer run leaves it alone.
    await open({ run: 9 }).show("Nine is done");
    expect(await open({ run: 8 }).show("Eight is done")).toMatchObject({ kind: "superseded" });
    expect(texts()).toEqual(["Nine is done"]);
  });

  it("that end later than a newer one leave its answer alone, and say so", async () => {
    const older = open({ run: 7 });
    await older.show("Seven works");
    await open({ run: 8, attempt: 3 }).show("Eight is done");
    const outcome = await older.show("Seven is done");
    expect(outcome).toMatchObject({
      kind: "superseded",
      id: own()[0]?.id,
      note: expect.stringContaining("run #8 (attempt 3)"),
    });
    expect(texts()).toEqual(["Eight is done"]);
  });

  it("that are overtaken between search and write read again first", async () => {
    const [first] = [github.addComment({ body: `${markerOf(6)}\nSix`, login: actionsBot.login, type: "Bot" })];
    before("GET", () => (first.body = `${markerOf(8)}\nEight`), /issues\/comments\//);
    expect(await open({ run: 7 }).show("Seven")).toMatchObject({ kind: "superseded" });
    expect(texts()).toEqual(["Eight"]);
  });

  it("that are re-run write over their own earlier attempt, never the other way", async () => {
    const first = open({ attempt: 1 });
    await first.show("Attempt 1");
    await open({ attempt: 2 }).show("Attempt 2");
    await first.show("Attempt 1, late");
    expect(texts()).toEqual(["Attempt 2"]);
  });

  it("create no second comment when the list is stale", async () => {
    github.faults.push({ method: "GET", path: /\/issues\/12\//, times: 2, status: 200, body: [] });
    await open().show("Working");
    expect(own()).toHaveLength(1);
    expect(asked("POST").filter((path) => path !== "graphql")).toHaveLength(1);
  });
});

describe("a refusal", () => {
  it("of a read-only token shows the permissions block and names forks", async () => {
    const warning = await refusal(open({ token: readToken }));
    expect(warning).toContain("403: Resource not accessible by integration");
    expect(warning).toContain("\n\npermissions:\n  contents: read\n  pull-requests: write\n\n");
    expect(warning).toMatch(/fork.*`workflow_run`/);
    expect(asked("POST")).toHaveLength(2);
  });

  it("on an issue shows the permission for issues", async () => {
    const warning = await refusal(open({ token: readToken, target: { kind: "issue", number: 12 } }));
    expect(warning).toContain("issue #12 of octo-org/octo-repo");
    expect(warning).toContain("\n  issues: write\n");
  });

  it("of an unknown number says so beside the block", async () => {
    const warning = await refusal(open({ number: 99 }));
    expect(warning).toMatch(
      /404: Not Found.*pull-requests: write.*octo-org\/octo-repo has no pull request #99.*pr-number/s,
    );
  });

  it.each([
    [
      "a token that is not accepted",
      { status: 401, body: { message: "Bad credentials" } },
      "`github-token` is invalid",
    ],
    [
      "a locked conversation",
      { status: 403, body: { message: "Unable to create comment because issue is locked." } },
      "unlock it",
    ],
    ["a conversation that is gone", { status: 410, body: { message: "This issue was deleted" } }, "was deleted"],
    [
      "a text GitHub does not take",
      { status: 422, body: { message: "Validation Failed", errors: [{ message: "Body is too long" }] } },
      "Body is too long",
    ],
    ["a response that is not a comment", { status: 201, body: "<html>Please log in</html>" }, "not a comment"],
  ])("for %s names the cause, and is not tried again", async (_, fault, words) => {
    github.faults.push({ method: "POST", path: /comments/, times: 9, ...fault });
    expect(await refusal(open())).toContain(words);
    expect(asked("POST").filter((path) => path !== "graphql")).toHaveLength(1);
  });

  it("of an update that GitHub calls missing, although it lists the comment, comes to an end", async () => {
    await open().show("Working");
    github.faults.push({ method: "PATCH", times: 99, status: 404, body: { message: "Not Found" } });
    expect(await refusal(open({ run: 8 }))).toContain("404: Not Found");
    expect(asked("PATCH")).toHaveLength(3);
    expect(texts()).toEqual(["Working"]);
  });

  it("never shows the token, and nothing in it speaks to the runner", async () => {
    const message = `token ${writeToken}\n::error::pwned\r##[add-path]/tmp \u001b[31m ${"x".repeat(5_000)}`;
    github.faults.push({ method: "POST", path: /comments/, status: 403, body: { message } });
    const warning = await refusal(open());
    expect(warning).not.toContain(writeToken);
    expect(warning).not.toMatch(/^\s*::|##\[|\u001b/m);
    expect(warning.length).toBeLessThan(2_000);
  });
});

describe("trouble that passes", () => {
  it.each(["GET", "POST"])("with a 5xx answer to %s is tried again", async (method) => {
    github.faults.push({ method, path: /comments/, ...faults.serverError(3) });
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(texts()).toEqual(["Working"]);
  });

  it.each([
    "Could not resolve to a node with the global id of 'PR_kwDOxxx'.",
    "body was submitted too quickly after another comment",
  ])("with a 422 answer that GitHub takes back is tried again: %s", async (message) => {
    const errors = [{ resource: "IssueComment", code: "unprocessable", field: "data", message }];
    github.faults.push({
      method: "POST",
      path: /comments/,
      status: 422,
      body: { message: "Validation Failed", errors },
    });
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(texts()).toEqual(["Working"]);
  });

  it.each([
    ["an answer lost after the comment was made", { status: 502 }],
    ["a connection cut after the comment was made", { drop: true }],
  ])("such as %s leaves one comment", async (_, fault) => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, ...fault });
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Working"]);
  });

  it("after the text stands does not take it back", async () => {
    before("POST", () => github.faults.push({ method: "GET", ...faults.serverError(99) }), /comments/);
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
  });

  it("is waited out where GitHub says how long", async () => {
    github.faults.push(faults.secondaryRateLimit(1));
    const began = performance.now();
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  it.each([
    ["a secondary rate limit of a minute", () => faults.secondaryRateLimit(60, 9)],
    ["a primary rate limit until the next hour", () => faults.primaryRateLimit(3_000, 9)],
  ])("is not waited for beyond reason: %s", async (_, fault) => {
    github.faults.push(fault());
    expect(await refusal(open())).toMatch(/rate limit/);
    expect(github.requests.length).toBeLessThan(4);
  });

  it("that does not pass ends in a warning after a few tries", async () => {
    github.faults.push({ path: /comments/, ...faults.serverError(99) });
    expect(await refusal(open())).toContain("502");
    expect(asked("GET")).toHaveLength(5);
  });

  it("with a server that is not there ends in a warning", async () => {
    await github.close();
    expect(await refusal(open())).toMatch(/ECONNREFUSED/);
  });

  it("is given up when the time for it is over", async () => {
    github.faults.push({ path: /comments/, ...faults.slow(20_000, 99) });
    const began = performance.now();
    await refusal(open({ timeoutMs: 150 }));
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("stopping", () => {
  it("is prompt while GitHub keeps silent, and while a pause lasts", async () => {
    for (const fault of [faults.slow(20_000), faults.secondaryRateLimit(15, 9)]) {
      github.faults.splice(0, Infinity, fault);
      const began = performance.now();
      const outcome = await open().show("Working", { signal: AbortSignal.timeout(60) });
      if (outcome.kind !== "refused") throw new Error(outcome.kind);
      expect(outcome.warning).toContain("no time left");
      expect(performance.now() - began).toBeLessThan(10_000);
    }
  });

  it("before the start sends nothing", async () => {
    expect(await open().show("Working", { signal: AbortSignal.abort() })).toMatchObject({ kind: "refused" });
    expect(github.requests).toEqual([]);
  });

  it("ends the tries of an outdated text when a later one is there", async () => {
    github.faults.push({ method: "POST", path: /comments/, ...faults.secondaryRateLimit(15) });
    const comment = open();
    const working = comment.show("Working");
    const began = performance.now();
    while (github.faults[0]?.times !== 0) await new Promise(setImmediate);
    expect(await comment.show("Done")).toMatchObject({ kind: "written" });
    expect(await working).toMatchObject({ kind: "written", id: comment.id });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(texts()).toEqual(["Done"]);
  });

  it("keeps the order of texts that are shown at once", async () => {
    const comment = open();
    const outcomes = await Promise.all([comment.show("One"), comment.show("Two"), comment.show("Three")]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["written", "written", "written"]);
    expect(texts()).toEqual(["Three"]);
  });
});

describe("a comment that is too long", () => {
  it("is cut between lines or characters, with a note", async () => {
    const comment = open();
    await comment.show(`${"word ".repeat(9)}\n`.repeat(3_000));
    expect(own()[0]?.body.length).toBeLessThanOrEqual(MAX_COMMENT_LENGTH);
    expect(own()[0]?.body).toMatch(/word \n\n_The rest is too long for a comment\._$/);
    await comment.show("🦞".repeat(40_000));
    expect(own()[0]?.body.isWellFormed()).toBe(true);
  });
});
