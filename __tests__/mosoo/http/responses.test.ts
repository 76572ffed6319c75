/** Responses in every form that HTTP allows, and in some that it does not, directly and through a proxy. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { type ConnectionErrorCode, MosooConnectionError } from "../../../src/mosoo/errors.ts";
import type { HttpResponse } from "../../../src/mosoo/http/transport.ts";
import { type Way, WAYS, connectToScripted, trustTestAuthority } from "../../support/http-ways.ts";
import type { Said } from "../../support/scripted-server.ts";

const BODY = JSON.stringify({ thread: { id: "T", title: "Grüße 🦊" } });
const COMPRESSED_TWICE = brotliCompressSync(gzipSync(BODY));
const WHOLE = `HTTP/1.1 201 Created\r\nContent-Length: ${Buffer.byteLength(BODY)}\r\n\r\n${BODY}`;
const TOO_MANY_HEADERS = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`X-${n}`, String(n)]));
const HALF = Math.floor(BODY.length / 2);

beforeAll(trustTestAuthority);

async function request(way: Way, reply: Said): Promise<HttpResponse> {
  const { transport, close } = await connectToScripted(way, () => reply);
  try {
    return await transport.request({ method: "POST", path: "/agents/a/threads", body: "{}" });
  } finally {
    await close();
  }
}

async function requestError(way: Way, reply: Said): Promise<MosooConnectionError> {
  const result: unknown = await request(way, reply).catch((error: unknown) => error);
  if (result instanceof MosooConnectionError) return result;
  throw new Error("The request succeeded.");
}

/** `5\r\nhello\r\n…0\r\n\r\n` */
function chunked(...parts: string[]): string {
  return [...parts, ""].map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join("");
}

describe.each(WAYS)("%s a response", (way) => {
  it.each<[string, Said]>([
    ["with a length", { body: BODY }],
    ["of gzip", { headers: { "Content-Encoding": "gzip" }, body: gzipSync(BODY) }],
    ["of gzip under its old name", { headers: { "Content-Encoding": "x-gzip" }, body: gzipSync(BODY) }],
    ["of deflate", { headers: { "Content-Encoding": "deflate" }, body: deflateSync(BODY) }],
    ["of Brotli", { headers: { "Content-Encoding": "br" }, body: brotliCompressSync(BODY) }],
    ["of Zstandard, in capitals", { headers: { "Content-Encoding": "ZSTD" }, body: zstdCompressSync(BODY) }],
    ["compressed twice", { headers: { "Content-Encoding": "gzip, br" }, body: COMPRESSED_TWICE }],
    [
      "compressed twice, by two headers",
      { headers: { "Content-Encoding": "gzip", "content-encoding": "br" }, body: COMPRESSED_TWICE },
    ],
    ["of no encoding, by name", { headers: { "Content-Encoding": "identity" }, body: BODY }],
    ["of an unknown encoding, as it is", { headers: { "Content-Encoding": "x-none" }, body: BODY }],
    [
      "in chunks",
      {
        length: false,
        headers: { "Transfer-Encoding": "chunked" },
        body: chunked(BODY.slice(0, HALF), BODY.slice(HALF)),
      },
    ],
    ["that ends with the connection", { length: false, body: BODY }],
    ["after hints (103)", { raw: `${"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(2)}${WHOLE}` }],
    ["after a sign of processing (102)", { raw: `HTTP/1.1 102 Processing\r\n\r\n${WHOLE}` }],
  ])("is read %s", async (_, reply) => {
    const { status, text } = await request(way, reply);
    expect({ status, text }).toEqual({ status: 201, text: BODY });
  });

  it("is read without a body", async () => {
    const { status, text } = await request(way, { status: 204, length: false });
    expect({ status, text }).toEqual({ status: 204, text: "" });
  });

  it("has the first value of each header, trimmed, as UTF-8", async () => {
    const headers = { "Retry-After": "  7 ", "X-Name": "Grüße", "x-name": "second", "X-Empty ": "" };
    const { header } = await request(way, { body: BODY, headers });
    expect([header("retry-after"), header("x-name"), header("x-absent")]).toEqual(["7", "Grüße", undefined]);
  });
});

describe("directly a response", () => {
  // undici takes an unexpected 100 for an error: https://github.com/nodejs/undici, client-h1.js.
  it("is read after an interim response that was not asked for (100)", async () => {
    const { status, text } = await request("directly", { raw: `HTTP/1.1 100 Continue\r\n\r\n${WHOLE}` });
    expect({ status, text }).toEqual({ status: 201, text: BODY });
  });
});

describe.each(WAYS)("%s a response that cannot be used", (way) => {
  it.each<[string, Said, ConnectionErrorCode]>([
    ["of no bytes at all", { raw: "" }, "connection_reset"],
    ["of another protocol", { raw: "SSH-2.0-OpenSSH_9.6\r\n" }, "invalid_http_response"],
    ["with two lengths", { body: BODY, headers: { "content-length": "5" } }, "invalid_http_response"],
    ["with a long header", { headers: { "X-Long": "x".repeat(200_000) } }, "invalid_http_response"],
    ["with many headers", { headers: TOO_MANY_HEADERS }, "invalid_http_response"],
    [
      "that switches to another protocol",
      { raw: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
      "invalid_http_response",
    ],
    [
      "that is compressed too many times",
      { headers: { "Content-Encoding": "gzip,gzip,gzip,gzip" }, body: "" },
      "invalid_http_response",
    ],
  ])("is an error: one %s", async (_, reply, code) => {
    expect((await requestError(way, reply)).code).toBe(code);
  });

  it.each<[string, Said, ConnectionErrorCode]>([
    ["shorter than its length", { body: BODY.slice(0, HALF), length: 1_000 }, "body_truncated"],
    [
      "without its last chunk",
      { length: false, headers: { "Transfer-Encoding": "chunked" }, body: chunked(BODY).slice(0, -5) },
      "body_truncated",
    ],
    [
      "of half the compressed bytes",
      { headers: { "Content-Encoding": "gzip" }, body: gzipSync(BODY).subarray(0, 30) },
      "body_truncated",
    ],
    ["not compressed as it says", { headers: { "Content-Encoding": "gzip" }, body: BODY }, "invalid_http_response"],
    ["larger than 5 MiB", { body: "x".repeat(5_500_000) }, "response_too_large"],
    [
      "larger than 5 MiB once decompressed",
      { headers: { "Content-Encoding": "gzip" }, body: gzipSync(Buffer.alloc(60_000_000)) },
      "response_too_large",
    ],
    [
      "larger than 5 MiB once decompressed twice",
      { headers: { "Content-Encoding": "gzip, br" }, body: brotliCompressSync(gzipSync(Buffer.alloc(60_000_000))) },
      "response_too_large",
    ],
  ])("is an error that keeps its status: one %s", async (_, reply, code) => {
    expect(await requestError(way, reply)).toMatchObject({ code, status: 201 });
  });
});
