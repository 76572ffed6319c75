/** Floods of foreign text: megabytes, endless streams, and steps that are stopped or killed in the middle of them. */
import { afterEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import { unsafeOutput, unsafeInLog } from "../support/unsafe-output.ts";
import { skipUnless } from "../support/host.ts";
import { CANARY, HOSTILE, LOG } from "../support/hostile.ts";
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
  runStep,
  startStep,
} from "../support/runner.ts";

const token = "grt_pat_notAnyBodysToken0123456789";
const secrets = [token, defaultGithubToken];
const mebibyte = 1024 * 1024;
let mosoo: ScriptedMosoo;

afterEach(() => mosoo.close());

const waiting = { body: threadBody({}) };

async function stepOf(behaviour: ScriptedBehavior, more: Partial<StepOptions> = {}): Promise<StepOptions> {
  mosoo = await startScriptedMosoo(behaviour);
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

function expectHarmless(step: StepResult): void {
  expect(unsafeOutput(step, { secrets, api: mosoo.apiUrl })).toEqual([]);
  expect(step.maxRssKb ?? 0).toBeLessThan(420_000);
}

/** Sends the packets that `next` makes, as fast as they are taken. */
function pour(response: ServerResponse, next: () => string): void {
  let gone = false;
  response.on("close", () => (gone = true));
  const more = (): void => {
    while (!gone && response.write(next()));
    if (!gone) response.once("drain", more);
  };
  more();
}

describe("megabytes in one piece", () => {
  const refused = (status: number, body: unknown): ScriptedBehavior => ({ create: () => ({ status, body }) });

  it.each([
    ["an error of five", 403, { error: { code: "forbidden", message: `${CANARY} `.repeat(350_000) } }],
    ["a page of five", 403, `<html>${"<p>::error::x\n##[error]y".repeat(200_000)}`],
    ["more than is read", 403, "x".repeat(6 * mebibyte)],
    ["lists without end", 403, "[".repeat(4 * mebibyte)],
  ] as const)("do no harm as a refusal: %s", async (_, status, body) => {
    const step = await runStep(await stepOf(refused(status, body)));
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    expect(step.stdout.length).toBeLessThan(20_000);
    expect(step.durationMs).toBeLessThan(8_000);
  });

  it("do no harm as the words of a conflict, which are searched: the step keeps to its time", async () => {
    // Words that cost a careless pattern quadratic time: some ten seconds, not hours: this test can fail.
    const message = "still for another ".repeat(12_000);
    const step = await runStep(await stepOf(refused(409, { error: { code: "idempotency_conflict", message } })));
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    // It was taken for a conflict that may pass, and so its words were searched with each answer.
    expect(mosoo.count("create")).toBeGreaterThan(1);
    expect(step.annotations.at(-1)?.message).toContain("idempotency_conflict");
    expect(step.stdout.length).toBeLessThan(20_000);
    expect(step.durationMs).toBeLessThan(8_000);
  });

  it("do no harm as a title, as unknown fields, as lists in lists, as an error of a run, and as an answer", async () => {
    // Below the 5 MiB of an answer that are read: over it, nothing of it would be used.
    const text = Object.values(HOSTILE).join("\n\n").repeat(80);
    const nested = "[".repeat(500_000) + "]".repeat(500_000);
    const run = { status: "failed", error: { code: text, message: text }, odd: text };
    const body = threadBody(run) as { thread: object };
    const whole = JSON.stringify({ ...body, thread: { ...body.thread, title: text, nested: 0 } });
    expect(whole.length).toBeGreaterThan(2 * mebibyte);
    // What was created cannot be written at all; what is seen last is merely too long.
    const created = { status: 201, body: whole.replace('"nested":0', `"nested":${nested}`) };
    const seen = { body: whole };
    const events = [scriptedEvent("agent.message.delta", text), scriptedEvent("tool.use.started", text)];
    const list = { body: { events, truncated: false } };
    const step = await runStep(await stepOf({ create: () => created, thread: () => seen, list: () => list }));
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    const { json = "", response = "" } = step.outputs;
    expect(JSON.parse(json)).toMatchObject({ thread: { id: ids.thread }, run: { id: ids.run, status: "failed" } });
    expect(Buffer.byteLength(json)).toBeLessThan(100_000);
    expect(response.slice(-200)).toContain("[The answer goes on");
    expect(Buffer.byteLength(response)).toBeLessThan(100_000);
    expect(step.annotations.at(-1)?.message).toContain('The run failed: "');
    expect(step.durationMs).toBeLessThan(15_000);
  });

  it("do no harm as names and numbers of tools, nor as what is asked", async () => {
    const name = Object.values(LOG).join("\n").repeat(900);
    expect(name.length).toBeGreaterThan(mebibyte);
    const many = Array.from({ length: 3_000 }, (_, at) => sse(scriptedEvent("tool.use.started", `${at} ::error::x`)));
    const asked = { body: threadBody({ status: "waiting_input" }) };
    const step = await runStep(
      await stepOf({
        thread: () => asked,
        stream: (_, response) => {
          openSse(response);
          response.write(many.join("") + sse(scriptedEvent("tool.use.started", name)));
          response.write(sse(scriptedEvent("tool.confirmation.required", name)));
          return undefined;
        },
      }),
    );
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    expect(step.annotations[0]?.message).toMatch(/^The run requires human input: "/);
    expect(step.summary.length).toBeLessThan(20_000);
    expect(step.durationMs).toBeLessThan(15_000);
  });
});

describe("a stream without end", () => {
  const lines = Object.values(LOG);
  let at = 0;
  const mixed = (): string => {
    at += 1;
    const more = [
      scriptedEvent("agent.message.delta", `${lines[at % lines.length] ?? ""}\n`),
      scriptedEvent("tool.use.started", `tool ${at}`),
      scriptedEvent(`type ${at} ::error::x`, "x"),
      scriptedEvent("agent.thinking.delta", "::error::x"),
    ];
    return `: ${at}\n\n`.repeat(50) + more.map((event) => sse(event)).join("");
  };

  it.each([
    ["of events of every kind", mixed],
    ["of comments", () => ":\n\n".repeat(10_000)],
    ["of one line", () => `data: ${"x".repeat(60_000)}`],
    ["of words", () => sse(scriptedEvent("agent.message.delta", "word ".repeat(10_000)))],
  ])("ends with the time to wait, and fits into memory: %s", async (_, next) => {
    const step = await runStep(
      await stepOf(
        {
          thread: () => waiting,
          stream: (__, response) => {
            openSse(response);
            pour(response, next);
            return undefined;
          },
        },
        { with: { "wait-timeout": "2s" } },
      ),
    );
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    expect(step.annotations.at(-1)?.message).toContain("Timed out after 2 s");
    expect(step.stdout.length).toBeLessThan(2_000_000);
    expect(step.durationMs).toBeLessThan(12_000);
  });
});

describe("a step that ends in the middle of foreign words", () => {
  /** The agent goes on saying these lines, each in an event of its own. */
  async function talking(): Promise<RunningStep> {
    const lines = Object.values(LOG);
    const behaviour: ScriptedBehavior = {
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
    const running = startStep(await stepOf(behaviour));
    await running.waitForLog("line 100");
    return running;
  }

  skipUnless("signals", it)("executes nothing of them when it is stopped, and says how it ended", async () => {
    const running = await talking();
    const step = await running.cancel();
    expect(step.exitCode).toBe(1);
    expectHarmless(step);
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
    expect(step.annotations[0]?.message).toContain("The run is cancelled.");
  });

  it("executes nothing of them when it is killed, and leaves what the post step needs", async () => {
    const running = await talking();
    const step = await running.kill();
    expect(step.signal).toBe("SIGKILL");
    expect(unsafeInLog(step, secrets)).toEqual([]);
    const post = await runPost(step);
    expect(unsafeOutput({ ...post, outputs: {} }, { secrets, api: mosoo.apiUrl })).toEqual([]);
    expect(mosoo.count("events")).toBe(1);
  });

  it("waits for a log that is read slowly, up to its last line", async () => {
    const text = `${"x".repeat(99)}\n`.repeat(30_000);
    const behaviour: ScriptedBehavior = {
      create: () => ({ status: 201, body: threadBody({ status: "failed" }) }),
      thread: () => ({ body: threadBody({ status: "failed" }) }),
      list: () => ({ body: { events: [scriptedEvent("agent.message.delta", text)], truncated: false } }),
    };
    const running = startStep(await stepOf(behaviour));
    running.child.stdout?.pause();
    setTimeout(() => running.child.stdout?.resume(), 1_500);
    const step = await running.result;
    expectHarmless(step);
    expect(step.stdout.length).toBeGreaterThan(700_000);
    expect(step.stdout).toContain("The log shows no more of the agent's words");
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
  });
});
