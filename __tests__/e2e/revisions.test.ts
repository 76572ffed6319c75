/** Every field of the create request, at every revision, with every kind of token, over HTTP through the built action. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { checkExchange, publishedContracts } from "../support/contract-check.ts";
import { REVISIONS } from "../support/mosoo/revision.ts";
import { type Fault, type FakeMosooServer, type Revision, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { runConcurrently } from "../support/run-concurrently.ts";

const contracts = publishedContracts();
const violations: string[] = [];
const servers: FakeMosooServer[] = [];

async function serve(revision: Revision, faults: Fault[] = []): Promise<FakeMosooServer> {
  const contract = contracts?.[revision];
  const server = await startFakeMosooServer({
    revision,
    onExchange: (exchange) => {
      if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
    },
  });
  servers.push(server);
  for (const fault of faults) server.fault(fault);
  return server;
}

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  // Requests and responses satisfy the service's published contracts, where these are available.
  expect(violations).toEqual([]);
});

type Token = "person" | "service";
type Inputs = Record<string, string>;

function run(server: FakeMosooServer, inputs: Inputs = {}, token: Token = "person"): Promise<StepResult> {
  return runStep({
    with: {
      "agent-id": server.agents.published,
      token: server.tokens[token],
      message: "Have a look.",
      "api-url": server.apiUrl,
      "create-timeout": "10s",
      "request-timeout": "2s",
      ...inputs,
    },
    env: { RUNNER_DEBUG: "1" },
  });
}

const input = { type: "user.message", content: [{ type: "text", text: "Have a look." }] };
const ref = "github:octo-org/octo-repo@main";
const debugged = "external reference; it was not sent";

interface Row {
  title: string;
  revision: Revision;
  token: Token;
  inputs: (server: FakeMosooServer) => Inputs;
  /** The accepted body, without the agent's files' IDs; or the error. */
  body: Record<string, unknown> | RegExp;
  requests: number;
}

const none = (): Inputs => ({});
const bothTokens: Token[] = ["person", "service"];
const attributed = (server: FakeMosooServer): Inputs => ({ "attributed-user-id": server.users.person });
const given = (): Inputs => ({ "external-ref": "linear-ENG-123" });
const silent = (): Inputs => ({ "external-ref": "none" });
const user = (): Inputs => ({ "user-id": "customer-7" });
const needsServiceToken = /^`attributed-user-id`: .*service token .*reference contract.*No thread was created\.$/;

const rows: Row[] = bothTokens.flatMap((token): Row[] => {
  const row = (title: string, revision: Revision, inputs: Row["inputs"], body: Row["body"], requests: number): Row => ({
    title,
    revision,
    token,
    inputs,
    body,
    requests,
  });
  return [
    row("a message alone", "reference", none, { input, client_external_ref: ref }, 1),
    row("a message alone", "2026-07", none, { input, client_external_ref: ref }, 1),
    row("a message alone", "2026-08", none, { input, userId: "github:octocat" }, 3),
    row("`external-ref`", "reference", given, { input, client_external_ref: "linear-ENG-123" }, 1),
    row("`external-ref`", "2026-07", given, { input, client_external_ref: "linear-ENG-123" }, 1),
    row("`external-ref`", "2026-08", given, { input, userId: "github:octocat" }, 3),
    row("`external-ref: none`", "reference", silent, { input }, 1),
    row("`external-ref: none`", "2026-08", silent, { input, userId: "github:octocat" }, 3),
    row("`user-id`", "reference", user, { input, client_external_ref: ref }, 3),
    row("`user-id`", "2026-07", user, { input, client_external_ref: ref }, 3),
    row("`user-id`", "2026-08", user, { input, userId: "customer-7" }, 1),
    row(
      "`attributed-user-id`",
      "reference",
      attributed,
      token === "service"
        ? { input, client_external_ref: ref, attributed_user_id: expect.any(String) }
        : /^`attributed-user-id`: .*Human PAT callers.*service token .*reference contract.*No thread was created\.$/,
      token === "service" ? 1 : 2,
    ),
    row("`attributed-user-id`", "2026-07", attributed, needsServiceToken, 2),
    row("`attributed-user-id`", "2026-08", attributed, needsServiceToken, 2),
    row(
      "`user-id` and `attributed-user-id`",
      "2026-08",
      (server) => ({ ...user(), ...attributed(server) }),
      needsServiceToken,
      2,
    ),
    row(
      "`file-ids`",
      "reference",
      twoFiles,
      token === "person"
        ? { input, client_external_ref: ref, files: [{ file_id: "0" }, { file_id: "1" }] }
        : /^`file-ids`: .*Organization Service token callers cannot attach files.*No thread was created\.$/,
      token === "person" ? 1 : 2,
    ),
    row("`file-ids`", "2026-07", twoFiles, { input, client_external_ref: ref, resources: resources() }, 3),
    row("`file-ids`", "2026-08", twoFiles, { input, userId: "github:octocat", resources: resources() }, 3),
    row(
      "`file-ids` and `user-id`",
      "2026-08",
      (server) => ({ ...user(), ...twoFiles(server) }),
      { input, userId: "customer-7", resources: resources() },
      1,
    ),
  ];
});

function twoFiles(server: FakeMosooServer): Inputs {
  return { "file-ids": [server.addFile().id, server.addFile({ name: "b.txt" }).id].join("\n") };
}

function resources(): object[] {
  return [
    { type: "file", file_id: "0" },
    { type: "file", file_id: "1" },
  ];
}

/** The body as it was accepted; IDs of files by their place. */
function accepted(server: FakeMosooServer): unknown {
  const ids = new Map(server.uploads.map((file, index) => [file.id, String(index)]));
  return JSON.parse(JSON.stringify(server.threads[0]?.body ?? null), (key, value: unknown) =>
    key === "file_id" ? (ids.get(String(value)) ?? value) : value,
  );
}

describe("a field of the create request", () => {
  const results = new Map<Row, { server: FakeMosooServer; result: StepResult }>();
  beforeAll(async () => {
    await runConcurrently(rows, async (row) => {
      const server = await serve(row.revision);
      results.set(row, { server, result: await run(server, row.inputs(server), row.token) });
    });
  }, 90_000);

  it.each(rows.map((row) => [`${row.title}, ${row.revision}, ${row.token}'s token`, row] as const))("%s", (_, row) => {
    const { server, result } = results.get(row) ?? {};
    if (server === undefined || result === undefined) throw new Error("It was not run.");
    if (row.body instanceof RegExp) {
      expect(failureOf(result)).toMatch(row.body);
      expect(server.threads).toHaveLength(0);
    } else {
      expect({ exit: result.exitCode, error: result.exitCode === 0 ? "" : result.shown }).toEqual({
        exit: 0,
        error: "",
      });
      expect(accepted(server)).toEqual(row.body);
      expect(server.threads).toHaveLength(1);
      expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
      // Where the reference is not taken, the output keeps it and a debug line says so.
      const wanted = row.title.includes("none") ? "" : row.title === "`external-ref`" ? "linear-ENG-123" : ref;
      expect(result.outputs["external-ref"]).toBe(wanted);
      expect(result.stdout.includes(debugged)).toBe(row.revision === "2026-08" && wanted !== "");
    }
    expect(server.requests).toHaveLength(row.requests);
    const asked = server.requests.find(({ path }) => path.endsWith("/openapi.json"));
    expect(asked?.authorization).toBeUndefined();
  });

  it("covers all three revisions", () => {
    expect(new Set(rows.map((row) => row.revision))).toEqual(new Set(Object.keys(REVISIONS)));
  });
});

describe("a rejected value (by the contract, not by the server's message)", () => {
  const refuse = (message: string): Fault => ({
    on: "create",
    kind: "status",
    status: 400,
    code: "invalid_request",
    message,
    times: 9,
  });

  it.concurrent.each<Revision>(["reference", "2026-07"])(
    "fails with the server's own message (%s)",
    async (revision) => {
      const server = await serve(revision, [refuse("Unsupported create thread field: mood.")]);
      expect(failureOf(await run(server))).toMatch(/Unsupported create thread field: mood".*No thread was created\.$/);
      expect(server.requests).toHaveLength(2);
    },
  );

  it.concurrent("fails with its input also after the body was adapted to the contract", async () => {
    const server = await serve("2026-08");
    const message = failureOf(await run(server, { "file-ids": "01J00000000000000000000009" }));
    expect(message).toMatch(/^`file-ids`: .*Attachment 01J00000000000000000000009 was not found/);
    expect(server.requests).toHaveLength(3);
  });

  it.concurrent.each<[string, Fault]>([
    ["there is none", { on: "openapi", kind: "status", status: 404, times: 9 }],
    ["it is a page", { on: "openapi", kind: "garbage", times: 9 }],
    ["it does not describe threads", { on: "openapi", kind: "garbage", shape: "no-id", times: 9 }],
    ["it requires a token", { on: "openapi", kind: "status", status: 401, times: 9 }],
    ["it is cut off", { on: "openapi", kind: "cut", times: 9 }],
  ])("is what the user sees where the contract is not available (%s)", async (_, fault) => {
    const server = await serve("2026-08", [fault]);
    // Nobody gave an `external-ref`: it is the contract that is missing.
    expect(failureOf(await run(server))).toMatch(
      /^.*400 invalid_request: "Unsupported create thread field: client_external_ref"\. .* its contract \(`openapi\.json` below `api-url`\) could not be read: .*No thread was created\.$/,
    );
    expect(server.threads).toHaveLength(0);
  });

  it.concurrent("is judged by a contract behind a redirect, which does not change the API's base", async () => {
    const server = await serve("2026-08");
    const contract = `\ufeff${await (await fetch(`${server.apiUrl}/openapi.json`)).text()}`;
    const front = await startScriptedServer((_, head) => {
      const [, path = ""] = head.split(" ");
      if (path === "/static/openapi.json") return { status: 200, body: contract };
      if (path === "/api/v1/openapi.json") return { status: 302, headers: { Location: "/static/openapi.json" } };
      return head.includes(" /api/v1/agents/") && front.requests.length > 1
        ? { body: JSON.stringify({ thread: { id: "t" }, run: { id: "r" } }) }
        : { status: 400, body: JSON.stringify({ error: { code: "invalid_request", message: "No." } }) };
    });
    const result = await run(server, { "api-url": `${front.origin}/api/v1` });
    await front.close();
    expect(front.requests.map((head) => head.split(" ")[1]?.replace(/^.*\//, ""))).toEqual([
      "threads",
      "openapi.json",
      "openapi.json",
      "threads",
    ]);
    expect(result.outputs).toMatchObject({ "thread-id": "t", "thread-api-url": `${front.origin}/api/v1/threads/t` });
  });

  it.concurrent("waits for a contract that is unavailable for a moment", async () => {
    const server = await serve("2026-08", [
      { on: "openapi", kind: "status", status: 503 },
      { on: "openapi", kind: "drop-before" },
    ]);
    expect((await run(server)).exitCode).toBe(0);
    expect(server.requests).toHaveLength(5);
  });
});
