/** Who may start the agent, through the built action. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type Scene, startScene } from "../support/commenting.ts";
import { writeToken } from "../support/fake-github-server.ts";
import { expectFailure, traces } from "../support/refusals.ts";
import { type RunnerEvent, type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
afterEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

/** A step that does not wait or comment, with the default of `allowed-actors`. */
function start(event: RunnerEvent, more: Partial<StepOptions> = {}, runner = runStepHere): Promise<StepResult> {
  const inputs = { wait: "false", "pr-comment": "off", "allowed-actors": "", ...more.with };
  return runner(scene.step({ event, ...more, with: inputs }));
}

function expectSkipped(step: StepResult, notice: RegExp): void {
  expect({ exit: step.exitCode, outputs: step.outputs, summary: step.summary }).toEqual({
    exit: 0,
    outputs: { skipped: "true" },
    summary: "",
  });
  expect(step.annotations).toEqual([expect.objectContaining({ level: "notice" })]);
  expect(step.annotations[0]?.message).toMatch(notice);
  expect(scene.mosoo.requests).toEqual([]);
}

function expectStarted(step: StepResult): void {
  expect({ exit: step.exitCode, shown: step.exitCode === 0 ? "" : step.shown }).toEqual({ exit: 0, shown: "" });
  expect(step.outputs["skipped"]).toBe("false");
  expect(scene.mosoo.threads).toHaveLength(1);
}

const byStranger = events.issueComment({ author: "stranger" });

describe("On an event that anyone can trigger", () => {
  it("a stranger's step is skipped with a notice, before any other problem and any request to Mosoo", async () => {
    scene.github.roles.set("stranger", "read");
    const step = await start(byStranger, { with: { "agent-id": "", message: "", wait: "maybe" } }, runStep);
    expectSkipped(step, /issue_comment.* stranger /);
    expect(scene.github.requests).toHaveLength(1);
  });

  it("a stranger's step is skipped before the problem of a missing token", async () => {
    expectSkipped(await start(byStranger, { with: { token: "" } }), /stranger/);
  });

  it("a writer's step goes on, and each token goes to its own service", async () => {
    scene.github.roles.set("octocat", "write");
    const step = await start(events.issueComment(), {}, runStep);
    expectStarted(step);
    expect(scene.github.requests.map(({ authorization }) => authorization)).toEqual([`token ${writeToken}`]);
    const token = scene.mosoo.tokens.person;
    const sent = new Set(scene.mosoo.requests.map(({ authorization }) => authorization));
    expect([...sent].filter((each) => each !== undefined)).toEqual([`Bearer ${token}`]);
    expect(JSON.stringify(scene.github.requests)).not.toContain(token);
    expect(JSON.stringify(scene.mosoo.requests.map(({ headers, body }) => [headers, body]))).not.toContain(writeToken);
    expect(traces(step)).not.toContain(writeToken);
  });

  it("a stranger's re-run of a writer's step is skipped, and a writer's re-run of a stranger's goes on", async () => {
    scene.github.roles.set("octocat", "write");
    const rerunBy = (login: string): Partial<StepOptions> => ({
      runAttempt: 2,
      env: { ...scene.step().env, GITHUB_TRIGGERING_ACTOR: login },
    });
    expectSkipped(await start(events.issueComment(), rerunBy("stranger")), /stranger/);
    expectStarted(await start(byStranger, rerunBy("octocat")));
  });

  it("a listed bot's step goes on without a request to GitHub", async () => {
    const event = events.issueComment({ author: "renovate[bot]", authorType: "Bot" });
    expectStarted(await start(event, { with: { "allowed-actors": "write\nrenovate[bot]" } }));
    expect(scene.github.requests).toHaveLength(0);
  });

  it("a step is skipped while GitHub cannot be asked", async () => {
    const env = { ...scene.step().env, GITHUB_API_URL: "http://127.0.0.1:9" };
    expectSkipped(await start(byStranger, { env, with: { "github-token": "" } }), /`github-token`/);
  });

  it("a list that is invalid fails the step", async () => {
    const step = await start(byStranger, { with: { "allowed-actors": "@octocat" } });
    expectFailure(step, { input: "allowed-actors" });
    expect(scene.mosoo.requests).toEqual([]);
    expect(scene.github.requests).toEqual([]);
  });
});

describe("On an event that needs write access", () => {
  it("GitHub is not asked", async () => {
    expectStarted(await start(events.push()));
    expect(scene.github.requests).toHaveLength(0);
  });

  it("a list that is invalid fails the step all the same", async () => {
    const step = await start(events.push(), { with: { "allowed-actors": "admin" } });
    expectFailure(step, { input: "allowed-actors" });
  });
});
