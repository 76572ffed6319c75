import { describe, expect, it } from "@jest/globals";
import { faults, readToken, writeToken } from "../../support/fake-github-server.ts";
import { github, useFakeGitHub, open, own, texts, asked, before, refusal } from "./harness.ts";

useFakeGitHub();

describe("the warning about a rejected comment", () => {
  it("shows the permissions to add, and mentions forks, where the token is read-only", async () => {
    const warning = await refusal(open({ token: readToken }));
    expect(warning).toContain("403: Resource not accessible by integration");
    expect(warning).toContain("\n\npermissions:\n  contents: read\n  pull-requests: write\n\n");
    expect(warning).toMatch(/fork.*`workflow_run`/);
    expect(asked("POST")).toHaveLength(2);
  });

  it("shows the permission for issues on an issue", async () => {
    const warning = await refusal(open({ token: readToken, target: { kind: "issue", number: 12 } }));
    expect(warning).toContain("issue #12 of octo-org/octo-repo");
    expect(warning).toContain("\n  issues: write\n");
  });

  it("mentions `pr-number` where the number is unknown", async () => {
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
  ])("names the cause without a retry: %s", async (_, fault, words) => {
    github.faults.push({ method: "POST", path: /comments/, times: 9, ...fault });
    expect(await refusal(open())).toContain(words);
    expect(asked("POST").filter((path) => path !== "graphql")).toHaveLength(1);
  });

  it("follows three attempts at a comment that is listed but missing", async () => {
    await open().show("Working");
    github.faults.push({ method: "PATCH", times: 99, status: 404, body: { message: "Not Found" } });
    expect(await refusal(open({ run: 8 }))).toContain("404: Not Found");
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
  it.each(["GET", "POST"])("with a 5xx response to %s is retried", async (method) => {
    github.faults.push({ method, path: /comments/, ...faults.serverError(3) });
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(texts()).toEqual(["Working"]);
  });

  it.each([
    "Could not resolve to a node with the global id of 'PR_kwDOxxx'.",
    "body was submitted too quickly after another comment",
  ])("with a transient 422 response is retried: %s", async (message) => {
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
  ])("leaves one comment: %s", async (_, fault) => {
    github.faults.push({ method: "POST", path: /comments/, afterwards: true, ...fault });
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
    expect(texts()).toEqual(["Working"]);
  });

  it("after the text was written is ignored", async () => {
    before("POST", () => github.faults.push({ method: "GET", ...faults.serverError(99) }), /comments/);
    expect(await open().show("Working")).toMatchObject({ kind: "written", id: own()[0]?.id });
  });

  it("is waited for as long as Retry-After says", async () => {
    github.faults.push(faults.secondaryRateLimit(1));
    const began = performance.now();
    expect(await open().show("Working")).toMatchObject({ kind: "written" });
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  it.each([
    ["a secondary rate limit of a minute", () => faults.secondaryRateLimit(60, 9)],
    ["a primary rate limit until the next hour", () => faults.primaryRateLimit(3_000, 9)],
  ])("is not waited for if that takes too long: %s", async (_, fault) => {
    github.faults.push(fault());
    expect(await refusal(open())).toMatch(/rate limit/);
    expect(github.requests.length).toBeLessThan(4);
  });

  it("ends in a warning after five attempts", async () => {
    github.faults.push({ path: /comments/, ...faults.serverError(99) });
    expect(await refusal(open())).toContain("502");
    expect(asked("GET")).toHaveLength(5);
  });

  it("ends in a warning where the server is not reachable", async () => {
    await github.close();
    expect(await refusal(open())).toMatch(/ECONNREFUSED/);
  });

  it("ends in a warning when the time for it is over", async () => {
    github.faults.push({ path: /comments/, ...faults.slow(20_000, 99) });
    const began = performance.now();
    await refusal(open({ timeoutMs: 150 }));
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("cancelling a comment", () => {
  it("takes effect at once while GitHub does not respond, and during a delay", async () => {
    for (const fault of [faults.slow(20_000), faults.secondaryRateLimit(15, 9)]) {
      github.faults.splice(0, Infinity, fault);
      const began = performance.now();
      const outcome = await open().show("Working", { signal: AbortSignal.timeout(60) });
      if (outcome.kind !== "refused") throw new Error(outcome.kind);
      expect(outcome.warning).toContain("no time left");
      expect(performance.now() - began).toBeLessThan(10_000);
    }
  });

  it("before the start sends no request", async () => {
    expect(await open().show("Working", { signal: AbortSignal.abort() })).toMatchObject({ kind: "refused" });
    expect(github.requests).toEqual([]);
  });

  it("happens to the retries of a text when a later one is there", async () => {
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

  it("keeps the order of texts that are shown at the same time", async () => {
    const comment = open();
    const outcomes = await Promise.all([comment.show("One"), comment.show("Two"), comment.show("Three")]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["written", "written", "written"]);
    expect(texts()).toEqual(["Three"]);
  });
});
