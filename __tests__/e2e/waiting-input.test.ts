import { describe, expect, it } from "@jest/globals";
import { runPost, runStep, startStep } from "../support/runner.ts";
import { Agent, annotated, delta, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const asking = [
  { status: "running" as const },
  { emit: delta("May I?\n") },
  { status: "waiting_input" as const, title: "Run `npm publish`" },
];

describe("a run that requires input", () => {
  it.concurrent.each(["reference", "2026-08"] as const)(
    "fails the step with the thread's URL and keeps waiting; after the response a re-run resumes it (%s)",
    (revision) =>
      Agent.during({ revision }, async (agent) => {
        agent.script = asking;
        const options = agent.step();
        const result = await runStep(options);
        expect(result.exitCode).toBe(1);
        const [error = ""] = annotated(result, "error");
        expect(error).toContain('The agent requires human input: "Run `npm publish`".');
        expect(error).toContain(result.outputs["thread-url"]);
        expect(result.outputs).toMatchObject({ status: "waiting_input", response: "May I?\n" });
        expect(agent.newestRun().status).toBe("waiting_input");
        expect((await runPost(result)).stdout).toBe("");
        expect(agent.interrupts()).toEqual([]);
        expect(result.summary).toContain("npm publish");

        const run = agent.newestRun();
        agent.server.setRunStatus(run.id, "running");
        agent.server.play(run.id, [{ after: 300, emit: delta("Published.") }, { end: "completed" }]);
        const again = await runStep({ ...options, runAttempt: 2 });
        expect(again).toMatchObject({
          exitCode: 0,
          outputs: { "run-id": run.id, status: "completed", replayed: "true" },
        });
        expect(agent.server.threads).toHaveLength(1);
        expect(agent.server.threads[0]?.runs).toHaveLength(1);
      }),
  );

  it.concurrent("is interrupted before the step fails with on-waiting-input: interrupt", () =>
    Agent.during({}, async (agent) => {
      agent.script = asking;
      const result = await agent.run({ "on-waiting-input": "interrupt" });
      expect(result.exitCode).toBe(1);
      expect(annotated(result, "error")).toEqual([expect.stringContaining(LOG_LINES.runCancelled)]);
      expect(annotated(result, "error")[0]).toContain("Run `npm publish`");
      expect(result.outputs["status"]).toBe("cancelled");
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
    }),
  );

  it.concurrent(
    "is one warning and a line for each later request with on-waiting-input: wait, and nothing is approved",
    () =>
      Agent.during({}, async (agent) => {
        agent.script = asking;
        const running = startStep(agent.step({ "on-waiting-input": "wait" }));
        await running.waitForLog("::warning");
        const run = agent.newestRun();
        for (const count of [1, 2]) {
          agent.server.setRunStatus(run.id, "running");
          agent.server.setRunStatus(run.id, "waiting_input", { title: "Run `npm publish`" });
          await until(() => running.stdoutSoFar().split("requires human input").length === count + 2);
        }
        agent.server.setRunStatus(run.id, "running");
        agent.server.endRun(run.id, "completed", { text: "Published." });
        const result = await running.result;
        expect(result.exitCode).toBe(0);
        const warnings = annotated(result, "warning");
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toContain('The agent requires human input: "Run `npm publish`".');
        expect(warnings[0]).toContain(result.outputs["thread-url"]);
        expect(result.shown.match(/requires human input/g)).toHaveLength(3);
        const posts = agent.server.requests.filter(({ method }) => method === "POST");
        expect(posts.map(({ path }) => path.split("/").at(-1))).toEqual(["threads"]);
      }),
  );

  it.concurrent("ends the step at wait-timeout with on-waiting-input: wait", () =>
    Agent.during({}, async (agent) => {
      agent.script = asking;
      const result = await agent.run({ "on-waiting-input": "wait", "wait-timeout": "1s" });
      expect(result.exitCode).toBe(1);
      expect(annotated(result, "error")).toEqual([expect.stringContaining("`wait-timeout`")]);
      expect(result.outputs["status"]).toBe("waiting_input");
    }),
  );

  it.concurrent("is reported once by a re-run, too", () =>
    Agent.during({}, async (agent) => {
      agent.script = asking;
      const options = agent.step();
      await runStep(options);
      const running = startStep({ ...options, with: { ...options.with, "on-waiting-input": "wait" }, runAttempt: 2 });
      await running.waitForLog("::warning");
      await until(() => agent.server.openStreams === 1);
      const run = agent.newestRun();
      agent.server.setRunStatus(run.id, "running");
      agent.server.endRun(run.id, "completed", { text: "Published." });
      const result = await running.result;
      expect(result).toMatchObject({ exitCode: 0, outputs: { response: "Published." } });
      expect(result.shown.match(/requires human input/g)).toHaveLength(1);
    }),
  );
});
