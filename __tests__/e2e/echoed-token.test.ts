/** A service or an agent that repeats the step's token, whole and at every place where a text is truncated. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "@jest/globals";
import type { RunScript } from "../support/fake-mosoo-server.ts";
import { startScene } from "../support/commenting.ts";
import { leaksOf } from "../support/leaks.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { Agent, delta, tool } from "../support/waiting.ts";

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
});

/** The fake service's tokens begin with a time, as its IDs do: the IDs are no leak. */
function withoutIds<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replace(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, "ID")) as T;
}

/** The log, the debug log included, the outputs, the state, the summary and the response file. */
function leaks(step: StepResult, token: string, more: Record<string, string> = {}): Record<string, string> {
  const file = step.outputs["response-file"];
  const texts = { ...more, ...(file === undefined ? {} : { file: readFileSync(file, "utf8") }) };
  return leaksOf(withoutIds(step), token, withoutIds(texts));
}

/** One text for each place at which the token may be cut: `before` characters, then the token. */
function around(limit: number, token: string): string[] {
  return [token.length - 1, token.length / 2, 1].map((kept) => "x".repeat(limit - Math.round(kept)) + token);
}

const scripts: Record<string, (token: string) => RunScript> = {
  "in its text, split between events": (token) => [
    { status: "running" },
    { emit: delta(`The token is ${token.slice(0, 20)}`) },
    { emit: delta(`${token.slice(20)}.\n`) },
    { end: "completed" },
  ],
  "in a line that does not end": (token) => [
    { status: "running" },
    ...around(8_000, token).map((text) => ({ emit: delta(text) })),
    { emit: delta("y".repeat(8_000)) },
    { end: "failed", error: { code: "x", message: "x", retryable: false } },
  ],
  "in its thoughts, split between events": (token) => [
    { status: "running" },
    { emit: { type: "agent.thinking.delta", content: `Hm, ${token.slice(0, 20)}` } },
    { emit: { type: "agent.thinking.delta", content: `${token.slice(20)} it is.` } },
    { end: "completed", text: "Done." },
  ],
  "in the names of tools and events": (token) => [
    { status: "running" },
    { emit: [60, 200].flatMap((limit) => around(limit, token).map((name) => tool(name))) },
    { emit: { type: `agent.${token}`, content: token } },
    { end: "completed", text: "Done." },
  ],
  "in the run's error": (token) => [
    { status: "running" },
    { end: "failed", error: { code: "x", message: "x".repeat(275) + token, retryable: false } },
  ],
  "in the question": (token) => [{ status: "waiting_input", title: "q".repeat(290) + token }],
  "with colors inside": (token) => [
    { status: "running" },
    { emit: delta(`${token.slice(0, 8)}\u001b[1;31m${token.slice(8, 20)}\u001b[0m${token.slice(20)}\n`) },
    { emit: tool(`${token.slice(0, 9)}\u001b[0m${token.slice(9)}`) },
    { end: "completed" },
  ],
  "escaped as Markdown and XML": (token) => [
    { status: "running" },
    { emit: delta(`It is ${token.replaceAll("_", "\\_")}, or ${token.replaceAll("_", "&#95;")}.\n`) },
    { end: "completed" },
  ],
  "in the response": (token) => [{ status: "running" }, { end: "completed", text: `${"r".repeat(98_290)}${token}!` }],
};

describe("an agent that says the token", () => {
  it.each(Object.entries(scripts))("leaves none of it anywhere %s", async (title, script) => {
    const scene = await startScene();
    closers.push(() => scene.close());
    const token = scene.mosoo.tokens.person;
    scene.script = script(token);
    const runner = title === "in a line that does not end" ? runStep : runStepHere;
    const step = await runner(scene.step({ env: { RUNNER_DEBUG: "1" } }));
    expect(step.outputs["thread-id"]).toBe(scene.mosoo.threads[0]?.id);
    expect(leaks(step, token, { comments: scene.texts().join("\n") })).toEqual({});
    expect(step.shown + step.summary).toMatch(/\*\*\*|Done\./);
  });

  it("leaves none of it anywhere in the title of the thread", () =>
    Agent.during({}, async (agent) => {
      const token = agent.server.tokens.person;
      const step = await agent.runHere({ message: `${"m".repeat(60)} ${token}` });
      expect(step.exitCode).toBe(0);
      expect(leaks(step, token)).toEqual({});
    }));
});

describe("a server that gives the token as an ID", () => {
  const token = "grt_pat_PlainTokenOfNoValue0123456789";
  const good = {
    thread: { id: "01KEXAMPLETHREAD0000000000" },
    run: { id: "01KEXAMPLERUN0000000000000", status: "queued" },
  };

  it.each([
    ["of the thread", { ...good, thread: { id: token, title: token, agent_id: token } }, {}],
    ["of the run", { ...good, run: { id: token, status: token } }, {}],
    ["of the request", { error: { code: "forbidden", message: "No." } }, { "x-request-id": token }],
  ])("leaves none of it anywhere %s", async (_, body, headers) => {
    const server = await startScriptedServer(() => ({
      status: "error" in body ? 403 : 201,
      headers,
      body: JSON.stringify({ links: {}, ...body }),
    }));
    closers.push(() => server.close());
    const step = await runStepHere({
      with: {
        "agent-id": "01KEXAMPLEAGENT00000000000",
        token,
        message: "Look at this, please.",
        "api-url": `${server.origin}/api/v1`,
        "create-timeout": "1s",
        "request-timeout": "1s",
        wait: "true",
        "wait-timeout": "1s",
      },
      env: { RUNNER_DEBUG: "1" },
    });
    expect(leaks(step, token)).toEqual({});
    expect(step.shown).toContain("***");
  });
});
