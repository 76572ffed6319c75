import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { ids, scriptedEvent, openSse, sse, startScriptedMosoo, threadBody } from "../support/scripted-mosoo.ts";
import { runPost, runStep, startStep } from "../support/runner.ts";
import { Agent, annotated, delta, stopped, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { CONSEQUENCES } from "../support/refusals.ts";

/**
 * Some four seconds are promised, and the runner sends SIGTERM after 7.5 s; the difference is tolerance for a busy machine.
 * That nothing ran into the step's own time limits is visible in the step's error.
 */
const MAX_SHUTDOWN_MS = 7_000;

/** Each test has an agent of its own, so that waits are waited for together. */
const withAgent =
  <T extends unknown[]>(test: (agent: Agent, ...row: T) => Promise<void>) =>
  (...row: T): Promise<void> =>
    Agent.during({}, (agent) => test(agent, ...row));

const describeStopped = skipUnless("signals", describe);

describeStopped("a signal while the step waits", () => {
  it.concurrent.each([
    ["SIGINT", ["SIGINT"]],
    ["SIGINT twice and SIGTERM", ["SIGINT", "SIGINT", "SIGTERM"]],
  ] as [string, NodeJS.Signals[]][])(
    "(%s) interrupts the run once, keeps the outputs and reports the run's status once",
    withAgent(async (agent, _: string, signals: NodeJS.Signals[]) => {
      const running = await agent.atWork();
      const { result, ms, error } = await stopped(running, ...signals);
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(result.exitCode).toBe(1);
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(error).toContain(result.outputs["thread-url"]);
      expect(result.outputs).toMatchObject({ status: "cancelled", response: "Reading the diff.\n" });
      expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toBe("Reading the diff.\n");
      expect(JSON.parse(result.outputs["json"] ?? "")).toMatchObject({ run: { status: "cancelled" } });
      expect(result.state["interrupt_pending"]).toBe("");
    }),
  );

  it.concurrent(
    "that comes again during the interrupt changes nothing",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "slow", ms: 700 });
      running.signal("SIGINT");
      await until(() => agent.interrupts().length === 1);
      const { result, error } = await stopped(running, "SIGTERM", "SIGINT");
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(result.exitCode).toBe(1);
      expect(agent.interrupts()).toHaveLength(1);
    }),
  );

  it.concurrent(
    "that comes again while the step ends does not kill it",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      running.signal("SIGINT");
      const again = setInterval(() => {
        running.signal("SIGTERM");
      }, 10);
      const result = await running.result;
      clearInterval(again);
      expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { status: "cancelled" } });
    }),
  );

  it.concurrent(
    "leaves the run running with on-cancel: leave",
    withAgent(async (agent) => {
      const running = await agent.atWork({ "on-cancel": "leave" });
      const { result, error } = await stopped(running, "SIGINT");
      expect(error).toContain(LOG_LINES.runContinues);
      expect(result.outputs["status"]).toBe("running");
      expect(agent.interrupts()).toEqual([]);
      expect((await runPost(result)).stdout).toBe("");
      expect(agent.newestRun().status).toBe("running");
    }),
  );

  it.concurrent("ends the polling of a server without streams, too", () =>
    Agent.during({ revision: "reference" }, async (polled) => {
      const running = await polled.atWork();
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(result.outputs["status"]).toBe("cancelled");
      expect(polled.interrupts()).toHaveLength(1);
    }),
  );

  it.concurrent(
    "ends a read and a stream that are not answered",
    withAgent(async (agent) => {
      for (const endpoint of ["thread", "stream"] as const) {
        agent.reset();
        agent.script = [{ status: "running" }];
        agent.server.fault({ on: endpoint, kind: "hang-before", times: 9 });
        if (endpoint === "thread") agent.server.fault({ on: "stream", kind: "status", status: 404 });
        const running = startStep(agent.step());
        await until(() => agent.server.requests.some(({ fault }) => fault === "hang-before"));
        const { ms, error } = await stopped(running, "SIGINT");
        expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
        expect(error).toContain(LOG_LINES.runCancelled);
      }
    }),
  );

  it.concurrent(
    "reports the real status of a run that has ended meanwhile",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      // No event reports the end in time: the stream is cut and the thread cannot be read.
      agent.server.fault({ on: "stream", kind: "hang-before" });
      agent.server.fault({ on: "thread", kind: "hang-before", times: 9 });
      agent.server.cutStreams();
      await until(() => agent.server.requests.some(({ fault }) => fault !== undefined));
      agent.server.endRun(agent.newestRun().id, "completed", { text: "Done." });
      const { result, error } = await stopped(running, "SIGINT");
      expect(error).toContain(LOG_LINES.runCompleted);
      expect(result.outputs["status"]).toBe("completed");
    }),
  );
});

describeStopped("an interrupt after a signal", () => {
  it.concurrent(
    "is waited for where its response is late",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "slow", ms: 2_000 });
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(result.outputs["status"]).toBe("cancelled");
    }),
  );

  it.concurrent(
    "is given up where it is not answered, and sent again by the post step",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "hang-before" });
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.interruptFailed);
      expect(result.outputs).toMatchObject({ status: "running", response: "Reading the diff.\n" });
      const post = await runPost(result);
      expect(post).toMatchObject({ exitCode: 0, annotations: [] });
      expect(post.shown).toMatch(LOG_LINES.interruptSucceeded);
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );

  it.concurrent.each([503])(
    "is not sent twice by the step where it is answered with %i, but by the post step",
    withAgent(async (agent, status: number) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "status", status, headers: { "retry-after": "1" } });
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.interruptFailed);
      expect(agent.interrupts()).toHaveLength(1);
      expect((await runPost(result)).exitCode).toBe(0);
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );

  it.concurrent(
    "is reported where it is refused, and does not fail the post step",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "status", status: 403, times: 9 });
      const { result, error } = await stopped(running, "SIGINT");
      expect(error).toContain(LOG_LINES.interruptFailed);
      const post = await runPost(result);
      expect(post.exitCode).toBe(0);
      expect(annotated(post, "warning")).toEqual([expect.stringContaining(LOG_LINES.cleanupFailed)]);
      expect(annotated(post, "warning")[0]).toContain(result.outputs["thread-url"]);
    }),
  );

  it.concurrent.each([
    ["shows its end", { body: threadBody({ status: "completed" }) }, LOG_LINES.runCompleted, "completed"],
    ["cannot be read", { status: 500 }, "Sent interrupt to the agent run.", "running"],
    ["is not answered in time", "hang", "Sent interrupt to the agent run.", "running"],
  ] as const)(
    "succeeds where its response has no run, since it changed nothing, and the thread %s",
    async (_, thread, summary, status) => {
      const server = await startScriptedMosoo({
        create: () => ({ status: 201, body: threadBody({ status: "running" }) }),
        stream: (__, response) => {
          openSse(response);
          response.write(sse(scriptedEvent("agent.message.delta", "Reading.\n")));
          return undefined;
        },
        events: () => ({ body: { events: [{ type: "user_interrupt", requestId: null, run: null }], warnings: [] } }),
        thread: () => thread,
      });
      try {
        const given = { "agent-id": ids.agent, token: "mst_x", "api-url": server.apiUrl, message: "Hi", wait: "true" };
        const running = startStep({ with: given });
        await running.waitForLog("Reading.");
        const { result, ms, error } = await stopped(running, "SIGINT");
        expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
        expect(error).toContain(summary);
        expect(result.outputs["status"]).toBe(status);
        expect(result.state["interrupt_pending"]).toBe("");
        expect(server.count("events")).toBe(1);
      } finally {
        await server.close();
      }
    },
  );

  it.concurrent(
    "is sent once more where its connection is reset",
    withAgent(async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "events", kind: "drop-before" });
      const { error } = await stopped(running, "SIGINT");
      expect(error).toContain(LOG_LINES.runCancelled);
    }),
  );

  it.concurrent(
    "is cut short by the signal where it was sent at wait-timeout",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }];
      agent.server.fault({ on: "events", kind: "hang-before", times: 9 });
      const running = startStep(agent.step({ "wait-timeout": "1s", "on-wait-timeout": "interrupt" }));
      await until(() => agent.interrupts().length === 1);
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.interruptFailed);
      expect(result.state["interrupt_pending"]).toBe("true");
    }),
  );
});

describeStopped("a signal during thread creation", () => {
  it.concurrent(
    "is followed by a wait for the response, and an interrupt of the run",
    withAgent(async (agent) => {
      agent.server.fault({ on: "create", kind: "slow", ms: 1_000 });
      agent.script = [{ status: "running" }];
      const running = startStep(agent.step());
      await until(() => agent.server.requests.length === 1);
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeGreaterThan(500);
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(result.outputs).toMatchObject({ "run-id": agent.newestRun().id, status: "cancelled", replayed: "false" });
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
      expect(agent.asked()).not.toContain("GET stream");
    }),
  );

  it.concurrent(
    "interrupts nothing without wait",
    withAgent(async (agent) => {
      agent.server.fault({ on: "create", kind: "slow", ms: 400 });
      const running = startStep(agent.step({ wait: "false" }));
      await until(() => agent.server.requests.length === 1);
      const { result, ms, error } = await stopped(running, "SIGTERM");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(result.outputs["thread-url"]);
      expect(agent.interrupts()).toEqual([]);
      expect(result.state["interrupt_pending"] ?? "").toBe("");
    }),
  );

  it.concurrent.each(["hang-before", "hang-after"] as const)(
    "ends a request (%s) with the error that a thread may exist, and a re-run finds it",
    withAgent(async (agent, kind: "hang-before" | "hang-after") => {
      agent.server.fault({ on: "create", kind });
      const options = agent.step();
      const running = startStep(options);
      await until(() => agent.server.requests.length === 1);
      const { result, ms, error } = await stopped(running, "SIGINT", "SIGTERM");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(CONSEQUENCES["perhaps a thread"]);
      expect((await runPost(result)).stdout).toBe("");
      const again = await runStep({ ...options, runAttempt: 2 });
      expect(again.outputs).toMatchObject({ status: "completed", replayed: String(kind === "hang-after") });
      expect(agent.server.threads).toHaveLength(1);
    }),
  );

  it.concurrent(
    "between two attempts prevents the second",
    withAgent(async (agent) => {
      agent.server.fault({ on: "create", kind: "rate-limit", retryAfter: "30" });
      const running = startStep(agent.step());
      await running.waitForLog(LOG_LINES.retrying);
      const { ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(CONSEQUENCES["no thread"]);
      expect(agent.asked()).toEqual(["POST threads"]);
    }),
  );

  it.concurrent(
    "in a re-run interrupts the run that an earlier attempt had started",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }];
      const options = agent.step({ wait: "false" });
      const first = await runStep(options);
      agent.server.fault({ on: "thread", kind: "hang-before", times: 9 });
      const running = startStep({ ...options, with: { ...options.with, wait: "true" }, runAttempt: 2 });
      await until(() => agent.server.requests.some(({ fault }) => fault === "hang-before"));
      const { result, ms, error } = await stopped(running, "SIGINT");
      expect(ms).toBeLessThan(MAX_SHUTDOWN_MS);
      expect(error).toContain(LOG_LINES.runCancelled);
      expect(result.outputs).toMatchObject({ "thread-id": first.outputs["thread-id"], status: "cancelled" });
    }),
  );
});

describeStopped("a signal after the run's end", () => {
  it.concurrent(
    "does not prevent the response output",
    withAgent(async (agent) => {
      agent.server.fault({ on: "thread", kind: "slow", ms: 300 });
      agent.script = [{ status: "running" }, { emit: delta("Done.") }, { end: "completed" }];
      const running = startStep(agent.step());
      await until(() => agent.asked().includes("GET thread"));
      running.signal("SIGINT");
      const result = await running.result;
      // The read was aborted, and the response to the interrupt says that the run had ended.
      expect(result.outputs).toMatchObject({ status: "completed", response: "Done." });
    }),
  );
});
