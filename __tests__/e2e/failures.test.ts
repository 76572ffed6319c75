/** Rejections and failures of the service: one annotation each, with status, code, message, input, and what exists. */
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/common/clock.ts";
import { type FakeMosooServer, type FaultHandler, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { type Existence, type ExpectedFailure, expectFailure, failureOf } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { run, runBundled, serve, stepFor } from "../support/service.ts";

type Inputs = Record<string, string>;

/** One step against a server of its own, where every create request has this fault. */
async function fail(
  fault?: FaultHandler,
  inputs: (server: FakeMosooServer) => Inputs = () => ({}),
  runner = run,
): Promise<{ step: StepResult; server: FakeMosooServer }> {
  const server = await serve("reference", fault === undefined ? [] : [{ ...fault, on: "create", times: 99 }]);
  return { step: await runner(server, { "create-timeout": "3s", ...inputs(server) }), server };
}

const refusal = (status: number, code: string, message = `Words about ${code}.`): FaultHandler => ({
  kind: "status",
  status,
  code,
  message,
});

/** The response, what the advice names, and what exists then. */
const codes: [status: number, code: string, names: (string | RegExp)[], exists: Existence][] = [
  [400, "invalid_request", [], "no thread"],
  [400, "invalid_json", [], "no thread"],
  [401, "unauthenticated", ["`token`", "`api-url`"], "no thread"],
  [402, "out_of_credits", ["quota"], "no thread"],
  [403, "forbidden", [], "no thread"],
  [404, "not_found", ["API Access", "`api-url`"], "no thread"],
  [409, "agent_not_published", [], "no thread"],
  [409, "service_inactive", [], "no thread"],
  [409, "readiness_blocked", [], "no thread"],
  [429, "rate_limited", ["120", "`create-timeout`"], "no thread"],
  [500, "internal_error", ["idempotency key"], "perhaps a thread"],
  [501, "not_implemented", [], "no thread"],
  [502, "bad_gateway", [], "perhaps a thread"],
  [503, "unavailable", [], "perhaps a thread"],
  [504, "gateway_timeout", [], "perhaps a thread"],
  [418, "a_code_of_tomorrow", ["`api-url`"], "no thread"],
];
const retried = [429, 500, 502, 503, 504];

describe("an error response with", () => {
  it.each(codes)("%i %s is shown with status, code, the server's message and what exists", async (...row) => {
    const [status, code, names, exists] = row;
    const { step, server } = await fail(refusal(status, code), undefined, status === 403 ? runBundled : run);
    expectFailure(step, { status, code, exists, names: [`"Words about ${code}"`, ...names] });
    const creates = server.requests.filter(({ method }) => method === "POST");
    if (retried.includes(status)) expect(creates.length).toBeGreaterThan(1);
    else expect(creates).toHaveLength(1);
    // One key for all attempts, also in the output.
    const keys = new Set(creates.map(({ headers }) => headers["idempotency-key"]));
    expect([...keys]).toEqual([step.outputs["idempotency-key"]]);
    expect(step.outputs).not.toHaveProperty("thread-id");
    expect(step.summary).toContain(`Words about ${code}`.replaceAll("_", "&#95;"));
  });
});

describe("a request that the service rejects", () => {
  const unknownId = "01J00000000000000000000000";

  it.each<[string, (server: FakeMosooServer) => Inputs, ExpectedFailure]>([
    ["an unknown token", () => ({ token: "grt_pat_ofNoValue" }), { status: 401, code: "unauthenticated" }],
    ["an unknown agent", () => ({ "agent-id": unknownId }), { status: 404, code: "not_found" }],
    [
      "an unpublished agent",
      ({ agents }) => ({ "agent-id": agents.unpublished }),
      { status: 409, code: "agent_not_published" },
    ],
    [
      "an agent that is not ready",
      ({ agents }) => ({ "agent-id": agents.notReady }),
      { status: 409, code: "readiness_blocked" },
    ],
    [
      "an agent's ID of another form",
      () => ({ "agent-id": "my-agent" }),
      { input: "agent-id", status: 400, names: ["valid ULID", "API Access", "26 letters and digits"] },
    ],
    [
      "a user of a person's token",
      ({ users }) => ({ "attributed-user-id": users.person }),
      { input: "attributed-user-id", status: 400, names: ["Human PAT callers cannot", "service token"] },
    ],
    [
      "a user of another organization",
      ({ tokens, users }) => ({ token: tokens.service, "attributed-user-id": users.outsider }),
      { status: 403, code: "forbidden" },
    ],
    [
      "files of a service token",
      (server) => ({ token: server.tokens.service, "file-ids": server.addFile().id }),
      { input: "file-ids", status: 400, names: ["service token"] },
    ],
    ["unknown files", () => ({ "file-ids": unknownId }), { names: [/40[04] \w+\b/] }],
    ["file IDs with commas", () => ({ "file-ids": "01J,01K" }), { input: "file-ids", status: 400 }],
  ])("fails the step, which names the input or the code: %s", async (_, inputs, expected) => {
    const { step, server } = await fail(undefined, inputs);
    expectFailure(step, { exists: "no thread", ...expected });
    expect(server.threads).toHaveLength(0);
  });

  it("is not blamed on the server's Retry-After where that is 0", async () => {
    const { step } = await fail({ kind: "status", status: 503, code: "unavailable", headers: { "Retry-After": "0" } });
    const message = expectFailure(step, { status: 503, code: "unavailable", names: [/after \d+ attempts/] });
    expect(message).not.toContain("asks to wait");
  });

  it("is not retried where a rate limit outlasts the deadline, and `create-timeout` is named once", async () => {
    const { step, server } = await fail({ kind: "rate-limit", retryAfter: "60" });
    const message = expectFailure(step, { status: 429, code: "rate_limited", names: ["1 min", "(3 s)"] });
    expect(message.match(/(?:raise|increase) `create-timeout`/g)).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });
});

describe("a connection that fails", () => {
  it.each<[string, FaultHandler, string]>([
    ["by an end without an answer", { kind: "drop-before" }, "was reset"],
    ["by silence", { kind: "hang-before" }, "did not answer within"],
    ["in the middle of the answer", { kind: "cut" }, "answered 201"],
  ])("is retried until the deadline, under one key: %s", async (_, fault, cause) => {
    const { step, server } = await fail(fault);
    expectFailure(step, { exists: "perhaps a thread", names: [cause, /127\.0\.0\.1:\d+/, /after \d+ attempt/] });
    expect(server.requests.length).toBeGreaterThan(1);
    expect(new Set(server.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  it("is retried before the TLS handshake, and creates no thread", async () => {
    let connections = 0;
    const host = createServer((socket) => {
      connections += 1;
      socket.on("error", () => undefined).once("data", () => socket.destroy());
    });
    await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
    const { port } = host.address() as AddressInfo;
    const { step } = await fail(undefined, () => ({ "api-url": `https://127.0.0.1:${port}/api/v1` }));
    host.close();
    expectFailure(step, { exists: "no thread", names: ["TLS", "`api-url`", `127.0.0.1:${port}`] });
    expect(connections).toBeGreaterThan(1);
  });

  it("ends the step after three attempts where no server listens", async () => {
    const server = await startFakeMosooServer();
    await server.close();
    const { step } = await fail(undefined, () => ({ "api-url": server.apiUrl, "create-timeout": "5m" }));
    expectFailure(step, { exists: "no thread", names: ["after 3 attempts", "refused", "`api-url`"] });
  });

  it("ends the step where the host name does not exist", async () => {
    // A name server takes real time.
    const server = await serve("reference", [], { clock: systemClock });
    const step = await run(server, { "api-url": "https://mosoo.invalid/api/v1", "create-timeout": "5m" });
    expectFailure(step, { exists: "no thread", names: ["mosoo.invalid", "`api-url`", "DNS"] });
  });
});

describe("a step in which nothing is left to happen, although its work is not done", () => {
  it("fails, where Node would end it as a success", async () => {
    const server = await serve();
    // Writing the summary never settles, and does not keep the process alive.
    const hang =
      "import fs from 'node:fs'; fs.promises.appendFile = fs.promises.writeFile = () => new Promise(() => {});";
    const nodeArguments = ["--import", `data:text/javascript,${encodeURIComponent(hang)}`];
    const step = await runStep(stepFor(server, {}, { nodeArguments }));
    expect({ exitCode: step.exitCode, levels: step.annotations.map(({ level }) => level) }).toEqual({
      exitCode: 1,
      levels: ["error"],
    });
    expect(() => failureOf(step)).toThrow("Unexpected error");
    expect(step.outputs["thread-id"]).toBe(server.threads[0]?.id);
  });
});
