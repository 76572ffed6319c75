/** Existing threads: `thread-id`, and how a re-run continues an earlier attempt's work. Through the built action. */
import { afterAll, describe, expect, it } from "@jest/globals";
import { checkExchange, publishedContracts } from "../support/contract-check.ts";
import {
  type Fault,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type Revision,
  type StoredThread,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const contracts = publishedContracts();
const violations: string[] = [];
const servers: FakeMosooServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  expect(violations).toEqual([]);
});

async function serve(
  revision: Revision,
  faults: Fault[] = [],
  options: FakeMosooServerOptions = {},
): Promise<FakeMosooServer> {
  const contract = contracts?.[revision];
  const server = await startFakeMosooServer({
    revision,
    onExchange: (exchange) => {
      if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
    },
    ...options,
  });
  servers.push(server);
  for (const fault of faults) server.fault(fault);
  return server;
}

const text = "And now the tests, please.";

async function run(
  server: FakeMosooServer,
  inputs: Record<string, string> = {},
  more: Partial<StepOptions> = {},
): Promise<StepResult> {
  return runStep({
    with: {
      ...(inputs["thread-id"] === undefined ? { "agent-id": server.agents.published } : {}),
      token: server.tokens.person,
      message: text,
      "api-url": server.apiUrl,
      "create-timeout": "20s",
      "request-timeout": "1s",
      ...inputs,
    },
    ...more,
  });
}

function expectSuccess(result: StepResult): void {
  expect({ exit: result.exitCode, error: result.exitCode === 0 ? "" : result.shown }).toEqual({ exit: 0, error: "" });
}

const own = (thread: StoredThread) => thread.messages.filter((message) => message.text === text);

function onlyThread(server: FakeMosooServer): StoredThread {
  expect(server.threads).toHaveLength(1);
  const [thread] = server.threads;
  if (thread === undefined) throw new Error("There is no thread.");
  return thread;
}

/** A thread with an earlier message, whose run has ended. */
function earlierThread(server: FakeMosooServer): StoredThread {
  const thread = server.createThreadDirectly({ text: "Earlier." });
  server.endRun(thread.runs[0]?.id ?? "", "completed");
  return thread;
}

function end(
  server: FakeMosooServer,
  runId: string | undefined,
  status: "completed" | "failed" | "cancelled" | "expired",
): void {
  server.setRunStatus(runId ?? "", "running");
  server.endRun(runId ?? "", status);
}

const revisions: Revision[] = ["reference", "2026-07", "2026-08"];
const sentEvents = (server: FakeMosooServer): unknown[] =>
  server.requests
    .filter(({ method, path }) => method === "POST" && path.endsWith("/events"))
    .map(({ json }) => (json as { events?: unknown[] } | undefined)?.events?.[0]);

describe("`thread-id`", () => {
  it.concurrent.each<[Revision, number, string]>([
    ["reference", 1, "clientRequestId"],
    ["2026-07", 1, "clientRequestId"],
    ["2026-08", 3, "requestId"],
  ])("sends the message as %s takes it, in %i requests", async (revision, requests, name) => {
    const server = await serve(revision);
    const thread = earlierThread(server);
    const result = await run(server, { "thread-id": thread.id, "request-timeout": "10s" });
    expectSuccess(result);
    expect(server.requests).toHaveLength(requests);
    expect(own(thread)).toHaveLength(1);
    expect(result.outputs["thread-id"]).toBe(thread.id);
    expect(result.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(result.outputs["thread-url"]).toBe(`${server.origin}/threads/${thread.id}`);
    expect(result.outputs["replayed"]).toBe("false");
    expect(sentEvents(server).at(-1)).toEqual({
      type: "user_message",
      text,
      [name]: result.outputs["idempotency-key"],
    });
  });

  it.concurrent.each<[Revision, object]>([
    ["reference", { attachmentIds: ["0"] }],
    ["2026-07", { resources: [{ type: "file", file_id: "0" }] }],
    ["2026-08", { resources: [{ type: "file", file_id: "0" }] }],
  ])("takes `file-ids` along (%s)", async (revision, files) => {
    const server = await serve(revision);
    const thread = earlierThread(server);
    const file = server.addFile();
    const inputs = { "thread-id": thread.id, "file-ids": file.id, "request-timeout": "10s" };
    expectSuccess(await run(server, inputs));
    expect(own(thread)[0]?.fileIds).toEqual([file.id]);
    expect(JSON.parse(JSON.stringify(sentEvents(server).at(-1)).replaceAll(file.id, "0"))).toMatchObject(files);
    // The thread is read first only where a message that is rejected late uses its files up.
    expect(server.requests.map(({ method }) => method)).toEqual(
      revision === "reference" ? ["POST"] : ["POST", "GET", "GET", "POST"],
    );
  });

  it.concurrent("sends the newest contract's body first where `user-id` is given", async () => {
    const server = await serve("2026-08");
    const thread = earlierThread(server);
    expectSuccess(await run(server, { "thread-id": thread.id, "user-id": "somebody", "request-timeout": "10s" }));
    expect(server.requests).toHaveLength(1);
    expect(own(thread)).toHaveLength(1);
  });

  it.concurrent.each<[string, Fault[], Revision]>([
    ["dropped before", [{ on: "events", kind: "drop-before" }], "reference"],
    ["dropped after", [{ on: "events", kind: "drop-after" }], "2026-07"],
    ["hung after", [{ on: "events", kind: "hang-after" }], "2026-07"],
    ["cut off", [{ on: "events", kind: "cut" }], "reference"],
    ["a 500 after the message was taken", [{ on: "events", kind: "fail-after" }], "reference"],
    ["three 500s after the message was taken", [{ on: "events", kind: "fail-after", times: 3 }], "2026-07"],
    ["a 500 before the message was taken", [{ on: "events", kind: "status", status: 500 }], "2026-07"],
    ["died after the message was taken", [{ on: "events", kind: "crash-half-way" }], "2026-07"],
    ["died before the message was taken", [{ on: "events", kind: "crash-half-way", commit: false }], "2026-07"],
    ["an unknown conflict", [conflict("Have patience.")], "2026-07"],
    ["a conflict without an envelope", [{ on: "events", kind: "status", status: 409, body: "" }], "reference"],
    ["a stuck key", [conflict("It cannot be safely replayed, and its reservation will remain retained.")], "2026-07"],
    ["a stuck key for a day", [conflict("The reservation could not be confirmed.", "86400")], "2026-07"],
    ["a pending checkpoint", [{ on: "events", kind: "status", status: 409, code: "readiness_blocked" }], "2026-07"],
    ["a cached failure", [{ on: "events", kind: "status", status: 500, stored: true }], "2026-07"],
  ])("sends it once after %s, and a re-run finds it", async (_, faults, revision) => {
    const server = await serve(revision, faults, { stuckReservationMs: 500 });
    const thread = earlierThread(server);
    const result = await run(server, { "thread-id": thread.id });
    expectSuccess(result);
    expect(own(thread)).toHaveLength(1);
    expect(result.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(result.annotations.filter(({ level }) => level === "warning")).toEqual([]);
    const again = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expectSuccess(again);
    expect(own(thread)).toHaveLength(1);
    expect(again.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(again.outputs["replayed"]).toBe("true");
  });

  it.concurrent("finds its own run where a later step's run is newer", async () => {
    const server = await serve("2026-07", [{ on: "events", kind: "fail-after" }]);
    const thread = earlierThread(server);
    expectSuccess(await run(server, { "thread-id": thread.id }));
    end(server, own(thread)[0]?.runId, "completed");
    server.startRunDirectly(thread.id, "A later step's.");
    const again = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expectSuccess(again);
    expect(again.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(again.outputs["status"]).toBe("completed");
  });

  it.concurrent.each(revisions)(
    "sends right after the step that created the thread, and right after its run (%s)",
    async (revision) => {
      const server = await serve(revision, [], { pendingCheckpointMs: 400 });
      const first = await run(server, { message: "First." });
      const thread = onlyThread(server);
      const following = run(server, { "thread-id": first.outputs["thread-id"] ?? "" }, { step: "second" });
      const looks = (): number =>
        server.requests.filter(({ method, status }) => method === "GET" && status === 200).length;
      // The first attempt finds the run active, and so does the second one, which proves that it is another's run.
      while (looks() < (revision === "2026-08" ? 4 : 2)) await new Promise((resolve) => setTimeout(resolve, 10));
      end(server, thread.runs[0]?.id, "completed");
      const second = await following;
      expectSuccess(second);
      expect(second.shown).toContain(LOG_LINES.waitingForActiveRun);
      expect(thread.messages.map((message) => message.text)).toEqual(["First.", text]);
      expect(second.outputs["run-id"]).toBe(thread.runs[1]?.id);
      expect(second.outputs["thread-id"]).toBe(first.outputs["thread-id"]);
    },
  );

  it.concurrent("is an error when another's run outlasts `wait-timeout`", async () => {
    const server = await serve("2026-07");
    const thread = server.createThreadDirectly({ text: "Earlier." });
    const message = failureOf(await run(server, { "thread-id": thread.id, "wait-timeout": "3s" }));
    expect(message).toMatch(
      /^`thread-id`: Another run is still active in this thread .*.*`wait-timeout`; then re-run the job\./,
    );
    expect(own(thread)).toHaveLength(0);
  });

  it.concurrent(
    "names no input where the server requires another event and its contract is not available",
    async () => {
      const server = await serve("2026-08", [{ on: "openapi", kind: "status", status: 404, times: 9 }]);
      const message = failureOf(await run(server, { "thread-id": earlierThread(server).id }));
      expect(message).toMatch(
        /^.*400 invalid_request\b.* its contract .* could not be read: .*The message was not sent\.$/,
      );
    },
  );

  it.concurrent("is named in the error about an unknown thread", async () => {
    const server = await serve("reference");
    const message = failureOf(await run(server, { "thread-id": "01J00000000000000000000007" }));
    expect(message).toMatch(/^`thread-id`: .*404 not_found\b.*The message was not sent\.$/);
  });

  it.concurrent("says that a service token of the reference contract cannot continue a thread", async () => {
    const server = await serve("reference");
    const made = await run(server, { token: server.tokens.service });
    const threadId = made.outputs["thread-id"] ?? "";
    const message = failureOf(await run(server, { token: server.tokens.service, "thread-id": threadId }));
    expect(message).toMatch(/401 unauthenticated.*service token .*reference contract.*The message was not sent\.$/);
  });

  it.concurrent("says at the deadline that the message may have been sent", async () => {
    const server = await serve("2026-07", [{ on: "events", kind: "hang-after", times: 9 }]);
    const thread = earlierThread(server);
    const message = failureOf(await run(server, { "thread-id": thread.id, "create-timeout": "3s" }));
    expect(message).toMatch(/^Failed to send the message after \d attempts/);
    expect(message).toMatch(/The message may have been sent; a re-run .* does not send it twice\.$/);
    server.clearFaults();
    expectSuccess(await run(server, { "thread-id": thread.id }, { runAttempt: 2 }));
    expect(own(thread)).toHaveLength(1);
  });
});

function conflict(message: string, retryAfter = "0"): Fault {
  return {
    on: "events",
    kind: "status",
    status: 409,
    code: "idempotency_conflict",
    message,
    headers: { "Retry-After": retryAfter },
  };
}

describe("a thread that does not exist for the token", () => {
  const gone: Fault[] = (["events", "thread"] as const).map((on) => ({
    on,
    kind: "status",
    status: 404,
    code: "not_found",
    message: "Thread not found.",
    times: 9,
  }));

  it.concurrent.each<[string, Revision, number]>([
    ["", "reference", 1],
    ["0", "reference", 1],
    ["0", "2026-08", 3],
  ])("is reported as missing, with the input (file-ids: %j, %s)", async (fileIds, revision, requests) => {
    const server = await serve(revision);
    const fileId = fileIds === "" ? "" : server.addFile().id;
    const result = await run(server, { "thread-id": "01J0000000000000000000000T", "file-ids": fileId });
    expect(failureOf(result)).toMatch(
      /^`thread-id`: .*404 not_found: "Thread not found"\. .*`thread-id`.* The message was not sent\.$/,
    );
    expect(server.requests.length).toBeGreaterThanOrEqual(requests);
  });

  it.concurrent("is not said to exist by a re-run that finds it deleted", async () => {
    const server = await serve("2026-07");
    await run(server);
    gone.forEach((fault) => {
      server.fault(fault);
    });
    const result = await run(server, {}, { runAttempt: 2 });
    const page = `${server.origin}/threads/${onlyThread(server).id}`;
    const message = failureOf(result);
    expect(message).toMatch(/^.*404 not_found\b.* .*`on-rerun: create`/);
    expect(message.endsWith(` Thread: ${page}`)).toBe(true);
    expect(result.outputs["thread-id"]).toBe(onlyThread(server).id);
  });
});

describe("a message that the server has taken", () => {
  it.concurrent.each(["processed with a different request", "applied to another request"])(
    "is not assumed where its key has already been %s",
    async (words) => {
      const server = await serve("2026-07", [conflict(`The idempotency key has already been ${words}.`)]);
      const thread = earlierThread(server);
      const message = failureOf(await run(server, { "thread-id": thread.id }));
      expect(message).toMatch(/^`idempotency-key`: .*409 .*The message was not sent\.$/);
      expect(own(thread)).toEqual([]);
    },
  );

  it.concurrent("is reported as sent where its run cannot be read", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    server.fault(conflict("This client request has already been applied to the conversation."));
    server.fault({ on: "thread", kind: "status", status: 403, code: "forbidden", times: 9 });
    const result = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expect(failureOf(result)).toMatch(
      /403 forbidden\b.* The message was sent; a re-run of this workflow run continues with it\.$/,
    );
  });

  it.concurrent(
    "is not sent again after the failure of another's run, where its own run cannot be proven",
    async () => {
      const server = await serve("2026-07");
      const thread = earlierThread(server);
      await run(server, { "thread-id": thread.id });
      end(server, own(thread)[0]?.runId, "completed");
      end(server, server.startRunDirectly(thread.id, "Somebody's words.").id, "failed");
      server.fault(conflict("This client request has already been applied to the conversation."));
      server.fault({ on: "event-list", kind: "garbage", shape: "array", times: 3 });
      const second = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
      expect(failureOf(second)).toMatch(
        /^Failed to look for the message's run after \d attempts\..* The message was sent; /,
      );
      const third = await run(server, { "thread-id": thread.id }, { runAttempt: 3 });
      expect(third.outputs).toMatchObject({ "run-id": own(thread)[0]?.runId, status: "completed" });
      expect(own(thread)).toHaveLength(1);
    },
  );

  it.concurrent("is reported as replayed by a re-run, which sends none", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    await run(server, { "thread-id": thread.id });
    const result = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expectSuccess(result);
    expect(result.shown).toContain(`${LOG_LINES.reusedMessage}${thread.id}`);
    expect(own(thread)).toHaveLength(1);
  });

  it.concurrent("is not denied by a re-run that could not ask", async () => {
    const server = await serve("reference");
    const thread = earlierThread(server);
    const result = await run(
      server,
      { "thread-id": thread.id, token: "grt_pat_ofNoValue000000000000" },
      { runAttempt: 2 },
    );
    expect(failureOf(result)).toMatch(
      /401 unauthenticated\b.* This attempt did not send the message; an earlier one may have, and a re-run finds it\.$/,
    );
  });
});

describe("`on-rerun: resume`", () => {
  it.concurrent.each<[Revision, "failed" | "cancelled" | "expired"]>([
    ["reference", "failed"],
    ["2026-07", "cancelled"],
    ["2026-08", "expired"],
  ])(
    "sends the message again in the same thread after a run that did not complete (%s, %s)",
    async (revision, status) => {
      const server = await serve(revision);
      const first = await run(server);
      const thread = onlyThread(server);
      end(server, thread.runs[0]?.id, status);
      const second = await run(server, {}, { runAttempt: 2 });
      expectSuccess(second);
      expect(onlyThread(server).messages).toHaveLength(2);
      expect(thread.messages[1]).toMatchObject({ text, requestId: `${first.outputs["idempotency-key"] ?? ""}+a2` });
      expect(second.outputs["thread-id"]).toBe(first.outputs["thread-id"]);
      expect(second.outputs["run-id"]).toBe(thread.runs[1]?.id);
      expect(second.shown).toContain(`Run ${thread.runs[0]?.id ?? ""} of an earlier attempt ended as ${status};`);
      expect(second.summary).toMatch(new RegExp(`${status}[^]*again|again[^]*${status}`));
    },
  );

  it.concurrent.each(["completed", "running", "waiting_input"] as const)(
    "continues with a run that is %s",
    async (status) => {
      const server = await serve("2026-07");
      await run(server);
      const thread = onlyThread(server);
      const [first] = thread.runs;
      if (status === "completed") end(server, first?.id, status);
      else server.setRunStatus(first?.id ?? "", status);
      const second = await run(server, {}, { runAttempt: 2 });
      expectSuccess(second);
      expect(thread.messages).toHaveLength(1);
      expect(second.outputs).toMatchObject({ "run-id": first?.id, status, replayed: "true" });
    },
  );

  it.concurrent("continues in attempt 3 with the run that attempt 2 started", async () => {
    const server = await serve("2026-08");
    const key = (await run(server)).outputs["idempotency-key"] ?? "";
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "failed");
    await run(server, {}, { runAttempt: 2 });
    const third = await run(server, {}, { runAttempt: 3 });
    expect(third.outputs["run-id"]).toBe(thread.runs[1]?.id);
    end(server, thread.runs[1]?.id, "cancelled");
    const fourth = await run(server, {}, { runAttempt: 4 });
    expect(fourth.outputs["run-id"]).toBe(thread.runs[2]?.id);
    end(server, thread.runs[2]?.id, "completed");
    const fifth = await run(server, {}, { runAttempt: 5 });
    expect(fifth.outputs).toMatchObject({ "run-id": thread.runs[2]?.id, status: "completed" });
    expect(thread.messages.map(({ requestId }) => requestId)).toEqual([null, `${key}+a2`, `${key}+a3`]);
  });

  it.concurrent.each(revisions)("does not take a later step's run for its own (%s)", async (revision) => {
    const server = await serve(revision);
    await run(server);
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "completed");
    const later = server.startRunDirectly(thread.id, "A later step's.");
    const second = await run(server, {}, { runAttempt: 2 });
    expectSuccess(second);
    expect(second.outputs).toMatchObject({ "run-id": thread.runs[0]?.id, status: "completed" });
    end(server, later.id, "failed");
    expect((await run(server, {}, { runAttempt: 3 })).outputs["run-id"]).toBe(thread.runs[0]?.id);
    expect(thread.messages).toHaveLength(2);
  });

  it.concurrent.each(revisions)(
    "sends its own message again though a later step's run completed (%s)",
    async (revision) => {
      const server = await serve(revision);
      await run(server);
      const thread = onlyThread(server);
      end(server, thread.runs[0]?.id, "failed");
      end(server, server.startRunDirectly(thread.id, "A later step's.").id, "completed");
      const second = await run(server, {}, { runAttempt: 2 });
      expectSuccess(second);
      expect(own(thread)).toHaveLength(2);
      expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
      end(server, own(thread)[1]?.runId, "completed");
      end(server, server.startRunDirectly(thread.id, "A later step's, again.").id, "completed");
      const third = await run(server, {}, { runAttempt: 3 });
      expect(third.outputs).toMatchObject({ "run-id": own(thread)[1]?.runId, status: "completed" });
      expect(own(thread)).toHaveLength(2);
    },
  );

  it.concurrent("waits for another's active run before it sends the message again", async () => {
    const server = await serve("2026-07");
    await run(server);
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "cancelled");
    const other = server.startRunDirectly(thread.id, "Somebody's.");
    setTimeout(() => {
      end(server, other.id, "completed");
    }, 1_000);
    const second = await run(server, {}, { runAttempt: 2 });
    expectSuccess(second);
    expect(own(thread)).toHaveLength(2);
    expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
  });

  it.concurrent("resends a message that was sent into an existing thread", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    const first = await run(server, { "thread-id": thread.id });
    end(server, own(thread)[0]?.runId, "expired");
    const second = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expectSuccess(second);
    expect(own(thread).map(({ requestId }) => requestId)).toEqual([
      first.outputs["idempotency-key"],
      `${first.outputs["idempotency-key"] ?? ""}+a2`,
    ]);
    expect(second.outputs["run-id"]).toBe(own(thread)[1]?.runId);
  });

  it.concurrent("finds its run in a thread with a long transcript", async () => {
    const server = await serve("2026-07");
    await run(server);
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "failed");
    end(server, server.startRunDirectly(thread.id, "Somebody's.").id, "completed");
    server.fault({ on: "thread", kind: "huge", times: 9 });
    server.fault({ on: "event-list", kind: "huge", times: 9 });
    const third = await run(server, { "request-timeout": "10s" }, { runAttempt: 3 });
    expectSuccess(third);
    expect(own(thread)).toHaveLength(2);
  });

  it.concurrent("interrupts nothing after a stale read of the thread", async () => {
    const server = await serve("2026-07");
    const thread = earlierThread(server);
    const [earlier] = thread.runs;
    await run(server, { "thread-id": thread.id });
    const shown = { id: earlier?.id, status: "completed", createdAt: "2026-01-01T00:00:00.000Z" };
    const body = JSON.stringify({ thread: { id: thread.id }, run: shown, links: {} });
    server.fault({ on: "thread", kind: "status", status: 200, body });
    const second = await run(server, { "thread-id": thread.id }, { runAttempt: 2 });
    expectSuccess(second);
    expect(second.outputs["run-id"]).toBe(own(thread)[0]?.runId);
    expect(thread.runs.at(-1)?.status).not.toBe("cancelled");
  });

  it.concurrent("fails where it cannot determine how the run ended", async () => {
    const server = await serve("2026-07");
    await run(server);
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "failed");
    end(server, server.startRunDirectly(thread.id, "Somebody's.").id, "completed");
    server.fault({ on: "events", kind: "status", status: 503, times: 99 });
    const result = await run(server, { "create-timeout": "2s" }, { runAttempt: 2 });
    expect(failureOf(result)).toMatch(/^Failed to read a run after .*Thread: http/);
    expect(own(thread)).toHaveLength(1);
  });
});

describe("`on-rerun: replay`", () => {
  it.concurrent("returns the same thread and run regardless of their state, by one request", async () => {
    const server = await serve("reference");
    const first = await run(server, { "on-rerun": "replay" });
    const thread = onlyThread(server);
    end(server, thread.runs[0]?.id, "failed");
    const before = server.requests.length;
    const second = await run(server, { "on-rerun": "replay" }, { runAttempt: 2 });
    expectSuccess(second);
    expect(thread.messages).toHaveLength(1);
    expect(second.outputs["run-id"]).toBe(first.outputs["run-id"]);
    expect(server.requests).toHaveLength(before + 1);
  });
});

describe("`on-rerun: create`", () => {
  it.concurrent("creates exactly one thread per attempt", async () => {
    const server = await serve("reference", [{ on: "create", kind: "drop-after", times: 1, skip: 1 }]);
    const inputs = { "on-rerun": "create" };
    const first = await run(server, inputs);
    const second = await run(server, inputs, { runAttempt: 2 });
    expect(server.threads).toHaveLength(2);
    expect(second.outputs["thread-id"]).not.toBe(first.outputs["thread-id"]);
    const hand = { ...inputs, "idempotency-key": "mine" };
    await run(server, hand);
    const again = await run(server, hand, { runAttempt: 2 });
    expect(again.outputs["idempotency-key"]).toBe("mine+a2");
    expect(server.threads).toHaveLength(4);
  });
});
