import { beforeEach, describe, expect, it } from "@jest/globals";
import { actionsBot, writeToken } from "../../support/fake-github-server.ts";
import {
  addOwn,
  asked,
  before,
  github,
  identity,
  markerOf,
  open,
  own,
  refusal,
  replaceGitHub,
  texts,
  unsigned,
  useFakeGitHub,
} from "./harness.ts";

useFakeGitHub();

describe("other people's comments", () => {
  it("are never touched, although they have the marker", async () => {
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

  it("are never touched, although the saved ID is theirs", async () => {
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
});

describe("a server that does not say whom a token belongs to", () => {
  const writes = (): string[] =>
    github.requests.filter(({ method, path }) => method !== "GET" && path !== "graphql").map(({ method }) => method);

  beforeEach(async () => {
    await replaceGitHub({ gitea: true, prefix: "/gitea" });
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

  it("has one comment in spite of a response lost after it was created", async () => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, drop: true });
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    await open({ run: 8 }).show("Done");
    expect(texts()).toEqual(["Done"]);
    expect(asked("POST").filter((path) => path.includes("comments"))).toHaveLength(1);
    expect(asked("DELETE")).toEqual([]);
  });

  it("gets no second comment where nothing proves whose the first one is", async () => {
    addOwn(7, "Working");
    await refusal(open());
    expect(texts()).toEqual(["Working"]);
  });

  it("has one comment in the end where two runs create one at the same time", async () => {
    await Promise.all([open({ run: 7 }).show("Seven"), open({ run: 8 }).show("Eight")]);
    expect(own()).toHaveLength(1);
  });
});

describe("two steps of one run that GitHub does not distinguish", () => {
  const other = { key: "gh-17000000007-other" };

  it("do not write over each other: the second one names `pr-comment-key`", async () => {
    await open().show("First");
    expect(await refusal(open(other))).toContain("`pr-comment-key`");
    expect(texts()).toEqual(["First"]);
  });

  it("leave one comment where both create one at the same time", async () => {
    before("POST", () => addOwn(7, "First"), /issues\/12/);
    expect(await refusal(open(other))).toContain("`pr-comment-key`");
    expect(texts()).toEqual(["First"]);
  });

  it("share a comment on purpose by the same `pr-comment-key`", async () => {
    const shared = { ...identity, key: "review" };
    await open({ identity: shared }).show("First");
    await open({ ...other, identity: { ...shared, job: "docs" } }).show("Second");
    expect(texts()).toEqual(["Second"]);
  });
});
