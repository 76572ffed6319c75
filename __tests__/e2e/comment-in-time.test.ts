/**
 * A cancelled step ends before the runner kills it (7.5 s after the signal), however slow GitHub or Mosoo is; what it
 * could not write, the post step writes. Each test has servers of its own and mostly waits, so they run concurrently.
 */
import { expect, it } from "@jest/globals";
import {
  answering,
  holdText,
  outcomeOf,
  startScene,
  stepAtWork,
  until,
  working,
  type Scene,
} from "../support/commenting.ts";
import { faults } from "../support/fake-github-server.ts";
import type { RunScript } from "../support/fake-mosoo-server.ts";
import { skipUnless } from "../support/host.ts";
import { runPost, runStep, startStep, type RunningStep, type StepResult } from "../support/runner.ts";
import { LOG_LINES } from "../support/log-lines.ts";

/** GitHub answers nothing for longer than any step lives. */
const silence = faults.slow(60_000, 999);

function inScene(test: (scene: Scene) => Promise<void>): () => Promise<void> {
  return async () => {
    const scene = await startScene();
    scene.script = working;
    await test(scene).finally(() => scene.close());
  };
}

async function cancelInTime(running: RunningStep): Promise<StepResult> {
  const began = performance.now();
  const result = await running.cancel();
  expect(performance.now() - began).toBeLessThan(7_500);
  return result;
}

const shownOutcomes = (scene: Scene): string[] => scene.texts().map(outcomeOf);

const itCancelled = skipUnless("signals", it.concurrent);

itCancelled.each([
  ["is silent", silence],
  ["fails", faults.serverError(999)],
])(
  "a step that is cancelled while it waits ends in time although GitHub %s; the post step then writes the comment",
  (_, fault) =>
    inScene(async (scene) => {
      const running = await stepAtWork(scene);
      scene.github.faults.push({ ...fault });
      const result = await cancelInTime(running);
      expect(scene.mosoo.threads[0]?.runs[0]?.status).toBe("cancelled");
      expect(shownOutcomes(scene)).toEqual(["working"]);
      expect(result.annotations.map(({ level }) => level)).toEqual(["error"]);

      scene.github.faults.length = 0;
      const post = await runPost(result);
      expect({ exitCode: post.exitCode, annotations: post.annotations }).toEqual({ exitCode: 0, annotations: [] });
      expect(shownOutcomes(scene)).toEqual(["stopped"]);
      expect(scene.texts()[0]).toContain(LOG_LINES.runCancelled);
      expect(scene.texts()[0]).toContain("Reading the diff.");
      expect(scene.mosoo.requests.filter(({ body }) => body.includes("user_interrupt"))).toHaveLength(1);
    })(),
);

itCancelled(
  "a step that is cancelled before GitHub responds to the first text ends in time, and has one comment in the end",
  inScene(async (scene) => {
    scene.github.faults.push({ method: "POST", path: /comments/, ...silence, times: 1 });
    const running = startStep(scene.step());
    await until(() => scene.github.faults[0]?.times === 0, "the creation");
    await running.waitForLog("Reading the diff.");
    await runPost(await cancelInTime(running));
    expect(shownOutcomes(scene)).toEqual(["stopped"]);
  }),
);

itCancelled(
  "a step that is cancelled while it waits ends in time although Mosoo is silent; the post step interrupts the run and corrects the comment",
  inScene(async (scene) => {
    const running = await stepAtWork(scene);
    scene.mosoo.fault({ on: "events", kind: "hang-before" });
    const result = await cancelInTime(running);
    // Whether the main step could still say so depends on the machine; the post step always can.
    const post = await runPost(result);
    expect(post.exitCode).toBe(0);
    expect(scene.mosoo.threads[0]?.runs[0]?.status).toBe("cancelled");
    expect(scene.texts()[0]).toContain(LOG_LINES.cancelledAfterStep);
    expect(scene.texts()[0]).toContain("Reading the diff.");
    expect(scene.own()).toHaveLength(1);
  }),
);

itCancelled.each([
  ["has a response", "true", "completed", "All is well."],
  ["has started its run", "false", "started", "The response will be in the thread."],
])(
  "a step that %s but is cancelled before GitHub responds leaves the comment to the post step",
  (_, wait, outcome, words) =>
    inScene(async (scene) => {
      scene.script = answering();
      const received = holdText(scene, words);
      const running = startStep(scene.step({ with: { wait } }));
      await received;
      const result = await cancelInTime(running);
      scene.github.onRequest = undefined;
      await runPost(result);
      expect(shownOutcomes(scene)).toEqual([outcome]);
      expect(scene.texts()[0]).toContain(words);
      expect(scene.own()).toHaveLength(1);
    })(),
);

it.concurrent.each([
  ["is left running", "leave", "still in progress"],
  ["is interrupted", "interrupt", LOG_LINES.runCancelled],
])("a run that takes longer than the step waits, and %s, has timed out in the comment", (_, choice, words) =>
  inScene(async (scene) => {
    const { exitCode, state } = await runStep(
      scene.step({ with: { "wait-timeout": "1s", "on-wait-timeout": choice } }),
    );
    expect({ exitCode, shownOutcomes: shownOutcomes(scene) }).toEqual({ exitCode: 1, shownOutcomes: ["timed-out"] });
    expect(scene.texts()[0]).toContain(words);
    expect(scene.texts()[0]).toContain("Reading the diff.");
    expect(state["comment_pending"]).toBe("");
  })(),
);

it.concurrent.each<[string, RunScript]>([
  ["that is still running", working],
  ["that waits for a person", [{ status: "waiting_input", title: "Push?" }]],
])("a run %s is not promised to a re-run that creates a new thread", (_, script) =>
  inScene(async (scene) => {
    scene.script = script;
    const { annotations } = await runStep(scene.step({ with: { "wait-timeout": "1s", "on-rerun": "create" } }));
    const promise = /keep waiting|resume waiting|same run/;
    expect(annotations[0]?.message).not.toMatch(promise);
    expect(scene.texts()[0]).toContain("new thread");
    expect(scene.texts()[0]).not.toMatch(promise);
  })(),
);

it.concurrent(
  "a thread that can no longer be read ends the comment",
  inScene(async (scene) => {
    const running = await stepAtWork(scene);
    const gone = { kind: "status", status: 404, code: "not_found", message: "Gone.", times: 99 } as const;
    scene.mosoo.fault({ on: "thread", ...gone });
    scene.mosoo.fault({ on: "stream", ...gone });
    scene.mosoo.cutStreams();
    expect((await running.result).exitCode).toBe(1);
    expect(shownOutcomes(scene)).toEqual(["error"]);
  }),
);
