/** The comment's life through the built action: what it says at each stage, for whom, and how it ends. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { answering, outcomeOf, startScene, until, working, type Scene } from "../support/commenting.ts";
import type { RunScript } from "../support/fake-mosoo-server.ts";
import { events, runStep, startStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { CONSEQUENCES } from "../support/refusals.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

const shownOutcomes = (): string[] => scene.texts().map(outcomeOf);

describe("the comment on a pull request", () => {
  it("says that the run is in progress and how to read it later, then has the response in the same place", async () => {
    scene.script = working;
    const running = startStep(scene.step());
    await until(() => scene.texts().length === 1, "a comment");
    const [thread] = scene.mosoo.threads;
    const [run] = thread?.runs ?? [];
    if (thread === undefined || run === undefined) throw new Error("no run");
    const page = `${scene.mosoo.origin}/threads/${thread.id}`;
    const [before] = scene.own();
    expect(outcomeOf(before?.body)).toBe("working");
    // Should nobody be left to update it, the comment is still right: it links to the thread and names the commit.
    expect(before?.body.split(`](${page})`).length).toBeGreaterThan(2);
    expect(before?.body).toContain("Commit [`5a1f0c6`]");

    scene.mosoo.endRun(run.id, "completed", { text: "## Verdict\n\nShip **it**." });
    const { exitCode, outputs, annotations } = await running.result;
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    const [after] = scene.own();
    expect(scene.github.comments).toEqual([{ ...before, body: after?.body, updatedAt: after?.updatedAt }]);
    expect(after?.body.split("\n")[0]).toMatch(/^<!-- mosoo-thread v1 use=[0-9a-f]{32} run=7\.1 .*-->$/);
    expect(outcomeOf(after?.body)).toBe("completed");
    expect(after?.body).toContain("Ship **it**.");
    expect(outputs["comment-url"]).toBe(
      `https://github.com/octo-org/octo-repo/pull/12#issuecomment-${before?.id ?? 0}`,
    );
  });

  it("says that the run was started where the step does not wait for it", async () => {
    const { exitCode, outputs } = await runStep(scene.step({ with: { wait: "false" } }));
    expect(exitCode).toBe(0);
    expect(shownOutcomes()).toEqual(["started"]);
    expect(scene.texts()[0]).toContain(outputs["thread-url"]);
    expect(outputs["comment-url"]).toMatch(/#issuecomment-\d+$/);
  });

  it("has the agent's question while the step waits for the answer", async () => {
    scene.script = [{ status: "waiting_input", title: "Push to main?" }];
    const running = startStep(scene.step({ with: { "on-waiting-input": "wait" } }));
    await until(() => scene.texts()[0]?.includes("**Push to main?**") === true, "a question");
    expect(shownOutcomes()).toEqual(["working"]);
    const [run] = scene.mosoo.threads[0]?.runs ?? [];
    scene.mosoo.setRunStatus(run?.id ?? "", "running");
    await until(() => scene.texts()[0]?.includes("Push to main?") === false, "work after it");
    expect(shownOutcomes()).toEqual(["working"]);
    scene.mosoo.endRun(run?.id ?? "", "completed", { text: "Pushed." });
    expect((await running.result).exitCode).toBe(0);
    expect(shownOutcomes()).toEqual(["completed"]);
  });

  it("is updated by later pushes, with commit, time and job", async () => {
    await runStepHere(scene.step());
    const [first] = scene.own();
    scene.script = answering("Better now.");
    const headSha = "c0ffee0000000000000000000000000000000000";
    await runStepHere(scene.step({ runId: "17000000002", runNumber: 8, event: events.pullRequest({ headSha }) }));
    expect(scene.own().map(({ id }) => id)).toEqual([first?.id]);
    const [text = ""] = scene.texts();
    expect(text).toContain("Better now.");
    expect(text).not.toContain("All is well.");
    expect(text).toContain(`Commit [\`c0ffee0\`](https://github.com/octo-org/octo-repo/commit/${headSha})`);
    expect(text).toContain("[Job review](https://github.com/octo-org/octo-repo/actions/runs/17000000002/attempts/1)");
    expect(text).toMatch(/ \d{4}-\d\d-\d\d \d\d:\d\d UTC$/m);
  });

  it("is a new one for each run in `new` mode, which a re-run updates", async () => {
    const step = (runNumber: number, runAttempt = 1): ReturnType<Scene["step"]> =>
      scene.step({
        runNumber,
        runAttempt,
        runId: `1700000000${runNumber}`,
        with: { "pr-comment": "new", message: `Review push ${runNumber}.`, wait: "false" },
      });
    const seven = await runStepHere(step(7));
    const eight = await runStepHere(step(8));
    const again = await runStepHere(step(7, 2));
    expect(again.outputs["comment-url"]).toBe(seven.outputs["comment-url"]);
    expect(eight.outputs["comment-url"]).not.toBe(seven.outputs["comment-url"]);
    expect(scene.own().map(({ body }) => / run=(\d\.\d) id=(\d+) new /.exec(body)?.slice(1))).toEqual([
      ["7.2", "17000000007"],
      ["8.1", "17000000008"],
    ]);
  });

  it("is updated by a re-run of the job", async () => {
    await runStep(scene.step());
    await runStep(scene.step({ runAttempt: 2 }));
    expect(scene.own()).toHaveLength(1);
    expect(scene.own()[0]?.body).toContain(" run=7.2 ");
    expect(scene.texts()[0]).toContain("earlier attempt");
  });

  it("contains neither token, whoever wrote it there, and all other text", async () => {
    const { github, mosoo } = scene;
    const [githubToken = ""] = github.tokens.keys();
    scene.script = answering(`Your tokens: \`${githubToken}\`, ${mosoo.tokens.person}. Keep them safe.`);
    const { stdout, outputs } = await runStep(scene.step());
    const [text = ""] = scene.texts();
    expect(text).toMatch(/Your tokens: `\*\*\*`, \\?\*\\?\*\\?\*\. Keep them safe\./);
    for (const secret of [githubToken, mosoo.tokens.person]) {
      expect(text).not.toContain(secret);
      expect(stdout.replace(/^::add-mask::.*$/gm, "")).not.toContain(secret);
      expect(JSON.stringify(outputs)).not.toContain(secret);
    }
  });

  it("has a long response truncated and well-formed, with a link to the rest", async () => {
    scene.script = answering(`Intro\n\n\`\`\`ts\n${"const answer = 42; // 🦞\n".repeat(8_000)}\`\`\`\n\nThe end.`);
    const { exitCode, annotations, outputs } = await runStepHere(scene.step());
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    const [comment] = scene.own();
    const body = comment?.body ?? "";
    expect(body.length).toBeLessThanOrEqual(65_536);
    expect(body.length).toBeGreaterThan(50_000);
    expect(body.isWellFormed()).toBe(true);
    expect(body.match(/^`{3,}/gm)).toHaveLength(2);
    expect(body).toContain(`truncated._ [Read the rest in the thread.](${outputs["thread-url"] ?? ""})`);
    expect(body).toMatch(/<\/details>$/);
  });
});

describe("a run that does not complete ends the comment", () => {
  const ends: [string, RunScript, Record<string, string>, { outcome: string; exitCode: number; words: string }][] = [
    [
      "failed",
      [{ end: "failed", error: { code: "model_error", message: "The model gave up.", retryable: false } }],
      {},
      { outcome: "failed", exitCode: 1, words: "The model gave up" },
    ],
    [
      "failed, where that fails no step",
      [{ end: "failed" }],
      { "fail-on-run-error": "false" },
      { outcome: "failed", exitCode: 0, words: "Re-run the job" },
    ],
    [
      "a question that the step does not wait for",
      [{ status: "waiting_input", title: "Push to main?" }],
      {},
      { outcome: "waiting", exitCode: 1, words: "**Push to main?**" },
    ],
    [
      "a question that interrupts the run",
      [{ status: "waiting_input", title: "Push to main?" }],
      { "on-waiting-input": "interrupt" },
      { outcome: "cancelled", exitCode: 1, words: "Push to main?" },
    ],
  ];

  it.each(ends)("%s", async (_, script, inputs, expected) => {
    scene.script = script;
    const { exitCode, state } = await runStepHere(scene.step({ with: inputs }));
    const [text = ""] = scene.texts();
    expect({ exitCode, outcome: outcomeOf(text) }).toEqual({
      exitCode: expected.exitCode,
      outcome: expected.outcome,
    });
    expect(text).toContain(expected.words);
    expect(scene.own()).toHaveLength(1);
    expect(state["comment_pending"]).toBe("");
  });
});

describe("a step that fails to create a thread", () => {
  it("says so in the comment, with what to do, since who reads comments reads no logs", async () => {
    const { exitCode, annotations } = await runStep(
      scene.step({ with: { "agent-id": scene.mosoo.agents.unpublished } }),
    );
    expect(exitCode).toBe(1);
    expect(shownOutcomes()).toEqual(["error"]);
    expect(scene.texts()[0]).toContain("> [!CAUTION]");
    expect(scene.texts()[0]).toContain(CONSEQUENCES["no thread"]);
    expect(annotations.map(({ level }) => level)).toEqual(["error"]);
  });

  it("replaces an earlier push's response in the comment", async () => {
    await runStepHere(scene.step());
    scene.mosoo.fault({ on: "create", kind: "status", status: 403, code: "forbidden", message: "No more." });
    await runStepHere(scene.step({ runNumber: 8, runId: "17000000008" }));
    expect(shownOutcomes()).toEqual(["error"]);
    expect(scene.texts()[0]).toContain("No more");
  });

  it("sends no request where an input is wrong, to GitHub neither", async () => {
    const { exitCode } = await runStepHere(scene.step({ with: { message: "" } }));
    expect(exitCode).toBe(1);
    expect(scene.github.requests).toEqual([]);
  });
});
