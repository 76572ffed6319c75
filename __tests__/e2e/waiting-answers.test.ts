import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { ids, scriptedEvent, openSse, sse, startScriptedMosoo, threadBody } from "../support/scripted-mosoo.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { Agent, annotated, delta, tool } from "../support/waiting.ts";

/** One environment string of a later step must hold it. */
const mostResponseBytes = 98_304;

/** A run that completed with this; `said` is what its events tell. */
async function completedWith(
  finalOutput: unknown,
  said: string[],
  list?: Record<string, unknown>,
): Promise<StepResult> {
  const events = said.map((text) => scriptedEvent("agent.message.delta", text));
  const server = await startScriptedMosoo({
    thread: () => ({ body: threadBody({ status: "completed", finalOutput }) }),
    list: () => (list === undefined ? { body: { events, truncated: false } } : list),
  });
  try {
    const given = { "agent-id": ids.agent, token: "mst_x", "api-url": server.apiUrl, message: "Hi", wait: "true" };
    return await runStep({ with: given });
  } finally {
    await server.close();
  }
}

describe("the answer", () => {
  it.concurrent.each(["reference", "2026-07", "2026-08"] as const)(
    "(%s) of a megabyte of multi-byte characters is whole in the file, and cut between characters in the output",
    (revision) =>
      Agent.during({ revision }, async (agent) => {
        // 11 bytes, 6 characters, one of them made of two halves, another of two characters.
        const text = "é日e\u0301😀".repeat(87_400);
        expect(Buffer.byteLength(text)).toBeGreaterThan(1_000_000);
        agent.script = [{ status: "running" }, { emit: delta(text) }, { end: "completed" }];
        const { exitCode, outputs, summary, annotations } = await agent.run();
        expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
        expect(readFileSync(outputs["response-file"] ?? "", "utf8") === text).toBe(true);
        const response = outputs["response"] ?? "";
        expect(Buffer.byteLength(response)).toBeLessThanOrEqual(mostResponseBytes);
        expect(Buffer.byteLength(response)).toBeGreaterThan(mostResponseBytes - 300);
        const [kept = "", note = ""] = response.split("\n\n[");
        expect(note).toContain("response-file");
        expect(text.startsWith(kept)).toBe(true);
        expect(kept.isWellFormed()).toBe(true);
        expect(kept.endsWith("e")).toBe(false);
        expect(Buffer.byteLength(summary)).toBeLessThan(1_048_576);
      }),
  );

  it.concurrent("of exactly the limit is not cut", () =>
    Agent.during({}, async (agent) => {
      const text = "x".repeat(mostResponseBytes);
      agent.script = [{ end: "completed", text }];
      expect((await agent.run()).outputs["response"] === text).toBe(true);
    }),
  );

  it.concurrent("is the run's final output, whatever its events say", async () => {
    const { outputs, shown } = await completedWith({ text: "The last message." }, ["An earlier remark.\n", "The last"]);
    expect(outputs["response"]).toBe("The last message.");
    expect(shown).toContain("An earlier remark.");
  });

  it.concurrent("is waited for where the server writes it down a moment after the run's end", async () => {
    const said = [
      scriptedEvent("run.started", ids.run),
      scriptedEvent("agent.message.delta", "An earlier remark.\n"),
      scriptedEvent("agent.message.delta", "The last."),
      scriptedEvent("run.completed", ids.run),
    ];
    const server = await startScriptedMosoo({
      stream: (_, response) => {
        openSse(response);
        response.write(said.map((event) => sse(event)).join(""));
        return undefined;
      },
      thread: (before) => ({
        body: threadBody({ status: "completed", finalOutput: before < 2 ? null : { text: "The last." } }),
      }),
    });
    try {
      const given = { "agent-id": ids.agent, token: "mst_x", "api-url": server.apiUrl, message: "Hi", wait: "true" };
      const { exitCode, outputs } = await runStep({ with: given });
      expect({ exitCode, response: outputs["response"] }).toEqual({ exitCode: 0, response: "The last." });
      expect(server.requests).toHaveLength(5);
    } finally {
      await server.close();
    }
  });

  it.concurrent("is what its events say where there is no final output", async () => {
    expect((await completedWith(null, ["Said ", "so."])).outputs["response"]).toBe("Said so.");
  });

  it.concurrent("is empty where the agent said nothing", async () => {
    for (const nothing of [null, { text: "" }, { text: null }]) {
      const { exitCode, outputs } = await completedWith(nothing, []);
      expect({ exitCode, response: outputs["response"] }).toEqual({ exitCode: 0, response: "" });
      expect(statSync(outputs["response-file"] ?? "").size).toBe(0);
    }
  });

  it.concurrent("that may lack its beginning is told to", async () => {
    const list = { body: { events: [scriptedEvent("agent.message.delta", "the end.")], truncated: true } };
    const result = await completedWith(undefined, [], list);
    expect(result.outputs["response"]).toBe("the end.");
    expect(annotated(result, "warning")).toEqual([expect.stringContaining("the start of the response may be missing")]);
  });

  it.concurrent("that cannot be had is missed aloud", async () => {
    const result = await completedWith(undefined, [], { status: 403, body: { error: { code: "forbidden" } } });
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: "completed", response: "" } });
    expect(annotated(result, "warning")).toEqual([expect.stringContaining("answer could not be read")]);
  });

  it.concurrent("stands in the summary with the run's duration, status and tools", () =>
    Agent.during({}, async (agent) => {
      agent.script = [
        { status: "running" },
        { emit: [tool("read"), tool("grep"), tool("read"), delta("# Fine\n\nShip it.")] },
        { after: 20, end: "completed" },
      ];
      const { summary } = await agent.run();
      expect(summary).toMatch(/completed in \d+ s/);
      expect(summary).toContain("Ship it.");
      expect(summary).toMatch(/`read`[^\n]*2[^\n]*`grep`/);
      expect(summary).toContain("<details");
    }),
  );
});
