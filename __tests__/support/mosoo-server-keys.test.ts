import { describe, expect, it } from "@jest/globals";
import { at, call, create, createBody, idAt, LATER, message, send, start, until } from "./mosoo/test-client.ts";
import type { FakeMosooServer } from "./fake-mosoo-server.ts";

const HOUR = 3_600_000;

/** A clock that moves when a test moves it. */
function clock() {
  let ms = Date.UTC(2026, 6, 1);
  const pass = (more: number): void => {
    ms += more;
  };
  return { now: () => ms, pass };
}

describe("an idempotency key", () => {
  it("replays the original answer, marked, and makes one thread", async () => {
    const server = await start();
    const [first, second] = [await create(server, { key: "k" }), await create(server, { key: "k" })];
    expect([second.status, second.text]).toEqual([201, first.text]);
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(server.threads).toHaveLength(1);
  });

  it("without one every request makes a thread", async () => {
    const server = await start();
    await create(server);
    await create(server);
    expect(server.threads).toHaveLength(2);
  });

  it("replays what was answered, not the run as it is now", async () => {
    const server = await start();
    const first = await create(server, { key: "k" });
    server.endRun(idAt(first.json, "run", "id"), "completed");
    expect((await create(server, { key: "k" })).text).toBe(first.text);
  });

  it("sees the parsed body: key order and escapes make no difference, a value does", async () => {
    const server = await start();
    const body = '{"input":{"type":"user.message","content":[{"type":"text","text":"ö"}]},"client_external_ref":"r"}';
    const same =
      '{ "client_external_ref":"r", "input":{"content":[{"text":"\\u00f6","type":"text"}],"type":"user.message"} }';
    await create(server, { key: "k", body });
    expect((await create(server, { key: "k", body: same })).replayed).toBe(true);
    const other = await create(server, { key: "k", body: body.replace('"r"', '"s"') });
    expect([other.status, other.code]).toEqual([409, "idempotency_conflict"]);
    expect(other.message).toMatch(/used for a different request/);
    expect(other.headers.get("retry-after")).toBe("2");
  });

  it("belongs to one path and one token", async () => {
    const server = await start();
    await create(server, { key: "k" });
    const elsewhere = await create(server, { key: "k", agent: server.agents.unpublished });
    expect([elsewhere.status, elsewhere.code]).toEqual([409, "idempotency_conflict"]);
    const other = await create(server, { key: "k", token: server.tokens.otherPerson });
    expect([other.status, other.replayed]).toEqual([201, false]);
  });

  it("holds 1 to 128 characters", async () => {
    const server = await start();
    expect((await create(server, { key: "k".repeat(128) })).status).toBe(201);
    expect((await create(server, { key: "k".repeat(129) })).status).toBe(400);
    expect((await create(server, { key: " " })).status).toBe(400);
  });

  it("is forgotten after 24 hours", async () => {
    const { now, pass } = clock();
    const server = await start({ now });
    await create(server, { key: "k" });
    pass(24 * HOUR - 1);
    expect((await create(server, { key: "k" })).replayed).toBe(true);
    pass(1);
    expect((await create(server, { key: "k" })).replayed).toBe(false);
    expect(server.threads).toHaveLength(2);
  });

  it("keeps the failures of the creation itself", async () => {
    const server = await start();
    const stored = async (agent: string, body: object) => {
      const key = `k${server.requests.length}`;
      const first = await create(server, { agent, body, key });
      const again = await create(server, { agent, body, key });
      expect(again.text).toBe(first.text);
      return [first.status, first.replayed, again.replayed];
    };
    const plain = createBody("reference");
    const lost = createBody("reference", { files: [{ file_id: "01J00000000000000000000001" }] });
    expect(await stored("01J00000000000000000000001", plain)).toEqual([404, false, true]);
    expect(await stored(server.agents.unpublished, plain)).toEqual([409, false, true]);
    expect(await stored(server.agents.notReady, plain)).toEqual([409, false, true]);
    expect(await stored(server.agents.published, lost)).toEqual([400, false, true]);
  });

  it("keeps a 500 that a fault stores, and a new key works", async () => {
    const server = await start();
    server.fault({ on: "create", kind: "status", status: 500, stored: true });
    const first = await create(server, { key: "k" });
    expect([first.status, first.code, first.replayed]).toEqual([500, "internal_error", false]);
    const again = await create(server, { key: "k" });
    expect([again.status, again.replayed]).toEqual([500, true]);
    expect((await create(server, { key: "k~2" })).status).toBe(201);
  });

  it("keeps no 401 and no 429", async () => {
    const server = await start({ rateLimit: { requests: 1, windowMs: 60_000 }, now: () => 0 });
    expect((await create(server, { key: "k", token: "nobody" })).status).toBe(401);
    expect((await create(server, { key: "other" })).status).toBe(201);
    expect((await create(server, { key: "k" })).status).toBe(429);
  });

  it("answers 409 with Retry-After while the first request is still processing, then replays", async () => {
    const server = await start();
    server.fault({ on: "create", kind: "slow", ms: 40 });
    const first = create(server, { key: "k" });
    await until(() => server.threads.length === 1);
    const second = await create(server, { key: "k" });
    expect([second.status, second.code]).toEqual([409, "idempotency_conflict"]);
    expect(second.message).toMatch(/still processing/);
    expect(second.headers.get("retry-after")).toBe("2");
    expect((await first).replayed).toBe(false);
    expect((await create(server, { key: "k" })).text).toBe((await first).text);
  });

  it("completes a request whose client has gone", async () => {
    const server = await start();
    server.fault({ on: "create", kind: "slow", ms: 20 });
    const gone = new AbortController();
    const first = create(server, { key: "k", signal: gone.signal }).catch(() => "gone");
    await until(() => server.threads.length === 1);
    gone.abort();
    expect(await first).toBe("gone");
    const reply = await eventually(() => create(server, { key: "k" }));
    expect([reply.status, reply.replayed]).toEqual([201, true]);
    expect(server.threads).toHaveLength(1);
  });
});

/** Asks until the key is free. */
async function eventually(ask: () => ReturnType<typeof create>): ReturnType<typeof create> {
  const reply = await ask();
  return reply.status === 409 ? eventually(ask) : reply;
}

describe("a key whose first request died", () => {
  const stuck = async (server: FakeMosooServer): Promise<void> => {
    server.fault({ on: "create", kind: "crash-half-way" });
    await expect(create(server, { key: "k" })).rejects.toThrow("fetch failed");
    const second = await create(server, { key: "k" });
    expect([second.status, second.code]).toEqual([409, "idempotency_conflict"]);
  };

  it("runs again on the reference revision after ten minutes: a second thread", async () => {
    const { now, pass } = clock();
    const server = await start({ now });
    await stuck(server);
    pass(600_000);
    const reply = await create(server, { key: "k" });
    expect([reply.status, reply.replayed]).toEqual([201, false]);
    expect(server.threads).toHaveLength(2);
  });

  it.each(LATER)("is recovered later on, as a replay of the one thread (%s)", async (revision) => {
    const { now, pass } = clock();
    const server = await start({ revision, now, stuckReservationMs: 5_000 });
    await stuck(server);
    pass(5_000);
    const reply = await create(server, { key: "k" });
    expect([reply.status, reply.replayed]).toEqual([201, true]);
    expect(at(reply.json, "thread", "id")).toBe(server.threads[0]?.id);
    expect(server.threads).toHaveLength(1);
    expect((await create(server, { key: "k" })).text).toBe(reply.text);
  });

  it.each(LATER)("runs where nothing had been committed (%s)", async (revision) => {
    const { now, pass } = clock();
    const server = await start({ revision, now });
    server.fault({ on: "create", kind: "crash-half-way", commit: false });
    await expect(create(server, { key: "k" })).rejects.toThrow();
    expect(server.threads).toHaveLength(0);
    pass(600_000);
    expect((await create(server, { key: "k" })).replayed).toBe(false);
    expect(server.threads).toHaveLength(1);
  });

  it.each(LATER)("stays dead on events, with a Retry-After of up to a day (%s)", async (revision) => {
    const { now, pass } = clock();
    const server = await start({ revision, now });
    const { id } = server.createThreadDirectly();
    server.fault({ on: "events", kind: "crash-half-way" });
    await expect(send(server, id, message("Go"), { key: "k" })).rejects.toThrow();
    pass(600_000);
    const reply = await send(server, id, message("Go"), { key: "k" });
    expect([reply.status, reply.code]).toEqual([409, "idempotency_conflict"]);
    expect(reply.message).toMatch(/cannot be safely replayed.*reservation will remain retained/);
    expect(Number(reply.headers.get("retry-after"))).toBe(24 * 3600 - 600);
    expect(server.findThread(id).runs).toHaveLength(1);
  });
});

describe("the rate limit", () => {
  it("counts per token in fixed windows, and says how long to the end of this one", async () => {
    const { now, pass } = clock();
    const server = await start({ now, rateLimit: { requests: 2, windowMs: 60_000 } });
    pass(17_500);
    await create(server);
    await call(server, "GET", "/threads/01J00000000000000000000001");
    const third = await create(server);
    expect([third.status, third.code, third.headers.get("retry-after")]).toEqual([429, "rate_limited", "43"]);
    expect((await create(server, { token: server.tokens.service })).status).toBe(201);
    pass(42_500);
    expect((await create(server)).status).toBe(201);
  });

  it("is 120 requests a minute where nothing is said", async () => {
    const server = await start({ now: () => 0 });
    const path = "/threads/01J00000000000000000000001";
    const statuses = await Promise.all(
      Array.from({ length: 121 }, async () => (await call(server, "GET", path)).status),
    );
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  });

  it("lets replays, refused bodies and the contract pass when it is used up", async () => {
    const server = await start({ now: () => 0, rateLimit: { requests: 1, windowMs: 60_000 } });
    await create(server, { key: "k" });
    expect((await create(server, { key: "k" })).replayed).toBe(true);
    expect((await create(server, { body: {} })).status).toBe(400);
    expect((await call(server, "GET", "/openapi.json", { token: null })).status).toBe(200);
    expect((await create(server, { key: "l" })).status).toBe(429);
  });
});
