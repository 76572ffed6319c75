/** Exactly one thread after any failure between the step and the API, and correct outputs. Through the built action. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  type Fault,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const servers: FakeMosooServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

async function serve(faults: Fault[] = [], options: FakeMosooServerOptions = {}): Promise<FakeMosooServer> {
  const server = await startFakeMosooServer(options);
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
      "request-timeout": "1s",
      "create-timeout": "20s",
      ...inputs,
    },
    ...more,
  };
}

const keys = (server: FakeMosooServer): string[] =>
  server.requests.map((request) => String(request.headers["idempotency-key"]));
const warnings = (result: StepResult): string[] =>
  result.annotations.filter(({ level }) => level === "warning").map(({ message }) => message);

function seconds(server: FakeMosooServer, from: number, to: number): number {
  return ((server.requests[to]?.at ?? NaN) - (server.requests[from]?.at ?? NaN)) / 1_000;
}

/** The step succeeded, and its outputs name the server's only thread and run. */
function expectOne(result: StepResult, server: FakeMosooServer): void {
  expect({ exit: result.exitCode, error: result.exitCode === 0 ? "" : result.shown }).toEqual({ exit: 0, error: "" });
  expect(server.threads).toHaveLength(1);
  expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
  expect(result.outputs["run-id"]).toBe(server.threads[0]?.runs[0]?.id);
  expect(server.threads[0]?.messages).toHaveLength(1);
}

const conflict = (message: string, more: Partial<Fault & { kind: "status" }> = {}): Fault => ({
  on: "create",
  kind: "status",
  status: 409,
  code: "idempotency_conflict",
  message,
  ...more,
});
const stored = (times = 1): Fault => ({ on: "create", kind: "status", status: 500, stored: true, times });
/** An old failure as the service replays it, for so many keys. */
const cachedFailure = (times: number, header = "true"): Fault => ({
  on: "create",
  kind: "status",
  status: 500,
  headers: { "Idempotency-Replayed": header },
  times,
});

describe("a transient failure is retried with the same idempotency key, and creates one thread", () => {
  const cases: [title: string, faults: Fault[], says: RegExp, requests: number][] = [
    ["dropped before the server commits", [{ on: "create", kind: "drop-before" }], /The connection to .* was reset/, 2],
    ["dropped after it", [{ on: "create", kind: "drop-after" }], /The connection to .* was reset/, 2],
    ["hung before", [{ on: "create", kind: "hang-before" }], /did not answer within 1 s/, 2],
    ["hung after", [{ on: "create", kind: "hang-after" }], /did not answer within 1 s/, 2],
    ["a body cut off", [{ on: "create", kind: "cut", times: 2 }], /answered 201, but the response was cut off/, 3],
    ["a body that stalls", [{ on: "create", kind: "slow-body", ms: 3_000 }], /did not answer within 1 s/, 2],
    ["a response that comes too late", [{ on: "create", kind: "slow", ms: 1_300 }], /did not answer within 1 s/, 3],
    [
      "an HTML page instead of a response",
      [{ on: "create", kind: "garbage", times: 2 }],
      /an HTML page instead of JSON/,
      3,
    ],
    ["an empty success", [{ on: "create", kind: "garbage", shape: "empty" }], /\d+ and an empty body/, 2],
    ["a success without an ID", [{ on: "create", kind: "garbage", shape: "no-id" }], /unexpected body/, 2],
    ["a process that died with the key", [{ on: "create", kind: "crash-half-way", commit: false }], /was reset/, 2],
    ...[408, 425, 429, 500, 502, 503, 504, 507, 520].map((status): [string, Fault[], RegExp, number] => [
      `status ${status}`,
      [{ on: "create", kind: "status", status }],
      new RegExp(` ${status}\\b`),
      2,
    ]),
    [
      "a proxy's page with 502",
      [{ on: "create", kind: "status", status: 502, body: "<html>Bad gateway</html>" }],
      /\b502\b/,
      2,
    ],
    ["an empty 503", [{ on: "create", kind: "status", status: 503, body: "" }], /\b503\b/, 2],
    [
      "one after the other",
      [
        { on: "create", kind: "status", status: 503 },
        { on: "create", kind: "drop-after" },
        { on: "create", kind: "rate-limit", retryAfter: "0" },
        { on: "create", kind: "cut" },
      ],
      / 503 .*\n.*was reset.*\n.*429 rate_limited.*\n.*cut off/,
      5,
    ],
  ];
  const results = new Map<string, { result: StepResult; server: FakeMosooServer }>();
  beforeAll(async () => {
    await runConcurrently(
      cases,
      async ([title, faults]) => {
        // A key whose request died is free again after a moment.
        const server = await serve(faults, title.includes("died") ? { stuckReservationMs: 100 } : {});
        results.set(title, { result: await runStep(step(server)), server });
      },
      8,
    );
  }, 90_000);

  it.each(cases)("%s", (title, _, says, requests) => {
    const { result, server } = results.get(title) ?? {};
    if (result === undefined || server === undefined) throw new Error("It was not run.");
    expectOne(result, server);
    expect(result.shown).toMatch(says);
    expect(result.shown).toContain(LOG_LINES.retrying);
    expect(new Set(keys(server)).size).toBe(1);
    if (title !== "a response that comes too late" && !title.includes("died"))
      expect(keys(server)).toHaveLength(requests);
    expect(warnings(result)).toEqual([]);
  });

  it.concurrent.each([501, 505])("a final status is not retried: %i", async (status) => {
    const server = await serve([{ on: "create", kind: "status", status, times: 9 }]);
    expect(failureOf(await runStep(step(server)))).toMatch(/No thread was created\.$/);
    expect(server.requests).toHaveLength(1);
  });

  it.concurrent.each<[string, Fault]>([
    ["cut off", { on: "create", kind: "cut", times: 9 }],
    ["of another shape", { on: "create", kind: "garbage", shape: "array", times: 9 }],
  ])("three successes in a row that are %s end it", async (_, fault) => {
    const server = await serve([fault]);
    const message = failureOf(await runStep(step(server)));
    expect(message).toMatch(/^Failed to create the thread after 3 attempts\. /);
    expect(message).toMatch(/A thread may exist; a re-run of this workflow run finds it\.$/);
    server.clearFaults();
    expectOne(await runStep(step(server, {}, { runAttempt: 2 })), server);
  });
});

describe("Retry-After", () => {
  it.concurrent("in seconds is waited for, with jitter on top", async () => {
    const server = await serve([{ on: "create", kind: "rate-limit", retryAfter: "2" }]);
    expectOne(await runStep(step(server)), server);
    expect(seconds(server, 0, 1)).toBeGreaterThanOrEqual(2);
    expect(seconds(server, 0, 1)).toBeLessThan(3.5);
  });

  it.concurrent("as an HTTP date is waited for", async () => {
    const at = Math.ceil(Date.now() / 1_000) * 1_000 + 2_000;
    const headers = { "Retry-After": new Date(at).toUTCString() };
    const server = await serve([{ on: "create", kind: "status", status: 503, headers }]);
    expectOne(await runStep(step(server)), server);
    expect(server.requests[1]?.at).toBeGreaterThanOrEqual(at);
  });

  it.concurrent.each([-1, 1])("as a date is read by the server's clock (%i h off)", async (hours) => {
    const at = (ms: number): string => new Date(Date.now() + hours * 3_600_000 + ms).toUTCString();
    const headers = { Date: at(0), "Retry-After": at(2_000) };
    const server = await serve([{ on: "create", kind: "status", status: 503, headers }]);
    expectOne(await runStep(step(server)), server);
    expect(seconds(server, 0, 1)).toBeGreaterThanOrEqual(2);
  });

  it.concurrent.each(["3600", "99999999999", new Date(Date.now() + 7_200_000).toUTCString()])(
    "beyond the deadline fails the step immediately (%s)",
    async (retryAfter) => {
      const server = await serve([{ on: "create", kind: "rate-limit", retryAfter }]);
      const result = await runStep(step(server));
      expect(failureOf(result)).toMatch(
        /asks to wait .*, which is longer than what is left of `create-timeout` \(20 s\)/,
      );
      expect(server.requests).toHaveLength(1);
      expect(result.durationMs).toBeLessThan(15_000);
    },
  );
});

describe("a cached failure", () => {
  it.concurrent("moves the step on to the next key, and the log says why", async () => {
    const server = await serve([stored()]);
    const result = await runStep(step(server));
    expectOne(result, server);
    const [first] = keys(server);
    expect(keys(server)).toEqual([first, first, `${first ?? ""}~2`]);
    expect(result.shown).toContain(LOG_LINES.nextKeyGeneration);
    expect(result.outputs["idempotency-key"]).toBe(`${first ?? ""}~2`);
    const again = await runStep(step(server, {}, { runAttempt: 2 }));
    expectOne(again, server);
    expect(again.outputs["idempotency-key"]).toBe(`${first ?? ""}~2`);
  });

  it.concurrent("ends the attempt after two new keys; the next attempt continues from there", async () => {
    const server = await serve([stored(99)]);
    const message = failureOf(await runStep(step(server)));
    expect(new Set(keys(server)).size).toBe(3);
    expect(message).toMatch(/2 new keys.*Re-run the workflow later.*No thread was created\.$/);
    const before = server.requests.length;
    server.clearFaults();
    expectOne(await runStep(step(server, {}, { runAttempt: 2 })), server);
    expect(
      keys(server)
        .slice(before)
        .map((key) => key.split("~")[1] ?? "1"),
    ).toEqual(["1", "2", "3", "4"]);
  });

  it.concurrent("of an unpublished agent no longer matters once the agent is published", async () => {
    const server = await serve([
      {
        on: "create",
        kind: "status",
        status: 409,
        code: "agent_not_published",
        message: "Not published.",
        stored: true,
      },
    ]);
    expect(failureOf(await runStep(step(server)))).toMatch(/409 agent_not_published.*Publish the agent/);
    expect(server.requests).toHaveLength(1);
    expectOne(await runStep(step(server, {}, { runAttempt: 2 })), server);
    expect(keys(server)).toHaveLength(3);
  });

  it.concurrent("is skipped twenty times, however the header is written, and not once more", async () => {
    const server = await serve([cachedFailure(20, "TRUE")]);
    expectOne(await runStep(step(server, {}, { runAttempt: 9 })), server);
    expect(keys(server)).toHaveLength(21);
    const endless = await serve([cachedFailure(99)]);
    const message = failureOf(await runStep(step(endless, {}, { runAttempt: 9 })));
    expect(endless.requests).toHaveLength(21);
    expect(message).toMatch(/hold cached failures.*24 hours.*`idempotency-key`.*No thread was created\.$/);
  });

  it.concurrent(
    "under a given `idempotency-key` moves on too, with the key shortened where the suffix does not fit",
    async () => {
      const given = `${"k".repeat(120)}-by-hand`;
      expect(given).toHaveLength(128);
      const server = await serve([stored()]);
      expectOne(await runStep(step(server, { "idempotency-key": given })), server);
      const [first, , second] = keys(server);
      expect(first).toBe(given);
      expect(second).toMatch(/^k{90,}-[0-9a-f]{32}~2$/);
      expect(second).toHaveLength(128);
      expectOne(await runStep(step(server, { "idempotency-key": given }, { runAttempt: 2 })), server);
    },
  );
});

describe("409 idempotency_conflict", () => {
  it.concurrent.each(["A request with this Idempotency-Key is still processing.", "Come back in a moment.", ""])(
    "is retried where its message is not known to be final (%j)",
    async (message) => {
      const server = await serve([conflict(message, { times: 2, headers: { "Retry-After": "0" } })]);
      expectOne(await runStep(step(server)), server);
      expect(server.requests).toHaveLength(3);
    },
  );

  it.concurrent("is retried without an error envelope", async () => {
    const server = await serve([{ on: "create", kind: "status", status: 409, body: "Conflict", times: 2 }]);
    expectOne(await runStep(step(server)), server);
  });

  it.concurrent("about another request that is still processing does not count as key reuse", async () => {
    const server = await serve([conflict("Another request with this key is being processed.")]);
    expectOne(await runStep(step(server)), server);
  });

  it.concurrent.each([
    "This Idempotency-Key was used for a different request before.",
    "Idempotency-Key was reused with another request body.",
  ])("for a different request is final (%j)", async (message) => {
    const server = await serve([conflict(message, { times: 9 })]);
    const failure = failureOf(await runStep(step(server)));
    expect(failure).toMatch(/^`idempotency-key`: .*The agent, the message, the references, users and files decide/);
    expect(failure).toMatch(/No thread was created\.$/);
    expect(server.requests).toHaveLength(1);
  });

  it.concurrent("until the deadline fails with when to re-run", async () => {
    const server = await serve([{ on: "create", kind: "crash-half-way" }]);
    const message = failureOf(await runStep(step(server, { "create-timeout": "3s" })));
    expect(message).toMatch(/^Failed to create the thread after \d+ attempts?.* in \d/);
    expect(message).toMatch(/ten minutes\. A thread may exist; a re-run .* finds it\.$/);
  });

  it.concurrent("with a Retry-After of a day fails immediately", async () => {
    const server = await serve([conflict("Not yet.", { headers: { "Retry-After": "86400" } })]);
    const result = await runStep(step(server));
    expect(failureOf(result)).toMatch(/asks to wait 24 h/);
    expect(result.durationMs).toBeLessThan(15_000);
  });
});

describe("an idempotency key that another step has used", () => {
  const key = { "idempotency-key": "shared" };

  it.concurrent("causes a warning with the solution when the first attempt gets a replay", async () => {
    const server = await serve();
    await runStep(step(server, {}, { step: "same" }));
    const result = await runStep(step(server, {}, { step: "same" }));
    expectOne(result, server);
    expect(result.outputs["replayed"]).toBe("true");
    expect(warnings(result)).toEqual([expect.stringMatching(/same idempotency key.*`idempotency-key`/)]);
  });

  it.concurrent("causes one warning while the other step's request is in progress", async () => {
    const server = await serve([conflict("A request with this key is still processing.", { times: 3 })]);
    const result = await runStep(step(server, key));
    expectOne(result, server);
    expect(warnings(result)).toEqual([expect.stringMatching(/has used this `idempotency-key`/)]);
  });

  it.concurrent("causes no warning in a re-run", async () => {
    const server = await serve();
    await runStep(step(server, key));
    expect(warnings(await runStep(step(server, key, { runAttempt: 2 })))).toEqual([]);
  });

  it.concurrent.each<[string, Fault]>([
    ["a lost answer", { on: "create", kind: "drop-after" }],
    ["an answer that came too late", { on: "create", kind: "slow", ms: 1_500 }],
    ["a proxy's 502", { on: "create", kind: "garbage", shape: "empty", status: 502 }],
  ])("is not reported after %s of the step's own", async (_, fault) => {
    const server = await serve([fault]);
    const result = await runStep(step(server));
    expectOne(result, server);
    expect(result.outputs["replayed"]).toBe("true");
    expect(warnings(result)).toEqual([]);
  });
});

describe("a re-run that could not ask the server for the thread of an earlier attempt", () => {
  const perhaps = /This attempt created no thread; an earlier one may have, and a re-run finds it\.$/;

  it.concurrent("does not deny that thread with a revoked token", async () => {
    const server = await serve();
    expectOne(await runStep(step(server)), server);
    const result = await runStep(step(server, { token: "grt_pat_ofNoValue000000000000" }, { runAttempt: 2 }));
    expect(failureOf(result)).toMatch(perhaps);
  });

  it.concurrent("does not deny that thread where nothing listens", async () => {
    const server = await serve();
    const result = await runStep(step(server, { "api-url": "http://127.0.0.1:9/api/v1" }, { runAttempt: 2 }));
    expect(failureOf(result)).toMatch(perhaps);
  });

  it.concurrent("denies that thread where the server has looked its key up", async () => {
    const server = await serve();
    const result = await runStep(step(server, { "agent-id": server.agents.unpublished }, { runAttempt: 2 }));
    expect(failureOf(result)).toMatch(/409 agent_not_published\b.* No thread was created\.$/);
  });
});

describe("a deadline", () => {
  it.concurrent(
    "fails with the number of attempts, the last error, whether a thread may exist, and what to do",
    async () => {
      const server = await serve([{ on: "create", kind: "status", status: 503, message: "Overloaded.", times: 99 }]);
      const result = await runStep(step(server, { "create-timeout": "3s" }));
      const message = failureOf(result);
      expect(message).toMatch(
        /^Failed to create the thread after (\d+) attempts in [\d.]+ s\. .*503 internal_error: "Overloaded"\. /,
      );
      expect(message).toMatch(/`create-timeout` \(now 3 s\)\. A thread may exist; a re-run .* finds it\.$/);
      expect(Number(/after (\d+) attempts/.exec(message)?.[1])).toBe(server.requests.length);
      expect(result.durationMs).toBeLessThan(4_500);
    },
  );

  it.concurrent("names the last response, not that the deadline cut an attempt short", async () => {
    const server = await serve([
      { on: "create", kind: "status", status: 503, message: "Overloaded.", times: 2 },
      { on: "create", kind: "hang-before", times: 99 },
    ]);
    const result = await runStep(step(server, { "create-timeout": "3s", "request-timeout": "10s" }));
    expect(failureOf(result)).toMatch(
      /^Failed to create the thread after 2 attempts, and one cut short, in 3(\.\d)? s\. .*503 internal_error: "Overloaded"\. .* A thread may exist;/,
    );
  });

  it.concurrent("says what to do where the connection error has no advice", async () => {
    const server = await serve([{ on: "create", kind: "drop-before", times: 99 }]);
    expect(failureOf(await runStep(step(server, { "create-timeout": "1s" })))).toMatch(
      / was reset\. Re-run the workflow later, or increase `create-timeout` \(now 1 s\)\. A thread may exist;/,
    );
  });

  it.concurrent("covers all attempts together, reads of the contract and the thread included", async () => {
    const server = await serve([{ on: "thread", kind: "hang-before", times: 99 }]);
    await runStep(step(server));
    const result = await runStep(step(server, { "create-timeout": "3s" }, { runAttempt: 2 }));
    expect(failureOf(result)).toMatch(/^Failed to read the thread after .* Thread: /);
    expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
    expect(result.durationMs).toBeLessThan(4_500);
  });

  it.concurrent("of one request covers connecting, headers and body together", async () => {
    const server = await serve([{ on: "create", kind: "slow-body", ms: 600, times: 1 }]);
    expectOne(await runStep(step(server)), server);
    expect(server.requests).toHaveLength(1);
  });
});
