/** Several runs and jobs with comments on one pull request, through the built action. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { answering, startScene, until, working, type Scene } from "../support/commenting.ts";
import { writeToken } from "../support/fake-github-server.ts";
import { runStep, startStep, type StepOptions } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

/** A step of a certain run: its own message and thread, the same workflow, job and step. */
function stepOfRun(runNumber: number, more: Partial<StepOptions> = {}): StepOptions {
  return scene.step({
    runNumber,
    runId: String(17_000_000_000 + runNumber),
    ...more,
    with: { message: `Review push ${runNumber}.`, ...more.with },
  });
}

/** Each run responds with the message it was sent; the held one continues until `endRun`. */
const echo =
  (held?: number): Scene["script"] =>
  ({ text }) =>
    text.includes(`push ${held ?? "none"}.`) ? working : answering(`Response to: ${text}`);

function endRun(runNumber: number): void {
  const thread = scene.mosoo.threads.find(({ messages, body }) =>
    JSON.stringify([messages, body]).includes(`Review push ${runNumber}.`),
  );
  scene.mosoo.endRun(thread?.runs[0]?.id ?? "", "completed", { text: `Response to: Review push ${runNumber}.` });
}

const markedRuns = (): (string | undefined)[] => scene.own().map(({ body }) => / run=\S+/.exec(body)?.[0]);

describe("two runs that comment on one pull request", () => {
  it("leave the newer run's response in the comment, which the older one's log says", async () => {
    scene.script = echo(7);
    const older = startStep(stepOfRun(7));
    await until(() => scene.texts().length === 1, "the older run's comment");
    await runStep(stepOfRun(8));
    const body = scene.own()[0]?.body;
    endRun(7);
    const { exitCode, annotations, shown, outputs } = await older.result;
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(shown).toContain("#8");
    expect(scene.own().map((comment) => comment.body)).toEqual([body]);
    expect(body).toContain("Response to: Review push 8.");
    expect(outputs["comment-url"]).toContain(String(scene.own()[0]?.id));
  });

  it("leave one comment with the newer run's response where both start at the same time", async () => {
    scene.script = echo();
    // Both have listed the comments, and found none, before either creates one.
    let listed = 0;
    const bothListed = Promise.withResolvers<undefined>();
    scene.github.onRequest = async ({ method }) => {
      if (method === "GET" && ++listed === 2) bothListed.resolve(undefined);
      if (method === "GET" && listed <= 2) await bothListed.promise;
    };
    const results = await Promise.all([runStep(stepOfRun(7)), runStep(stepOfRun(8))]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(markedRuns()).toEqual([" run=8.1"]);
    expect(scene.texts()[0]).toContain("Response to: Review push 8.");
    expect(new Set(results.map(({ outputs }) => outputs["comment-url"])).size).toBe(1);
  });
});

describe("several jobs of one workflow run", () => {
  it("have a comment for each matrix job, by its name, which later runs update", async () => {
    const job = (runNumber: number, matrix: unknown): StepOptions =>
      stepOfRun(runNumber, { matrix, with: { wait: "false" } });
    await Promise.all([runStepHere(job(7, { os: "linux", node: 24 })), runStepHere(job(7, { os: "macos", node: 24 }))]);
    await runStepHere(job(8, { node: 24, os: "linux" }));
    const names = scene.texts().map((text) => /\[(?:Job )?([^\]]*)\]\(\S+\/actions\/runs/.exec(text)?.[1]);
    expect(names.toSorted()).toEqual(["review (24, linux)", "review (macos, 24)"]);
    expect(markedRuns().toSorted()).toEqual([" run=7.1", " run=8.1"]);
  });
});

it("the token that writes the comment is the one of `github-token`", async () => {
  await runStepHere(stepOfRun(7, { githubToken: "ghs_other", with: { "github-token": writeToken, wait: "false" } }));
  expect(scene.own()).toHaveLength(1);
  expect(new Set(scene.github.requests.map(({ authorization }) => authorization))).toEqual(
    new Set([`token ${writeToken}`]),
  );
});
