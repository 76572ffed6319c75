/** The whole log of the main scenarios as people see it, as snapshots: the one place that holds its wording. */
import { afterAll, describe, expect, it } from "@jest/globals";
import { type Fault, type FakeMosooServerOptions } from "../support/fake-mosoo-server.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { skipUnless } from "../support/host.ts";
import { type StepOptions, type StepResult, events, runPost, runStep, startStep } from "../support/runner.ts";
import { stableText } from "../support/stable-text.ts";
import { Agent, answering, delta, tool } from "../support/waiting.ts";

const agents: Agent[] = [];
afterAll(async () => {
  await Promise.all(agents.map(({ server }) => server.close()));
});

async function startAgent(options: FakeMosooServerOptions = {}, ...faults: Fault[]): Promise<Agent> {
  const agent = await Agent.start(options);
  agents.push(agent);
  for (const fault of faults) agent.server.fault(fault);
  return agent;
}

function logOf(...steps: StepResult[]): string {
  return stableText(steps.map(({ shown }) => shown.trim()).join("\n--- next step ---\n"));
}

async function logOfRun(agent: Agent, inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}) {
  return logOf(await agent.run(inputs, more));
}

describe("the log of a step", () => {
  it.concurrent("that starts a thread, and of its re-run", async () => {
    const agent = await startAgent();
    const inputs = { wait: "false" };
    const first = await agent.run(inputs, { runId: "7", event: events.pullRequest() });
    const second = await agent.run(inputs, { runId: "7", runAttempt: 2, event: events.pullRequest() });
    expect(logOf(first, second)).toMatchSnapshot();
  });

  it.concurrent("that waits for the response", async () => {
    const agent = await startAgent();
    agent.script = [{ status: "running" }, { emit: [delta("All is well.\n"), tool("read")] }, { end: "completed" }];
    expect(await logOfRun(agent)).toMatchSnapshot();
  });

  it.concurrent("whose run fails, and of its re-run, which resends the message", async () => {
    const agent = await startAgent();
    agent.script = [
      { status: "running" },
      { end: "failed", error: { code: "tool_broke", message: "It broke.", retryable: false } },
    ];
    const first = await agent.run({}, { runId: "8" });
    agent.script = answering();
    const second = await agent.run({}, { runId: "8", runAttempt: 2 });
    expect(logOf(first, second)).toMatchSnapshot();
  });

  it.concurrent("whose run asks for human input", async () => {
    const agent = await startAgent();
    agent.script = [{ status: "waiting_input", title: "Deploy to production?" }];
    expect(await logOfRun(agent)).toMatchSnapshot();
  });

  it.concurrent("whose run takes longer than `wait-timeout`", async () => {
    const agent = await startAgent();
    agent.script = [{ status: "running" }];
    expect(await logOfRun(agent, { "wait-timeout": "1s" })).toMatchSnapshot();
  });

  it.concurrent("that retries after a server error and after a cached failure", async () => {
    const error = { on: "create", kind: "status", status: 500 } as const;
    const agent = await startAgent({}, { ...error, stored: true });
    expect(await logOfRun(agent, { wait: "false" })).toMatchSnapshot();
  });

  it.concurrent("that fails after retries", async () => {
    const agent = await startAgent({}, { on: "create", kind: "status", status: 429, code: "rate_limited", times: 1 });
    agent.server.fault({ on: "create", kind: "status", status: 403, code: "forbidden", message: "No access." });
    expect(await logOfRun(agent, { wait: "false" })).toMatchSnapshot();
  });

  it.concurrent("with invalid inputs", async () => {
    const step = await runStep({ with: { token: "", message: "", "wait-timeout": "soon" } });
    expect(logOf(step)).toMatchSnapshot();
  });

  it.concurrent("that is skipped without a token", async () => {
    const step = await runStep({ with: { token: "", "on-missing-token": "skip" } });
    expect(logOf(step)).toMatchSnapshot();
  });

  const itSignalled = skipUnless("signals", it.concurrent);

  itSignalled("that is cancelled", async () => {
    const agent = await startAgent();
    const running = await agent.atWork();
    running.signal("SIGINT");
    expect(logOf(await running.result)).toMatchSnapshot();
  });

  itSignalled("that is killed, and of its post step", async () => {
    const agent = await startAgent();
    agent.script = [{ status: "running" }];
    const running = startStep(agent.step());
    await running.waitForLog(LOG_LINES.agentOutput);
    const killed = await running.kill();
    expect(logOf(await runPost(killed))).toMatchSnapshot();
    expect(agent.newestRun().status).toBe("cancelled");
  });
});
