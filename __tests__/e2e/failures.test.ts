/** Rejections and failures of the service: one annotation each, with status, code, message, advice, and what exists. */
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type FaultHandler, type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";

type Inputs = Record<string, string>;

const servers: FakeMosooServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

interface Outcome {
  step: StepResult;
  message: string;
  server: FakeMosooServer;
}

/** One step against a server of its own, where every create request has this fault. */
async function fail(fault?: FaultHandler, inputs: (server: FakeMosooServer) => Inputs = () => ({})): Promise<Outcome> {
  const server = await startFakeMosooServer();
  servers.push(server);
  if (fault !== undefined) server.fault({ ...fault, on: "create", times: 99 });
  const step = await runStep({
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Look at this, please.",
      "api-url": server.apiUrl,
      "create-timeout": "3s",
      "request-timeout": "1s",
      ...inputs(server),
    },
  });
  return { step, message: failureOf(step), server };
}

const none = "No thread was created.";
const maybe = "A thread may exist; a re-run of this workflow run finds it.";
const refusal = (status: number, code: string, message = `Words about ${code}.`): FaultHandler => ({
  kind: "status",
  status,
  code,
  message,
});

/** The response, what the advice names, what exists then, and the number of requests. */
const codes: [status: number, code: string, named: RegExp, exists: string, asked: number | "again"][] = [
  [400, "invalid_request", /input/, none, 1],
  [400, "invalid_json", /input/, none, 1],
  [401, "unauthenticated", /`token`.*`api-url`/, none, 1],
  [402, "out_of_credits", /account.*quota.*re-run/, none, 1],
  [403, "forbidden", /token.*agent/, none, 1],
  [404, "not_found", /ID .*API Access.*`api-url`/, none, 1],
  [409, "agent_not_published", /Publish.*re-run/, none, 1],
  [409, "service_inactive", /Activate.*re-run/, none, 1],
  [409, "readiness_blocked", /not ready.*re-run/, none, 1],
  [429, "rate_limited", /120 .*`create-timeout`/, none, "again"],
  [500, "internal_error", /e-run the workflow later.*idempotency key/, maybe, "again"],
  [501, "not_implemented", /e-run the workflow later/, none, 1],
  [502, "bad_gateway", /e-run the workflow later/, maybe, "again"],
  [503, "unavailable", /e-run the workflow later/, maybe, "again"],
  [504, "gateway_timeout", /e-run the workflow later/, maybe, "again"],
  [418, "a_code_of_tomorrow", /`api-url`.*inputs/, none, 1],
];

describe("each error code", () => {
  let outcomes: Outcome[] = [];
  beforeAll(async () => {
    outcomes = await runConcurrently(codes, ([status, code]) => fail(refusal(status, code)));
  }, 60_000);

  it.each(codes.map(([status, code], index) => [status, code, index] as const))(
    "%i %s shows status, code, the server's message, advice and what exists",
    (status, code, index) => {
      const [, , named, exists, asked] = codes[index] ?? [];
      const { message, step, server } = outcomes[index] ?? {};
      expect(message).toContain(`${status} ${code}: `);
      expect(message).toContain(`: "Words about ${code}".`);
      expect(message).toMatch(named ?? "");
      expect(message?.endsWith(` ${exists ?? ""}`)).toBe(true);
      const creates = server?.requests.filter(({ method }) => method === "POST").length ?? 0;
      if (asked === "again") expect(creates).toBeGreaterThan(1);
      else expect(creates).toBe(asked);
      // One key for all attempts, also in the output.
      const keys = new Set(server?.requests.flatMap(({ headers }) => headers["idempotency-key"] ?? []));
      expect([...keys]).toEqual([step?.outputs["idempotency-key"]]);
      expect(step?.outputs).not.toHaveProperty("thread-id");
      expect(step?.summary).toContain(`Words about ${code}`.replaceAll("_", "&#95;"));
    },
  );
});

describe("a request that the service rejects", () => {
  it.each<[string, (server: FakeMosooServer) => Inputs, RegExp]>([
    [
      "a token that it does not know",
      () => ({ token: "grt_pat_ofNoValue000000000000" }),
      /401 unauthenticated: "The token is invalid or revoked"/,
    ],
    [
      "an agent that is not there",
      () => ({ "agent-id": "01J00000000000000000000000" }),
      /404 not_found: "Agent not found"/,
    ],
    [
      "an agent that is not published",
      ({ agents }) => ({ "agent-id": agents.unpublished }),
      /409 agent_not_published\b.* Publish the agent/,
    ],
    [
      "an agent that is not ready",
      ({ agents }) => ({ "agent-id": agents.notReady }),
      /409 readiness_blocked\b.* is missing/,
    ],
    [
      "an agent's ID that is none",
      () => ({ "agent-id": "my-agent" }),
      /^`agent-id`: .*400 invalid_request\b.*valid ULID.*API Access panel: 26 letters and digits/,
    ],
    [
      "a user of a person's token",
      ({ users }) => ({ "attributed-user-id": users.person }),
      /^`attributed-user-id`: .*400 invalid_request\b.*Human PAT callers cannot.*service token/,
    ],
    [
      "a user of another organization",
      ({ tokens, users }) => ({ token: tokens.service, "attributed-user-id": users.outsider }),
      /403 forbidden\b/,
    ],
    [
      "files of a service token",
      (server) => ({ token: server.tokens.service, "file-ids": server.addFile().id }),
      /^`file-ids`: .*400 invalid_request\b.*a service token cannot attach files/,
    ],
    ["files that are not there", () => ({ "file-ids": "01J00000000000000000000000" }), /40[04] \w+\b/],
    ["file IDs with commas", () => ({ "file-ids": "01J,01K" }), /^`file-ids`: .*400/],
  ])("%s", async (_, inputs, says) => {
    const { message, server } = await fail(undefined, inputs);
    expect(message).toMatch(says);
    expect(message.endsWith(` ${none}`)).toBe(true);
    expect(server.threads).toHaveLength(0);
  });

  it("a key of another request: the error says which input to change", async () => {
    const { message, server } = await fail(
      refusal(409, "idempotency_conflict", "The Idempotency-Key was already used for a different request."),
    );
    expect(message).toMatch(/^`idempotency-key`: .*409 idempotency_conflict\b.*of this step's own, or leave it out\./);
    expect(server.requests).toHaveLength(1);
  });

  it("a key whose first request does not end: the step waits for it, then advises a re-run", async () => {
    const { message, server } = await fail(
      refusal(409, "idempotency_conflict", "A request with this key is still being processed."),
    );
    expect(message).toMatch(/409 idempotency_conflict.*still being processed, or died.*ten minutes\./);
    expect(message.endsWith(` ${maybe}`)).toBe(true);
    expect(server.requests.length).toBeGreaterThan(1);
  });

  it("a server that sends Retry-After: 0: the error does not blame it for the deadline", async () => {
    const { message } = await fail({
      kind: "status",
      status: 503,
      code: "unavailable",
      headers: { "Retry-After": "0" },
    });
    expect(message).toMatch(/^Failed to create the thread after \d+ attempts.* in .* Last error: .*503 unavailable\b/);
    expect(message).not.toContain("asks to wait");
  });

  it("a rate limit that outlasts the deadline: the request is not retried", async () => {
    const { message, server } = await fail({ kind: "rate-limit", retryAfter: "60" });
    expect(message).toMatch(
      /429 rate_limited.*asks to wait 1 min, which is longer than what is left of `create-timeout` \(3 s\)/,
    );
    expect(message.match(/(?:raise|increase) `create-timeout`/g)).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });
});

describe("a connection that fails", () => {
  it.each<[string, FaultHandler, RegExp, string]>([
    ["by an end without an answer", { kind: "drop-before" }, /The connection to 127\.0\.0\.1:\d+ was reset\./, maybe],
    ["by silence", { kind: "hang-before" }, /127\.0\.0\.1:\d+ did not answer within (1|0\.\d) s\./, maybe],
    ["in the middle of the answer", { kind: "cut" }, /answered 201, but the response was cut off\./, maybe],
  ])("%s is retried until the deadline", async (_, fault, says, exists) => {
    const { message, server } = await fail(fault);
    expect(message).toMatch(says);
    expect(message).toMatch(/^Failed to create the thread after (?:1 attempt|\d+ attempts)/);
    expect(message.endsWith(` ${exists}`)).toBe(true);
    expect(server.requests.length).toBeGreaterThan(1);
    expect(new Set(server.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  it("before the TLS handshake is retried, and the error says that no thread was created", async () => {
    let connections = 0;
    const host = createServer((socket) => {
      connections += 1;
      socket.on("error", () => undefined).once("data", () => socket.destroy());
    });
    await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
    const { port } = host.address() as AddressInfo;
    const { message } = await fail(undefined, () => ({ "api-url": `https://127.0.0.1:${port}/api/v1` }));
    host.close();
    expect(message).toMatch(/ 127\.0\.0\.1:\d+ .*TLS.*`api-url`.* No thread was created\.$/);
    expect(connections).toBeGreaterThan(1);
  });

  it("because no server listens ends the step after three attempts, with the cause", async () => {
    const server = await startFakeMosooServer();
    await server.close();
    const { message } = await fail(undefined, () => ({ "api-url": server.apiUrl, "create-timeout": "5m" }));
    expect(message).toMatch(
      /after 3 attempts\. 127\.0\.0\.1:\d+ refused the connection\. Check `api-url` and the runner's firewall\. No thread was created\.$/,
    );
  });

  it("because the host name does not exist ends the step after three attempts, with the cause", async () => {
    const { message } = await fail(undefined, () => ({
      "api-url": "https://mosoo.invalid/api/v1",
      "create-timeout": "5m",
    }));
    expect(message).toMatch(
      /The host name mosoo\.invalid was not found\. Check `api-url` and the runner's DNS\. No thread was created\.$/,
    );
  });
});

describe("a step in which nothing is left to happen, although its work is not done", () => {
  it("fails and says so, where Node would end it as a success", async () => {
    const server = await startFakeMosooServer();
    servers.push(server);
    // Writing the summary never settles, and does not keep the process alive.
    const hang =
      "import fs from 'node:fs'; fs.promises.appendFile = fs.promises.writeFile = () => new Promise(() => {});";
    const step = await runStep({
      with: {
        "agent-id": server.agents.published,
        token: server.tokens.person,
        message: "Look at this, please.",
        "api-url": server.apiUrl,
      },
      nodeArguments: ["--import", `data:text/javascript,${encodeURIComponent(hang)}`],
    });
    expect(step.exitCode).toBe(1);
    expect(step.annotations.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Unexpected error: "The process ended before the step was done"/),
    ]);
    expect(step.outputs["thread-id"]).toBe(server.threads[0]?.id);
  });
});
