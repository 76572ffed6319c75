/** Requests over real sockets, directly and through a proxy. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type Clock, systemClock } from "../../../src/common/clock.ts";
import { MosooError } from "../../../src/mosoo/errors.ts";
import type { RequestOptions, TransportOptions } from "../../../src/mosoo/http/transport.ts";
import { PROXIED_HOST, TOKEN, type Way, WAYS, connectToServer, trustTestAuthority } from "../../support/http-ways.ts";

const get: RequestOptions = { method: "GET", path: "/threads/T" };
const BODY = '{"title":"Grüße"}';
const post: RequestOptions = { method: "POST", path: "/agents/a/threads", body: BODY };

const open: { close(): Promise<void> }[] = [];

beforeAll(trustTestAuthority);
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function connect(
  way: Way,
  listener: RequestListener,
  options?: Partial<TransportOptions>,
): ReturnType<typeof connectToServer> {
  const connection = await connectToServer(way, listener, options);
  open.push(connection);
  return connection;
}

/** A listener that never answers, and a promise of its first request. */
function silentListener(): { listener: RequestListener; received: Promise<IncomingMessage> } {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
  return { listener: resolve, received: promise };
}

/** A time limit is over as soon as that has happened, unless it was cleared. */
function clockThatEndsAfter(happened: Promise<unknown>): Clock {
  let isOver = false;
  void happened.then(() => (isOver = true));
  const timer = (_: number, then: () => void): NodeJS.Timeout =>
    setInterval(() => {
      if (isOver) then();
    }, 1);
  return { ...systemClock, timer };
}

const respond = (_: IncomingMessage, response: ServerResponse): void => {
  response.end("{}");
};

/** Enough that no socket buffer takes all of it. */
const MANY_CHUNKS = 4_000;
const CHUNK = Buffer.alloc(16 * 1024);

function endlessUpload(onDestroyed: () => void): RequestOptions {
  function* chunks(): Generator<Buffer> {
    for (let sent = 0; sent < MANY_CHUNKS; sent += 1) yield CHUNK;
  }
  const openStream = (): Readable => Readable.from(chunks(), { objectMode: false }).once("close", onDestroyed);
  return { method: "POST", path: "/agents/a/files", body: { open: openStream, bytes: MANY_CHUNKS * CHUNK.length } };
}

describe.each(WAYS)("%s a request", (way) => {
  it("has the method, path, headers and body that were given, and the token", async () => {
    const received: { request: IncomingMessage; body: string }[] = [];
    const { transport } = await connect(way, (request, response) => {
      void text(request).then((body) => {
        received.push({ request, body });
        response.end("{}");
      });
    });
    await transport.request({ ...post, path: "/agents/a%2Fb/threads?x=1", headers: { "idempotency-key": "k" } });
    const [{ request, body }] = received as [(typeof received)[number]];
    expect({ method: request.method, url: request.url, body }).toEqual({
      method: "POST",
      url: "/api/v1/agents/a%2Fb/threads?x=1",
      body: BODY,
    });
    expect(request.headers).toMatchObject({
      accept: "application/json",
      authorization: `Bearer ${TOKEN}`,
      "content-length": String(Buffer.byteLength(BODY)),
      "idempotency-key": "k",
      "user-agent": "test",
    });
  });

  it("leaves the token out where it is not wanted", async () => {
    const headers: IncomingMessage["headers"][] = [];
    const { transport } = await connect(way, (request, response) => {
      headers.push(request.headers);
      response.end("{}");
    });
    await transport.request({ ...get, withToken: false });
    expect(headers[0]).not.toHaveProperty("authorization");
  });

  it("streams a body, and opens it anew after a redirect", async () => {
    const bodies: [path: string | undefined, body: string, length: string | undefined][] = [];
    const { transport } = await connect(way, (request, response) => {
      void text(request).then((body) => {
        bodies.push([request.url, body, request.headers["content-length"]]);
        if (bodies.length === 1) response.writeHead(308, { location: "/api/v1/files" });
        response.end("{}");
      });
    });
    const body = { open: () => Readable.from([Buffer.from("ab"), Buffer.from("c")]), bytes: 3 };
    await transport.request({ ...post, path: "/old/files", body });
    expect(bodies).toEqual([
      ["/api/v1/old/files", "abc", "3"],
      ["/api/v1/files", "abc", "3"],
    ]);
  });

  it("fails with the error of its own body", async () => {
    const { transport } = await connect(way, respond);
    const error = new MosooError("The file changed.");
    const body = {
      open: () =>
        new Readable({
          read() {
            this.destroy(error);
          },
        }),
      bytes: 3,
    };
    await expect(transport.request({ ...post, body })).rejects.toBe(error);
  });

  it("takes a response that comes before the body is sent, and sends no more of it", async () => {
    const { transport } = await connect(way, (_, response) => response.writeHead(413).end("{}"));
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const response = await transport.request(
      endlessUpload(() => {
        resolve(undefined);
      }),
    );
    expect(response.status).toBe(413);
    await promise;
  });

  it("uses a connection again", async () => {
    const { transport, connections } = await connect(way, respond);
    for (let n = 0; n < 5; n += 1) await transport.request(get);
    // undici may open a second one before it notices that the first is free.
    expect(connections()).toBeLessThan(5);
  });

  it("is reset where the server closes the connection instead of answering, also one that was used before", async () => {
    let requests = 0;
    const { transport } = await connect(way, (request, response) => {
      requests += 1;
      if (requests === 1) response.end("{}");
      else request.socket.destroy();
    });
    expect(transport.hasResponded).toBe(false);
    await transport.request(get);
    await expect(transport.request(get)).rejects.toMatchObject({ code: "connection_reset" });
    expect({ requests, hasResponded: transport.hasResponded }).toEqual({ requests: 2, hasResponded: true });
  });

  it("ends at its time limit where no response comes", async () => {
    const { listener, received } = silentListener();
    const { transport, apiUrl } = await connect(way, listener, { clock: clockThatEndsAfter(received) });
    await expect(transport.request({ ...get, timeoutMs: 30_000 })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining(apiUrl.host),
    });
  });

  it("ends at its time limit where the body does not end", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const listener: RequestListener = (_, response) => response.write("{", resolve);
    const { transport } = await connect(way, listener, { clock: clockThatEndsAfter(promise) });
    await expect(transport.request({ ...get, timeoutMs: 30_000 })).rejects.toMatchObject({ code: "timeout" });
  });

  it("ends at once when it is aborted before, while it waits, and while it reads", async () => {
    const { listener, received } = silentListener();
    const { transport } = await connect(way, listener);
    await expect(transport.request({ ...get, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    const waiting = new AbortController();
    const request = transport.request({ ...get, signal: waiting.signal });
    const { socket } = await received;
    waiting.abort();
    await expect(request).rejects.toMatchObject({ code: "aborted" });
    await new Promise((resolve) => socket.once("close", resolve));

    const reading = new AbortController();
    const half = await connect(way, (_, response) => {
      response.write("{", () => {
        reading.abort();
      });
    });
    await expect(half.transport.request({ ...get, signal: reading.signal })).rejects.toMatchObject({ code: "aborted" });
  });

  it("leaves no connection behind when the transport is closed", async () => {
    const { listener, received } = silentListener();
    const { transport } = await connect(way, listener);
    const request = transport.request(get).catch((error: unknown) => error);
    const { socket } = await received;
    await transport.close();
    await new Promise((resolve) => socket.once("close", resolve));
    expect(await request).toMatchObject({ code: "connection_reset" });
  });
});

/** Of something compressed. */
const PART = gzipSync("one").subarray(0, 12);

describe.each(WAYS)("%s a stream", (way) => {
  it("is read as it comes, beyond the time limit of its headers, until it is aborted", async () => {
    const { promise: responding, resolve } = Promise.withResolvers<ServerResponse>();
    const { promise: hasHeaders, resolve: onHeaders } = Promise.withResolvers<unknown>();
    const abort = new AbortController();
    const { transport } = await connect(
      way,
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).write("one");
        resolve(response);
      },
      { clock: clockThatEndsAfter(hasHeaders) },
    );
    const { status, body } = await transport.stream({ ...get, timeoutMs: 5, signal: abort.signal });
    onHeaders(status);
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const next = async (): Promise<string> => String((await chunks.next()).value);
    expect([status, await next()]).toEqual([200, "one"]);
    (await responding).write("two");
    expect(await next()).toBe("two");
    abort.abort();
    await expect(chunks.next()).rejects.toThrow();
    expect(body.destroyed).toBe(true);
  });

  it("is an error where the connection is closed in the middle", async () => {
    const { transport } = await connect(way, (_, response) => {
      response.write("one", () => response.destroy());
    });
    const { body } = await transport.stream(get);
    await expect(text(body)).rejects.toThrow();
  });

  it.each<[string, string, RequestListener]>([
    ["the connection is closed", "identity", (_, response) => response.write("one", () => response.destroy())],
    ["compression and connection break", "gzip", (_, response) => response.write(PART, () => response.destroy())],
    ["the compression breaks", "gzip", (_, response) => response.end(PART)],
  ])("is an error, and no uncaught one, where %s before it is read", async (_what, encoding, respond) => {
    const { transport } = await connect(way, (request, response) => {
      response.writeHead(200, { "content-encoding": encoding });
      respond(request, response);
    });
    const { body } = await transport.stream(get);
    while (!body.destroyed) await new Promise(setImmediate);
    await new Promise(setImmediate);
    await expect(text(body)).rejects.toThrow();
  });
});

describe("a proxy", () => {
  it("gets its credentials and the host's name, and nothing of the request", async () => {
    const { transport, proxy } = await connect("through a proxy", respond);
    await transport.request(post);
    expect(proxy?.tunnels).toEqual([`${PROXIED_HOST}:443`]);
    expect(proxy?.others).toEqual([]);
  });
});
