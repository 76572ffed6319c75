import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startStep } from "../support/runner.ts";
import { Agent, annotated, delta, tool, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";

describe.each(["reference", "2026-07", "2026-08"] as const)("waiting, at the %s revision", (revision) => {
  const polled = revision === "reference";
  /** Each with an agent of its own, so that the waits of polling are waited for together. */
  const withAgent = (test: (agent: Agent) => Promise<void>) => (): Promise<void> => Agent.during({ revision }, test);

  it.concurrent(
    "hands the answer to later steps",
    withAgent(async (agent) => {
      agent.script = [
        { status: "running" },
        { emit: [delta("Let me see.\n"), tool("read", "Read file"), tool("read", "Read file")] },
        { after: 50, emit: { ...delta("All is "), startsMessage: true } },
        { emit: delta("well.") },
        { after: 50, end: "completed" },
      ];
      const { exitCode, outputs, annotations, summary, shown } = await agent.run();
      expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
      expect(outputs["status"]).toBe("completed");
      // The reference revision has no final output: all that was said, joined.
      const answer = polled ? "Let me see.\nAll is well." : "All is well.";
      expect(outputs["response"]).toBe(answer);
      expect(readFileSync(outputs["response-file"] ?? "", "utf8")).toBe(answer);
      expect(JSON.parse(outputs["json"] ?? "")).toMatchObject({
        run: { status: "completed" },
        thread: { status: "IDLE" },
      });
      expect(outputs["json"]).not.toContain("All is well.");
      expect(summary).toContain("All is well.");
      expect(summary).toMatch(/<details open>|<details>/);
      expect(shown).toContain(`\nLet me see.\n→ ${revision === "2026-08" ? "read" : "Read file"}\n`);
      expect(shown).toMatch(/\nAll is well\.$/);
    }),
  );

  it.concurrent.each(["completed", "failed", "cancelled", "expired"] as const)("sees a run that ends %s", (status) =>
    Agent.during({ revision }, async (agent) => {
      const exitCode = status === "completed" ? 0 : 1;
      agent.script = [
        { status: "running" },
        { emit: delta("So far.") },
        { end: status, error: { code: "tool_broke", message: "The tool broke.", retryable: false } },
      ];
      const result = await agent.run();
      expect(result.exitCode).toBe(exitCode);
      expect(result.outputs).toMatchObject({ status, response: "So far." });
      const errors = annotated(result, "error");
      expect(errors).toHaveLength(exitCode);
      if (exitCode === 0) return;
      expect(errors[0]).toMatch(new RegExp(`^The run ${status === "cancelled" ? "was cancelled" : status}[.:]`));
      if (!polled) expect(errors[0]).toContain("tool_broke: The tool broke");
      expect(errors[0]).toContain(result.outputs["thread-url"]);
      expect(result.summary).toContain("So far.");
      expect(result.summary).toMatch(/unfinished|did not complete/i);
    }),
  );

  it.concurrent(
    "sees 1,500 events that come at once",
    withAgent(async (agent) => {
      const events = Array.from({ length: 500 }, (_, index) => [delta(`${index},`), tool("grep"), delta("\n")]).flat();
      agent.script = [{ status: "running" }, { emit: events }, { end: "completed" }];
      const result = await agent.run();
      const whole = Array.from({ length: 500 }, (_, index) => `${index},\n`).join("");
      expect(result.exitCode).toBe(0);
      if (polled) {
        // The list gives the newest thousand of 1,503.
        expect(whole.endsWith(result.outputs["response"] ?? "")).toBe(true);
        expect(result.outputs["response"]).toContain("\n498,\n499,\n");
        expect(annotated(result, "warning")).toEqual([
          expect.stringContaining("the start of the response may be missing"),
        ]);
      } else {
        expect(result.outputs["response"]).toBe(whole);
        expect(result.annotations).toEqual([]);
        expect(result.shown.match(/^→ grep$/gm)).toHaveLength(500);
      }
    }),
  );

  it.concurrent(
    "takes few requests",
    withAgent(async (agent) => {
      await agent.run();
      expect(agent.asked()).toEqual(
        {
          reference: ["POST threads", "GET stream", "GET thread", "GET events"],
          "2026-07": ["POST threads", "GET stream", "GET thread"],
          "2026-08": ["POST threads", "GET stream", "GET thread"],
        }[revision],
      );
    }),
  );

  it.concurrent(
    "does not fail where it is told not to",
    withAgent(async (agent) => {
      agent.script = [{ end: "failed", text: null, error: { code: "x", message: "Broken.", retryable: true } }];
      const result = await agent.run({ "fail-on-run-error": "false" });
      expect(result.exitCode).toBe(0);
      expect(result.outputs).toMatchObject({ status: "failed", response: "" });
      expect(annotated(result, "warning")).toEqual([expect.stringContaining("The run failed")]);
      expect(annotated(result, "error")).toEqual([]);
    }),
  );

  it.concurrent(
    "sees its own run's end although a newer run is active by then",
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

  it.concurrent(
    "gives up after wait-timeout, and leaves the run going",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }, { emit: delta("Still at it.") }];
      const result = await agent.run({ "wait-timeout": "1s" });
      expect(result.exitCode).toBe(1);
      expect(result.outputs).toMatchObject({ status: "running", response: "Still at it." });
      const [error = ""] = annotated(result, "error");
      expect(error).toContain("Timed out after 1 s (`wait-timeout`)");
      expect(error).toContain(result.outputs["thread-url"]);
      expect(agent.interrupts()).toEqual([]);
      expect(agent.newestRun().status).toBe("running");
      expect(result.state["waiting"]).toBe("");
    }),
  );

  it.concurrent(
    "gives up after wait-timeout, and interrupts the run where it is told to",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }];
      const result = await agent.run({ "wait-timeout": "1s", "on-wait-timeout": "interrupt" });
      expect(result.exitCode).toBe(1);
      expect(result.outputs["status"]).toBe("cancelled");
      expect(annotated(result, "error")).toEqual([expect.stringContaining("The run is cancelled.")]);
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
    }),
  );
});

describe("the end of a streamed run", () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  beforeEach(() => {
    agent.reset();
  });
  afterAll(() => agent.server.close());

  it("ends the step within 300 ms", async () => {
    const lags: number[] = [];
    for (let tries = 0; tries < 5 && !lags.some((lag) => lag <= 300); tries += 1) {
      const running = await agent.atWork();
      const began = performance.now();
      agent.server.endRun(agent.newestRun().id, "completed", { text: "Done." });
      await running.result;
      lags.push(performance.now() - began);
    }
    expect(Math.min(...lags)).toBeLessThanOrEqual(300);
  });

  it("is found by the last read although no event told of it", async () => {
    agent.server.fault({ on: "stream", kind: "mute-stream" });
    agent.script = [{ status: "running" }, { after: 300, end: "completed", text: "Done." }];
    const result = await agent.run({ "wait-timeout": "1s" });
    expect(result.exitCode).toBe(0);
    expect(result.outputs["response"]).toBe("Done.");
  });
});
