/** Steps that are stopped, killed or read slowly in the middle of untrusted text. */
import { describe, expect, it } from "@jest/globals";
import { FLOOD_SECRETS, expectSafe, flood, stepInFlood } from "../support/flood.ts";
import { skipUnless } from "../support/host.ts";
import { LOG } from "../support/hostile.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { type RunningStep, runPost, startStep } from "../support/runner.ts";
import {
  type ScriptedBehavior,
  interruptBody,
  openSse,
  scriptedEvent,
  sse,
  threadBody,
} from "../support/scripted-mosoo.ts";
import { unsafeInLog, unsafeOutput } from "../support/unsafe-output.ts";
import { until } from "../support/waiting.ts";

const secrets = [...FLOOD_SECRETS];

describe("a step that ends while the agent writes", () => {
  /** The agent writes these lines without end, each in an event of its own. */
  async function startTalkingStep(): Promise<RunningStep> {
    const lines = Object.values(LOG);
    const behavior: ScriptedBehavior = {
      thread: () => ({ body: threadBody({}) }),
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
    const running = startStep(await stepInFlood(behavior));
    await running.waitForLog("line 100");
    return running;
  }

  skipUnless("signals", it)("executes nothing of them when it is stopped, and says how it ended", async () => {
    const running = await startTalkingStep();
    const step = await running.cancel();
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
    expect(step.outputs["status"]).toBe("cancelled");
  });

  it("executes nothing of them when it is killed, and leaves what the post step needs", async () => {
    const running = await startTalkingStep();
    const step = await running.kill();
    expect(step.signal).toBe("SIGKILL");
    expect(unsafeInLog(step, secrets)).toEqual([]);
    const post = await runPost(step);
    expect(unsafeOutput({ ...post, outputs: {} }, { secrets, api: flood().apiUrl })).toEqual([]);
    expect(flood().count("events")).toBe(1);
  });

  it("waits until a slow reader has read its last line", async () => {
    const text = `${"x".repeat(99)}\n`.repeat(30_000);
    const behavior: ScriptedBehavior = {
      create: () => ({ status: 201, body: threadBody({ status: "failed" }) }),
      thread: () => ({ body: threadBody({ status: "failed" }) }),
      list: () => ({ body: { events: [scriptedEvent("agent.message.delta", text)], truncated: false } }),
    };
    const running = startStep(await stepInFlood(behavior));
    running.child.stdout?.pause();
    // Nothing but the log is left to write by then.
    await until(() => running.outputsSoFar()["response"] !== undefined, 60_000);
    running.child.stdout?.resume();
    const step = await running.result;
    expectSafe(step);
    expect(step.stdout.length).toBeGreaterThan(700_000);
    expect(step.stdout).toContain(LOG_LINES.outputTruncated);
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
  });
});
