/** A re-run reports and continues only its own runs of a thread that others use, too. Through the built action. */
import { afterAll, describe, expect, it } from "@jest/globals";
import {
  type FakeMosooServer,
  type Revision,
  type StoredThread,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";

const text = "Review the pull request.";
const revisions: Revision[] = ["reference", "2026-07", "2026-08"];
const servers: FakeMosooServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

async function serve(revision: Revision): Promise<FakeMosooServer> {
  const server = await startFakeMosooServer({ revision, rateLimit: { requests: 10_000, windowMs: 60_000 } });
  servers.push(server);
  return server;
}

function stepOf(server: FakeMosooServer, inputs: Record<string, string> = {}): StepOptions {
  return {
    with: {
      ...(inputs["thread-id"] === undefined ? { "agent-id": server.agents.published } : {}),
      token: server.tokens.person,
      message: text,
      "api-url": server.apiUrl,
      "create-timeout": "20s",
      ...inputs,
    },
  };
}

async function attempt(
  server: FakeMosooServer,
  runAttempt: number,
  inputs: Record<string, string> = {},
): Promise<StepResult> {
  const result = await runStep({ ...stepOf(server, inputs), runAttempt });
  expect({ exit: result.exitCode, log: result.exitCode === 0 ? "" : result.shown }).toEqual({ exit: 0, log: "" });
  return result;
}

function onlyThread(server: FakeMosooServer): StoredThread {
  const [thread, ...more] = server.threads;
  if (thread === undefined || more.length > 0) throw new Error(`There are ${more.length + 1} threads.`);
  return thread;
}

/** Somebody else's message, answered at once. */
function writeAsOther(server: FakeMosooServer, thread: StoredThread, said: string, answer: string): string {
  const run = server.startRunDirectly(thread.id, said);
  server.endRun(run.id, "completed", { text: answer });
  return run.id;
}

/** So many events that the thread's first messages are beyond the newest 1,000. */
function writeManyEvents(server: FakeMosooServer, runId: string): void {
  for (let index = 0; index < 1_100; index += 1) {
    server.emit(runId, { type: "tool.use.started", toolName: `tool-${index}`, content: `tool-${index}` });
  }
}

const messages = (thread: StoredThread): number => thread.messages.filter((message) => message.text === text).length;

describe.each(revisions)("a re-run at revision %s", (revision) => {
  it.concurrent("sends its message again though another's run is newer and no event names its own", async () => {
    const server = await serve(revision);
    await attempt(server, 1);
    const thread = onlyThread(server);
    server.endRun(thread.runs[0]?.id ?? "", "failed");
    const other = writeAsOther(server, thread, "Another step's question.", "Another step's answer.");
    const third = await attempt(server, 3);
    expect(third.outputs["run-id"]).not.toBe(other);
    expect(third.outputs["run-id"]).toBe(thread.messages.findLast((message) => message.text === text)?.runId);
    expect(messages(thread)).toBe(2);
  });

  it.concurrent("returns the run that an earlier attempt resumed, beyond the newest 1,000 events", async () => {
    const server = await serve(revision);
    await attempt(server, 1);
    const thread = onlyThread(server);
    server.endRun(thread.runs[0]?.id ?? "", "failed");
    const resumed = (await attempt(server, 2)).outputs["run-id"] ?? "";
    server.endRun(resumed, "completed", { text: "Its own answer." });
    const other = server.startRunDirectly(thread.id, "Another step's question.");
    writeManyEvents(server, other.id);
    server.endRun(other.id, "failed");
    const third = await attempt(server, 3);
    expect(third.outputs).toMatchObject({ "run-id": resumed, status: "completed" });
    expect(messages(thread)).toBe(2);
  });

  it.concurrent("does not take the run of another step's identical message for its own", async () => {
    const server = await serve(revision);
    await attempt(server, 1);
    const thread = onlyThread(server);
    const own = thread.runs[0]?.id ?? "";
    server.endRun(own, "completed", { text: "Its own answer." });
    const other = server.startRunDirectly(thread.id, text);
    server.endRun(other.id, "failed");
    const third = await attempt(server, 3);
    expect(third.outputs).toMatchObject({ "run-id": own, status: "completed" });
    expect(messages(thread)).toBe(2);
  });

  it.concurrent("reports its own response, not another's, with `wait`", async () => {
    const server = await serve(revision);
    await attempt(server, 1);
    const thread = onlyThread(server);
    const own = thread.runs[0]?.id ?? "";
    server.endRun(own, "failed");
    const second = attempt(server, 2, { wait: "true" });
    while (messages(thread) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const resumed = thread.runs.at(-1)?.id ?? "";
    server.setRunStatus(resumed, "running");
    server.endRun(resumed, "completed", { text: "Its own answer." });
    writeAsOther(server, thread, "Another step's question.", "Another step's answer.");
    expect((await second).outputs["response"]).toContain("Its own answer.");
    const third = await attempt(server, 3, { wait: "true" });
    expect(third.outputs["response"]).toContain("Its own answer.");
    expect(third.outputs["response"]).not.toContain("Another");
    expect(messages(thread)).toBe(2);
  });
});

describe("a message that the service has applied, in a thread with the same text from another step", () => {
  it("is an error that names `on-rerun: create`: its run cannot be proven", async () => {
    const server = await serve("2026-07");
    const thread = server.createThreadDirectly({ text: "Earlier." });
    server.endRun(thread.runs[0]?.id ?? "", "completed");
    await attempt(server, 1, { "thread-id": thread.id });
    server.endRun(thread.runs.at(-1)?.id ?? "", "completed", { text: "Its own answer." });
    writeAsOther(server, thread, text, "Another step's answer.");
    server.fault({
      on: "events",
      kind: "status",
      status: 409,
      code: "idempotency_conflict",
      message: "This client request has already been applied to the conversation.",
    });
    const second = await runStep({ ...stepOf(server, { "thread-id": thread.id, wait: "true" }), runAttempt: 2 });
    expect(second.exitCode).toBe(1);
    expect(second.annotations.map(({ level }) => level)).toEqual(["error"]);
    expect(second.annotations[0]?.message).toContain("`on-rerun: create`");
    expect(second.outputs["thread-id"] ?? "").not.toContain("Another");
    expect(second.outputs["run-id"] ?? "").toBe("");
    expect(second.outputs["response"] ?? "").toBe("");
    expect(messages(thread)).toBe(2);
  });
});
