/** Exactly one thread after any failure between the step and the API, and outputs that name it. */
import { describe, expect, it } from "@jest/globals";
import type { FakeMosooServer, Fault, FaultHandler } from "../support/fake-mosoo-server.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { expectFailure } from "../support/refusals.ts";
import { annotated, conflict, expectOne, run, runBundled, serve as serveRevision } from "../support/service.ts";

const rerun = { runAttempt: 2 };

/** A server of the reference revision, whose create requests have these faults. */
const serve = (faults: readonly FaultHandler[] = [], options = {}): Promise<FakeMosooServer> =>
  serveRevision(
    "reference",
    faults.map((fault): Fault => ({ on: "create", ...fault })),
    options,
  );

const keys = (server: FakeMosooServer): string[] =>
  server.requests.map((request) => String(request.headers["idempotency-key"]));

function seconds(server: FakeMosooServer, from: number, to: number): number {
  return ((server.requests[to]?.at ?? NaN) - (server.requests[from]?.at ?? NaN)) / 1_000;
}

const times = (count: number, fault: FaultHandler): FaultHandler & { times: number } => ({ ...fault, times: count });
const stored = (count = 1): FaultHandler => times(count, { kind: "status", status: 500, stored: true });
/** An old failure as the service replays it, for so many keys. */
const cachedFailure = (count: number, header = "true"): FaultHandler =>
  times(count, { kind: "status", status: 500, headers: { "Idempotency-Replayed": header } });

describe("a transient failure is retried with the same idempotency key, and creates one thread", () => {
  const reset = "was reset";
  const late = "did not answer within 1 s";
  const cases: [title: string, faults: FaultHandler[], cause: string, requests: number | "some"][] = [
    ["a connection dropped after the commit", [{ kind: "drop-after" }], reset, 2],
    ["a connection dropped before the commit", [{ kind: "drop-before" }], reset, 2],
    ["a request that hangs before the commit", [{ kind: "hang-before" }], late, 2],
    ["a request that hangs after the commit", [{ kind: "hang-after" }], late, 2],
    ["a body cut off", [times(2, { kind: "cut" })], "answered 201, but the response was cut off", 3],
    ["a body that stalls", [{ kind: "slow-body", ms: 3_000 }], late, 2],
    ["a response that comes too late", [{ kind: "slow", ms: 1_300 }], late, "some"],
    ["an HTML page instead of a response", [times(2, { kind: "garbage" })], "HTML page", 3],
    ["an empty success", [{ kind: "garbage", shape: "empty" }], "empty body", 2],
    ["a success without an ID", [{ kind: "garbage", shape: "no-id" }], "unexpected body", 2],
    ["a process that died with the key", [{ kind: "crash-half-way", commit: false }], reset, "some"],
    ...[408, 425, 429, 500, 502, 503, 504, 507, 520].map((status): [string, FaultHandler[], string, number] => [
      `status ${status}`,
      [{ kind: "status", status }],
      ` ${status} `,
      2,
    ]),
    ["a proxy's page with 502", [{ kind: "status", status: 502, body: "<html>Bad gateway</html>" }], " 502", 2],
    ["an empty 503", [{ kind: "status", status: 503, body: "" }], " 503", 2],
    [
      "one after the other",
      [
        { kind: "status", status: 503 },
        { kind: "drop-after" },
        { kind: "rate-limit", retryAfter: "0" },
        { kind: "cut" },
      ],
      "429 rate_limited",
      5,
    ],
  ];

  it.each(cases)("%s", async (title, faults, cause, requests) => {
    const runner = title === "a connection dropped after the commit" ? runBundled : run;
    // A key whose request died is free again after a moment.
    const server = await serve(faults, title.includes("died") ? { stuckReservationMs: 100 } : {});
    const result = await runner(server);
    expectOne(result, server);
    expect(result.shown).toContain(cause);
    expect(result.shown).toContain(LOG_LINES.retrying);
    expect(new Set(keys(server)).size).toBe(1);
    if (requests !== "some") expect(keys(server)).toHaveLength(requests);
    expect(annotated(result, "warning")).toEqual([]);
  });
});

describe("an unusable response", () => {
  it.each([501, 505])("is final with status %i, which is not retried", async (status) => {
    const server = await serve([times(9, { kind: "status", status })]);
    expectFailure(await run(server), { status, exists: "no thread" });
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, FaultHandler]>([
    ["cut off", { kind: "cut" }],
    ["of another shape", { kind: "garbage", shape: "array" }],
  ])("ends the step as the third success in a row that is %s; a re-run finds the thread", async (_, fault) => {
    const server = await serve([times(9, fault)]);
    expectFailure(await run(server), { exists: "perhaps a thread", names: ["after 3 attempts"] });
    server.clearFaults();
    expectOne(await run(server, {}, rerun), server);
  });
});

describe("Retry-After", () => {
  it("is waited for in seconds, with jitter on top", async () => {
    const server = await serve([{ kind: "rate-limit", retryAfter: "2" }]);
    expectOne(await run(server), server);
    expect(seconds(server, 0, 1)).toBeGreaterThan(2);
    expect(seconds(server, 0, 1)).toBeLessThan(3.5);
  });

  it("is waited for as an HTTP date", async () => {
    // The date has whole seconds, and so loses up to one.
    const headers = { "Retry-After": new Date(Date.now() + 4_000).toUTCString() };
    const server = await serve([{ kind: "status", status: 503, headers }]);
    expectOne(await run(server), server);
    expect(seconds(server, 0, 1)).toBeGreaterThanOrEqual(2);
  });

  it.each([-1, 1])("is read as a date by the server's clock (%i h off)", async (hours) => {
    const at = (ms: number): string => new Date(Date.now() + hours * 3_600_000 + ms).toUTCString();
    const headers = { Date: at(0), "Retry-After": at(2_000) };
    const server = await serve([{ kind: "status", status: 503, headers }]);
    expectOne(await run(server), server);
    expect(seconds(server, 0, 1)).toBeGreaterThanOrEqual(2);
    expect(seconds(server, 0, 1)).toBeLessThan(10);
  });

  it.each(["3600", "99999999999", new Date(Date.now() + 7_200_000).toUTCString()])(
    "fails the step immediately where it is beyond the deadline (%s)",
    async (retryAfter) => {
      const server = await serve([{ kind: "rate-limit", retryAfter }]);
      const result = await run(server);
      expectFailure(result, { status: 429, names: ["`create-timeout` (20 s)"] });
      expect(server.requests).toHaveLength(1);
      expect(result.durationMs).toBeLessThan(15_000);
    },
  );
});

describe("a cached failure", () => {
  it("moves the step on to the next key, and the log says why", async () => {
    const server = await serve([stored()]);
    const result = await runBundled(server);
    expectOne(result, server);
    const [first] = keys(server);
    expect(keys(server)).toEqual([first, first, `${first ?? ""}~2`]);
    expect(result.shown).toContain(LOG_LINES.nextKeyGeneration);
    expect(result.outputs["idempotency-key"]).toBe(`${first ?? ""}~2`);
    const again = await runBundled(server, {}, rerun);
    expectOne(again, server);
    expect(again.outputs["idempotency-key"]).toBe(`${first ?? ""}~2`);
  });

  it("ends the attempt after two new keys; the next attempt continues from there", async () => {
    const server = await serve([stored(99)]);
    const result = await run(server);
    expect(new Set(keys(server)).size).toBe(3);
    expectFailure(result, { exists: "no thread", names: ["2 new keys"] });
    const before = server.requests.length;
    server.clearFaults();
    expectOne(await run(server, {}, rerun), server);
    const generations = keys(server).map((key) => key.split("~")[1] ?? "1");
    expect(generations.slice(before)).toEqual(["1", "2", "3", "4"]);
  });

  it("no longer matters once its unpublished agent is published", async () => {
    const server = await serve([{ kind: "status", status: 409, code: "agent_not_published", stored: true }]);
    expectFailure(await run(server), { status: 409, code: "agent_not_published" });
    expect(server.requests).toHaveLength(1);
    expectOne(await run(server, {}, rerun), server);
    expect(keys(server)).toHaveLength(3);
  });

  it("is skipped twenty times, however the header is written, and not once more", async () => {
    const server = await serve([cachedFailure(20, "TRUE")]);
    expectOne(await run(server, {}, { runAttempt: 9 }), server);
    expect(keys(server)).toHaveLength(21);
    const endless = await serve([cachedFailure(99)]);
    const result = await run(endless, {}, { runAttempt: 9 });
    expect(endless.requests).toHaveLength(21);
    expectFailure(result, { exists: "no thread", names: ["24 hours", "`idempotency-key`"] });
  });

  it("moves a given `idempotency-key` on too, which is shortened where the suffix does not fit", async () => {
    const given = `${"k".repeat(120)}-by-hand`;
    expect(given).toHaveLength(128);
    const server = await serve([stored()]);
    expectOne(await run(server, { "idempotency-key": given }), server);
    const [first, , second] = keys(server);
    expect(first).toBe(given);
    expect(second).toMatch(/^k{90,}-[0-9a-f]{32}~2$/);
    expect(second).toHaveLength(128);
    expectOne(await run(server, { "idempotency-key": given }, rerun), server);
  });
});

describe("a 409 idempotency_conflict", () => {
  const final = "This Idempotency-Key was used for a different request before.";

  it.each([
    "A request with this Idempotency-Key is still processing.",
    "Another request with this key is being processed.",
    "Come back in a moment.",
    "",
  ])("is retried where its message is not known to be final (%j)", async (message) => {
    const server = await serve([conflict("create", message, "0", 2)]);
    expectOne(await run(server), server);
    expect(server.requests).toHaveLength(3);
  });

  it("is retried without an error envelope", async () => {
    const server = await serve([times(2, { kind: "status", status: 409, body: "Conflict" })]);
    expectOne(await run(server), server);
  });

  it.each([final, "Idempotency-Key was reused with another request body."])(
    "is final for a different request (%j)",
    async (message) => {
      const server = await serve([conflict("create", message, "0", 9)]);
      expectFailure(await run(server), { input: "idempotency-key", status: 409, exists: "no thread" });
      expect(server.requests).toHaveLength(1);
    },
  );

  it("fails the step at the deadline, where a thread may exist", async () => {
    const server = await serve([{ kind: "crash-half-way" }]);
    const result = await run(server, { "create-timeout": "3s" });
    expectFailure(result, { status: 409, exists: "perhaps a thread", names: ["ten minutes"] });
  });

  it("fails the step immediately with a Retry-After of a day", async () => {
    const server = await serve([conflict("create", "Not yet.", "86400")]);
    const result = await run(server);
    expectFailure(result, { names: ["24 h"] });
    expect(result.durationMs).toBeLessThan(15_000);
  });
});

describe("an idempotency key that another step has used", () => {
  const key = { "idempotency-key": "shared" };

  it("causes a warning that names the input when the first attempt gets a replay", async () => {
    const server = await serve();
    await runBundled(server, {}, { step: "same" });
    const result = await runBundled(server, {}, { step: "same" });
    expectOne(result, server);
    expect(result.outputs["replayed"]).toBe("true");
    expect(annotated(result, "warning")).toEqual([expect.stringContaining("`idempotency-key`")]);
  });

  it("causes one warning while the other step's request is in progress", async () => {
    const server = await serve([conflict("create", "A request with this key is still processing.", "0", 3)]);
    const result = await run(server, key);
    expectOne(result, server);
    expect(annotated(result, "warning")).toEqual([expect.stringContaining("`idempotency-key`")]);
  });

  it("causes no warning in a re-run", async () => {
    const server = await serve();
    await run(server, key);
    expect(annotated(await run(server, key, rerun), "warning")).toEqual([]);
  });

  it.each<[string, FaultHandler]>([
    ["a lost answer", { kind: "drop-after" }],
    ["an answer that came too late", { kind: "slow", ms: 1_500 }],
    ["a proxy's 502", { kind: "garbage", shape: "empty", status: 502 }],
  ])("is not reported after %s of the step's own", async (_, fault) => {
    const server = await serve([fault]);
    const result = await run(server);
    expectOne(result, server);
    expect(result.outputs["replayed"]).toBe("true");
    expect(annotated(result, "warning")).toEqual([]);
  });
});

describe("a re-run that could not ask the server for the thread of an earlier attempt", () => {
  it.each([
    ["with a revoked token", { token: "grt_pat_ofNoValue000000000000" }],
    ["where nothing listens", { "api-url": "http://127.0.0.1:9/api/v1" }],
  ])("does not deny that thread %s", async (_, inputs) => {
    const server = await serve();
    expectOne(await run(server), server);
    expectFailure(await run(server, inputs, rerun), { exists: "no thread of this attempt" });
  });

  it("denies that thread where the server has looked its key up", async () => {
    const server = await serve();
    const result = await run(server, { "agent-id": server.agents.unpublished }, rerun);
    expectFailure(result, { status: 409, code: "agent_not_published", exists: "no thread" });
  });
});

describe("a deadline", () => {
  const overloaded: FaultHandler = { kind: "status", status: 503, message: "Overloaded." };

  it("fails with the number of attempts, the last error, whether a thread may exist, and the input", async () => {
    const server = await serve([times(99, overloaded)]);
    const result = await run(server, { "create-timeout": "3s" });
    const message = expectFailure(result, {
      status: 503,
      exists: "perhaps a thread",
      names: ["Overloaded", "`create-timeout`", "3 s"],
    });
    expect(Number(/after (\d+) attempts/.exec(message)?.[1])).toBe(server.requests.length);
    expect(result.durationMs).toBeLessThanOrEqual(4_500);
  });

  it("names the last response, not that the deadline cut an attempt short", async () => {
    const server = await serve([times(2, overloaded), times(99, { kind: "hang-before" })]);
    const result = await run(server, { "create-timeout": "3s", "request-timeout": "10s" });
    expectFailure(result, { status: 503, exists: "perhaps a thread", names: ["2 attempts", "Overloaded"] });
  });

  it("names the input where the connection error has no advice", async () => {
    const server = await serve([times(99, { kind: "drop-before" })]);
    const result = await run(server, { "create-timeout": "1s" });
    expectFailure(result, { exists: "perhaps a thread", names: ["`create-timeout`", "1 s"] });
  });

  it("covers all attempts together, reads of the contract and the thread included", async () => {
    const server = await serve();
    server.fault({ on: "thread", kind: "hang-before", times: 99 });
    await run(server);
    const result = await run(server, { "create-timeout": "3s" }, rerun);
    expectFailure(result, { thread: `${server.origin}/threads/${server.threads[0]?.id ?? ""}` });
    expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
    expect(result.durationMs).toBeLessThanOrEqual(4_500);
  });

  it("covers one request's connecting, headers and body together", async () => {
    const server = await serve([{ kind: "slow-body", ms: 600 }]);
    expectOne(await run(server), server);
    expect(server.requests).toHaveLength(1);
  });
});
