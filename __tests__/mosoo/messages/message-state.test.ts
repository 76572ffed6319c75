import { describe, expect, it } from "@jest/globals";
import { referenceContract, userIdContract } from "../../../src/mosoo/contract/request-bodies.ts";
import type { ThreadResponse } from "../../../src/mosoo/contract/schema.ts";
import { MosooConnectionError } from "../../../src/mosoo/errors.ts";
import type { MessageRequest, MessageEffect, MessageEvent, MessageState } from "../../../src/mosoo/messages/message.ts";
import { reduceMessage, startMessage } from "../../../src/mosoo/messages/message-state.ts";
import type { ApiErrorResult, ApiResult } from "../../../src/mosoo/request.ts";

type SendResult = (MessageEvent & { kind: "response" })["result"];

const base: MessageRequest = {
  threadId: "THREAD",
  text: "Hello.",
  requestId: "key",
  key: "key",
  fileIds: [],
  firstAttempt: true,
};
const newer: MessageRequest = { ...base, contract: userIdContract };
const upload = (): Promise<never> => Promise.reject(new Error("not called"));
const withUpload: MessageRequest = { ...newer, upload };

function thread(runId?: string, status = "running"): ThreadResponse {
  return { thread: { id: "THREAD" }, run: runId === undefined ? null : { id: runId, status } };
}

function error(status: number, code?: string, fields: Partial<ApiErrorResult> = {}): ApiErrorResult {
  return {
    kind: "error",
    status,
    code,
    message: undefined,
    requestId: undefined,
    isUnroutedPath: false,
    replayed: false,
    retryAfterMs: undefined,
    ...fields,
  };
}

const conflict = (message: string, retryAfterMs?: number): ApiErrorResult =>
  error(409, "idempotency_conflict", { message, retryAfterMs });
const stillProcessing = (retryAfterMs = 2_000): ApiErrorResult => conflict("It is still processing.", retryAfterMs);
const unrecoverable = conflict("It cannot be safely replayed.", 86_400_000);
const rejected = error(400, "invalid_request", { message: "Unsupported field: x." });
const failed = error(500, "internal_error");

const ok = (replayed = false): SendResult => ({
  kind: "ok",
  value: { events: [{ type: "user_message", run: { id: "RUN", status: "queued" } }], thread: { id: "THREAD" } },
  replayed,
});

const response = (result: SendResult, remainingMs = 300_000): MessageEvent => ({
  kind: "response",
  result,
  event: {},
  remainingMs,
});
const read = (
  purpose: (MessageEvent & { kind: "thread" })["purpose"],
  answer: ThreadResponse,
  rejection?: ApiErrorResult,
  isListed = false,
): MessageEvent => ({ kind: "thread", purpose, response: answer, rejection, isListed });

/** The last state and effect after the events. */
function play(request: MessageRequest, ...events: MessageEvent[]): { state: MessageState; effect: MessageEffect } {
  let [state, effect] = reduceMessage(startMessage(request), { kind: "start", newestFirst: false });
  for (const event of events) [state, effect] = reduceMessage(state, event);
  return { state, effect };
}

const effectOf = (request: MessageRequest, ...events: MessageEvent[]): MessageEffect => play(request, ...events).effect;

const sends = { do: "send", key: "key" };

describe("a message", () => {
  it("is sent at once where it has no files", () => {
    expect(effectOf(base)).toEqual({
      do: "send",
      key: "key",
      event: { type: "user_message", text: "Hello.", clientRequestId: "key" },
    });
  });

  it.each<[string, SendResult, Partial<MessageEffect>]>([
    ["ends with the run of the response", ok(), { do: "finish", replayed: false }],
    ["ends as replayed where the response is a replay", ok(true), { do: "finish", replayed: true }],
    [
      "reads the thread where the response names no run",
      { ...ok(), value: { events: [{ type: "user_message", run: null }] } } as SendResult,
      { do: "read", purpose: "applied" },
    ],
    ["reads the thread after a 500", failed, { do: "read", purpose: "after_failure" }],
    ["asks for the contract after a rejected body", rejected, { do: "renegotiate" }],
    ["waits after a 503", error(503), { do: "wait", mutating: true, then: "retry" }],
    [
      "waits after a lost connection",
      { kind: "connection", error: new MosooConnectionError("connection_reset", "It was reset.") },
      { do: "wait", mutating: true, then: "retry" },
    ],
    ["waits while a checkpoint is pending", error(409, "readiness_blocked"), { do: "wait", mutating: false }],
    ["waits while its key is in progress", stillProcessing(), { do: "wait", then: "retry" }],
    ["waits after a conflict in unknown words", conflict("Hm."), { do: "wait", then: "retry" }],
    [
      "reads the thread where it has been applied already",
      conflict("This client request has already been applied."),
      { do: "read", purpose: "applied" },
    ],
    [
      "fails where its key was used for another request",
      conflict("It was used for a different request."),
      { do: "fail" },
    ],
    ["gives a 404 to the retry policy, which ends it", error(404, "not_found"), { do: "wait", then: "retry" }],
  ])("%s", (_, result, effect) => {
    expect(effectOf(base, response(result))).toMatchObject(effect);
  });

  it("is sent again, under the same key, after a wait", () => {
    expect(effectOf(base, response(error(503)), { kind: "waited", then: "retry" })).toMatchObject(sends);
  });

  it("is looked for in a thread of its own before it is sent again", () => {
    const own = { ...newer, ownThread: true };
    const waited: MessageEvent[] = [response(error(503)), { kind: "waited", then: "retry" }];
    expect(effectOf(own, ...waited)).toMatchObject({ do: "read", purpose: "find_in_own_thread" });
    expect(effectOf(own, ...waited, read("find_in_own_thread", thread()))).toMatchObject(sends);
    expect(effectOf(own, ...waited, read("find_in_own_thread", thread("RUN")))).toMatchObject({ do: "find_run" });
  });

  it("is sent under the next key where a failure is replayed", () => {
    const replayed = error(503, "internal_error", { replayed: true });
    expect(effectOf(base, response(replayed), { kind: "waited", then: "retry" })).toMatchObject({ key: "key~2" });
  });

  it("is looked for among the thread's runs where it was applied already, and not sent again", () => {
    const applied = response(conflict("It has already been applied."));
    const { state, effect } = play(base, applied);
    expect(effect).toMatchObject({ do: "read", purpose: "applied" });
    const [, next] = reduceMessage(state, read("applied", thread("RUN")));
    expect(next).toMatchObject({ do: "find_run" });
  });
});

describe("a message whose key is stuck", () => {
  it.each<[string, ApiErrorResult, number, Partial<MessageEffect>]>([
    [
      "is not given another key while its request may end",
      stillProcessing(2_000),
      1_500,
      { do: "wait", then: "retry" },
    ],
    ["waits an hour where there is an hour", stillProcessing(3_600_000), 7_200_000, { do: "wait", then: "retry" }],
    ["gets another key where the server asks for a day", stillProcessing(86_400_000), 60_000, { then: "rotate_key" }],
    ["gets another key where it cannot be replayed", unrecoverable, 60_000, { do: "wait", then: "rotate_key" }],
  ])("%s", (_, result, remainingMs, effect) => {
    expect(effectOf(newer, response(result, remainingMs))).toMatchObject(effect);
  });

  it("is sent under the next key after the wait", () => {
    expect(effectOf(newer, response(unrecoverable), { kind: "waited", then: "rotate_key" })).toMatchObject({
      do: "send",
      key: "key~2",
    });
  });

  describe("on a server that remembers request IDs under one key only", () => {
    const reference = { ...base, contract: referenceContract };
    const lookedUp = (found: "yes" | "no" | "unknown"): MessageEffect =>
      effectOf(reference, response(unrecoverable), { kind: "looked_up", found, rejection: unrecoverable });

    it("is looked up in the events before it gets another key", () => {
      expect(effectOf(reference, response(unrecoverable))).toMatchObject({ do: "look_up" });
      expect(lookedUp("no")).toMatchObject({ do: "wait", then: "rotate_key" });
    });

    it("is not sent again where the events have it", () => {
      expect(lookedUp("yes")).toMatchObject({ do: "read", purpose: "applied" });
    });

    it("fails where the events do not show it, and names the input that helps", () => {
      const effect = lookedUp("unknown");
      expect(effect).toMatchObject({ do: "fail", error: { details: { threadState: "unknown" } } });
      expect(effect.do === "fail" && effect.error.details.advice).toContain("`on-rerun: create`");
    });
  });
});

describe("another's active run", () => {
  const busy = (runId: string, status?: string): MessageEvent[] => [
    response(failed),
    read("after_failure", thread(runId, status), failed),
  ];

  it("may be the message's own: it is sent again at once to find out", () => {
    expect(effectOf(base, ...busy("RUN"))).toMatchObject(sends);
  });

  it("is waited for after that, with polls that double between attempts", () => {
    expect(effectOf(base, ...busy("RUN"), ...busy("RUN"))).toMatchObject({ do: "wait_for_run", maxPolls: 1 });
    const polled: MessageEvent = { kind: "run_waited", polls: 4 };
    expect(effectOf(base, ...busy("RUN"), ...busy("RUN"), polled)).toMatchObject(sends);
    expect(effectOf(base, ...busy("RUN"), ...busy("RUN"), polled, ...busy("RUN"))).toMatchObject({ maxPolls: 8 });
  });

  it("is a new one where its ID is: the count of polls starts again", () => {
    const polled: MessageEvent = { kind: "run_waited", polls: 4 };
    const { state, effect } = play(base, ...busy("RUN"), ...busy("RUN"), polled, ...busy("NEXT"));
    expect(effect).toMatchObject(sends);
    expect(state).toMatchObject({ activeRunId: "NEXT", polls: 0 });
  });

  it("has ended where its status is terminal", () => {
    expect(effectOf(base, ...busy("RUN", "completed"))).toMatchObject({ do: "wait", then: "retry" });
  });
});

describe("a thread that answers every message with 500 although no run is active", () => {
  const idle = (rejection = failed): MessageEvent[] => [
    response(rejection),
    read("after_failure", thread("RUN", "completed"), rejection),
    { kind: "waited", then: "retry" },
  ];
  const times = (count: number, make: () => MessageEvent[]): MessageEvent[] =>
    Array.from({ length: count }, make).flat();

  it("is given up after five times: it is archived", () => {
    expect(effectOf(base, ...times(4, idle), ...idle().slice(0, 2))).toMatchObject({
      do: "fail",
      error: { details: { status: 500, code: "internal_error" } },
    });
  });

  it("is not given up while other failures come in between, or a proxy's", () => {
    const other: MessageEvent[] = [response(error(503)), { kind: "waited", then: "retry" }];
    expect(effectOf(base, ...times(4, idle), ...other, ...times(4, idle))).toMatchObject(sends);
    expect(effectOf(base, ...times(9, () => idle(error(500))))).toMatchObject(sends);
  });
});

describe("a rejected body", () => {
  const contract = (found: "unavailable" | typeof userIdContract | undefined): MessageEvent => ({
    kind: "contract",
    contract: found,
    rejection: rejected,
  });

  it("is made again as the server's contract declares it", () => {
    expect(effectOf(base, response(rejected), contract(userIdContract))).toMatchObject({
      event: { type: "user_message", text: "Hello.", requestId: "key" },
    });
  });

  it("fails where it had the declared shape, or was rejected a second time", () => {
    expect(effectOf(base, response(rejected), contract(undefined))).toMatchObject({ do: "fail" });
    expect(effectOf(base, response(rejected), contract(userIdContract), response(rejected))).toMatchObject({
      do: "fail",
    });
  });

  it("fails with another advice where the contract is not available", () => {
    const effect = effectOf(base, response(rejected), contract("unavailable"));
    expect(effect.do === "fail" && effect.error.details.advice).toContain("openapi.json");
  });
});

describe("a message with files", () => {
  const uploaded: MessageEvent = { kind: "uploaded", fileIds: ["F1"], key: "key+f1" };

  it("is uploaded and sent only once the thread is known to be idle", () => {
    expect(effectOf(withUpload)).toMatchObject({ do: "read", purpose: "check_idle" });
    expect(effectOf(withUpload, read("check_idle", thread()))).toEqual({ do: "upload" });
    expect(effectOf(withUpload, read("check_idle", thread()), uploaded)).toMatchObject({ do: "send", key: "key+f1" });
  });

  it("waits for another's run before the upload", () => {
    const busy = read("check_idle", thread("RUN"));
    expect(effectOf(withUpload, busy)).toMatchObject({ do: "wait_for_run", maxPolls: 8 });
    expect(effectOf(withUpload, busy, { kind: "run_waited", polls: 3 })).toEqual({ do: "upload" });
  });

  it.each([
    ["in a re-run, whose earlier attempt may have started the run", { firstAttempt: false }],
    ["in a thread of its own", { ownThread: true }],
  ])("is uploaded without a look %s", (_, fields) => {
    expect(effectOf({ ...withUpload, ...fields })).toEqual({ do: "upload" });
  });

  it("is uploaded again where a failed request has used the files up, six times", () => {
    let events: MessageEvent[] = [read("check_idle", thread()), uploaded];
    const usedUp: MessageEvent[] = [
      response(error(503)),
      { kind: "waited", then: "retry" },
      response(rejected),
      { kind: "contract", contract: undefined, rejection: rejected },
    ];
    for (let again = 0; again < 6; again += 1) {
      events = [...events, ...usedUp.slice(0, again === 0 ? 4 : 3)];
      expect(effectOf(withUpload, ...events)).toEqual({ do: "upload" });
      events = [...events, uploaded];
    }
    expect(effectOf(withUpload, ...events, ...usedUp.slice(0, 3))).toMatchObject({ do: "fail" });
  });

  it("waits for another's run without end where the files cannot be uploaded again", () => {
    const given = { ...newer, fileIds: ["F1"] };
    expect(effectOf(given, read("check_idle", thread("RUN")))).toMatchObject({
      do: "wait_for_run",
      maxPolls: Infinity,
    });
  });
});

describe("every sequence of events", () => {
  it("keeps the message's request ID with every key", () => {
    const results: ApiResult<never>[] = [error(503), unrecoverable, failed, stillProcessing(86_400_000)];
    for (const result of results as SendResult[]) {
      const { state } = play(newer, response(result, 1_000), { kind: "waited", then: "rotate_key" });
      const [, effect] = reduceMessage(state, { kind: "run_waited", polls: 0 });
      expect(effect).toMatchObject({ do: "send", event: { requestId: "key" } });
    }
  });
});

describe("a message with a text of its own", () => {
  const unique: MessageRequest = { ...base, hasUniqueText: true };

  it("is looked for after a 500 of a server that does not remember request IDs, and not sent again where it is there", () => {
    expect(effectOf(unique, response(failed))).toMatchObject({
      do: "read",
      purpose: "after_failure",
      withMessages: true,
    });
    const found = read("after_failure", thread("RUN"), failed, true);
    expect(effectOf(unique, response(failed), found)).toMatchObject({ do: "find_run" });
    const missing = read("after_failure", thread("OTHER"), failed);
    expect(effectOf(unique, response(failed), missing)).toMatchObject(sends);
  });

  it("is not looked for where the server remembers request IDs", () => {
    const request = { ...unique, contract: userIdContract };
    expect(effectOf(request, response(failed))).toMatchObject({ do: "read", withMessages: false });
  });
});
