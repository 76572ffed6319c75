/** GitHub does not take the comment: the step goes on as if nothing were, and one warning says what to do. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { headlineOf, startScene, until, working, type Scene } from "../support/commenting.ts";
import { faults, readToken, type GitHubFault } from "../support/fake-github-server.ts";
import { events, runStep, startStep, type StepResult } from "../support/runner.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

const permissions = "permissions:\n  contents: read\n  pull-requests: write\n";

/** The step has its thread and its answer, and one warning. */
function warningOf({ exitCode, outputs, annotations, summary }: StepResult): string {
  expect({ exitCode, status: outputs["status"], response: outputs["response"] }).toEqual({
    exitCode: 0,
    status: "completed",
    response: "All is well.",
  });
  expect(summary).toContain("All is well.");
  expect(outputs).not.toHaveProperty("comment-url");
  expect(annotations.map(({ level }) => level)).toEqual(["warning"]);
  return annotations[0]?.message ?? "";
}

describe("a comment that GitHub refuses", () => {
  it("to a fork's read-only token costs a warning with the block to add", async () => {
    const event = events.pullRequestFromFork();
    const warning = warningOf(await runStep(scene.step({ event, githubToken: readToken })));
    expect(warning).toContain("403: Resource not accessible by integration");
    expect(warning).toContain(permissions);
    expect(warning).toMatch(/fork.*`workflow_run`/);
    expect(warning).not.toContain(readToken);
    expect(scene.own()).toEqual([]);
  });

  it("with 404 costs the same warning, and names the number", async () => {
    const warning = warningOf(await runStep(scene.step({ with: { "pr-number": "404" } })));
    expect(warning).toContain("404: Not Found");
    expect(warning).toContain(permissions);
    expect(warning).toContain("octo-org/octo-repo has no pull request #404");
  });

  it("in a locked conversation is told in whole sentences", async () => {
    const message = "Unable to create comment because issue is locked.";
    scene.github.faults.push({ method: "POST", path: /comments/, times: 99, status: 403, body: { message } });
    expect(warningOf(await runStep(scene.step()))).toMatch(
      /#12 of octo-org\/octo-repo \(403: Unable to create comment because issue is locked\)\..*unlock it/,
    );
  });

  it("without a word is told by its status alone", async () => {
    scene.github.faults.push({ path: /comments/, times: 99, status: 404, body: "" });
    expect(warningOf(await runStep(scene.step()))).toContain("octo-org/octo-repo (404).");
  });

  it("is told without harm, whatever the runner calls the repository", async () => {
    const repository = "octo-org/\u2028::error::##[add-mask]\u202eodd";
    const warning = warningOf(await runStep(scene.step({ repository })));
    expect(warning).toContain(" of octo-org/ ::error::##\\[add-mask][U+202E]odd (404");
  });

  it.each<[string, GitHubFault, string]>([
    [
      "as too long",
      {
        status: 422,
        body: { message: "Validation Failed", errors: [{ message: "Body is too long (maximum is 65536 characters)" }] },
      },
      '422: Validation Failed: {"message":"Body is too long',
    ],
    ["for a bad token", { status: 401, body: { message: "Bad credentials" } }, "`github-token` is invalid"],
    ["until the next hour", faults.primaryRateLimit(3_000, 99), "rate limit of this token"],
    ["with a page", { status: 200, body: "<html>Sign in</html>" }, "something that is not"],
  ])("%s costs a warning that says so", async (_, fault, words) => {
    scene.github.faults.push({ path: /comments/, ...fault, times: 99 });
    expect(warningOf(await runStep(scene.step()))).toContain(words);
  });

  it("costs a step that failed no second error", async () => {
    scene.script = [{ end: "failed" }];
    const { exitCode, annotations } = await runStep(scene.step({ githubToken: readToken }));
    expect(exitCode).toBe(1);
    expect(annotations.map(({ level }) => level)).toEqual(["warning", "error"]);
  });

  it("for want of a token costs a warning, and GitHub is not asked", async () => {
    expect(warningOf(await runStep(scene.step({ with: { "github-token": "" } })))).toContain("`github-token` is empty");
    expect(scene.github.requests).toEqual([]);
  });
});

describe("trouble of GitHub's that passes", () => {
  it("while the agent works is not told once the answer stands", async () => {
    scene.script = working;
    scene.github.faults.push({ ...faults.serverError(99), path: /comments/ });
    const running = startStep(scene.step());
    await until(() => scene.github.requests.length >= 2, "the first try");
    scene.github.faults.length = 0;
    scene.mosoo.endRun(scene.mosoo.threads[0]?.runs[0]?.id ?? "", "completed", { text: "All is well." });
    const { exitCode, annotations } = await running.result;
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(scene.texts().map(headlineOf)).toEqual(["completed"]);
  });
});
