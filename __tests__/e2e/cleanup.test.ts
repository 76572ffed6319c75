import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { runPost, runStep, startPost, startStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { Agent, annotated, delta, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const withAgent = (test: (agent: Agent) => Promise<void>) => (): Promise<void> => Agent.during({}, test);

describe("a step that was killed while it waited", () => {
  it.concurrent.each(["reference", "2026-08"] as const)("(%s) has its run interrupted by the post step", (revision) =>
    Agent.during({ revision }, async (agent) => {
      const main = await (await agent.atWork()).kill();
      expect(main.signal).toBe("SIGKILL");
      expect(Object.values(main.state).join(" ")).not.toContain(agent.server.tokens.person);
      expect(agent.newestRun().status).toBe("running");
      const post = await runPost(main);
      expect(post).toMatchObject({ exitCode: 0, annotations: [] });
      expect(post.shown).toMatch(LOG_LINES.interruptSucceeded);
      expect(agent.interrupts()).toEqual([agent.newestRun().id]);
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );

  skipUnless("signals", it.concurrent)(
    "after it ignored the runner's signals for ten seconds has its run interrupted by the post step, too",
    withAgent(async (agent) => {
      // A wrapper around the step that keeps signals to itself, as some containers do.
      const deaf =
        "const { on } = process; process.on = (name, ...rest) => on.call(process, /^SIG/.test(name) ? 'x' : name, ...rest); for (const name of ['SIGINT', 'SIGTERM']) on.call(process, name, () => {});";
      const running = await agent.atWork(
        {},
        { nodeArguments: ["--import", `data:text/javascript,${encodeURIComponent(deaf)}`] },
      );
      const main = await running.cancel();
      expect(main.signal).toBe("SIGKILL");
      expect(main.outputs["thread-id"]).toBe(agent.newestRun().threadId);
      expect((await runPost(main)).exitCode).toBe(0);
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );

  it.concurrent(
    "has its run left running with on-cancel: leave",
    withAgent(async (agent) => {
      const main = await (await agent.atWork({ "on-cancel": "leave" })).kill();
      expect((await runPost(main)).stdout).toBe("");
      expect(agent.interrupts()).toEqual([]);
    }),
  );

  it.concurrent(
    "has its run left as it is where that ended in between",
    withAgent(async (agent) => {
      const main = await (await agent.atWork()).kill();
      agent.server.endRun(agent.newestRun().id, "completed", { text: "Done." });
      const post = await runPost(main);
      expect(post).toMatchObject({ exitCode: 0, annotations: [] });
      expect(post.shown).toContain("completed");
      expect(agent.newestRun().status).toBe("completed");
    }),
  );

  it.concurrent(
    "has a post step that retries transient failures, and never fails",
    withAgent(async (agent) => {
      const main = await (await agent.atWork()).kill();
      agent.server.fault({ on: "events", kind: "rate-limit", retryAfter: "1" });
      agent.server.fault({ on: "events", kind: "status", status: 503 });
      agent.server.fault({ on: "events", kind: "drop-before" });
      agent.server.fault({ on: "events", kind: "status", status: 409, code: "idempotency_conflict" });
      expect(await runPost(main)).toMatchObject({ exitCode: 0, annotations: [] });
      expect(agent.newestRun().status).toBe("cancelled");

      agent.server.fault({ on: "events", kind: "status", status: 401, times: 9 });
      const refused = await runPost(main);
      expect(refused.exitCode).toBe(0);
      expect(annotated(refused, "warning")).toEqual([expect.stringContaining(LOG_LINES.cleanupFailed)]);
    }),
  );

  it.concurrent(
    "has a post step that retries while the server restarts",
    withAgent(async (agent) => {
      const main = await (await agent.atWork()).kill();
      const { port } = new URL(agent.server.apiUrl);
      let refused = 0;
      const gate = createServer((socket) => {
        if (refused < 2) {
          refused += 1;
          socket.destroy();
          return;
        }
        const onward = connect(Number(port), "127.0.0.1");
        socket.on("error", () => onward.destroy()).pipe(onward);
        onward.on("error", () => socket.destroy()).pipe(socket);
      });
      await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve));
      const { port: own } = gate.address() as AddressInfo;
      const apiUrl = agent.server.apiUrl.replace(`:${port}`, `:${own}`);
      const post = startPost(main, { env: { STATE_api_url: apiUrl } });
      const ended = await post.result;
      gate.close();
      expect(ended).toMatchObject({ exitCode: 0, annotations: [] });
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );

  it.concurrent(
    "before it had a thread leaves nothing for the post step, which creates none",
    withAgent(async (agent) => {
      agent.server.fault({ on: "create", kind: "hang-before" });
      const running = startStep(agent.step());
      await until(() => agent.server.requests.length === 1);
      const main = await running.kill();
      expect((await runPost(main)).stdout).toBe("");
      expect(agent.server.threads).toEqual([]);
      expect(agent.server.requests).toHaveLength(1);
    }),
  );

  it.concurrent(
    "while it read the run of an earlier attempt has that run interrupted",
    withAgent(async (agent) => {
      agent.script = [{ status: "running" }];
      const options = agent.step();
      await (await agent.atWork({}, options)).kill();
      const running = startStep({ ...options, runAttempt: 2 });
      await running.waitForLog(LOG_LINES.agentOutput);
      const main = await running.kill();
      await runPost(main);
      expect(agent.server.threads).toHaveLength(1);
      expect(agent.newestRun().status).toBe("cancelled");
    }),
  );
});

describe("a runner whose command files are missing", () => {
  it.concurrent(
    "does not fail a step that waits, which warns of missing state",
    withAgent(async (agent) => {
      const result = await agent.run({}, { env: { GITHUB_STATE: "/nowhere/state" } });
      expect(result).toMatchObject({ exitCode: 0, outputs: { response: "All is well." } });
      expect(annotated(result, "warning")).toEqual([expect.stringContaining("/nowhere/state")]);
    }),
  );

  it.concurrent(
    "does not fail a step that has a thread: it warns once of missing outputs, and a failure names the thread",
    withAgent(async (agent) => {
      const folder = mkdtempSync(join(tmpdir(), "outputs-"));
      writeFileSync(join(folder, "output"), "");
      const running = await agent.atWork({}, { env: { GITHUB_OUTPUT: join(folder, "output"), GITHUB_STATE: folder } });
      rmSync(folder, { recursive: true });
      agent.server.endRun(agent.newestRun().id, "failed");
      const result = await running.result;
      expect(annotated(result, "warning")).toEqual([
        expect.stringContaining(folder),
        expect.stringContaining(join(folder, "output")),
      ]);
      const page = `${agent.server.origin}/threads/${agent.newestRun().threadId}`;
      expect(annotated(result, "error")).toEqual([expect.stringMatching(new RegExp(` ${page}$`))]);
    }),
  );
});

describe("the post step with nothing to do", () => {
  it.concurrent(
    "loads nothing: after a run's end, and without wait",
    withAgent(async (agent) => {
      const folder = mkdtempSync(join(tmpdir(), "post-"));
      try {
        // Nothing but the entry point is there to load.
        cpSync(join(import.meta.dirname, "../../dist/post.js"), join(folder, "post.cjs"));
        for (const wait of ["true", "false"]) {
          const main = await agent.run({ wait });
          const post = await runPost(main, { script: join(folder, "post.cjs") });
          expect(post).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );
});

describe("a re-run of a step that waits", () => {
  it(
    "returns the response of a completed run with two reads",
    withAgent(async (agent) => {
      const options = agent.step();
      const first = await runStepHere(options);
      agent.server.requests.length = 0;
      const again = await runStepHere({ ...options, runAttempt: 2 });
      expect(again).toMatchObject({ exitCode: 0, annotations: [] });
      expect(again.outputs).toMatchObject({
        "thread-id": first.outputs["thread-id"],
        "run-id": first.outputs["run-id"],
        response: "All is well.",
        replayed: "true",
      });
      expect(agent.asked()).toEqual(["POST threads", "GET thread", "GET events"]);
    }),
  );

  it(
    "sends the message of a failed run again in the same thread, and waits for the new run",
    withAgent(async (agent) => {
      agent.script = [{ emit: delta("Oh no.") }, { end: "failed" }];
      const options = agent.step();
      const first = await runStepHere(options);
      expect(first.exitCode).toBe(1);
      agent.script = [{ emit: delta("Better.") }, { end: "completed" }];
      const again = await runStepHere({ ...options, runAttempt: 2 });
      expect(again).toMatchObject({ exitCode: 0, outputs: { response: "Better.", status: "completed" } });
      expect(again.outputs["thread-id"]).toBe(first.outputs["thread-id"]);
      expect(again.outputs["run-id"]).not.toBe(first.outputs["run-id"]);
      expect(agent.server.threads[0]?.runs).toHaveLength(2);
    }),
  );

  it(
    "reports a failed run again with on-rerun: replay",
    withAgent(async (agent) => {
      agent.script = [{ emit: delta("Oh no.") }, { end: "failed" }];
      const options = agent.step({ "on-rerun": "replay" });
      const first = await runStepHere(options);
      const again = await runStepHere({ ...options, runAttempt: 2 });
      expect(again).toMatchObject({ exitCode: 1, outputs: { status: "failed", response: "Oh no." } });
      expect(again.outputs["run-id"]).toBe(first.outputs["run-id"]);
    }),
  );

  it.concurrent(
    "waits for the same run where that is still running",
    withAgent(async (agent) => {
      const options = agent.step({ "wait-timeout": "1s" });
      agent.script = [{ status: "running" }, { emit: delta("One, ") }];
      const first = await runStep(options);
      expect(first.outputs["status"]).toBe("running");
      const running = startStep({ ...options, with: { ...options.with, "wait-timeout": "1m" }, runAttempt: 2 });
      await until(() => agent.server.openStreams === 1);
      agent.server.emit(agent.newestRun().id, delta("two."));
      agent.server.endRun(agent.newestRun().id, "completed");
      const again = await running.result;
      expect(again).toMatchObject({ exitCode: 0, outputs: { response: "One, two." } });
      expect(again.outputs["run-id"]).toBe(first.outputs["run-id"]);
    }),
  );
});
