/** GitHub rejects the comment: the step's result is the same, and one warning says what to do. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { outcomeOf, stepAtWork, startScene, until, working, type Scene } from "../support/commenting.ts";
import { faults, readToken, type GitHubFault } from "../support/fake-github-server.ts";
import { events, runPost, runStep, startStep, type StepResult } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

const shownOutcomes = (): string[] => scene.texts().map(outcomeOf);
const endRun = (): void => {
  scene.mosoo.endRun(scene.mosoo.threads[0]?.runs[0]?.id ?? "", "completed", { text: "All is well." });
};

/** The step has its thread and its response, and one warning. */
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

describe("a comment that GitHub rejects", () => {
  it("costs a warning where a fork's token is read-only, with the permissions to add", async () => {
    const event = events.pullRequestFromFork();
    const warning = warningOf(await runStep(scene.step({ event, githubToken: readToken })));
    expect(warning).toContain("permissions:\n  contents: read\n  pull-requests: write\n");
    expect(warning).toMatch(/fork.*`workflow_run`/);
    expect(warning).not.toContain(readToken);
    expect(scene.own()).toEqual([]);
  });

  it("costs a warning without workflow commands, with any repository name", async () => {
    const repository = "octo-org/\u2028::error::##[add-mask]\u202eodd";
    const warning = warningOf(await runStepHere(scene.step({ repository })));
    expect(warning).toContain(" of octo-org/ ::error::##\\[add-mask][U+202E]odd (404");
  });

  it("costs a warning where GitHub answers with a page instead of JSON", async () => {
    scene.github.faults.push({ path: /comments/, times: 99, status: 200, body: "<html>Sign in</html>" });
    expect(warningOf(await runStepHere(scene.step()))).toContain("octo-org/octo-repo");
  });

  it("costs a failed step no second error", async () => {
    scene.script = [{ end: "failed" }];
    const { exitCode, annotations } = await runStepHere(scene.step({ githubToken: readToken }));
    expect(exitCode).toBe(1);
    expect(annotations.map(({ level }) => level)).toEqual(["warning", "error"]);
  });

  it("costs a warning and no request to GitHub where the token is empty", async () => {
    expect(warningOf(await runStepHere(scene.step({ with: { "github-token": "" } })))).toContain("`github-token`");
    expect(scene.github.requests).toEqual([]);
  });
});

describe("two steps of one run that GitHub does not distinguish", () => {
  it("leave the comment to the first one, and the second one's warning names `pr-comment-key`", async () => {
    await runStepHere(scene.step({ with: { message: "Review the code." } }));
    const [first] = scene.texts();
    expect(warningOf(await runStepHere(scene.step({ with: { message: "Review the docs." } })))).toContain(
      "`pr-comment-key`",
    );
    expect(scene.texts()).toEqual([first]);
  });

  it("have a comment each with different values of `pr-comment-key`", async () => {
    await runStepHere(scene.step({ with: { "pr-comment-key": "code", message: "Review the code." } }));
    await runStepHere(scene.step({ with: { "pr-comment-key": "docs", message: "Review the docs." } }));
    expect(shownOutcomes()).toEqual(["completed", "completed"]);
  });

  it("do not keep a re-run with another message, or with `on-rerun: create`, from its own comment", async () => {
    await runStepHere(scene.step({ with: { message: "Review the code." } }));
    const rerun = scene.step({ runAttempt: 2, with: { message: "Review it.", "on-rerun": "create" } });
    const { annotations } = await runStepHere(rerun);
    expect(annotations).toEqual([]);
    expect(scene.own().map(({ body }) => / run=\S+/.exec(body)?.[0])).toEqual([" run=7.2"]);
  });
});

describe("a comment that says that the run is in progress", () => {
  it("has the response in the end although GitHub was down in between, without a warning", async () => {
    scene.script = working;
    scene.github.faults.push({ ...faults.serverError(99), path: /comments/ });
    const running = startStep(scene.step());
    await until(() => scene.github.requests.length >= 2, "the first attempt");
    scene.github.faults.length = 0;
    endRun();
    const { exitCode, annotations } = await running.result;
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(shownOutcomes()).toEqual(["completed"]);
  });

  it.each<[string, GitHubFault]>([
    ["the main step's last update is rejected", faults.primaryRateLimit(3_000, 99)],
    ["its last update is rejected for good", { status: 403, body: { message: "Forbidden" }, times: 99 }],
  ])("is ended by the post step where %s", async (_, fault) => {
    scene.script = working;
    const running = await stepAtWork(scene);
    scene.github.faults.push({ method: "PATCH", ...fault });
    endRun();
    const main = await running.result;
    expect({ exitCode: main.exitCode, annotations: main.annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(shownOutcomes()).toEqual(["working"]);
    scene.github.faults.length = 0;
    const post = await runPost(main);
    expect({ exitCode: post.exitCode, annotations: post.annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(shownOutcomes()).toEqual(["completed"]);
    expect(scene.texts()[0]).toContain("All is well.");
  });

  it("costs one warning of the post step where the token has expired, and still links to the thread", async () => {
    scene.script = working;
    const running = await stepAtWork(scene);
    scene.github.tokens.clear();
    endRun();
    const main = await running.result;
    expect({ exitCode: main.exitCode, annotations: main.annotations }).toEqual({ exitCode: 0, annotations: [] });
    const post = await runPost(main);
    expect(post.exitCode).toBe(0);
    expect(post.annotations.map(({ level }) => level)).toEqual(["warning"]);
    expect(post.annotations[0]?.message).toContain("`github-token`");
    expect(scene.texts()[0]).toContain(`in the thread](${main.outputs["thread-url"] ?? ""})`);
  });
});
