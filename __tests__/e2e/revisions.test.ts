/** Every field of the create request, at every revision, with every kind of token, over HTTP through the built action. */
import { describe, expect, it } from "@jest/globals";
import type { Fault, FakeMosooServer, Revision } from "../support/fake-mosoo-server.ts";
import { type ExpectedFailure, expectFailure } from "../support/refusals.ts";
import type { StepResult } from "../support/runner.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { REVISIONS, TEXT, expectSuccess, run as runInputs, runBundled, serve } from "../support/service.ts";

type Token = "person" | "service";
type Inputs = Record<string, string>;

const run = (server: FakeMosooServer, inputs: Inputs = {}, runner = runInputs): Promise<StepResult> =>
  runner(server, inputs, { env: { RUNNER_DEBUG: "1" } });

const input = { type: "user.message", content: [{ type: "text", text: TEXT }] };
const ref = "github:octo-org/octo-repo@main";
const debugged = "external reference; it was not sent";

class Refusal {
  readonly facts: ExpectedFailure;

  constructor(input: string, ...names: string[]) {
    this.facts = { input, exists: "no thread", names };
  }
}

interface Row {
  title: string;
  revision: Revision;
  token: Token;
  inputs: (server: FakeMosooServer) => Inputs;
  /** The accepted body, without the agent's files' IDs; or the error. */
  body: Record<string, unknown> | Refusal;
  requests: number;
}

const none = (): Inputs => ({});
const bothTokens: Token[] = ["person", "service"];
const attributed = (server: FakeMosooServer): Inputs => ({ "attributed-user-id": server.users.person });
const given = (): Inputs => ({ "external-ref": "linear-ENG-123" });
const silent = (): Inputs => ({ "external-ref": "none" });
const user = (): Inputs => ({ "user-id": "customer-7" });
const needsServiceToken = new Refusal("attributed-user-id", "service token", "reference contract");

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
        : new Refusal("attributed-user-id", "Human PAT callers", "service token", "reference contract"),
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
        : new Refusal("file-ids", "Organization Service token callers cannot attach files"),
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

describe("the create request at each revision, with each kind of token", () => {
  const bundled = rows.find(({ revision, title }) => revision === "2026-08" && title === "`file-ids` and `user-id`");

  it.each(rows.map((row) => [`${row.title}, ${row.revision}, ${row.token}'s token`, row] as const))(
    "has the fields that its contract takes: %s",
    async (_, row) => {
      const server = await serve(row.revision);
      const inputs = { token: server.tokens[row.token], ...row.inputs(server) };
      const result = await run(server, inputs, row === bundled ? runBundled : runInputs);
      if (row.body instanceof Refusal) {
        expectFailure(result, row.body.facts);
        expect(server.threads).toHaveLength(0);
      } else {
        expectSuccess(result);
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
    },
  );

  it("covers all three revisions", () => {
    expect(new Set(rows.map((row) => row.revision))).toEqual(new Set(REVISIONS));
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

  it.each<Revision>(["reference", "2026-07"])("fails with the server's own message (%s)", async (revision) => {
    const server = await serve(revision, [refuse("Unsupported create thread field: mood.")]);
    expectFailure(await run(server), { exists: "no thread", names: ["Unsupported create thread field: mood"] });
    expect(server.requests).toHaveLength(2);
  });

  it("fails with its input also after the body was adapted to the contract", async () => {
    const server = await serve("2026-08");
    const fileId = "01J00000000000000000000009";
    expectFailure(await run(server, { "file-ids": fileId }), { input: "file-ids", names: [fileId] });
    expect(server.requests).toHaveLength(3);
  });

  it.each<[string, Fault]>([
    ["there is none", { on: "openapi", kind: "status", status: 404, times: 9 }],
    ["it is a page", { on: "openapi", kind: "garbage", times: 9 }],
    ["it does not describe threads", { on: "openapi", kind: "garbage", shape: "no-id", times: 9 }],
    ["it requires a token", { on: "openapi", kind: "status", status: 401, times: 9 }],
    ["it is cut off", { on: "openapi", kind: "cut", times: 9 }],
  ])("is what the user sees where the contract is not available (%s)", async (_, fault) => {
    const server = await serve("2026-08", [fault]);
    // Nobody gave an `external-ref`: it is the contract that is missing.
    expectFailure(await run(server), {
      input: null,
      status: 400,
      code: "invalid_request",
      exists: "no thread",
      names: ["client_external_ref", "`openapi.json`"],
    });
    expect(server.threads).toHaveLength(0);
  });

  it("is judged by a contract behind a redirect, which does not change the API's base", async () => {
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

  it("waits for a contract that is unavailable for a moment", async () => {
    const server = await serve("2026-08", [
      { on: "openapi", kind: "status", status: 503 },
      { on: "openapi", kind: "drop-before" },
    ]);
    expect((await run(server)).exitCode).toBe(0);
    expect(server.requests).toHaveLength(5);
  });
});
