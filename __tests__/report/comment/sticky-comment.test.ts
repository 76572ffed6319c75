import { describe, expect, it } from "@jest/globals";
import { actionsBot } from "../../support/fake-github-server.ts";
import {
  addOwn,
  asked,
  before,
  github,
  identity,
  markerOf,
  open,
  own,
  replaceGitHub,
  texts,
  useFakeGitHub,
} from "./harness.ts";

useFakeGitHub();

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

  it("is found by a later run among 230 others, on any page", async () => {
    github.preload(230);
    await open().show("First");
    github.preload(40);
    expect(await open({ run: 8 }).show("Second")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Second"]);
    expect(asked("GET").some((path) => path.includes("page=3"))).toBe(true);
  });

  it("is another one for another matrix job and on another pull request", async () => {
    await replaceGitHub({ numbers: [12, 13] });
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
    await replaceGitHub({ enterprise: true, prefix: "/github" });
    expect(github.apiUrl).toMatch(/\/github\/api\/v3$/);
    await open({ apiUrl: `${github.apiUrl}/` }).show("Working");
    await open({ run: 8 }).show("Done");
    expect(texts()).toEqual(["Done"]);
    expect(asked("POST")).toContain("graphql");
  });
});

describe("runs at the same time", () => {
  it("converge on the oldest comment, and only the one just created is deleted", async () => {
    before("POST", () => addOwn(7, "Older run"), /issues\/12/);
    github.preload(3);
    const comment = open({ run: 8 });
    expect(await comment.show("Newer run")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Newer run"]);
    expect(github.comments).toHaveLength(4);
    await comment.show("Done");
    expect(texts()).toEqual(["Done"]);
  });

  it("converge without losing a newer run's text", async () => {
    before("POST", () => addOwn(9, "Newest"), /issues\/12/);
    const comment = open({ run: 8 });
    expect(await comment.show("Older")).toMatchObject({ kind: "superseded", id: own()[0]?.id });
    expect(texts()).toEqual(["Newest"]);
    expect(comment.id).toBe(own()[0]?.id);
  });

  it("delete nothing that another run has written to meanwhile", async () => {
    before("POST", () => addOwn(7, "Seven"), /issues\/12/);
    const comment = open({ run: 8 });
    const shown = comment.show("Eight");
    while (own().length < 2) await new Promise(setImmediate);
    before("PATCH", () => ((own()[1] ?? { body: "" }).body = `${markerOf(9)}\nNine`));
    await shown;
    expect(texts()).toEqual(["Eight", "Nine"]);
    expect(asked("DELETE")).toEqual([]);
  });

  it("end with one comment and the newest run's text where three of them race", async () => {
    await Promise.all([open({ run: 7 }).show("Seven"), open({ run: 9 }).show("Nine"), open({ run: 8 }).show("Eight")]);
    expect(own()).toHaveLength(1);
    // An older run leaves the comment of a newer run alone.
    await open({ run: 9 }).show("Nine is done");
    expect(await open({ run: 8 }).show("Eight is done")).toMatchObject({ kind: "superseded" });
    expect(texts()).toEqual(["Nine is done"]);
  });

  it("leave a newer run's text alone where they end later, and say so", async () => {
    const older = open({ run: 7 });
    await older.show("Seven works");
    await open({ run: 8, attempt: 3 }).show("Eight is done");
    const outcome = await older.show("Seven is done");
    expect(outcome).toMatchObject({ kind: "superseded", id: own()[0]?.id, note: expect.stringContaining("#8") });
    expect(texts()).toEqual(["Eight is done"]);
  });

  it("read the comment again between search and write", async () => {
    const first = addOwn(6, "Six");
    before("GET", () => (first.body = `${markerOf(8)}\nEight`), /issues\/comments\//);
    expect(await open({ run: 7 }).show("Seven")).toMatchObject({ kind: "superseded" });
    expect(texts()).toEqual(["Eight"]);
  });

  it("create no second comment when the list is stale", async () => {
    github.faults.push({ method: "GET", path: /\/issues\/12\//, times: 2, status: 200, body: [] });
    await open().show("Working");
    expect(own()).toHaveLength(1);
    expect(asked("POST").filter((path) => path !== "graphql")).toHaveLength(1);
  });
});

describe("a comment that is too long", () => {
  it("is truncated between lines or characters, with a note", async () => {
    const comment = open();
    await comment.show(`${"word ".repeat(9)}\n`.repeat(3_000));
    expect(own()[0]?.body.length).toBeLessThanOrEqual(65_536);
    expect(own()[0]?.body).toMatch(/word \n\n_[^_]+_$/);
    await comment.show("🦞".repeat(40_000));
    expect(own()[0]?.body.isWellFormed()).toBe(true);
  });
});
