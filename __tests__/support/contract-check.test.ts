import { describe, expect, it } from "@jest/globals";
import { checkAnswer, checkExchange, checkRequest, publishedContracts } from "./contract-check.ts";
import type { Contract } from "./contract-check.ts";
import { at, call, create, createBody, LATER, message, REVISIONS, send, start, upload } from "./mosoo/test-client.ts";
import type { Exchange, FakeMosooServer, Revision } from "./fake-mosoo-server.ts";

const fetched = async (server: FakeMosooServer): Promise<Contract> =>
  (await call(server, "GET", "/openapi.json", { token: null })).json as Contract;

/** Has every endpoint answer once at least, its refusals too. */
async function tour(server: FakeMosooServer): Promise<void> {
  const { revision, agents } = server;
  const created = await create(server, { key: "k" });
  const threadId = String(at(created.json, "thread", "id"));
  const runId = String(at(created.json, "run", "id"));
  server.setRunStatus(runId, "running");
  server.emit(runId, [
    { type: "agent.message.delta", content: "Hi" },
    { type: "tool.use.started", content: "Read", toolCallId: "c", toolName: "read", toolInput: { path: "a" } },
    { type: "usage.updated", content: "Usage", tokens: 12, durationMs: 3 },
  ]);
  await call(server, "GET", `/threads/${threadId}`);
  await send(server, threadId, message("Too soon"));
  server.endRun(runId, "completed");
  const field = revision === "2026-08" ? "requestId" : "clientRequestId";
  await send(server, threadId, message("More", { [field]: "r" }), { key: "l" });
  await send(server, threadId, message("More", { [field]: "r" }), { key: "m" });
  await send(server, threadId, { type: "user_interrupt", runId: null });
  await send(server, threadId, { type: "permission_decision", requestId: "q", decision: "reject_once" });
  const failing = server.startRunDirectly(threadId, "Again");
  server.endRun(failing.id, "failed");
  for (const path of ["", "/events", "/events?limit=0", "/events?limit=5"]) {
    await call(server, "GET", `/threads/${threadId}${path}`);
  }
  await create(server, { agent: agents.unpublished });
  await create(server, { agent: agents.notReady });
  await create(server, { agent: "x" });
  await create(server, { token: "nobody" });
  await create(server, { body: {} });
  await call(server, "GET", `/agents/${agents.published}/threads`);
  await call(server, "POST", `/threads/${threadId}/archive`);
  if (revision !== "reference") await upload(server, "hello");
}

async function toured(revision: Revision): Promise<{ own: Contract; exchanges: Exchange[] }> {
  const exchanges: Exchange[] = [];
  const server = await start({ revision, onExchange: (exchange) => exchanges.push(exchange) });
  const own = await fetched(server);
  await tour(server);
  return { own, exchanges };
}

describe("the fake server's own contract", () => {
  it.each(REVISIONS)("describes what it answers and takes (%s)", async (revision) => {
    const { own, exchanges } = await toured(revision);
    expect(exchanges.length).toBeGreaterThan(18);
    expect(exchanges.flatMap((exchange) => checkExchange(own, exchange))).toEqual([]);
  });

  it("declares the create body of each revision", async () => {
    const declared = async (revision: Revision) => {
      const own = await fetched(await start({ revision }));
      expect(at(own, "openapi")).toBe("3.1.0");
      const request = ["post", "requestBody", "content", "application/json", "schema", "$ref"];
      const name = at(own.paths["/agents/{agentId}/threads"], ...request);
      expect(name).toBe("#/components/schemas/CreateThreadRequest");
      const schema = at(own.components, "schemas", "CreateThreadRequest");
      expect(at(schema, "additionalProperties")).toBe(false);
      return [Object.keys(at(schema, "properties") as object).sort(), at(schema, "required")];
    };
    expect(await declared("reference")).toEqual([
      ["attributed_user_id", "client_external_ref", "files", "input"],
      ["input"],
    ]);
    expect(await declared("2026-07")).toEqual([["client_external_ref", "input", "resources"], []]);
    expect(await declared("2026-08")).toEqual([["input", "resources", "userId"], ["userId"]]);
  });

  it("declares uploads and streams where they are routed", async () => {
    const routed = async (revision: Revision) => Object.keys((await fetched(await start({ revision }))).paths);
    const later = ["/agents/{agentId}/files", "/threads/{threadId}/events/stream"];
    for (const revision of LATER) expect(await routed(revision)).toEqual(expect.arrayContaining(later));
    for (const path of later) expect(await routed("reference")).not.toContain(path);
  });
});

const contracts = publishedContracts();

(contracts === undefined ? describe.skip : describe)("the published contracts", () => {
  it.each(REVISIONS)("agree with all that the fake server answers and takes (%s)", async (revision) => {
    const { exchanges } = await toured(revision);
    const contract = contracts?.[revision] as Contract;
    expect(exchanges.flatMap((exchange) => checkExchange(contract, exchange))).toEqual([]);
  });

  it.each(REVISIONS)("declare the same requests as the fake server's own (%s)", async (revision) => {
    const own = await fetched(await start({ revision }));
    const contract = contracts?.[revision] as Contract;
    const shape = (document: Contract, name: string) => {
      const schema = at(document.components, "schemas", name);
      return [Object.keys(at(schema, "properties") as object).sort(), at(schema, "required")];
    };
    for (const name of ["CreateThreadRequest", "SendEventsRequest"]) {
      expect(shape(own, name)).toEqual(shape(contract, name));
    }
    const messageFields = (document: Contract) =>
      Object.keys(at(document.components, "schemas", "ThreadEventInput", "oneOf", 0, "properties") as object).sort();
    expect(messageFields(own)).toEqual(messageFields(contract));
    expect(Object.keys(contract.paths)).toEqual(expect.arrayContaining(Object.keys(own.paths).filter((path) => path)));
  });
});

describe("the check itself", () => {
  it("finds what is wrong with answers and requests", async () => {
    const contract = await fetched(await start());
    const path = "/api/v1/agents/01J00000000000000000000001/threads";
    const wrong = checkAnswer(contract, "POST", path, 201, { links: {}, run: null, thread: {} });
    expect(wrong.length).toBeGreaterThan(2);
    expect(wrong[0]).toMatch(/^POST \/api\/v1\/agents\/.* 201: \//);
    expect(checkAnswer(contract, "POST", path, 418, {})).toEqual([expect.stringMatching(/no status 418/)]);
    expect(checkAnswer(contract, "POST", path, 404, { error: "Not Found" })).not.toEqual([]);
    expect(checkAnswer(contract, "GET", "/api/v1/nothing", 404, { error: "Not Found" })).toEqual([]);
    expect(checkRequest(contract, "POST", path, createBody("reference"))).toEqual([]);
    expect(checkRequest(contract, "POST", path, createBody("2026-08"))).toEqual([expect.stringMatching(/userId/)]);
    expect(checkRequest(contract, "POST", path, undefined)).toEqual([expect.stringMatching(/needs a body/)]);
    expect(checkRequest(contract, "PUT", path, {})).toEqual([expect.stringMatching(/not in the contract/)]);
  });
});
