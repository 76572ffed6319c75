/** The comment of a step that is cancelled or killed: the run's interrupt first, the comment next, the post step last. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
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
import { skipUnless } from "../support/host.ts";
import { runPost, startStep, type RunningStep, type StepResult } from "../support/runner.ts";
import { LOG_LINES } from "../support/log-lines.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
  scene.script = working;
});
afterAll(() => scene.close());

const shownOutcomes = (): string[] => scene.texts().map(outcomeOf);
const runStatus = (): string | undefined => scene.mosoo.threads[0]?.runs[0]?.status;
const interrupts = (): unknown[] => scene.mosoo.requests.filter(({ body }) => body.includes("user_interrupt"));

async function cancel(running: RunningStep): Promise<{ result: StepResult; ms: number }> {
  const began = performance.now();
  const result = await running.cancel();
  return { result, ms: performance.now() - began };
}

const describeCancelled = skipUnless("signals", describe);

describeCancelled("a step that is cancelled while it waits", () => {
  it("interrupts the run, then ends the comment, and leaves nothing to the post step", async () => {
    const running = await stepAtWork(scene);
    const order: string[] = [];
    scene.github.onRequest = ({ method }) => {
      order.push(`${method} when the run is ${runStatus() ?? ""}`);
    };
    const { result, ms } = await cancel(running);
    expect(ms).toBeLessThan(7_500);
    expect(order).toEqual(["GET when the run is cancelled", "PATCH when the run is cancelled"]);
    expect(shownOutcomes()).toEqual(["stopped"]);
    expect(scene.texts()[0]).toContain(LOG_LINES.runCancelled);
    expect(scene.texts()[0]).toContain("\n\nReading the diff.");
    const requests = scene.github.requests.length + scene.mosoo.requests.length;
    const post = await runPost(result);
    expect({ exitCode: post.exitCode, stdout: post.stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(scene.github.requests.length + scene.mosoo.requests.length).toBe(requests);
  });

  it("leaves the run running with `on-cancel: leave`, and says so in the comment", async () => {
    const { result } = await cancel(await stepAtWork(scene, { with: { "on-cancel": "leave" } }));
    expect(result.exitCode).toBe(1);
    expect(interrupts()).toEqual([]);
    expect(shownOutcomes()).toEqual(["stopped"]);
    expect(scene.texts()[0]).toContain(LOG_LINES.runContinues);
  });
});

describeCancelled("a step that is cancelled", () => {
  it("writes no comment before it has a thread", async () => {
    scene.mosoo.fault({ on: "create", kind: "hang-before", times: 9 });
    const running = startStep(scene.step());
    await until(() => scene.mosoo.requests.length > 0, "the creation");
    const { result, ms } = await cancel(running);
    expect(ms).toBeLessThan(7_500);
    expect(result.exitCode).toBe(1);
    await runPost(result);
    expect(scene.github.requests).toEqual([]);
  });
});

describe("a step that is killed", () => {
  it("has its post step interrupt the run it waited for, then end the comment", async () => {
    const running = await stepAtWork(scene);
    const killed = await running.kill();
    expect(shownOutcomes()).toEqual(["working"]);
    const order: (string | undefined)[] = [];
    scene.github.onRequest = ({ method }) => {
      order.push(method, runStatus());
    };
    const post = await runPost(killed);
    expect(post.exitCode).toBe(0);
    // By its ID: without a search, and so without regard to how many comments there are.
    expect(order).toEqual(["GET", "cancelled", "PATCH", "cancelled"]);
    expect(shownOutcomes()).toEqual(["stopped"]);
    expect(scene.texts()[0]).toContain(LOG_LINES.cancelledAfterStep);
    expect(scene.texts()[0]).toContain(`${scene.mosoo.origin}/threads/${scene.mosoo.threads[0]?.id ?? ""}`);
  });

  it("has its comment ended with `on-cancel: leave`, too", async () => {
    const killed = await (await stepAtWork(scene, { with: { "on-cancel": "leave" } })).kill();
    await runPost(killed);
    expect(runStatus()).toBe("running");
    expect(shownOutcomes()).toEqual(["stopped"]);
  });

  it("has its post step find the comment whose ID it did not know yet", async () => {
    scene.github.preload(120);
    scene.github.onRequest = ({ method, path }) => {
      // The comment is created, and its response is late.
      if (method === "GET" && scene.own().length === 1 && path.includes("page=1")) running.signal("SIGKILL");
    };
    const running = startStep(scene.step());
    const killed = await running.result;
    expect(killed.signal).toBe("SIGKILL");
    scene.github.onRequest = undefined;
    await runPost(killed);
    expect(shownOutcomes()).toEqual(["stopped"]);
  });

  it("has its post step write the response that it was writing, with the tools", async () => {
    const tool = { type: "tool.use.started", toolName: "read_diff", toolCallId: "1", content: "read_diff" };
    scene.script = [{ emit: [tool, tool] }, ...answering("Ship it.")];
    const received = holdText(scene, "Ship it.");
    const running = startStep(scene.step());
    await received;
    const killed = await running.kill();
    scene.github.onRequest = undefined;
    await runPost(killed);
    expect(shownOutcomes()).toEqual(["completed"]);
    expect(scene.texts()[0]).toContain("Ship it.");
    expect(scene.texts()[0]).toMatch(/- Tools: `read_diff`/);
  });

  it("does not have its post step write what another step put in place of the saved report", async () => {
    scene.script = answering("Ship it.");
    const received = holdText(scene, "Ship it.");
    const running = startStep(scene.step());
    await received;
    const killed = await running.kill();
    scene.github.onRequest = undefined;
    const [kept = ""] = readdirSync(killed.temp).filter((name) => name.startsWith("mosoo-report-"));
    writeFileSync(
      join(killed.temp, kept),
      '{"outcome":"completed","tools":[],"answer":{"text":"Pwned","complete":true}}',
    );
    await runPost(killed);
    expect(shownOutcomes()).toEqual(["stopped"]);
    expect(scene.texts()[0]).not.toContain("Pwned");
  });

  it("has a post step that never fails, with any response of GitHub", async () => {
    const killed = await (await stepAtWork(scene)).kill();
    scene.github.faults.push({ status: 403, body: { message: "Resource not accessible by integration" }, times: 99 });
    const post = await runPost(killed);
    expect(post.exitCode).toBe(0);
    expect(post.annotations.map(({ level }) => level)).toEqual(["warning"]);
    expect(post.annotations[0]?.message).toContain("pull-requests: write");
  });
});
