/** Steps that are stopped, killed or read slowly in the middle of untrusted text. */
import { afterEach, describe, expect, it } from "@jest/globals";
import { unsafeOutput, unsafeInLog } from "../support/unsafe-output.ts";
import { skipUnless } from "../support/host.ts";
import { LOG } from "../support/hostile.ts";
import {
  type ScriptedBehavior,
  type ScriptedMosoo,
  ids,
  interruptBody,
  scriptedEvent,
  openSse,
  sse,
  startScriptedMosoo,
  threadBody,
} from "../support/scripted-mosoo.ts";
import {
  type RunningStep,
  defaultGithubToken,
  type StepOptions,
  type StepResult,
  runPost,
  startStep,
} from "../support/runner.ts";

const token = "grt_pat_notAnyBodysToken0123456789";
const secrets = [token, defaultGithubToken];
let mosoo: ScriptedMosoo;

afterEach(() => mosoo.close());

const waiting = { body: threadBody({}) };

async function stepOf(behavior: ScriptedBehavior, more: Partial<StepOptions> = {}): Promise<StepOptions> {
  mosoo = await startScriptedMosoo(behavior);
  return {
    secrets: [token],
    measureMemory: true,
    ...more,
    with: {
      ...{ "agent-id": ids.agent, token, "api-url": mosoo.apiUrl, message: "Go on and on.", wait: "true" },
      ...{ "create-timeout": "3s", "request-timeout": "10s" },
      ...more.with,
    },
  };
}

function expectSafe(step: StepResult): void {
  expect(unsafeOutput(step, { secrets, api: mosoo.apiUrl })).toEqual([]);
  expect(step.maxRssKb ?? 0).toBeLessThan(420_000);
}

describe("a step that ends while the agent writes", () => {
  /** The agent writes these lines without end, each in an event of its own. */
  async function startTalkingStep(): Promise<RunningStep> {
    const lines = Object.values(LOG);
    const behavior: ScriptedBehavior = {
      thread: () => waiting,
      events: () => ({ body: interruptBody("cancelled") }),
      stream: (_, response) => {
        openSse(response);
        let at = 0;
        const beat = setInterval(() => {
          at += 1;
          response.write(sse(scriptedEvent("agent.message.delta", `line ${at}\n${lines[at % lines.length] ?? ""}\n`)));
        }, 4);
        response.on("close", () => {
          clearInterval(beat);
        });
        return undefined;
      },
    };
    const running = startStep(await stepOf(behavior));
    await running.waitForLog("line 100");
    return running;
  }

  skipUnless("signals", it)("executes nothing of them when it is stopped, and says how it ended", async () => {
    const running = await startTalkingStep();
    const step = await running.cancel();
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
    expect(step.annotations[0]?.message).toContain("The agent run is cancelled.");
  });

  it("executes nothing of them when it is killed, and leaves what the post step needs", async () => {
    const running = await startTalkingStep();
    const step = await running.kill();
    expect(step.signal).toBe("SIGKILL");
    expect(unsafeInLog(step, secrets)).toEqual([]);
    const post = await runPost(step);
    expect(unsafeOutput({ ...post, outputs: {} }, { secrets, api: mosoo.apiUrl })).toEqual([]);
    expect(mosoo.count("events")).toBe(1);
  });

  it("waits until a slow reader has read its last line", async () => {
    const text = `${"x".repeat(99)}\n`.repeat(30_000);
    const behavior: ScriptedBehavior = {
      create: () => ({ status: 201, body: threadBody({ status: "failed" }) }),
      thread: () => ({ body: threadBody({ status: "failed" }) }),
      list: () => ({ body: { events: [scriptedEvent("agent.message.delta", text)], truncated: false } }),
    };
    const running = startStep(await stepOf(behavior));
    running.child.stdout?.pause();
    setTimeout(() => running.child.stdout?.resume(), 1_500);
    const step = await running.result;
    expectSafe(step);
    expect(step.stdout.length).toBeGreaterThan(700_000);
    expect(step.stdout).toContain("Agent output truncated here");
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
  });
});
