import { describe, expect, it } from "@jest/globals";
import { faults, readToken, writeToken } from "../../support/fake-github-server.ts";
import { github, useFakeGitHub, open, own, texts, asked, before, refusal } from "./harness.ts";

useFakeGitHub();

/** After a reword: `npm test -- __tests__/report/comment/failures.test.ts -u`. */
describe("the warning about a rejected comment", () => {
  it("shows the permissions to add where the token is read-only", async () => {
    expect(await refusal(open({ token: readToken }))).toMatchSnapshot();
    expect(asked("POST")).toHaveLength(2);
  });

  it("shows the permission for issues on an issue", async () => {
    expect(await refusal(open({ token: readToken, target: { kind: "issue", number: 12 } }))).toMatchSnapshot();
  });

  it("mentions `pr-number` where the number is unknown", async () => {
    const warning = await refusal(open({ number: 99 }));
    expect(warning).toContain("pr-number");
    expect(warning).toMatchSnapshot();
  });

  it.each([
    ["a token that is not accepted", { status: 401, body: { message: "Bad credentials" } }],
    ["a locked conversation", { status: 403, body: { message: "Unable to create comment because issue is locked." } }],
    ["a conversation that is gone", { status: 410, body: { message: "This issue was deleted" } }],
    [
      "a text GitHub does not take",
      { status: 422, body: { message: "Validation Failed", errors: [{ message: "Body is too long" }] } },
    ],
    ["a response that is not a comment", { status: 201, body: "<html>Please log in</html>" }],
  ])("names the cause without a retry: %s", async (_, fault) => {
    github.faults.push({ method: "POST", path: /comments/, times: 9, ...fault });
    expect(await refusal(open())).toMatchSnapshot();
    expect(asked("POST").filter((path) => path !== "graphql")).toHaveLength(1);
  });

  it("follows three attempts at a comment that is listed but missing", async () => {
    await open().show("Working");
    github.faults.push({ method: "PATCH", times: 99, status: 404, body: { message: "Not Found" } });
    expect(await refusal(open({ run: 8 }))).toContain("404");
    expect(asked("PATCH")).toHaveLength(3);
    expect(texts()).toEqual(["Working"]);
  });

  it("contains neither the token nor a workflow command", async () => {
    const message = `token ${writeToken}\n::error::pwned\r##[add-path]/tmp \u001b[31m ${"x".repeat(5_000)}`;
    github.faults.push({ method: "POST", path: /comments/, status: 403, body: { message } });
    const warning = await refusal(open());
    expect(warning).not.toContain(writeToken);
    expect(warning).not.toMatch(/^\s*::|##\[|\u001b/m);
    expect(warning.length).toBeLessThan(2_000);
  });
});

describe("a transient failure of GitHub", () => {
  const tooQuick = { resource: "IssueComment", code: "unprocessable", field: "data" };
  const unprocessable = (message: string): object => ({
    method: "POST",
    status: 422,
    body: { message: "Validation Failed", errors: [{ ...tooQuick, message }] },
  });

  it.each([
    ["a 5xx response to GET", { method: "GET", ...faults.serverError(3) }],
    ["a 5xx response to POST", { method: "POST", ...faults.serverError(3) }],
    ["an unknown node", unprocessable("Could not resolve to a node with the global id of 'PR_kwDOxxx'.")],
    ["comments in quick succession", unprocessable("body was submitted too quickly after another comment")],
  ])("is retried: %s", async (_, fault) => {
    github.faults.push({ path: /comments/, ...fault });
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(texts()).toEqual(["Working"]);
  });

  it.each([
    ["an answer lost after the comment was made", { status: 502 }],
    ["a connection cut after the comment was made", { drop: true }],
  ])("leaves one comment: %s", async (_, fault) => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, ...fault });
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Working"]);
  });

  it("is ignored after the text was written", async () => {
    before("POST", () => github.faults.push({ method: "GET", ...faults.serverError(99) }), /comments/);
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
  });

  it.each([
    ["a secondary rate limit of a minute", () => faults.secondaryRateLimit(60, 9)],
    ["a primary rate limit until the next hour", () => faults.primaryRateLimit(3_000, 9)],
  ])("is not waited for if that takes too long: %s", async (_, fault) => {
    github.faults.push(fault());
    await refusal(open());
    expect(github.requests.length).toBeLessThan(4);
  });

  it("ends in a warning after five attempts", async () => {
    github.faults.push({ path: /comments/, ...faults.serverError(99) });
    expect(await refusal(open())).toContain("502");
    expect(asked("GET")).toHaveLength(5);
  });

  it("ends in a warning where the server is not reachable", async () => {
    await github.close();
    expect(await refusal(open())).toContain("ECONNREFUSED");
  });

  it("ends in a warning when the time for it is over", async () => {
    github.faults.push({ path: /comments/, ...faults.slow(600_000, 99) });
    await refusal(open({ timeoutMs: 20 }));
  });
});

describe("cancelling a comment", () => {
  it.each([
    ["GitHub does not respond", () => faults.slow(600_000)],
    ["a retry is waited for", () => faults.secondaryRateLimit(15, 9)],
  ])("takes effect at once while %s", async (_, fault) => {
    github.faults.push(fault());
    const stop = new AbortController();
    const shown = open().show("Working", { signal: stop.signal });
    while (github.requests.length === 0) await new Promise(setImmediate);
    stop.abort();
    expect(await shown).toMatchObject({ kind: "refused" });
  });

  it("sends no request where it happens before the start", async () => {
    expect(await open().show("Working", { signal: AbortSignal.abort() })).toMatchObject({ kind: "refused" });
    expect(github.requests).toEqual([]);
  });

  it("happens to the retries of a text when a later one is there", async () => {
    github.faults.push({ method: "POST", path: /comments/, ...faults.secondaryRateLimit(20) });
    const comment = open();
    const working = comment.show("Working");
    const began = performance.now();
    while (github.faults[0]?.times !== 0) await new Promise(setImmediate);
    expect(await comment.show("Done")).toMatchObject({ kind: "written" });
    expect(await working).toMatchObject({ kind: "written", id: comment.id });
    expect(performance.now() - began).toBeLessThan(19_000);
    expect(texts()).toEqual(["Done"]);
  });

  it("keeps the order of texts that are shown at the same time", async () => {
    const comment = open();
    const outcomes = await Promise.all([comment.show("One"), comment.show("Two"), comment.show("Three")]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["written", "written", "written"]);
    expect(texts()).toEqual(["Three"]);
  });
});
