import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { outcomeOf } from "../support/commenting.ts";
import { Agent, annotated, delta, tool, until } from "../support/waiting.ts";

/** One environment string of a later step must hold it. */
const MAX_RESPONSE_BYTES = 98_304;

describe("the response of a completed run", () => {
  it.concurrent("is whole in the file, and cut in the output, where it has a megabyte of multi-byte characters", () =>
    Agent.during({}, async (agent) => {
      const text = "é日e\u0301😀".repeat(87_400);
      agent.script = [{ status: "running" }, { emit: delta(text) }, { end: "completed" }];
      const { exitCode, outputs, summary, annotations } = await agent.run();
      expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
      expect(readFileSync(outputs["response-file"] ?? "", "utf8") === text).toBe(true);
      expect(Buffer.byteLength(outputs["response"] ?? "")).toBeLessThanOrEqual(MAX_RESPONSE_BYTES);
      expect(outputs["response"]).toContain("response-file");
      expect(Buffer.byteLength(summary)).toBeLessThan(1_048_576);
    }),
  );

  it.concurrent("is in the summary with the run's duration, tools and tokens, which are an output, too", () =>
    Agent.during({}, async (agent) => {
      agent.script = [
        { status: "running" },
        { emit: [tool("read"), tool("grep"), tool("read"), delta("# Fine\n\nShip it.")] },
        { emit: { type: "usage.updated", content: "Usage updated.", tokens: 12_345 } },
        { after: 20, end: "completed" },
      ];
      const { outputs, summary, shown } = await agent.run();
      expect(outcomeOf(summary)).toBe("completed");
      expect(summary).toContain("Ship it.");
      expect(summary).toMatch(/`read`[^\n]*2[^\n]*`grep`/);
      expect(summary).toContain("12,345");
      expect(outputs["tokens"]).toBe("12345");
      expect(shown.match(/12,345 tokens/g)).toHaveLength(1);
    }),
  );

  it.concurrent("is a warning, and the step a success, where it is empty", () =>
    Agent.during({}, async (agent) => {
      agent.script = [{ status: "running" }, { end: "completed", text: null }];
      const result = await agent.run();
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: "completed", response: "", tokens: "" } });
      expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toBe("");
      expect(annotated(result, "warning")).toEqual([expect.stringContaining(result.outputs["thread-url"] ?? "?")]);
    }),
  );

  it.concurrent("is waited for where the server stores it after the run's status", () =>
    Agent.during({}, async (agent) => {
      agent.script = [
        { status: "running" },
        { emit: delta("Let me see.\n") },
        {
          end: "completed",
          text: "All is well.",
          // The step, which polls, has seen the end by then.
          stored: () => until(() => agent.asked().includes("GET thread")),
        },
      ];
      agent.server.fault({ on: "stream", kind: "status", status: 404, times: 9 });
      const { exitCode, outputs, annotations } = await agent.run();
      expect({ exitCode, annotations, response: outputs["response"] }).toEqual({
        exitCode: 0,
        annotations: [],
        response: "All is well.",
      });
    }),
  );
});
