import { describe, expect, it } from "@jest/globals";
import { at, call, create, createBody, idAt, LATER, REVISIONS, start } from "./mosoo/test-client.ts";

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const STRANGER = "01J00000000000000000000001";

describe("creating a thread", () => {
  it.each(REVISIONS)("answers 201 with thread, run and a path as link (%s)", async (revision) => {
    const server = await start({ revision });
    const reply = await create(server);
    expect(reply.status).toBe(201);
    expect(reply.replayed).toBe(false);
    const threadId = idAt(reply.json, "thread", "id");
    expect(threadId).toMatch(ULID);
    expect(at(reply.json, "links", "thread")).toBe(`/api/v1/threads/${threadId}`);
    expect(at(reply.json, "run", "status")).toBe("queued");
    expect(at(reply.json, "thread", "last_run_id")).toBe(at(reply.json, "run", "id"));
    expect(at(reply.json, "thread", "status")).toBe("RUNNING");
    expect(server.threads).toHaveLength(1);
    expect(server.threads[0]).toMatchObject({
      id: threadId,
      agentId: server.agents.published,
      body: createBody(revision),
      messages: [{ text: "Hello", requestId: null, fileIds: [] }],
    });
  });

  it("shapes threads and runs as the revision does", async () => {
    const keys = async (revision: (typeof REVISIONS)[number], part: string) => {
      const reply = await create(await start({ revision }));
      return Object.keys(at(reply.json, part) as object);
    };
    expect(await keys("reference", "run")).not.toContain("finalOutput");
    expect(await keys("2026-07", "run")).toEqual(expect.arrayContaining(["finalOutput", "error"]));
    expect(await keys("2026-07", "thread")).toEqual(
      expect.arrayContaining(["attributed_user", "client_external_ref", "created_by"]),
    );
    const august = await keys("2026-08", "thread");
    expect(august).toContain("userId");
    for (const gone of ["attributed_user", "client_external_ref", "created_by"]) expect(august).not.toContain(gone);
  });

  it.each(LATER)("takes a thread without input: idle and without a run (%s)", async (revision) => {
    const server = await start({ revision });
    const body = revision === "2026-08" ? { userId: "u" } : {};
    const reply = await create(server, { body });
    expect(reply.status).toBe(201);
    expect(at(reply.json, "run")).toBeNull();
    expect(at(reply.json, "thread", "status")).toBe("IDLE");
  });

  it("cuts titles by UTF-16 units, even through a surrogate pair", async () => {
    const server = await start();
    const reply = await create(server, { body: createBody("reference", {}, `x${"😀".repeat(40)}`) });
    const title = String(at(reply.json, "thread", "title"));
    expect(title.isWellFormed()).toBe(false);
  });

  it("attributes a service token's thread to the user it names, who may read it", async () => {
    const server = await start();
    const { service, person, otherPerson } = server.tokens;
    const body = createBody("reference", { attributed_user_id: server.users.person, client_external_ref: "a#1" });
    const reply = await create(server, { token: service, body });
    expect(at(reply.json, "thread")).toMatchObject({
      attributed_user: { id: server.users.person },
      client_external_ref: "a#1",
      created_by: { kind: "service_token" },
    });
    const path = `/threads/${idAt(reply.json, "thread", "id")}`;
    expect((await call(server, "GET", path, { token: service })).status).toBe(200);
    expect((await call(server, "GET", path, { token: person })).status).toBe(200);
    expect((await call(server, "GET", path, { token: otherPerson })).status).toBe(404);
  });
});

describe("refusing a create request", () => {
  const text = (length: number, unit = "x"): object => createBody("reference", {}, unit.repeat(length));
  const refused: [string, unknown, string?][] = [
    ["an unknown field", createBody("reference", { userId: "u" }), "invalid_request"],
    ["a resource on the reference revision", createBody("reference", { resources: [] }), "invalid_request"],
    ["no input", {}, "invalid_request"],
    ["a list as body", [], "invalid_request"],
    ["broken JSON", "{", "invalid_json"],
    ["no body", "", "invalid_json"],
    ["an empty text", text(0), "invalid_request"],
    ["a blank text", text(3, " "), "invalid_request"],
    ["32,001 characters", text(32_001), "invalid_request"],
    ["14,000 Chinese characters", text(14_000, "好"), "invalid_request"],
    ["an unknown content field", { input: { type: "user.message", content: [{ type: "text", text: "a", x: 1 }] } }],
    ["content of another type", { input: { type: "user.message", content: [{ type: "image", text: "a" }] } }],
    ["input of another type", { input: { type: "user_message", content: [{ type: "text", text: "a" }] } }],
    ["no content", { input: { type: "user.message", content: [] } }],
    ["a reference of 256 characters", createBody("reference", { client_external_ref: "x".repeat(256) })],
    ["an empty reference", createBody("reference", { client_external_ref: "" })],
    ["a null reference", createBody("reference", { client_external_ref: null })],
    ["a null user", createBody("reference", { attributed_user_id: null })],
    ["an empty user", createBody("reference", { attributed_user_id: "" })],
    ["a user that is no ULID", createBody("reference", { attributed_user_id: "octocat" })],
    ["a file ID that is no ULID", createBody("reference", { files: [{ file_id: "file_1" }] })],
    ["an unknown file field", createBody("reference", { files: [{ file_id: STRANGER, type: "file" }] })],
  ];

  it.each(refused)("answers 400 to %s, and burns no key", async (_what, body, code = "invalid_request") => {
    const server = await start();
    const reply = await create(server, { body, key: "k" });
    expect([reply.status, reply.code]).toEqual([400, code]);
    expect((await create(server, { key: "k" })).status).toBe(201);
  });

  it("names the unknown field", async () => {
    const reply = await create(await start(), { body: createBody("reference", { model: "x" }) });
    expect(reply.message).toBe("Unsupported create thread field: model.");
  });

  it("measures the body in bytes as written: 40,192 pass, one more does not", async () => {
    const server = await start({ revision: "2026-07" });
    const padded = (bytes: number): string => {
      const body = JSON.stringify(createBody("2026-07", {}, "x".repeat(20_000)));
      return body + " ".repeat(bytes - body.length);
    };
    expect((await create(server, { body: padded(40_192) })).status).toBe(201);
    expect((await create(server, { body: padded(40_193) })).status).toBe(400);
    expect((await create(server, { body: createBody("2026-07", {}, "x".repeat(32_000)) })).status).toBe(201);
  });

  it.each([
    ["2026-07", { attributed_user_id: STRANGER }],
    ["2026-07", { files: [] }],
    ["2026-07", { userId: "u" }],
    ["2026-08", { client_external_ref: "a" }],
    ["2026-08", { userId: "" }],
    ["2026-08", { userId: undefined }],
    ["2026-08", { userId: "x".repeat(256) }],
    ["2026-08", { resources: [{ file_id: STRANGER }] }],
  ] as const)("holds each revision to its own fields: %s %j", async (revision, more) => {
    const server = await start({ revision });
    const reply = await create(server, { body: createBody(revision, more) });
    expect([reply.status, reply.code]).toEqual([400, "invalid_request"]);
  });

  it.each([
    ["no token", null],
    ["an unknown token", "grt_pat_unknown"],
    ["a token of another revision", "mst_unknown"],
  ])("answers 401 to %s", async (_what, token) => {
    const reply = await create(await start(), { token });
    expect([reply.status, reply.code]).toEqual([401, "unauthenticated"]);
  });

  it("distinguishes unknown, unpublished and unready agents", async () => {
    const server = await start();
    const asked = async (agent: string) => {
      const reply = await create(server, { agent });
      return [reply.status, reply.code];
    };
    expect(await asked(STRANGER)).toEqual([404, "not_found"]);
    expect(await asked(server.agents.unpublished)).toEqual([409, "agent_not_published"]);
    expect(await asked(server.agents.notReady)).toEqual([409, "readiness_blocked"]);
    const shapeless = await create(server, { agent: "my-agent" });
    expect(shapeless.message).toBe("Agent ID must be a valid ULID.");
    expect(server.threads).toEqual([]);
  });

  it("keeps attribution to service tokens and files to people's", async () => {
    const server = await start();
    const { person, service } = server.tokens;
    const asked = async (token: string, more: object) => {
      const reply = await create(server, { token, body: createBody("reference", { ...more }) });
      return reply.status === 201 ? 201 : `${reply.status} ${reply.message}`;
    };
    const { users } = server;
    expect(await asked(person, { attributed_user_id: users.person })).toBe(
      "400 Human PAT callers cannot set attributed_user_id.",
    );
    expect(await asked(service, { attributed_user_id: users.outsider })).toMatch(/^403/);
    expect(await asked(service, { attributed_user_id: STRANGER })).toMatch(/^404/);
    const file = server.addFile();
    expect(await asked(service, { files: [{ file_id: file.id }] })).toMatch(/^400 .*cannot attach files/);
    expect(await asked(service, { files: [] })).toBe(201);
    expect(await asked(person, { files: [{ file_id: file.id }] })).toBe(201);
    expect(server.uploads[0]?.threadId).toBe(server.threads[1]?.id);
  });
});

describe("routing", () => {
  it.each([
    ["GET", "/threads"],
    ["GET", "/threads/01J00000000000000000000001/"],
    ["PUT", "/threads/01J00000000000000000000001"],
    ["GET", "/threads/01J00000000000000000000001/events/stream"],
    ["POST", "/agents/01J00000000000000000000001/files"],
    ["POST", "/agents/01J00000000000000000000001/threads/"],
  ])("answers a bare 404 where the reference revision routes nothing: %s %s", async (method, path) => {
    const reply = await call(await start(), method, path);
    expect([reply.status, reply.text]).toEqual([404, '{"error":"Not Found"}']);
  });

  it("serves nothing under another prefix", async () => {
    const server = await start();
    const reply = await call(server, "GET", `${server.origin}/v1/openapi.json`);
    expect([reply.status, reply.text]).toEqual([404, '{"error":"Not Found"}']);
  });

  it("lets only people list, archive and follow up on the reference revision", async () => {
    const server = await start();
    const token = server.tokens.service;
    const threadId = idAt((await create(server, { token })).json, "thread", "id");
    const body = { events: [{ type: "user_interrupt" }] };
    expect((await call(server, "POST", `/threads/${threadId}/events`, { token, body })).status).toBe(401);
    expect((await call(server, "POST", `/threads/${threadId}/archive`, { token })).status).toBe(401);
    expect((await call(server, "GET", `/agents/${server.agents.published}/threads`, { token })).status).toBe(401);
    expect((await call(server, "GET", `/threads/${threadId}`, { token })).status).toBe(200);
    expect((await call(server, "GET", `/threads/${threadId}/events`, { token })).status).toBe(200);
  });

  it("lists the caller's threads newest first, and archives", async () => {
    const server = await start();
    const [first, second] = [server.createThreadDirectly(), server.createThreadDirectly({ text: "Go" })];
    server.createThreadDirectly({ token: server.tokens.otherPerson });
    const list = async (query: string) => {
      const reply = await call(server, "GET", `/agents/${server.agents.published}/threads${query}`);
      return reply.status === 200 ? (at(reply.json, "threads") as { id: string }[]).map(({ id }) => id) : reply.status;
    };
    expect(await list("")).toEqual([second.id, first.id]);
    expect((await call(server, "POST", `/threads/${second.id}/archive`)).json).toEqual({ ok: true });
    expect((await call(server, "POST", `/threads/${second.id}/archive`)).status).toBe(500);
    expect(await list("?archived=true")).toEqual([second.id]);
    expect(await list("?archived=false")).toEqual([first.id]);
    expect(await list("?archived=no")).toBe(400);
    expect(second.runs[0]?.status).toBe("failed");
  });
});

describe("the request log", () => {
  it("records each request and its response", async () => {
    const server = await start({ now: () => 1_000 });
    await create(server, { key: "k" });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: "POST",
      path: `/api/v1/agents/${server.agents.published}/threads`,
      json: createBody("reference"),
      body: JSON.stringify(createBody("reference")),
      authorization: `Bearer ${server.tokens.person}`,
      at: 1_000,
      status: 201,
    });
    server.reset();
    expect([server.requests, server.threads]).toEqual([[], []]);
    expect((await create(server, { key: "k" })).replayed).toBe(false);
  });
});
