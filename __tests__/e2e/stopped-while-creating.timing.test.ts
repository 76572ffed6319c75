/** A step that is cancelled while it creates a thread ends soon and reports what exists. Through the built action. */
import { afterAll, describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { type Fault, type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepOptions, type StepResult, runStep, startStep } from "../support/runner.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const servers: FakeMosooServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

async function serve(...faults: Fault[]): Promise<FakeMosooServer> {
  const server = await startFakeMosooServer();
  servers.push(server);
  for (const fault of faults) server.fault(fault);
  return server;
}

function step(
  server: FakeMosooServer,
  inputs: Record<string, string> = {},
  more: Partial<StepOptions> = {},
): StepOptions {
  return {
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Have a look, please.",
      "api-url": server.apiUrl,
      ...inputs,
    },
    ...more,
  };
}

/** The step succeeded, and its outputs name the server's only thread and run. */
function expectOne(result: StepResult, server: FakeMosooServer): void {
  expect(result.exitCode).toBe(0);
  expect(server.threads).toHaveLength(1);
  expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
  expect(result.outputs["run-id"]).toBe(server.threads[0]?.runs[0]?.id);
}

skipUnless("signals", describe)("a step that is stopped while it creates", () => {
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s with a request in flight ends within two seconds, and says that a thread may exist",
    async (signal) => {
      const server = await serve({ on: "create", kind: "hang-after", times: 9 });
      const running = startStep(step(server, { "request-timeout": "20s" }));
      await until(() => server.threads.length === 1);
      const since = performance.now();
      running.signal(signal);
      const result = await running.result;
      expect(performance.now() - since).toBeLessThan(2_000);
      expect(failureOf(result)).toMatch(
        /^Step cancelled or timed out.*A thread may exist; a re-run of this workflow run finds it\.$/,
      );
      expect(server.requests).toHaveLength(1);
      server.clearFaults();
      expectOne(await runStep(step(server, {}, { runAttempt: 2 })), server);
    },
  );

  it("between two attempts starts no new one", async () => {
    const server = await serve({ on: "create", kind: "rate-limit", retryAfter: "15", times: 9 });
    const running = startStep(step(server));
    await running.waitForLog(LOG_LINES.retrying);
    const since = performance.now();
    running.signal("SIGINT");
    const result = await running.result;
    expect(performance.now() - since).toBeLessThan(1_000);
    expect(failureOf(result)).toMatch(/^Step cancelled or timed out.*No thread was created\.$/);
    expect(server.requests).toHaveLength(1);
  });

  it("keeps the outputs where the response still comes", async () => {
    const server = await serve({ on: "create", kind: "slow", ms: 700 });
    const running = startStep(step(server, { "request-timeout": "20s" }));
    await until(() => server.threads.length === 1);
    running.signal("SIGINT");
    const result = await running.result;
    expect(result.exitCode).toBe(1);
    expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
    expect(result.outputs["run-id"]).toBe(server.threads[0]?.runs[0]?.id);
    expect(failureOf(result)).toContain(result.outputs["thread-url"]);
  });
});
