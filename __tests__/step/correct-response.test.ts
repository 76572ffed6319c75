/** The loop of corrections, in this process against the fake server, so that minutes pass in milliseconds. */
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type Revision,
  type StoredThread,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import {
  type ScriptedBehavior,
  ids,
  scriptedEvent,
  startScriptedMosoo,
  threadBody,
} from "../support/scripted-mosoo.ts";
import { type WaitOptions, type WaitRecord, waitInProcess } from "../support/wait.ts";
import { OTHERS_MESSAGE, answeringInTurn, until } from "../support/waiting.ts";

const wrong = "I would say: maybe.";
const right = '{"verdict": "pass"}';
const json = '{"verdict":"pass"}';
const responseSchema = { text: '{"type":"object","required":["verdict"]}' };
const revisions: Revision[] = ["reference", "2026-07", "2026-08"];

let server: FakeMosooServer | undefined;

afterEach(async () => {
  await server?.close();
});

interface Stage {
  server: FakeMosooServer;
  thread: StoredThread;
  /** What the agent answers from now on: to the step's message, then to its corrections. */
  answers: (string | null | undefined)[];
  attempt: (runAttempt: number, options?: Partial<WaitOptions>) => Promise<WaitRecord>;
}

/** A thread with the step's message. The first attempt has sent it, later ones find it. */
async function begin(
  revision: Revision,
  answers: (string | null | undefined)[],
  options: FakeMosooServerOptions = {},
): Promise<Stage> {
  const fake = await startFakeMosooServer({
    revision,
    rateLimit: { requests: 1e6, windowMs: 60_000 },
    script: (started) => {
      const script = answeringInTurn(...answers);
      return typeof script === "function" ? script(started) : script;
    },
    ...options,
  });
  server = fake;
  const thread = fake.createThreadDirectly({ text: "Hi" });
  const [run] = thread.runs;
  if (run === undefined) throw new Error("The thread has no run.");
  const attempt: Stage["attempt"] = (runAttempt, more = {}) =>
    waitInProcess({
      apiUrl: fake.apiUrl,
      token: fake.tokens.person,
      threadId: thread.id,
      run: { id: run.id, status: "queued", createdAt: new Date(run.createdAt).toISOString() },
      replayed: runAttempt > 1,
      responseSchema,
      runAttempt,
      ...more,
    });
  return { server: fake, thread, answers, attempt };
}

const retries = (responseRetries: number) => ({ inputs: { responseRetries, waitTimeout: 10_000 } });
/** IDs of the corrections in the thread, without the step's key. */
const corrections = ({ messages }: StoredThread): (string | undefined)[] =>
  messages.flatMap(({ requestId }) => (requestId === null ? [] : [requestId.replace(/^k/, "")]));

describe.each(revisions)("a response that does not match the schema (%s)", (revision) => {
  it("is corrected, and outputs and report are of the correction's run", async () => {
    const { thread, attempt } = await begin(revision, [wrong, "", right]);
    const { result, outputs, report } = await attempt(1, retries(2));
    expect(result).toEqual({ outcome: "completed" });
    expect(outputs).toMatchObject({ "response-json": json, response: right, "run-id": thread.runs[2]?.id });
    expect(report).toMatchObject({ corrections: 2, runId: thread.runs[2]?.id });
    expect(corrections(thread)).toEqual(["+fix1", "+fix2"]);
  });

  it("fails the step once all corrections are used up, and a later attempt gets as many again", async () => {
    const { thread, attempt, answers } = await begin(revision, [wrong]);
    const { result, outputs } = await attempt(1, retries(2));
    expect(result).toMatchObject({ outcome: "invalid", failure: { serverMessage: expect.stringContaining("JSON") } });
    expect(outputs).toMatchObject({ response: wrong, "response-file": expect.any(String), status: "completed" });
    expect(outputs).not.toHaveProperty("response-json");
    expect(corrections(thread)).toEqual(["+fix1", "+fix2"]);

    expect((await attempt(2, { inputs: { ...retries(2).inputs, onRerun: "replay" } })).result.outcome).toBe("invalid");
    expect(corrections(thread)).toHaveLength(2);

    answers.push(wrong, wrong, wrong, right);
    const later = await attempt(3, retries(2));
    expect(later).toMatchObject({ result: { outcome: "completed" }, report: { corrections: 4 } });
    expect(later.outputs).toMatchObject({ "response-json": json, "run-id": thread.runs.at(-1)?.id });
    expect(corrections(thread)).toEqual(["+fix1", "+fix2", "+fix3", "+fix4"]);
  });

  it("is corrected by a re-run, where the step was killed before it sent the correction", async () => {
    const { server: fake, thread, attempt } = await begin(revision, [wrong, right]);
    fake.fault({ on: "events", kind: "status", status: 401, times: 9 });
    expect((await attempt(1, retries(1))).result.outcome).toBe("invalid");
    expect(corrections(thread)).toEqual([]);
    fake.clearFaults();
    expect((await attempt(2, retries(1))).outputs["response-json"]).toBe(json);
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it("is corrected once, where the step was killed before the correction was answered", async () => {
    const { server: fake, thread, attempt } = await begin(revision, [wrong, null]);
    expect((await attempt(1, retries(1))).result.outcome).toBe("timed-out");
    fake.endRun(thread.runs[1]?.id ?? "", "completed", { text: right });
    const { outputs } = await attempt(2, retries(1));
    expect(outputs).toMatchObject({ "response-json": json, "run-id": thread.runs[1]?.id });
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it("is corrected although other runs are in the thread before and after the correction's", async () => {
    const { server: fake, thread, attempt } = await begin(revision, [wrong, null]);
    const others = fake.startRunDirectly.bind(fake, thread.id, `${OTHERS_MESSAGE}Go on.`);
    fake.fault({ on: "events", kind: "status", status: 401 });
    await attempt(1, retries(1));
    others();
    const waiting = await attempt(2, retries(1));
    expect(waiting.result.outcome).toBe("timed-out");
    const [, other, own] = thread.runs;
    fake.endRun(own?.id ?? "", "completed", { text: right });
    others();
    const { outputs } = await attempt(3, retries(1));
    expect(outputs).toMatchObject({ "response-json": json, "run-id": own?.id, status: "completed" });
    expect(other?.status).toBe("completed");
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it("is asked for once more with the same text, where the correction's run failed", async () => {
    const { server: fake, thread, attempt, answers } = await begin(revision, [wrong, null]);
    await attempt(1, retries(1));
    fake.endRun(thread.runs[1]?.id ?? "", "failed");
    expect((await attempt(1, { ...retries(1), replayed: true })).result.outcome).toBe("failed");
    expect((await attempt(2, { inputs: { ...retries(1).inputs, onRerun: "replay" } })).result.outcome).toBe("failed");
    const second = attempt(2, retries(1));
    expect((await second).result.outcome).toBe("timed-out");
    fake.endRun(thread.runs[2]?.id ?? "", "cancelled");
    answers.splice(1, 1, wrong, wrong, right);
    const { outputs } = await attempt(3, retries(1));
    expect(outputs).toMatchObject({ "response-json": json, "run-id": thread.runs[3]?.id });
    expect(corrections(thread)).toEqual(["+fix1", "+a2+fix1", "+a3+fix1"]);
    const texts = thread.messages.slice(1).map(({ text }) => text.slice(text.indexOf("\n")));
    expect(new Set(texts).size).toBe(1);
  });
});

describe("a response that does not match the schema", () => {
  it("fails the step without a correction where none is allowed", async () => {
    const { thread, attempt } = await begin("2026-07", [wrong]);
    const { result } = await attempt(1, retries(0));
    const advice = expect.stringContaining("`response-retries`");
    expect(result).toMatchObject({ outcome: "invalid", failure: { advice } });
    expect((await attempt(2, retries(0))).result.outcome).toBe("invalid");
    expect(corrections(thread)).toEqual([]);
  });

  it("is not looked for in a run that did not complete, which leaves the step green with `fail-on-run-error: false`", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [null]);
    fake.emit(thread.runs[0]?.id ?? "", { type: "agent.message.delta", content: right });
    fake.endRun(thread.runs[0]?.id ?? "", "failed");
    const { result, outputs } = await attempt(2, { inputs: { ...retries(1).inputs, failOnRunError: false } });
    expect(result).toMatchObject({ outcome: "failed" });
    expect(result).not.toHaveProperty("failure");
    expect(outputs).toMatchObject({ response: right });
    expect(outputs).not.toHaveProperty("response-json");
    expect(corrections(thread)).toEqual([]);
  });

  it("cannot be corrected with a service token, and the error names `response-retries: 0`", async () => {
    const { server: fake, attempt } = await begin("reference", [wrong]);
    const service = fake.createThreadDirectly({ text: "Hi", token: fake.tokens.service });
    const run = { id: service.runs[0]?.id ?? "", status: "queued" };
    const { result, outputs } = await attempt(1, {
      ...retries(1),
      threadId: service.id,
      run,
      token: fake.tokens.service,
    });
    const advice = expect.stringContaining("`response-retries: 0`");
    expect(result).toMatchObject({ outcome: "invalid", failure: { status: 401, advice } });
    expect(outputs).toMatchObject({ response: wrong });
  });

  it.each([
    ["wait-timeout", { waitTimeout: 20_000, createTimeout: 300_000 }],
    ["create-timeout", { waitTimeout: 300_000, createTimeout: 20_000 }],
  ])("is asked for until `%s` is over where the server fails", async (input, times) => {
    const { server: fake, attempt } = await begin("2026-07", [wrong]);
    fake.fault({ on: "events", kind: "status", status: 503, times: 99 });
    const { result } = await attempt(1, { inputs: { responseRetries: 1, ...times } });
    const summary = expect.stringContaining("503");
    const advice = expect.stringContaining(`\`${input}\` (now 20 s)`);
    expect(result).toMatchObject({ failure: { summary, advice } });
  });

  it("has the run of its correction interrupted where the step is cancelled", async () => {
    const { thread, attempt } = await begin("2026-07", [wrong, null]);
    const waiting = attempt(1, { inputs: { responseRetries: 1, waitTimeout: 86_400_000 } });
    await until(() => thread.runs[1]?.status === "running");
    process.emit("SIGINT");
    expect((await waiting).result).toMatchObject({ outcome: "stopped", interruptFailed: false });
    expect(thread.runs[1]?.status).toBe("cancelled");
  });

  it("is not asked for once the step is cancelled", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [null]);
    fake.fault({ on: "events", kind: "status", status: 503, times: 999 });
    const waiting = attempt(1, { inputs: { responseRetries: 1, waitTimeout: 86_400_000, createTimeout: 86_400_000 } });
    fake.endRun(thread.runs[0]?.id ?? "", "completed", { text: wrong });
    await until(() => fake.requests.some(({ status }) => status === 503));
    process.emit("SIGINT");
    const { result, outputs } = await waiting;
    expect(result).toMatchObject({
      outcome: "stopped",
      failure: { consequence: expect.stringContaining("correction") },
    });
    expect(outputs).toMatchObject({ response: wrong, status: "completed" });
    expect(corrections(thread)).toEqual([]);
  });

  it("leaves the tools of its run in the report of the correction", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [null, right]);
    const runId = thread.runs[0]?.id ?? "";
    fake.emit(runId, { type: "tool.use.started", toolName: "grep", content: "grep" });
    fake.endRun(runId, "completed", { text: wrong });
    const { report } = await attempt(1, retries(1));
    expect(report.tools).toEqual(new Map([["grep", 1]]));
  });

  it("is shown to people as indented JSON once it does", async () => {
    const { attempt } = await begin("2026-07", [right]);
    const { report } = await attempt(1, retries(1));
    expect(report.response).toEqual({ text: '```json\n{\n  "verdict": "pass"\n}\n```', complete: true });
    expect(report).toMatchObject({ outcome: "error", corrections: 0 });
  });
});

describe("a response that the server gives only in part", () => {
  const thread = () => ({ body: threadBody({ status: "completed" }) });
  const waitFor = async (list: ScriptedBehavior["list"] & object): Promise<WaitRecord> => {
    const scripted = await startScriptedMosoo({ thread, list });
    const run = { id: ids.run, status: "running" };
    try {
      return await waitInProcess({ apiUrl: scripted.apiUrl, threadId: ids.thread, run, responseSchema, ...retries(0) });
    } finally {
      await scripted.close();
    }
  };

  it("is not valid, although what is left of it is", async () => {
    const events = [scriptedEvent("agent.message.delta", right), scriptedEvent("run.completed", ids.run)];
    const { result, outputs } = await waitFor(() => ({ body: { events, truncated: true } }));
    expect({ outcome: result.outcome, response: outputs.response }).toEqual({ outcome: "invalid", response: right });
    expect(outputs).not.toHaveProperty("response-json");
  });

  it("is an error of its own where nothing of it is readable", async () => {
    const { result } = await waitFor(() => ({ status: 403, body: { error: { code: "forbidden" } } }));
    expect(result.outcome).toBe("error");
  });
});

describe("a correction of an earlier attempt", () => {
  it("whose run failed is an error where it cannot be sent again, not an invalid response", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [wrong, null]);
    await attempt(1, retries(1));
    fake.endRun(thread.runs[1]?.id ?? "", "failed");
    fake.fault({ on: "events", kind: "status", status: 401 });
    expect((await attempt(2, retries(1))).result).toMatchObject({ outcome: "error", failure: { status: 401 } });
  });

  const fill = (fake: FakeMosooServer, runId: string): void => {
    fake.emit(
      runId,
      Array.from({ length: 1_100 }, (_, index) => ({ type: "file.changed", content: String(index) })),
    );
  };

  it("is an error where the events that the service lists may lack it", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [wrong, null]);
    await attempt(1, retries(1));
    fill(fake, thread.runs[1]?.id ?? "");
    await expect(attempt(2, retries(1))).rejects.toMatchObject({
      name: "MosooError",
      details: { threadState: "created", advice: expect.stringContaining("`on-rerun: create`") },
    });
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it.each(revisions)("cannot exist where the events go back to the run of the message (%s)", async (revision) => {
    const { server: fake, thread, attempt } = await begin(revision, [null, right]);
    const runId = thread.runs[0]?.id ?? "";
    fill(fake, runId);
    fake.endRun(runId, "completed", { text: wrong });
    expect((await attempt(2, retries(1))).outputs["response-json"]).toBe(json);
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it("is its own, not the copy that somebody else sent", async () => {
    const { server: fake, thread, attempt } = await begin("2026-07", [wrong, right, '{"verdict": "copied"}']);
    await attempt(1, retries(1));
    fake.startRunDirectly(thread.id, thread.messages[1]?.text ?? "");
    const { outputs } = await attempt(2, retries(1));
    expect(outputs).toMatchObject({ "response-json": json, "run-id": thread.runs[1]?.id });
  });

  it("has the thread's newest run where that has not started yet (reference)", async () => {
    const { server: fake, thread, attempt } = await begin("reference", [wrong, undefined]);
    await attempt(1, retries(1));
    const runId = thread.runs[1]?.id ?? "";
    const second = attempt(2, { inputs: { responseRetries: 1, waitTimeout: 600_000 } });
    await until(() => fake.requests.filter(({ path }) => path.includes("/events?")).length >= 3);
    fake.setRunStatus(runId, "running");
    fake.endRun(runId, "completed", { text: right });
    expect((await second).outputs).toMatchObject({ "response-json": json, "run-id": runId });
    expect(corrections(thread)).toEqual(["+fix1"]);
  });

  it("is sent again where its run never started, and another's is newer (reference)", async () => {
    const { server: fake, thread, attempt, answers } = await begin("reference", [wrong, undefined]);
    await attempt(1, retries(1));
    fake.endRun(thread.runs[1]?.id ?? "", "failed");
    fake.startRunDirectly(thread.id, `${OTHERS_MESSAGE}Go on.`);
    const replay = attempt(2, { inputs: { ...retries(1).inputs, onRerun: "replay" } });
    await expect(replay).rejects.toMatchObject({ name: "MosooError" });
    answers.push(right);
    const { outputs } = await attempt(2, retries(1));
    expect(outputs).toMatchObject({ "response-json": json, "run-id": thread.runs[3]?.id });
    expect(corrections(thread)).toEqual(["+fix1", "+a2+fix1"]);
  });
});
