import { describe, expect, it, jest } from "@jest/globals";
import { ScriptPlayer } from "./mosoo/script-player.ts";
import { at, call, create, idAt, LATER, message, REVISIONS, send, start, until } from "./mosoo/test-client.ts";
import type { EndedStatus, FakeMosooServer, RunEvent } from "./fake-mosoo-server.ts";

const STRANGER = "01J00000000000000000000001";
const delta = (content: string): RunEvent => ({ type: "agent.message.delta", content });

const read = async (server: FakeMosooServer, threadId: string) =>
  (await call(server, "GET", `/threads/${threadId}`)).json;
const listed = async (server: FakeMosooServer, threadId: string, query = "") =>
  (await call(server, "GET", `/threads/${threadId}/events${query}`)).json;
const types = (json: unknown): string[] => (at(json, "events") as { type: string }[]).map((event) => event.type);

describe("reading a thread", () => {
  it("hides another user's", async () => {
    const server = await start();
    const { id } = server.createThreadDirectly({ token: server.tokens.otherPerson });
    for (const path of [`/threads/${id}`, `/threads/${id}/events`]) {
      const reply = await call(server, "GET", path);
      expect([reply.status, reply.code]).toEqual([404, "not_found"]);
    }
    expect((await send(server, id, message("Hi"))).status).toBe(404);
    expect((await call(server, "GET", "/threads/mine")).status).toBe(400);
  });

  it.each(LATER)("returns the response once the run is completed, and only then (%s)", async (revision) => {
    const server = await start({ revision });
    const { id } = server.createThreadDirectly({ text: "Go" });
    const [run] = server.findThread(id).runs;
    const runId = run?.id ?? "";
    server.setRunStatus(runId, "running");
    server.emit(runId, [delta("All "), delta("good")]);
    expect(at(await read(server, id), "run")).toMatchObject({ status: "running", finalOutput: null });
    server.endRun(runId, "completed");
    expect(at(await read(server, id), "run")).toMatchObject({ finalOutput: { text: "All good" }, error: null });
    const interrupted = await send(server, id, { type: "user_interrupt", runId });
    expect(at(interrupted.json, "events", 0, "run")).toMatchObject({ status: "completed", finalOutput: null });
  });

  it("gives the last message alone as the answer, nothing where the agent said nothing, and a failure's reason", async () => {
    const server = await start({ revision: "2026-08" });
    const ended = async (
      status: EndedStatus,
      events: RunEvent[],
      ending: Parameters<FakeMosooServer["endRun"]>[2] = {},
    ) => {
      const { id, runs } = server.createThreadDirectly({ text: "Go" });
      const runId = runs[0]?.id ?? "";
      server.emit(runId, events);
      server.endRun(runId, status, ending);
      return at(await read(server, id), "run");
    };
    const two = [delta("Let me look."), { ...delta("Found it."), startsMessage: true }];
    expect(await ended("completed", two)).toMatchObject({ finalOutput: { text: "Found it." } });
    expect(await ended("completed", [])).toMatchObject({ finalOutput: null });
    const error = { code: "model_error", message: "Out of tokens", retryable: true };
    expect(await ended("failed", two, { error })).toMatchObject({ status: "failed", finalOutput: null, error });
    expect(await ended("cancelled", two)).toMatchObject({ status: "cancelled", finalOutput: null });
  });

  it("has neither answer nor error on the reference revision", async () => {
    const server = await start();
    const { id, runs } = server.createThreadDirectly({ text: "Go" });
    server.endRun(runs[0]?.id ?? "", "failed");
    const json = await read(server, id);
    expect(Object.keys(at(json, "run") as object)).not.toEqual(expect.arrayContaining(["finalOutput"]));
    const events = at(await listed(server, id), "events") as { type: string; content: string }[];
    expect(events.at(-1)).toMatchObject({ type: "run.failed", content: "Run failed." });
  });
});

describe("the event list", () => {
  it.each(REVISIONS)("announces run.completed for completed, cancelled and expired runs (%s)", async (revision) => {
    const server = await start({ revision });
    for (const status of ["completed", "cancelled", "expired"] as const) {
      const { id, runs } = server.createThreadDirectly({ text: "Go" });
      const runId = runs[0]?.id ?? "";
      server.setRunStatus(runId, "running");
      server.endRun(runId, status);
      const events = at(await listed(server, id), "events") as { type: string; content: string }[];
      expect(events.map((event) => event.type)).toEqual(["user.message", "run.started", "run.completed"]);
      expect(events.slice(1).map((event) => event.content)).toEqual([runId, runId]);
    }
  });

  it("carries run and tools as the revision does", async () => {
    const tool = { type: "tool.use.started", content: "Read file", toolCallId: "c1", toolName: "read", toolInput: {} };
    const fields = async (revision: (typeof REVISIONS)[number]) => {
      const server = await start({ revision });
      const { id, runs } = server.createThreadDirectly({ text: "Go" });
      server.emit(runs[0]?.id ?? "", tool);
      const event = at(await listed(server, id), "events", 1) as object;
      return Object.keys(event).filter((name) => name === "runId" || name.startsWith("tool"));
    };
    expect(await fields("reference")).toEqual([]);
    expect(await fields("2026-07")).toEqual(["runId"]);
    expect(await fields("2026-08")).toEqual(["runId", "toolCallId", "toolName", "toolInput"]);
  });

  it("folds a run's deltas under the last one's ID, but not on the reference revision", async () => {
    const shown = async (revision: (typeof REVISIONS)[number]) => {
      const server = await start({ revision });
      const thread = server.createThreadDirectly({ text: "Go" });
      server.emit(thread.runs[0]?.id ?? "", [delta("a"), { type: "tool.use.started", content: "x" }, delta("b")]);
      const events = at(await listed(server, thread.id), "events") as { type: string; content: string; id: string }[];
      const last = thread.events.at(-1)?.id;
      return events.slice(1).map((event) => [event.type, event.content, event.id === last]);
    };
    expect(await shown("2026-08")).toEqual([
      ["agent.message.delta", "ab", true],
      ["tool.use.started", "x", false],
    ]);
    expect(await shown("reference")).toHaveLength(3);
  });

  it("shows the newest 100, or as many of up to 1,000 as are asked for", async () => {
    const server = await start();
    const { id, runs } = server.createThreadDirectly({ text: "Go" });
    server.emit(
      runs[0]?.id ?? "",
      Array.from({ length: 150 }, (_, index) => delta(String(index))),
    );
    const count = async (query: string) => {
      const json = await listed(server, id, query);
      return [types(json).length, at(json, "truncated"), at(json, "events", 0, "content")];
    };
    expect(await count("")).toEqual([100, true, "50"]);
    expect(await count("?limit=1")).toEqual([1, true, "149"]);
    expect(await count("?limit=1000")).toEqual([151, false, "Go"]);
    for (const limit of ["0", "1001", "-1", "x", ""]) {
      expect((await call(server, "GET", `/threads/${id}/events?limit=${limit}`)).status).toBe(400);
    }
  });
});

describe("sending a message into a thread", () => {
  it.each(REVISIONS)("queues a new run and returns it with the thread (%s)", async (revision) => {
    const server = await start({ revision });
    const { id } = server.createThreadDirectly();
    const field = revision === "2026-08" ? "requestId" : "clientRequestId";
    const reply = await send(server, id, message("Go", { [field]: "r1" }), { key: "k" });
    expect(reply.status).toBe(200);
    const [run] = server.findThread(id).runs;
    expect(reply.json).toMatchObject({
      events: [{ type: "user_message", run: { id: run?.id, status: "queued" }, [field]: "r1" }],
      thread: { last_run_id: run?.id, status: "RUNNING" },
      warnings: [],
    });
    expect(server.findThread(id).messages).toEqual([{ text: "Go", requestId: "r1", fileIds: [], runId: run?.id }]);
  });

  it.each([
    ["reference", { requestId: "r" }],
    ["reference", { resources: [] }],
    ["2026-07", { attachmentIds: [] }],
    ["2026-07", { requestId: "r" }],
    ["2026-08", { clientRequestId: "r" }],
    ["2026-08", { text: "" }],
    ["2026-08", { text: "x".repeat(32_001) }],
    ["2026-08", { requestId: 1 }],
    ["reference", { attachmentIds: ["file_1"] }],
  ] as const)("refuses what the revision does not take: %s %j", async (revision, more) => {
    const server = await start({ revision });
    const { id } = server.createThreadDirectly();
    const reply = await send(server, id, message("Go", more));
    expect([reply.status, reply.code]).toEqual([400, "invalid_request"]);
  });

  it("replays its success, also while the run is active", async () => {
    const server = await start();
    const { id } = server.createThreadDirectly();
    const first = await send(server, id, message("Go"), { key: "k" });
    const again = await send(server, id, message("Go"), { key: "k" });
    expect([again.status, again.replayed, again.text]).toEqual([200, true, first.text]);
  });

  it("answers 500 while a run is active, and keeps no error under the key", async () => {
    const server = await start();
    const { id, runs } = server.createThreadDirectly({ text: "First" });
    const refused = await send(server, id, message("Second"), { key: "k" });
    expect([refused.status, refused.code]).toEqual([500, "internal_error"]);
    server.endRun(runs[0]?.id ?? "", "completed");
    const reply = await send(server, id, message("Second"), { key: "k" });
    expect([reply.status, reply.replayed]).toEqual([200, false]);
  });

  it("remembers a request ID for good, under any key, before it looks at the run", async () => {
    const server = await start({ revision: "2026-08" });
    const { id } = server.createThreadDirectly();
    const sent = message("Go", { requestId: "r1" });
    await send(server, id, sent, { key: "k" });
    for (const ended of [false, true]) {
      if (ended) server.endRun(server.findThread(id).runs[0]?.id ?? "", "completed");
      const reply = await send(server, id, sent, { key: `other ${String(ended)}` });
      expect([reply.status, reply.code]).toEqual([409, "idempotency_conflict"]);
      expect(reply.message).toMatch(/already been applied to the conversation/);
    }
    expect((await send(server, server.createThreadDirectly().id, sent)).status).toBe(200);
  });

  it("is refused for a moment after a run's end where a checkpoint is pending", async () => {
    let now = 0;
    const server = await start({ pendingCheckpointMs: 500, now: () => now });
    const { id, runs } = server.createThreadDirectly({ text: "First" });
    server.endRun(runs[0]?.id ?? "", "completed");
    const reply = await send(server, id, message("Second"), { key: "k" });
    expect([reply.status, reply.code]).toEqual([409, "readiness_blocked"]);
    now = 500;
    expect((await send(server, id, message("Second"), { key: "k" })).status).toBe(200);
  });

  it("is refused in an archived thread", async () => {
    const server = await start();
    const { id } = server.createThreadDirectly();
    await call(server, "POST", `/threads/${id}/archive`);
    expect((await send(server, id, message("Go"))).status).toBe(500);
    await call(server, "POST", `/threads/${id}/unarchive`);
    expect((await send(server, id, message("Go"))).status).toBe(200);
  });
});

describe("interrupting", () => {
  it("cancels the run at once, and a second time changes nothing", async () => {
    const server = await start();
    const created = await create(server);
    const [threadId, runId] = [idAt(created.json, "thread", "id"), idAt(created.json, "run", "id")];
    server.setRunStatus(runId, "running");
    for (let times = 0; times < 2; times++) {
      const reply = await send(server, threadId, { type: "user_interrupt", runId });
      expect(at(reply.json, "events", 0, "run")).toMatchObject({ id: runId, status: "cancelled" });
    }
    expect(types(await listed(server, threadId)).filter((type) => type === "run.completed")).toHaveLength(1);
  });

  it("changes no other run and returns the named one", async () => {
    const server = await start();
    const { id, runs } = server.createThreadDirectly({ text: "First" });
    const first = runs[0]?.id ?? "";
    server.endRun(first, "failed");
    const second = server.startRunDirectly(id, "Second");
    const reply = await send(server, id, { type: "user_interrupt", runId: first });
    expect(at(reply.json, "events", 0, "run")).toMatchObject({ id: first, status: "failed" });
    expect(at(reply.json, "thread", "last_run_id")).toBe(second.id);
    expect(second.status).toBe("queued");
    const newest = await send(server, id, { type: "user_interrupt", runId: null });
    expect(at(newest.json, "events", 0, "run")).toMatchObject({ id: second.id, status: "cancelled" });
    expect((await send(server, id, { type: "user_interrupt" })).status).toBe(400);
    expect((await send(server, id, { type: "user_interrupt", runId: STRANGER })).status).toBe(500);
  });

  it("ends a run whose script has more steps", async () => {
    const server = await start({ script: [{ status: "running" }, { after: 600_000, end: "completed" }] });
    const created = await create(server);
    const runId = idAt(created.json, "run", "id");
    await until(() => server.findRun(runId).status === "running");
    await send(server, idAt(created.json, "thread", "id"), { type: "user_interrupt", runId });
    expect(server.findRun(runId).status).toBe("cancelled");
  });
});

describe("the script of a run", () => {
  it("performs no step after it is stopped", () => {
    jest.useFakeTimers();
    try {
      const performed: unknown[] = [];
      const player = new ScriptPlayer((_, step) => performed.push(step));
      player.play("run", [{ status: "running" }, { after: 20, end: "completed" }]);
      jest.advanceTimersByTime(19);
      player.stop("run");
      jest.advanceTimersByTime(1_000);
      expect(performed).toEqual([{ status: "running" }]);
    } finally {
      jest.useRealTimers();
    }
  });
});
