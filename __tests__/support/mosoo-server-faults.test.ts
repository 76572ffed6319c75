import { request as httpRequest } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { at, call, create, idAt, message, send, start, until, upload } from "./mosoo/test-client.ts";
import type { Fault, FaultHandler, FakeMosooServer } from "./fake-mosoo-server.ts";

const onCreate = (fault: FaultHandler, more: Partial<Fault> = {}): Fault =>
  ({ on: "create", ...fault, ...more }) as Fault;

/** The error behind a failed fetch. */
async function failure(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "none",
    (error: unknown) => inspect(error),
  );
}

describe("connections that break", () => {
  it.each([
    ["drop-before", 0],
    ["drop-after", 1],
    ["cut", 1],
  ] as const)("%s leaves %i threads, and the same key finds the one there is", async (kind, threads) => {
    const server = await start();
    server.fault(onCreate({ kind }));
    expect(await failure(create(server, { key: "k" }))).toMatch(/closed|ECONNRESET|aborted|terminated/);
    expect(server.threads).toHaveLength(threads);
    const reply = await create(server, { key: "k" });
    expect([reply.status, reply.replayed]).toEqual([201, threads === 1]);
    expect(server.requests[0]).toMatchObject({ fault: kind });
    expect(server.requests[0]?.status).toBeUndefined();
  });

  it.each([
    ["hang-before", 0],
    ["hang-after", 1],
  ] as const)("%s never answers and leaves %i threads", async (kind, threads) => {
    const server = await start();
    server.fault(onCreate({ kind }));
    expect(await failure(create(server, { key: "k", signal: AbortSignal.timeout(30) }))).toMatch(/timeout/i);
    expect(server.threads).toHaveLength(threads);
    expect((await create(server, { key: "k" })).replayed).toBe(threads === 1);
  });

  it("cuts a body that its headers promised", async () => {
    const server = await start();
    server.fault(onCreate({ kind: "cut", part: 0.25 }));
    const response = await fetch(`${server.apiUrl}/agents/${server.agents.published}/threads`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.tokens.person}` },
      body: JSON.stringify({ input: { type: "user.message", content: [{ type: "text", text: "x" }] } }),
    });
    expect(response.status).toBe(201);
    expect(Number(response.headers.get("content-length"))).toBeGreaterThan(100);
    await expect(response.text()).rejects.toThrow();
  });

  it("breaks uploads: before, midway, after", async () => {
    const server = await start({ revision: "2026-08" });
    const bytes = new Uint8Array(3_000_000);
    for (const fault of [{ kind: "drop-before" }, { kind: "drop-midway", bytes: 1_000_000 }] as const) {
      server.fault({ on: "upload", ...fault });
      expect(await failure(upload(server, bytes))).not.toBe("none");
      expect(server.uploads).toHaveLength(0);
    }
    server.fault({ on: "upload", kind: "drop-after" });
    expect(await failure(upload(server, bytes))).not.toBe("none");
    expect(server.uploads).toHaveLength(1);
    server.fault({ on: "upload", kind: "status", status: 503 });
    expect((await upload(server, "x")).status).toBe(503);
    expect(server.pendingFaults).toBe(0);
  });

  it("survives a client that leaves in the middle of its body", async () => {
    const server = await start({ revision: "2026-08" });
    const leaving = httpRequest(`${server.apiUrl}/agents/${server.agents.published}/files`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.tokens.person}`,
        "content-type": "multipart/form-data; boundary=b",
        "content-length": "1000",
      },
    });
    leaving.on("error", () => undefined).write("--b\r\n");
    await until(() => server.requests.length === 1);
    leaving.destroy();
    expect((await create(server)).status).toBe(201);
    expect(server.uploads).toHaveLength(0);
  });
});

describe("answers that are made up", () => {
  it("gives any status with the envelope, headers or a page", async () => {
    const server = await start();
    server.fault(onCreate({ kind: "status", status: 503, headers: { "Retry-After": "7" } }));
    server.fault(onCreate({ kind: "status", status: 502, body: "<html>Bad gateway</html>" }));
    server.fault(onCreate({ kind: "status", status: 504, body: "" }));
    server.fault(onCreate({ kind: "status", status: 409, code: "idempotency_conflict", message: "Reservation lost." }));
    const first = await create(server);
    expect([first.status, first.code, first.headers.get("retry-after")]).toEqual([503, "internal_error", "7"]);
    const second = await create(server);
    expect([second.status, second.text]).toEqual([502, "<html>Bad gateway</html>"]);
    expect(second.headers.get("content-type")).toBe("text/html");
    expect((await create(server)).text).toBe("");
    expect((await create(server)).message).toBe("Reservation lost.");
    expect(server.threads).toHaveLength(0);
  });

  it("stores nothing unless a fault says so", async () => {
    const server = await start();
    server.fault(onCreate({ kind: "status", status: 500 }));
    await create(server, { key: "k" });
    expect((await create(server, { key: "k" })).status).toBe(201);
  });

  it("redirects to the same path elsewhere, and a POST survives with its body", async () => {
    const [old, now] = [await start(), await start()];
    old.fault({ on: "any", kind: "redirect", origin: now.origin, times: 2 });
    const reply = await create(old);
    const path = `/api/v1/agents/${old.agents.published}/threads`;
    expect([reply.status, reply.headers.get("location")]).toEqual([308, `${now.origin}${path}`]);
    const followed = await fetch(old.origin + path, {
      method: "POST",
      headers: { authorization: `Bearer ${now.tokens.person}` },
      body: "{}",
    });
    expect(followed.status).toBe(401);
    expect(now.requests[0]).toMatchObject({ method: "POST", path, body: "{}" });
    old.fault({ on: "any", kind: "redirect", status: 302, location: "/login" });
    expect((await create(old)).headers.get("location")).toBe("/login");
  });

  it("limits the rate with any Retry-After", async () => {
    const server = await start();
    const date = new Date(0).toUTCString();
    for (const retryAfter of ["3", date, null] as const) server.fault(onCreate({ kind: "rate-limit", retryAfter }));
    const limited = async () => {
      const reply = await create(server);
      return [reply.status, reply.code, reply.headers.get("retry-after")];
    };
    expect(await limited()).toEqual([429, "rate_limited", "3"]);
    expect(await limited()).toEqual([429, "rate_limited", date]);
    expect(await limited()).toEqual([429, "rate_limited", null]);
  });

  it("quotes the token in an error", async () => {
    const server = await start();
    server.fault(onCreate({ kind: "echo-headers", status: 400 }));
    const reply = await create(server);
    expect([reply.status, reply.message.includes(server.tokens.person)]).toEqual([400, true]);
  });
});

describe("answers that are bent", () => {
  it.each(["html", "array", "no-id", "empty", "broken"] as const)("a success that is none: %s", async (shape) => {
    const server = await start();
    server.fault(onCreate({ kind: "garbage", shape }));
    const reply = await create(server, { key: "k" });
    expect([reply.status, at(reply.json, "thread", "id")]).toEqual([201, undefined]);
    expect(server.threads).toHaveLength(1);
    expect((await create(server, { key: "k" })).replayed).toBe(true);
    server.fault(onCreate({ kind: "garbage", shape, commit: false }));
    await create(server, { key: "l" });
    expect(server.threads).toHaveLength(1);
  });

  it("another content type, compression, a slow body, a late answer", async () => {
    const server = await start();
    const faults: FaultHandler[] = [
      { kind: "wrong-content-type" },
      ...(["gzip", "deflate", "br"] as const).map((encoding): FaultHandler => ({ kind: "compressed", encoding })),
      { kind: "slow-body", ms: 5 },
      { kind: "slow", ms: 5 },
    ];
    for (const fault of faults) {
      server.fault(onCreate(fault));
      const reply = await create(server);
      expect(idAt(reply.json, "thread", "id")).toBe(server.threads.at(-1)?.id);
      if (fault.kind === "wrong-content-type") expect(reply.headers.get("content-type")).toBe("text/html");
      if (fault.kind === "compressed") expect(reply.headers.get("content-encoding")).toBe(fault.encoding);
    }
    server.fault({ on: "thread", kind: "slow", ms: 5 });
    expect((await call(server, "GET", `/threads/${server.threads[0]?.id ?? ""}`)).status).toBe(200);
  });

  it("a huge body, also as a small bomb", async () => {
    const server = await start();
    server.fault(onCreate({ kind: "huge" }));
    server.fault(onCreate({ kind: "huge", bytes: 50_000_000, encoding: "gzip" }));
    expect((await create(server)).text.length).toBeGreaterThan(5_000_000);
    const bomb = await create(server);
    expect(bomb.text.length).toBeGreaterThan(50_000_000);
    expect(Number(bomb.headers.get("content-length"))).toBeLessThan(100_000);
  });
});

describe("the queue of faults", () => {
  it("plays each on the first request that matches, so often as it says, after so many as it lets pass", async () => {
    const server = await start();
    const { id } = server.createThreadDirectly();
    server.fault({ on: "events", kind: "status", status: 503 });
    server.fault({ on: "create", kind: "status", status: 502, times: 2, skip: 1 });
    server.fault({ on: (request) => request.headers["x-mark"] === "1", kind: "status", status: 418 });
    const statuses: number[] = [];
    for (let index = 0; index < 4; index++) statuses.push((await create(server)).status);
    expect(statuses).toEqual([201, 502, 502, 201]);
    expect((await create(server, { headers: { "x-mark": "1" } })).status).toBe(418);
    expect((await send(server, id, message("Go"))).status).toBe(503);
    expect(server.pendingFaults).toBe(0);
    server.fault({ on: "any", kind: "drop-before", times: 9 });
    server.clearFaults();
    expect((await call(server, "GET", "/openapi.json")).status).toBe(200);
  });
});

describe("closing", () => {
  it("hangs up on whoever waits, and frees the port", async () => {
    const server = await start({ revision: "2026-08" });
    server.fault({ on: "thread", kind: "hang-after" });
    server.fault({ on: "event-list", kind: "slow", ms: 60_000 });
    const { id } = server.createThreadDirectly({ text: "Go" });
    const waiting = ["", "/events"].map((path) => failure(call(server, "GET", `/threads/${id}${path}`)));
    const stream = failure(call(server, "GET", `/threads/${id}/events/stream`));
    await until(() => server.requests.length === 3 && server.openStreams === 1);
    await server.close();
    expect(await Promise.all([...waiting, stream])).not.toContain("none");
    await portIsFree(server);
  });
});

async function portIsFree(server: FakeMosooServer): Promise<void> {
  const probe = createTcpServer();
  const port = Number(new URL(server.origin).port);
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}
