import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { startStep } from "../support/runner.ts";
import { Agent, annotated, delta, tool, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const withAgent = (test: (agent: Agent) => Promise<void>) => (): Promise<void> => Agent.during({}, test);

const broken = { code: "tool_broke", message: "The tool broke.", retryable: false };

describe.each([
  ["reference", 4, "Let me see.\nAll is well."],
  ["2026-07", 3, "All is well."],
  ["2026-08", 3, "All is well."],
] as const)("a step that waits, at the %s revision,", (revision, requests, response) => {
  it.concurrent("passes the response to later steps", () =>
    Agent.during({ revision }, async (agent) => {
      agent.script = [
        { status: "running" },
        { emit: [delta("Let me see.\n"), tool("read", "Read file"), tool("read", "Read file")] },
        { after: 50, emit: { ...delta("All is "), startsMessage: true } },
        { emit: delta("well.") },
        { after: 50, end: "completed" },
      ];
      const { exitCode, outputs, annotations, summary, shown } = await agent.run();
      expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
      // The reference revision has no final output: everything that was said, joined.
      expect(outputs).toMatchObject({ status: "completed", response });
      expect(readFileSync(outputs["response-file"] ?? "", "utf8")).toBe(response);
      expect(JSON.parse(outputs["json"] ?? "")).toMatchObject({
        run: { status: "completed" },
        thread: { status: "IDLE" },
      });
      expect(outputs["json"]).not.toContain("All is well.");
      expect(summary).toContain("All is well.");
      expect(summary).toMatch(/<details open>|<details>/);
      expect(shown).toContain(`\nLet me see.\nTool: ${revision === "2026-08" ? "read" : "Read file"}\n`);
      expect(shown).toMatch(/\nAll is well\.\n/);
    }),
  );

  it.concurrent(`takes ${requests} requests`, () =>
    Agent.during({ revision }, async (agent) => {
      await agent.run();
      expect(agent.asked()).toEqual(["POST threads", "GET stream", "GET thread", "GET events"].slice(0, requests));
    }),
  );
});

describe("a step that waits for a run that does not complete", () => {
  it.concurrent.each([
    ["failed", "2026-08"],
    ["cancelled", "reference"],
  ] as const)("fails with the run's error and what it said so far: %s (%s)", (status, revision) =>
    Agent.during({ revision }, async (agent) => {
      agent.script = [{ status: "running" }, { emit: delta("So far.") }, { end: status, error: broken }];
      const result = await agent.run();
      expect(result.exitCode).toBe(1);
      expect(result.outputs).toMatchObject({ status, response: "So far." });
      const [error = "", ...more] = annotated(result, "error");
      expect(more).toEqual([]);
      if (revision !== "reference") expect(error).toContain("tool_broke: The tool broke");
      expect(error).toContain(result.outputs["thread-url"]);
      expect(result.summary).toContain("So far.");
    }),
  );

  it.concurrent(
    "succeeds with a warning with fail-on-run-error: false",
    withAgent(async (agent) => {
      agent.script = [{ end: "failed", text: null, error: broken }];
      const result = await agent.run({ "fail-on-run-error": "false" });
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: "failed", response: "" } });
      expect(annotated(result, "warning")).toEqual([expect.stringContaining("tool_broke")]);
      expect(annotated(result, "error")).toEqual([]);
    }),
  );

  it.concurrent(
    "reports the real status of its own run although a newer run is active by then",
    withAgent(async (agent) => {
      agent.script = [];
      const running = startStep(agent.step());
      await running.waitForLog(LOG_LINES.agentOutput);
      const run = agent.newestRun();
      agent.script = [{ status: "running" }, { emit: delta("Not ours.") }];
      agent.server.play(run.id, [{ status: "running" }, { emit: delta("Ours.") }, { end: "cancelled" }]);
      await until(() => run.status === "cancelled");
      const newer = agent.server.startRunDirectly(run.threadId, "Next!");
      const result = await running.result;
      expect(result.exitCode).toBe(1);
      expect(result.outputs).toMatchObject({ "run-id": run.id, status: "cancelled", response: "Ours." });
      expect(agent.server.findRun(newer.id).status).toBe("running");
    }),
  );
});

describe("a step whose wait-timeout expires", () => {
  it.concurrent(
    "fails and leaves the run running with on-wait-timeout: leave",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }, { emit: delta("Still at it.") }];
      const result = await agent.run({ "wait-timeout": "1s" });
      expect(result.exitCode).toBe(1);
      expect(result.outputs).toMatchObject({ status: "running", response: "Still at it." });
      const [error = ""] = annotated(result, "error");
      expect(error).toContain("`wait-timeout`");
      expect(error).toContain(result.outputs["thread-url"]);
      expect(agent.interrupts()).toEqual([]);
      expect(agent.newestRun().status).toBe("running");
      expect(result.state["interrupt_pending"]).toBe("");
    }),
  );

  it.concurrent(
    "fails and interrupts the run with on-wait-timeout: interrupt",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }];
      const result = await agent.run({ "wait-timeout": "1s", "on-wait-timeout": "interrupt" });
      expect(result).toMatchObject({ exitCode: 1, outputs: { status: "cancelled" } });
      expect(annotated(result, "error")).toEqual([expect.stringContaining(LOG_LINES.runCancelled)]);
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
    }),
  );
});
