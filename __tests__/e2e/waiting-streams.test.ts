import { describe, expect, it } from "@jest/globals";
import {
  type ScriptedBehavior,
  ids,
  openSse,
  scriptedEvent,
  sse,
  startScriptedMosoo,
} from "../support/scripted-mosoo.ts";
import { type StepResult, runStep, startStep } from "../support/runner.ts";
import { Agent, annotated, delta, tool, until } from "../support/waiting.ts";

/** What a step that succeeded without annotations has. */
const success = (response = "All is well.") => ({ exitCode: 0, annotations: [], outputs: { response } });

async function waitOn(behavior: ScriptedBehavior, inputs: Record<string, string> = {}): Promise<StepResult> {
  const server = await startScriptedMosoo(behavior);
  try {
    const given = { "agent-id": ids.agent, token: "mst_x", "api-url": server.apiUrl, message: "Hi", wait: "true" };
    return await runStep({ with: { ...given, ...inputs } });
  } finally {
    await server.close();
  }
}

async function followCuts(agent: Agent): Promise<void> {
  agent.script = [{ status: "running" }];
  const running = startStep(agent.step());
  const parts = [1, 2, 3, 4];
  const run = () => agent.newestRun().id;
  for (const part of parts) {
    await until(() => agent.server.openStreams === 1);
    agent.server.emit(run(), [delta(`heard ${part}\n`), tool(`tool ${part}`)]);
    await running.waitForLog(`Tool: tool ${part}`);
    agent.server.cutStreams();
    agent.server.emit(run(), delta(`missed ${part}\n`));
  }
  await until(() => agent.server.openStreams === 1);
  agent.server.endRun(run(), "completed");
  const result = await running.result;
  expect(result).toMatchObject(success(parts.map((part) => `heard ${part}\nmissed ${part}\n`).join("")));
  for (const line of parts.flatMap((part) => [`heard ${part}`, `missed ${part}`, `Tool: tool ${part}`])) {
    expect(result.shown.split("\n").filter((shown) => shown === line)).toEqual([line]);
  }
}

describe("a step that waits", () => {
  it.concurrent("has each line in its log once, and none missing, although the stream is cut again and again", () =>
    Agent.during({}, followCuts),
  );

  it.concurrent("polls a server that has no stream", () =>
    Agent.during({}, async (agent) => {
      agent.server.fault({ on: "stream", kind: "status", status: 404, times: 99 });
      expect(await agent.run()).toMatchObject(success());
      expect(agent.asked()).toEqual(["POST threads", "GET stream", "GET thread", "GET events"]);
    }),
  );

  it.concurrent("reads the thread again where it cannot be read for a while, without an annotation", () =>
    Agent.during({}, async (agent) => {
      for (const fault of [
        { kind: "status", status: 500 },
        { kind: "rate-limit", retryAfter: "0" },
        { kind: "drop-before" },
        { kind: "garbage" },
      ] as const)
        agent.server.fault({ on: "thread", ...fault });
      expect(await agent.run()).toMatchObject(success());
    }),
  );

  it.concurrent.each([
    ["reference", 401, "token"],
    ["2026-08", 404, "The thread was deleted"],
  ] as const)("fails with what is known where the thread (%s) is answered with %i", (revision, status, advice) =>
    Agent.during({ revision }, async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "thread", kind: "status", status, times: 99 });
      agent.server.fault({ on: "stream", kind: "status", status, times: 99 });
      agent.server.cutStreams();
      const result = await running.result;
      expect(result.exitCode).toBe(1);
      const [error = "", ...more] = annotated(result, "error");
      expect(more).toEqual([]);
      for (const part of [String(status), advice, result.outputs["thread-url"]]) expect(error).toContain(part);
      expect(result.outputs["run-id"]).toBe(agent.newestRun().id);
      expect(result.outputs["response"]).toBe(revision === "reference" ? "" : "Reading the diff.\n");
      // The step ended by itself: the post step has nothing to do.
      expect(result.state["interrupt_pending"]).toBe("");
      expect(agent.interrupts()).toEqual([]);
    }),
  );

  it.concurrent("masks a token that the agent quotes in two fragments, and again in the event list", async () => {
    const token = "mst_quotedByTheAgent";
    const said = (text: string) => scriptedEvent("agent.message.delta", text);
    const halves = [said(`The token is ${token.slice(0, 9)}`), said(`${token.slice(9)}, they say.`)];
    const result = await waitOn(
      {
        stream: (before, response) => {
          if (before > 0) return { status: 503 };
          openSse(response);
          response.end([scriptedEvent("run.started", ids.run), ...halves].map((event) => sse(event)).join(""));
          return undefined;
        },
        list: () => ({
          body: {
            events: [scriptedEvent("run.started", ids.run), said(`The token is ${token}, they say. And more.`)],
            truncated: false,
          },
        }),
      },
      { token, "wait-timeout": "2s" },
    );
    expect(result.outputs["response"]).toBe("The token is ***, they say. And more.");
    expect(result.shown).not.toContain(token);
  });

  it.concurrent("gives up after wait-timeout on a server that answers nothing", async () => {
    const hang = (): "hang" => "hang";
    const result = await waitOn(
      { stream: hang, thread: hang, list: hang, events: hang },
      { "wait-timeout": "1s", "request-timeout": "1s" },
    );
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: "queued" } });
    expect(annotated(result, "error")).toEqual([expect.stringContaining("`wait-timeout`")]);
  });
});
