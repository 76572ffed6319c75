/** Messages to existing threads (`thread-id`), and how a re-run continues an earlier attempt's work. */
import { describe, expect, it } from "@jest/globals";
import type { EndedStatus, FakeMosooServer, Fault, Revision, StoredThread } from "../support/fake-mosoo-server.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { expectFailure } from "../support/refusals.ts";
import {
  REVISIONS,
  TEXT,
  annotated,
  conflict,
  countRequests,
  endRun,
  expectSuccess,
  onlyThread,
  run,
  runBundled,
  serve,
  writeAsOther,
} from "../support/service.ts";

const rerun = { runAttempt: 2 };
const unknownThread = "01J0000000000000000000000T";

const own = (thread: StoredThread) => thread.messages.filter((message) => message.text === TEXT);

/** A thread with an earlier message, whose run has ended. */
function earlierThread(server: FakeMosooServer): StoredThread {
  const thread = server.createThreadDirectly({ text: "Earlier." });
  server.endRun(thread.runs[0]?.id ?? "", "completed");
  return thread;
}

/** A thread that the first attempt created, and whose run ended so. */
async function threadAfter(server: FakeMosooServer, status: EndedStatus): Promise<StoredThread> {
  expectSuccess(await run(server));
  const thread = onlyThread(server);
  endRun(server, thread.runs[0]?.id, status);
  return thread;
}

const sentEvents = (server: FakeMosooServer): unknown[] =>
  server.requests
    .filter(({ method, path }) => method === "POST" && path.endsWith("/events"))
    .map(({ json }) => (json as { events?: unknown[] } | undefined)?.events?.[0]);

describe("a message to an existing thread", () => {
  it.each<[Revision, number, string]>([
    ["reference", 1, "clientRequestId"],
    ["2026-07", 1, "clientRequestId"],
    ["2026-08", 3, "requestId"],
  ])("is sent in the form of revision %s, in %i requests", async (revision, requests, name) => {
    const server = await serve(revision);
    const thread = earlierThread(server);
    const result = await (revision === "2026-08" ? runBundled : run)(server, { "thread-id": thread.id });
    expectSuccess(result);
    expect(server.requests).toHaveLength(requests);
    expect(own(thread)).toHaveLength(1);
    expect(result.outputs).toMatchObject({
      "thread-id": thread.id,
      "run-id": own(thread)[0]?.runId,
      "thread-url": `${server.origin}/threads/${thread.id}`,
      replayed: "false",
    });
    const event = { type: "user_message", text: TEXT, [name]: result.outputs["idempotency-key"] };
    expect(sentEvents(server).at(-1)).toEqual(event);
  });

  it.each<[Revision, object]>([
    ["reference", { attachmentIds: ["0"] }],
    ["2026-07", { resources: [{ type: "file", file_id: "0" }] }],
    ["2026-08", { resources: [{ type: "file", file_id: "0" }] }],
  ])("takes `file-ids` along at revision %s", async (revision, files) => {
    const server = await serve(revision);
    const thread = earlierThread(server);
    const file = server.addFile();
    expectSuccess(await run(server, { "thread-id": thread.id, "file-ids": file.id }));
    expect(own(thread)[0]?.fileIds).toEqual([file.id]);
    expect(JSON.parse(JSON.stringify(sentEvents(server).at(-1)).replaceAll(file.id, "0"))).toMatchObject(files);
    // The thread is read first only where a message that is rejected late uses its files up.
    expect(server.requests.map(({ method }) => method)).toEqual(
      revision === "reference" ? ["POST"] : ["POST", "GET", "GET", "POST"],
    );
  });

  it("has the newest contract's body in the first request where `user-id` is given", async () => {
    const server = await serve("2026-08");
    const thread = earlierThread(server);
    expectSuccess(await run(server, { "thread-id": thread.id, "user-id": "somebody" }));
    expect(server.requests).toHaveLength(1);
    expect(own(thread)).toHaveLength(1);
  });

  it.each<[string, Fault[], Revision]>([
    ["a connection that was dropped after the message was taken", [{ on: "events", kind: "drop-after" }], "2026-07"],
    ["a connection that was dropped before", [{ on: "events", kind: "drop-before" }], "reference"],
    ["a request that hung", [{ on: "events", kind: "hang-after" }], "2026-07"],
    ["a response that was cut off", [{ on: "events", kind: "cut" }], "reference"],
    ["a 500 after the message was taken", [{ on: "events", kind: "fail-after" }], "reference"],
    ["three 500s after the message was taken", [{ on: "events", kind: "fail-after", times: 3 }], "2026-07"],
    ["a 500 before the message was taken", [{ on: "events", kind: "status", status: 500 }], "2026-07"],
    ["a crash after the message was taken", [{ on: "events", kind: "crash-half-way" }], "2026-07"],
    ["a crash before the message was taken", [{ on: "events", kind: "crash-half-way", commit: false }], "2026-07"],
    ["an unknown conflict", [conflict("events", "Have patience.")], "2026-07"],
    ["a conflict without an envelope", [{ on: "events", kind: "status", status: 409, body: "" }], "reference"],
    ["a stuck key", [conflict("events", "It cannot be safely replayed; its reservation is retained.")], "2026-07"],
    ["a stuck key for a day", [conflict("events", "The reservation could not be confirmed.", "86400")], "2026-07"],
    ["a pending checkpoint", [{ on: "events", kind: "status", status: 409, code: "readiness_blocked" }], "2026-07"],
    ["a cached failure", [{ on: "events", kind: "status", status: 500, stored: true }], "2026-07"],
  ])("is sent once after %s, and a re-run finds it", async (title, faults, revision) => {
    const runner = title.startsWith("a connection that was dropped after") ? runBundled : run;
    const server = await serve(revision, faults, { stuckReservationMs: 500 });
    const thread = earlierThread(server);
    const result = await runner(server, { "thread-id": thread.id });
    expectSuccess(result);
    expect(own(thread)).toHaveLength(1);
    expect(result.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(annotated(result, "warning")).toEqual([]);
    const again = await runner(server, { "thread-id": thread.id }, rerun);
    expectSuccess(again);
    expect(own(thread)).toHaveLength(1);
    expect(again.outputs).toMatchObject({ "run-id": own(thread)[0]?.runId, replayed: "true" });
  });

  it("is found by a re-run where a later step's run is newer", async () => {
    const server = await serve("2026-07", [{ on: "events", kind: "fail-after" }]);
    const thread = earlierThread(server);
    expectSuccess(await run(server, { "thread-id": thread.id }));
    endRun(server, own(thread)[0]?.runId, "completed");
    server.startRunDirectly(thread.id, "A later step's.");
    const again = await run(server, { "thread-id": thread.id }, rerun);
    expectSuccess(again);
    expect(again.outputs).toMatchObject({ "run-id": own(thread)[0]?.runId, status: "completed" });
  });

  it.each(REVISIONS)("waits for the run of the step before, and its checkpoint (%s)", async (revision) => {
    let reads = 0;
    const server = await serve(revision, [], {
      pendingCheckpointMs: 400,
      onExchange: ({ method, path }) => {
        if (method !== "GET" || !path.includes("/threads/")) return;
        // The first attempt finds the run active, and so does the second one, which proves that it is another's run.
        if (++reads === 3) endRun(server, onlyThread(server).runs[0]?.id, "completed");
      },
    });
    const first = await run(server, { message: "First." });
    const threadId = first.outputs["thread-id"] ?? "";
    const second = await run(server, { "thread-id": threadId }, { step: "second" });
    expectSuccess(second);
    expect(second.shown).toContain(LOG_LINES.waitingForActiveRun);
    const thread = onlyThread(server);
    expect(thread.messages.map((message) => message.text)).toEqual(["First.", TEXT]);
    expect(second.outputs).toMatchObject({ "run-id": thread.runs[1]?.id, "thread-id": threadId });
  });

  it("fails the step where another's run outlasts `wait-timeout`", async () => {
    const server = await serve("2026-07");
    const thread = server.createThreadDirectly({ text: "Earlier." });
    const result = await run(server, { "thread-id": thread.id, "wait-timeout": "3s" });
    expectFailure(result, { input: "thread-id", names: ["`wait-timeout`"] });
    expect(own(thread)).toHaveLength(0);
  });

  it("fails without an input where the server requires a form that its contract does not tell", async () => {
    const server = await serve("2026-08", [{ on: "openapi", kind: "status", status: 404, times: 9 }]);
    const result = await run(server, { "thread-id": earlierThread(server).id });
    expectFailure(result, { input: null, status: 400, code: "invalid_request", exists: "not sent" });
  });

  it("fails with a service token of the reference contract, which cannot continue a thread", async () => {
    const server = await serve("reference");
    const made = await run(server, { token: server.tokens.service });
    const threadId = made.outputs["thread-id"] ?? "";
    const result = await run(server, { token: server.tokens.service, "thread-id": threadId });
    expectFailure(result, { status: 401, code: "unauthenticated", exists: "not sent", names: ["service token"] });
  });

  it("may have been sent at the deadline; a re-run does not send it twice", async () => {
    const server = await serve("2026-07", [{ on: "events", kind: "hang-after", times: 9 }]);
    const thread = earlierThread(server);
    const result = await run(server, { "thread-id": thread.id, "create-timeout": "3s" });
    expectFailure(result, { exists: "perhaps sent", names: [/after \d attempts/] });
    server.clearFaults();
    expectSuccess(await run(server, { "thread-id": thread.id }, rerun));
    expect(own(thread)).toHaveLength(1);
  });
});

describe("a thread that does not exist for the token", () => {
  it.each<[string, Revision, number]>([
    ["no files", "reference", 1],
    ["`file-ids`", "reference", 1],
    ["`file-ids`", "2026-08", 3],
  ])("is reported as missing, with the input (%s, %s)", async (files, revision, requests) => {
    const server = await serve(revision);
    const fileIds = files === "no files" ? "" : server.addFile().id;
    const result = await run(server, { "thread-id": unknownThread, "file-ids": fileIds });
    expectFailure(result, { input: "thread-id", status: 404, code: "not_found", exists: "not sent" });
    expect(server.requests.length).toBeGreaterThanOrEqual(requests);
  });

  it("fails a re-run that finds it deleted, which names `on-rerun: create`", async () => {
    const server = await serve("2026-07");
    await run(server);
    for (const on of ["events", "thread"] as const)
      server.fault({ on, kind: "status", status: 404, code: "not_found", times: 9 });
    const result = await run(server, {}, rerun);
    const thread = `${server.origin}/threads/${onlyThread(server).id}`;
    expectFailure(result, { status: 404, code: "not_found", names: ["`on-rerun: create`"], thread });
    expect(result.outputs["thread-id"]).toBe(onlyThread(server).id);
  });
});

describe("a message that the server has taken", () => {
  it.each(["processed with a different request", "applied to another request"])(
    "is not assumed where its key has already been %s",
    async (words) => {
      const server = await serve("2026-07", [conflict("events", `The idempotency key has already been ${words}.`)]);
      const thread = earlierThread(server);
      const result = await run(server, { "thread-id": thread.id });
      expectFailure(result, { input: "idempotency-key", status: 409, exists: "not sent" });
      expect(own(thread)).toEqual([]);
    },
  );

  const applied = conflict("events", "This client request has already been applied to the conversation.");

  it("is reported as sent where its run cannot be read", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    server.fault(applied);
    server.fault({ on: "thread", kind: "status", status: 403, code: "forbidden", times: 9 });
    const result = await run(server, { "thread-id": thread.id }, rerun);
    expectFailure(result, { status: 403, code: "forbidden", exists: "sent" });
  });

  it("is not sent again after another's run failed, where its own run cannot be proven", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    endRun(server, own(thread)[0]?.runId, "completed");
    writeAsOther(server, thread, "failed");
    server.fault(applied);
    server.fault({ on: "event-list", kind: "garbage", shape: "array", times: 3 });
    expectFailure(await run(server, { "thread-id": thread.id }, rerun), { exists: "sent" });
    const third = await run(server, { "thread-id": thread.id }, { runAttempt: 3 });
    expect(third.outputs).toMatchObject({ "run-id": own(thread)[0]?.runId, status: "completed" });
    expect(own(thread)).toHaveLength(1);
  });

  it("is an error that names `on-rerun: create` where another step's has the same text", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    expectSuccess(await run(server, { "thread-id": thread.id }));
    endRun(server, thread.runs.at(-1)?.id, "completed", "Its own answer.");
    writeAsOther(server, thread, "completed", { said: TEXT });
    server.fault(applied);
    const second = await run(server, { "thread-id": thread.id, wait: "true" }, rerun);
    expectFailure(second, { names: ["`on-rerun: create`"] });
    expect([second.outputs["run-id"] ?? "", second.outputs["response"] ?? ""]).toEqual(["", ""]);
    expect(own(thread)).toHaveLength(2);
  });

  it("is reported as replayed by a re-run, which sends none", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    const result = await run(server, { "thread-id": thread.id }, rerun);
    expectSuccess(result);
    expect(result.shown).toContain(`${LOG_LINES.reusedMessage}${thread.id}`);
    expect(own(thread)).toHaveLength(1);
  });

  it("is not denied by a re-run that could not ask", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    const result = await run(server, { "thread-id": thread.id, token: "grt_pat_ofNoValue000000000000" }, rerun);
    expectFailure(result, { status: 401, code: "unauthenticated", exists: "not sent by this attempt" });
  });
});

describe("a re-run with `on-rerun: resume`", () => {
  it.each<[Revision, "failed" | "cancelled" | "expired"]>([
    ["reference", "failed"],
    ["2026-07", "cancelled"],
    ["2026-08", "expired"],
  ])("sends the message again in the same thread after a run that did not complete (%s, %s)", async (...row) => {
    const [revision, status] = row;
    const server = await serve(revision);
    const runner = revision === "2026-08" ? runBundled : run;
    const first = await runner(server);
    const thread = onlyThread(server);
    endRun(server, thread.runs[0]?.id, status);
    const second = await runner(server, {}, rerun);
    expectSuccess(second);
    expect(onlyThread(server).messages).toHaveLength(2);
    const requestId = `${first.outputs["idempotency-key"] ?? ""}+a2`;
    expect(thread.messages[1]).toMatchObject({ text: TEXT, requestId });
    expect(second.outputs).toMatchObject({ "thread-id": thread.id, "run-id": thread.runs[1]?.id });
    expect(second.shown).toContain(thread.runs[0]?.id);
    expect(second.summary).toContain(status);
  });

  it.each(["completed", "running", "waiting_input"] as const)("continues with a run that is %s", async (status) => {
    const server = await serve("2026-07");
    await run(server);
    const thread = onlyThread(server);
    const [first] = thread.runs;
    if (status === "completed") endRun(server, first?.id, status);
    else server.setRunStatus(first?.id ?? "", status);
    const second = await run(server, {}, rerun);
    expectSuccess(second);
    expect(thread.messages).toHaveLength(1);
    expect(second.outputs).toMatchObject({ "run-id": first?.id, status, replayed: "true" });
  });

  it("continues with the run that an attempt before it started", async () => {
    const server = await serve("2026-08");
    const key = (await run(server)).outputs["idempotency-key"] ?? "";
    const thread = onlyThread(server);
    endRun(server, thread.runs[0]?.id, "failed");
    await run(server, {}, rerun);
    const third = await run(server, {}, { runAttempt: 3 });
    expect(third.outputs["run-id"]).toBe(thread.runs[1]?.id);
    endRun(server, thread.runs[1]?.id, "cancelled");
    const fourth = await run(server, {}, { runAttempt: 4 });
    expect(fourth.outputs["run-id"]).toBe(thread.runs[2]?.id);
    endRun(server, thread.runs[2]?.id, "completed");
    const fifth = await run(server, {}, { runAttempt: 5 });
    expect(fifth.outputs).toMatchObject({ "run-id": thread.runs[2]?.id, status: "completed" });
    expect(thread.messages.map(({ requestId }) => requestId)).toEqual([null, `${key}+a2`, `${key}+a3`]);
  });

  it.each(REVISIONS)("does not take a later step's run for its own (%s)", async (revision) => {
    const server = await serve(revision);
    const thread = await threadAfter(server, "completed");
    const later = server.startRunDirectly(thread.id, "A later step's.");
    const second = await run(server, {}, rerun);
    expectSuccess(second);
    expect(second.outputs).toMatchObject({ "run-id": thread.runs[0]?.id, status: "completed" });
    endRun(server, later.id, "failed");
    expect((await run(server, {}, { runAttempt: 3 })).outputs["run-id"]).toBe(thread.runs[0]?.id);
    expect(thread.messages).toHaveLength(2);
  });

  it.each(REVISIONS)("does not take another step's identical message for its own (%s)", async (revision) => {
    const server = await serve(revision);
    const thread = await threadAfter(server, "completed");
    writeAsOther(server, thread, "failed", { said: TEXT });
    const third = await run(server, {}, { runAttempt: 3 });
    expect(third.outputs).toMatchObject({ "run-id": thread.runs[0]?.id, status: "completed" });
    expect(own(thread)).toHaveLength(2);
  });

  it.each(REVISIONS)("sends its message again though a later step's run completed (%s)", async (revision) => {
    const server = await serve(revision);
    const thread = await threadAfter(server, "failed");
    writeAsOther(server, thread, "completed");
    const second = await run(server, {}, rerun);
    expectSuccess(second);
    expect(own(thread)).toHaveLength(2);
    expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
    endRun(server, own(thread)[1]?.runId, "completed");
    writeAsOther(server, thread, "completed");
    const third = await run(server, {}, { runAttempt: 3 });
    expect(third.outputs).toMatchObject({ "run-id": own(thread)[1]?.runId, status: "completed" });
    expect(own(thread)).toHaveLength(2);
  });

  it.each(REVISIONS)("finds its run beyond the newest 1,000 events (%s)", async (revision) => {
    const server = await serve(revision);
    const thread = await threadAfter(server, "failed");
    const resumed = (await run(server, {}, rerun)).outputs["run-id"];
    endRun(server, resumed, "completed");
    const other = server.startRunDirectly(thread.id, "Another step's question.");
    for (let index = 0; index < 1_100; index += 1)
      server.emit(other.id, { type: "tool.use.started", toolName: `tool-${index}`, content: `tool-${index}` });
    server.endRun(other.id, "failed");
    const third = await run(server, {}, { runAttempt: 3 });
    expect(third.outputs).toMatchObject({ "run-id": resumed, status: "completed" });
    expect(own(thread)).toHaveLength(2);
  });

  it.each(REVISIONS)("reports its own response, not another's, with `wait` (%s)", async (revision) => {
    const runner = revision === "2026-08" ? runBundled : run;
    const server = await serve(revision, [], {
      rateLimit: { requests: 10_000, windowMs: 60_000 },
      script: ({ thread, text, run: { id } }) => {
        if (text !== TEXT || own(thread).length < 2) return [];
        queueMicrotask(() => {
          endRun(server, id, "completed", "Its own answer.");
          writeAsOther(server, thread, "completed");
        });
        return [];
      },
    });
    const thread = await threadAfter(server, "failed");
    for (const runAttempt of [2, 3]) {
      const { outputs } = await runner(server, { wait: "true" }, { runAttempt });
      expect(outputs["response"]).toContain("Its own answer.");
      expect(outputs["response"]).not.toContain("else");
    }
    expect(own(thread)).toHaveLength(2);
  });

  it("waits for another's active run before it sends the message again", async () => {
    const server = await serve("2026-07", [], {
      onExchange: ({ method, path, status }) => {
        if (method === "POST" && path.endsWith("/events") && status === 500) server.endRun(other.id, "completed");
      },
    });
    const thread = await threadAfter(server, "cancelled");
    const other = server.startRunDirectly(thread.id, "Somebody's.");
    const second = await run(server, {}, rerun);
    expectSuccess(second);
    expect(own(thread)).toHaveLength(2);
    expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
  });

  it("resends a message that was sent into an existing thread", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    const key = (await run(server, { "thread-id": thread.id })).outputs["idempotency-key"] ?? "";
    endRun(server, own(thread)[0]?.runId, "expired");
    const second = await run(server, { "thread-id": thread.id }, rerun);
    expectSuccess(second);
    expect(own(thread).map(({ requestId }) => requestId)).toEqual([key, `${key}+a2`]);
    expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
  });

  it("finds its run in a thread with a long transcript", async () => {
    const server = await serve("2026-07");
    const thread = await threadAfter(server, "failed");
    writeAsOther(server, thread, "completed");
    server.fault({ on: "thread", kind: "huge", times: 9 });
    server.fault({ on: "event-list", kind: "huge", times: 9 });
    expectSuccess(await run(server, { "request-timeout": "1m", "create-timeout": "5m" }, { runAttempt: 3 }));
    expect(own(thread)).toHaveLength(2);
  });

  it("interrupts nothing after a stale read of the thread", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    const stale = { id: thread.runs[0]?.id, status: "completed", createdAt: "2026-01-01T00:00:00.000Z" };
    const body = JSON.stringify({ thread: { id: thread.id }, run: stale, links: {} });
    server.fault({ on: "thread", kind: "status", status: 200, body });
    const second = await run(server, { "thread-id": thread.id }, rerun);
    expectSuccess(second);
    expect(second.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(thread.runs.at(-1)?.status).not.toBe("cancelled");
  });

  it("fails where it cannot determine how the run ended", async () => {
    const server = await serve("2026-07");
    const thread = await threadAfter(server, "failed");
    writeAsOther(server, thread, "completed");
    server.fault({ on: "events", kind: "status", status: 503, times: 99 });
    const result = await run(server, { "create-timeout": "2s" }, rerun);
    expectFailure(result, { status: 503, thread: `${server.origin}/threads/${thread.id}` });
    expect(own(thread)).toHaveLength(1);
  });
});

describe("a re-run with another `on-rerun`", () => {
  it("returns the same thread and run regardless of their state with `replay`, by one request", async () => {
    const server = await serve("reference");
    const first = await run(server, { "on-rerun": "replay" });
    const thread = onlyThread(server);
    endRun(server, thread.runs[0]?.id, "failed");
    const second = await run(server, { "on-rerun": "replay" }, rerun);
    expectSuccess(second);
    expect(thread.messages).toHaveLength(1);
    expect(second.outputs["run-id"]).toBe(first.outputs["run-id"]);
    expect(countRequests(server, "POST", /./)).toBe(2);
    expect(server.requests).toHaveLength(2);
  });

  it("creates exactly one thread per attempt with `create`", async () => {
    const server = await serve("reference", [{ on: "create", kind: "drop-after", times: 1, skip: 1 }]);
    const inputs = { "on-rerun": "create" };
    const first = await run(server, inputs);
    const second = await run(server, inputs, rerun);
    expect(server.threads).toHaveLength(2);
    expect(second.outputs["thread-id"]).not.toBe(first.outputs["thread-id"]);
    const hand = { ...inputs, "idempotency-key": "mine" };
    await run(server, hand);
    const again = await run(server, hand, rerun);
    expect(again.outputs["idempotency-key"]).toBe("mine+a2");
    expect(server.threads).toHaveLength(4);
  });
});
