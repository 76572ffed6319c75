import { afterEach, describe, expect, it } from "@jest/globals";
import type { ClientEvent } from "../../../src/mosoo/operation.ts";
import { MosooClient } from "../../../src/mosoo/client.ts";
import { MosooError } from "../../../src/mosoo/errors.ts";
import type { MessageRequest, SentMessage } from "../../../src/mosoo/messages/message.ts";
import { patientClock } from "../../support/clock.ts";
import {
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type StoredThread,
  startFakeMosooServer,
} from "../../support/fake-mosoo-server.ts";

const text = "Please have a look.";
const opened: { close: () => unknown }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

interface Thread {
  server: FakeMosooServer;
  thread: StoredThread;
  events: ClientEvent[];
  client: MosooClient;
  send: (request?: Partial<MessageRequest>) => Promise<SentMessage>;
}

async function openThread(options: FakeMosooServerOptions, createTimeoutMs = 5_000): Promise<Thread> {
  const clock = patientClock(() => 0);
  const server = await startFakeMosooServer({ clock, ...options });
  const thread = server.createThreadDirectly();
  const events: ClientEvent[] = [];
  const never = new AbortController().signal;
  const client = new MosooClient({
    apiUrl: new URL(server.apiUrl),
    token: server.tokens.person,
    userAgent: "test",
    environment: {},
    requestTimeoutMs: 2_000,
    createTimeoutMs,
    stop: { cancelSignal: never, abortRequestsSignal: never },
    note: (event) => events.push(event),
    // Backoffs are a tenth of a second each, and no real time.
    clock,
  });
  opened.push(server, client);
  const base = { threadId: thread.id, text, requestId: "key", key: "key", fileIds: [], firstAttempt: true };
  return { server, thread, events, client, send: (request) => client.sendMessage({ ...base, ...request }, 1_000) };
}

const errorOf = (work: Promise<unknown>): Promise<MosooError> =>
  work.then(
    () => Promise.reject(new Error("It succeeded.")),
    (error: unknown) => (error instanceof MosooError ? error : Promise.reject(error as Error)),
  );

describe("a message on the reference revision, which remembers request IDs under one key only", () => {
  const reference: FakeMosooServerOptions = { revision: "reference", remembersRequestIds: false };
  const unrecoverable = {
    on: "events",
    kind: "status",
    status: 409,
    code: "idempotency_conflict",
    message: "It cannot be safely replayed; its reservation will remain retained.",
  } as const;

  it("is not sent under another key while its committed request counts as in progress, however late it is", async () => {
    const { server, thread, send } = await openThread(reference, 1_500);
    server.fault({ on: "events", kind: "crash-half-way" });
    const { details } = await errorOf(send());
    expect(details).toMatchObject({ code: "idempotency_conflict", threadState: "unknown" });
    expect(thread.messages).toHaveLength(1);
    expect(new Set(server.requests.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set(["key"]));
  });

  it("is found in the events where its key is stuck, and not sent again", async () => {
    const { server, thread, send } = await openThread(reference);
    server.fault({ on: "events", kind: "drop-after" });
    server.fault(unrecoverable);
    const sent = await send({ isFirstSending: true });
    expect(sent).toMatchObject({ replayed: true, run: { id: thread.runs[0]?.id } });
    expect(thread.messages).toHaveLength(1);
  });

  it("fails where its key is stuck and only an older message of another step has its text", async () => {
    let agoMs = 60_000;
    const { server, thread, send } = await openThread({ ...reference, now: () => Date.now() - agoMs });
    server.endRun(server.startRunDirectly(thread.id, text).id, "completed");
    agoMs = 0;
    server.fault(unrecoverable);
    const { details } = await errorOf(send({ isFirstSending: true }));
    expect(details).toMatchObject({ threadState: "unknown" });
    expect(details.advice).toContain("`on-rerun: create`");
    expect(thread.messages).toHaveLength(1);
  });

  it("is sent under the next key where its key is stuck and the events do not have it", async () => {
    const { server, thread, send } = await openThread(reference);
    server.fault(unrecoverable);
    expect(await send()).toMatchObject({ replayed: false, key: "key~2" });
    expect(thread.messages).toHaveLength(1);
  });
});

describe("a message that was sent under a later key", () => {
  async function sendUnderLaterKey({ server, send }: Thread): Promise<SentMessage> {
    server.fault({
      on: "events",
      kind: "status",
      status: 409,
      code: "idempotency_conflict",
      message: "The reservation could not be confirmed.",
    });
    const sent = await send();
    expect(sent.key).toBe("key~2");
    server.endRun(sent.run?.id ?? "", "failed");
    return sent;
  }

  it("is found by its text, and not sent again", async () => {
    const own = await openThread({ revision: "2026-08" });
    const first = await sendUnderLaterKey(own);
    expect(await own.send({ firstAttempt: false })).toMatchObject({ replayed: true, run: { id: first.run?.id } });
    expect(own.thread.messages).toHaveLength(1);
  });

  it("is not sent again where other messages have its text, and no other run is taken for its own", async () => {
    const own = await openThread({ revision: "2026-08" });
    await sendUnderLaterKey(own);
    own.server.endRun(own.server.startRunDirectly(own.thread.id, text).id, "completed");
    const { details } = await errorOf(own.send({ firstAttempt: false }));
    expect(details.threadState).toBe("created");
    expect(details.advice).toContain("`on-rerun: create`");
    expect(own.thread.messages).toHaveLength(2);
  });
});

describe("a message to an archived thread", () => {
  it("fails after five 500s, far before the deadline", async () => {
    const { server, thread, send } = await openThread({ revision: "2026-08" }, 300_000);
    thread.archived = true;
    const { details } = await errorOf(send({ newestFirst: true }));
    expect(details).toMatchObject({ status: 500, code: "internal_error" });
    expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(5);
  });
});

describe("a thread whose agent was unpublished", () => {
  it("refuses every request, for good", async () => {
    const { server, thread, client, send } = await openThread({ revision: "2026-08" });
    server.setPublished(thread.agentId, false);
    expect((await errorOf(send({ newestFirst: true }))).details).toMatchObject({
      status: 409,
      code: "agent_not_published",
    });
    expect((await errorOf(client.getThread(thread.id))).details.code).toBe("agent_not_published");
    expect(server.requests).toHaveLength(2);
  });
});

describe("an agent that does not exist", () => {
  it("is an error of the input `agent-id`", async () => {
    const { client } = await openThread({ revision: "2026-08" });
    const error = await errorOf(
      client.createThread({
        agentId: "01J00000000000000000000000",
        intent: { text, userId: "someone", fileIds: [] },
        key: "create",
        withInput: true,
        userIdGiven: true,
        firstAttempt: true,
      }),
    );
    expect(error.details).toMatchObject({ status: 404, code: "not_found", input: "agent-id" });
  });
});
