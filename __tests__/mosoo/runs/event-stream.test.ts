import { createServer, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/common/clock.ts";
import { Transport } from "../../../src/mosoo/http/transport.ts";
import { type StreamItem, openStream } from "../../../src/mosoo/runs/event-stream.ts";
import { scriptedEvent, sse } from "../../support/scripted-mosoo.ts";

/** In real time: nothing takes that long, however busy the machine is. */
const PATIENCE_MS = 45_000;

let server: Server;
let transport: Transport;
let answer: (response: ServerResponse) => void;
const never = new AbortController().signal;

beforeAll(async () => {
  server = createServer((_, response) => {
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  transport = new Transport({
    apiUrl: new URL(`http://127.0.0.1:${port}/api/v1`),
    token: "t",
    userAgent: "test",
    environment: {},
  });
});

afterAll(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

const open = () => openStream(transport, "T", { timeoutMs: PATIENCE_MS, signal: never });

const stream = { "content-type": "text/event-stream" };

/** Sends the parts one after the other, each in a chunk of its own, and ends. */
function sends(...parts: (string | Buffer)[]): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(200, stream);
    const next = (index: number): void => {
      const part = parts[index];
      if (part === undefined) response.end();
      else response.write(part, () => setImmediate(next, index + 1));
    };
    next(0);
  };
}

async function receive(behavior: (response: ServerResponse) => void): Promise<StreamItem[]> {
  answer = behavior;
  const opened = await open();
  if (opened.kind !== "open") throw new Error(opened.kind);
  const items: StreamItem[] = [];
  for (;;) {
    const item = await opened.stream.next(PATIENCE_MS, systemClock, never);
    if (item === undefined) throw new Error("Nothing came.");
    items.push(item);
    if (item.kind === "closed") return items;
  }
}

const contents = (items: StreamItem[]): unknown[] =>
  items.map((item) => (item.kind === "event" ? item.event.content : item.kind));

const first = scriptedEvent("agent.message.delta", "first");
const second = scriptedEvent("agent.message.delta", "second");

describe("an event stream", () => {
  it("delivers events and comments one by one, then its end", async () => {
    const items = await receive(sends(": connected\n\n", sse(first) + sse(second), ": keepalive\n\n"));
    expect(contents(items)).toEqual(["heartbeat", "first", "second", "heartbeat", "closed"]);
  });

  it.each([
    ["CRLF", "\r\n"],
    ["CR alone", "\r"],
  ])("accepts lines that end in %s, wherever packets split them", async (_, lineEnd) => {
    const bytes = Buffer.from(`: connected${lineEnd}${lineEnd}${sse(first, lineEnd)}${sse(second, lineEnd)}`);
    const middle = bytes.indexOf("\r", 40) + 1;
    const items = await receive(sends(bytes.subarray(0, 12), bytes.subarray(12, middle), bytes.subarray(middle)));
    expect(contents(items).filter((each) => each !== "heartbeat")).toEqual(["first", "second", "closed"]);
  });

  it("accepts characters that packets split, byte by byte", async () => {
    const bytes = Buffer.from(sse(scriptedEvent("agent.message.delta", "日本 😀 é")));
    const from = bytes.indexOf("日") - 2;
    const torn = Array.from({ length: 18 }, (_, index) => bytes.subarray(from + index, from + index + 1));
    const items = await receive(sends(bytes.subarray(0, from), ...torn, bytes.subarray(from + 18)));
    expect(contents(items)).toEqual(["日本 😀 é", "closed"]);
  });

  it("accepts a byte order mark at its start, split or not", async () => {
    const bytes = Buffer.from(`\ufeff${sse(first)}`);
    expect(contents(await receive(sends(bytes)))).toEqual(["first", "closed"]);
    expect(contents(await receive(sends(bytes.subarray(0, 2), bytes.subarray(2))))).toEqual(["first", "closed"]);
  });

  it("accepts data of several lines and events without a name, and ignores unknown fields", async () => {
    const json = JSON.stringify(first, null, 1).split("\n");
    const text = `retry: 10\nfoo: bar\n${json.map((line) => `data: ${line}`).join("\n")}\n\n`;
    expect(contents(await receive(sends(text)))).toEqual(["first", "closed"]);
  });

  it("takes an event's ID from its frame where its data has none", async () => {
    const items = await receive(sends(`id: FRAME\ndata: {"type":"run.started","content":"R"}\n\n`));
    expect(items[0]).toMatchObject({ kind: "event", event: { id: "FRAME", type: "run.started" } });
  });

  it("counts what is no event of the thread as a heartbeat", async () => {
    const odd = ["data: no JSON", "data: []", 'data: {"id":"1"}', "event: other\ndata: {}", "data: null"];
    const items = await receive(sends(odd.map((each) => `${each}\n\n`).join("")));
    expect(new Set(contents(items))).toEqual(new Set(["heartbeat", "closed"]));
  });

  it("ignores an ID of more than 255 characters", async () => {
    const endless = "x".repeat(256);
    const items = await receive(sends(`id: ${endless}\ndata: {"id":"${endless}","type":"run.started"}\n\n`));
    expect(items[0]).toMatchObject({ kind: "event", event: { id: "" } });
  });

  it("is read no faster than its events are consumed", async () => {
    const packet = Buffer.from(sse(first).repeat(500));
    let sent = 0;
    const stuck = Promise.withResolvers<undefined>();
    answer = (response) => {
      response.writeHead(200, stream);
      // The socket takes no more, and 30 MB are not reached, as they would be without backpressure.
      const more = (): void => {
        do sent += packet.length;
        while (response.write(packet) && sent < 30_000_000);
        if (sent < 30_000_000) response.once("drain", more);
        stuck.resolve(undefined);
      };
      more();
    };
    const opened = await open();
    if (opened.kind !== "open") throw new Error(opened.kind);
    await opened.stream.next(PATIENCE_MS, systemClock, never);
    await stuck.promise;
    // Turns of the event loop in which the client could read on.
    for (let turn = 0; turn < 3_000; turn += 1) await new Promise(setImmediate);
    expect(sent).toBeLessThan(30_000_000);
    const before = sent;
    for (let received = 0; received < 200_000 && sent === before; received += 1)
      expect((await opened.stream.next(PATIENCE_MS, systemClock, never))?.kind).toBe("event");
    expect(sent).toBeGreaterThan(before);
    opened.stream.close();
  });

  it("ends with thread.error, and delivers nothing after it", async () => {
    const error = `event: thread.error\ndata: {"error":{"code":"internal_error","message":"x"}}\n\n`;
    expect(contents(await receive(sends(sse(first) + error + sse(second))))).toEqual(["first", "closed"]);
  });

  it("delivers no event that was cut off in the middle", async () => {
    const half = sse(second).slice(0, 60);
    expect(contents(await receive(sends(sse(first), half)))).toEqual(["first", "closed"]);
  });

  it("is closed at a line that never ends, without all of it being kept", async () => {
    const before = process.memoryUsage().rss;
    const items = await receive((response) => {
      response.writeHead(200, stream).write("data: ");
      const chunk = Buffer.alloc(1024 * 1024, "x");
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", more).on("error", () => undefined);
      more();
    });
    expect(contents(items)).toEqual(["closed"]);
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 1024 * 1024);
  });

  it("may be compressed", async () => {
    const items = await receive((response) => {
      response.writeHead(200, { ...stream, "content-encoding": "gzip" }).end(gzipSync(sse(first)));
    });
    expect(contents(items)).toEqual(["first", "closed"]);
  });

  it("ends the wait for its next item when it is closed or the signal is aborted", async () => {
    answer = (response) => {
      response.writeHead(200, stream).flushHeaders();
    };
    const opened = await open();
    if (opened.kind !== "open") throw new Error(opened.kind);
    const stop = new AbortController();
    const waiting = opened.stream.next(60_000, systemClock, stop.signal);
    stop.abort();
    await expect(waiting).resolves.toBeUndefined();
    opened.stream.close();
    await expect(opened.stream.next(60_000, systemClock, never)).resolves.toEqual({ kind: "closed" });
  });
});

describe("opening the event stream", () => {
  it.each([400, 401, 403, 404, 405, 406, 410, 501])("reports status %i as unsupported", async (status) => {
    answer = (response) => response.writeHead(status).end();
    await expect(open()).resolves.toMatchObject({ kind: "unsupported" });
  });

  it.each(["text/html", "application/json", ""])("reports content of type '%s' as unsupported", async (type) => {
    answer = (response) => response.writeHead(200, type === "" ? {} : { "content-type": type }).end("<p>Hello</p>");
    await expect(open()).resolves.toMatchObject({ kind: "unsupported" });
  });

  it("ignores parameters and case of the content type", async () => {
    answer = (response) => response.writeHead(200, { "content-type": "Text/Event-Stream; charset=UTF-8" }).end();
    await expect(open()).resolves.toMatchObject({ kind: "open" });
  });

  it.each([408, 429, 500, 502, 503, 504])("reports status %i as refused, with its Retry-After", async (status) => {
    answer = (response) => response.writeHead(status, { "retry-after": "7" }).end("busy");
    await expect(open()).resolves.toMatchObject({ kind: "refused", reply: { status, retryAfterMs: 7_000 } });
  });

  it("does not wait for the end of an error's body", async () => {
    answer = (response) => response.writeHead(500).write("an answer without end");
    await expect(open()).resolves.toMatchObject({ kind: "refused" });
  });

  it("reports a connection that was reset", async () => {
    answer = (response) => response.destroy();
    await expect(open()).resolves.toMatchObject({ kind: "connection", error: { code: "connection_reset" } });
  });
});
