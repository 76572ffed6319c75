/** The content of one file: every way in which it can come, or not come, and what is left of it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { DownloadFolder } from "../../src/actions/download-folder.ts";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import type { ThreadFile } from "../../src/mosoo/artifacts.ts";
import { MosooClient } from "../../src/mosoo/client.ts";
import type { ClientEvent } from "../../src/mosoo/operation.ts";
import { CancelledError, MosooError } from "../../src/mosoo/errors.ts";
import { connectToScripted, trustTestAuthority } from "../support/http-ways.ts";
import { type Said, startScriptedServer } from "../support/scripted-server.ts";

const TOKEN = "mst_downloads0000000000000";
const CONTENT = Buffer.from("diff --git a/ü b/ü\n".repeat(500));
const FILE: ThreadFile = { id: "F1", name: "fix.patch", kind: "artifact", size: CONTENT.length };
const temp = mkdtempSync(join(tmpdir(), "downloads-"));
const opened: { close: () => unknown }[] = [];

beforeAll(trustTestAuthority);
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});
afterAll(() => {
  rmSync(temp, { recursive: true });
});

/** Waits take no time, and all of them together the time that they would take. */
function hastyClock(): Clock {
  let slept = 0;
  return {
    ...systemClock,
    now: () => slept,
    sleep: (ms) => {
      slept += ms;
      return Promise.resolve();
    },
  };
}

interface Result {
  /** undefined where the download failed. */
  content: Buffer | undefined;
  error: unknown;
  retries: string[];
  /** Bytes that were written to disk, those of failed attempts included. */
  written: number;
  /** Files that are left, but the whole one. */
  left: string[];
}

interface Options {
  clock?: Clock;
  /** For the proxy variables. */
  environment?: Record<string, string>;
  onRetry?: (cancel: AbortController) => void;
  file?: ThreadFile;
  cancel?: AbortController;
}

async function download(origin: string, options: Options = {}): Promise<Result> {
  const { clock = hastyClock(), environment = {}, onRetry, file = FILE, cancel = new AbortController() } = options;
  const retries: string[] = [];
  const note = (event: ClientEvent): void => {
    if (event.kind !== "retry") return;
    retries.push(event.cause.message);
    onRetry?.(cancel);
  };
  const client = new MosooClient({
    apiUrl: new URL(`${origin}/api/v1`),
    token: TOKEN,
    userAgent: "test",
    environment,
    requestTimeoutMs: 20_000,
    createTimeoutMs: 1,
    stop: { cancelSignal: cancel.signal, abortRequestsSignal: new AbortController().signal },
    note,
    clock,
  });
  opened.push(client);
  const folder = await DownloadFolder.create(temp);
  let written = 0;
  try {
    const partial = await client.downloadFile(file, async () => {
      const target = await folder.open();
      const write = target.write.bind(target);
      target.write = (chunk) => {
        written += chunk.length;
        return write(chunk);
      };
      return target;
    });
    await folder.save(partial, "fix.patch");
    const content = readFileSync(join(folder.path, "fix.patch"));
    return { content, error: undefined, retries, written, left: leftovers() };
  } catch (error) {
    return { content: undefined, error, retries, written, left: leftovers() };
  } finally {
    await folder.close();
    rmSync(folder.path, { recursive: true });
  }
}

function leftovers(): string[] {
  return readdirSync(temp, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "fix.patch")
    .map(({ name }) => name);
}

/** @param replies the last one again and again */
async function serve(...replies: Said[]): Promise<{ origin: string; requests: string[] }> {
  const server = await startScriptedServer((request) => replies[Math.min(request, replies.length) - 1] ?? {});
  opened.push(server);
  return server;
}

const whole: Said = { status: 200, body: CONTENT };
const envelope = (code: string): string => JSON.stringify({ error: { code, message: "No." } });
const encoded = (encoding: string, body: Buffer): Said => ({
  status: 200,
  headers: { "Content-Encoding": encoding },
  body,
});

function errorOf({ error }: Result): MosooError {
  if (error instanceof MosooError) return error;
  throw new Error("The download did not fail.", { cause: error });
}

describe("a download", () => {
  it.each<[string, Said]>([
    ["as it is", whole],
    ["of gzip", encoded("gzip", gzipSync(CONTENT))],
    ["of Brotli", encoded("br", brotliCompressSync(CONTENT))],
    ["of Zstandard", encoded("zstd", zstdCompressSync(CONTENT))],
    ["without a length", { ...whole, length: false }],
  ])("takes content %s", async (_, reply) => {
    const { origin, requests } = await serve(reply);
    const result = await download(origin);
    expect(result.content).toEqual(CONTENT);
    expect(result.retries).toEqual([]);
    expect(requests[0]).toMatch(/^GET \/api\/v1\/files\/F1\/content /);
    expect(requests[0]?.toLowerCase()).toContain(`authorization: bearer ${TOKEN}`.toLowerCase());
  });

  it("takes an empty file", async () => {
    const { origin } = await serve({ status: 200 });
    expect((await download(origin, { file: { ...FILE, size: 0 } })).content).toEqual(Buffer.alloc(0));
  });

  it.each<[string, Said]>([
    ["503", { status: 503, body: envelope("internal_error") }],
    ["429 with a time to wait", { status: 429, headers: { "Retry-After": "40" }, body: envelope("rate_limited") }],
    ["a lost connection", { raw: "" }],
    ["a part of the content", { ...whole, body: CONTENT.subarray(0, 4_000), length: CONTENT.length }],
    ["less content", { ...whole, body: CONTENT.subarray(0, 4_000) }],
    ["less content without a length", { ...whole, body: CONTENT.subarray(0, 4_000), length: false }],
    ["more content", { ...whole, body: Buffer.concat([CONTENT, CONTENT]) }],
    ["more content without a length", { ...whole, body: Buffer.concat([CONTENT, CONTENT]), length: false }],
    ["another status", { status: 206, body: CONTENT }],
    ["a page", { status: 200, body: "<html>Please wait</html>" }],
    ["broken compression", encoded("gzip", CONTENT)],
    ["a part of what was compressed", encoded("gzip", gzipSync(CONTENT).subarray(0, 40))],
  ])("is repeated after %s", async (_, reply) => {
    const { origin, requests } = await serve(reply, whole);
    const result = await download(origin);
    expect(result.content).toEqual(CONTENT);
    expect([requests.length, result.retries.length]).toEqual([2, 1]);
  });

  it("ends at once when more comes than was announced, however well it was compressed", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const { origin, requests } = await serve(encoded("gzip", bomb));
    const result = await download(origin);
    expect(errorOf(result).details.input).toBe("download-files");
    expect(result.left).toEqual([]);
    expect(requests).toHaveLength(5);
    // No attempt writes more than the file has.
    expect(result.written).toBeLessThanOrEqual(5 * FILE.size);
  });

  it.each<[string, Said, Partial<MosooError["details"]>]>([
    ["a file that is gone", { status: 404, body: envelope("not_found") }, { status: 404, code: "not_found" }],
    ["a token without access", { status: 403, body: envelope("forbidden") }, { status: 403, code: "forbidden" }],
    ["a server without downloads", { status: 404, body: '{"error":"Not Found"}' }, { status: 404 }],
    ["a redirect to another host", { status: 307, headers: { Location: "https://files.example.com/F1" } }, {}],
  ])("fails at once for %s", async (_, reply, details) => {
    const { origin, requests } = await serve(reply);
    const result = await download(origin);
    expect(errorOf(result).details).toMatchObject({ ...details, input: "download-files" });
    expect([requests.length, result.left]).toEqual([1, []]);
  });

  it("follows a redirect on the API's host, with the token", async () => {
    const { origin, requests } = await serve({ status: 307, headers: { Location: "/storage/F1?signed=1" } }, whole);
    expect((await download(origin)).content).toEqual(CONTENT);
    expect(requests[1]).toMatch(/^GET \/storage\/F1\?signed=1 /);
    expect(requests[1]).toContain(TOKEN);
  });

  it("fails when the time for its attempts is over, and leaves nothing", async () => {
    const { origin } = await serve({ status: 503, headers: { "Retry-After": "120" } });
    const result = await download(origin);
    expect(errorOf(result).details.status).toBe(503);
    expect(result.retries.length).toBeGreaterThan(0);
    expect(result.left).toEqual([]);
  });

  it.each<[string, Said[]]>([
    ["takes content", [encoded("gzip", gzipSync(CONTENT))]],
    [
      "is repeated after a part of the content",
      [{ ...whole, body: CONTENT.subarray(0, 4_000), length: CONTENT.length }, whole],
    ],
    ["is repeated after more content", [encoded("gzip", gzipSync(Buffer.alloc(1_000_000))), whole]],
  ])("%s through a proxy", async (_, replies) => {
    const { apiUrl, proxy, server, close } = await connectToScripted(
      "through a proxy",
      (request) => replies[Math.min(request, replies.length) - 1] ?? {},
    );
    opened.push({ close });
    const environment = { HTTPS_PROXY: `127.0.0.1:${proxy?.port ?? 0}` };
    const result = await download(apiUrl.origin, { environment });
    expect([result.error, result.content?.equals(CONTENT)]).toEqual([undefined, true]);
    expect(server.requests).toHaveLength(replies.length);
  });

  describe("whose content stops coming", () => {
    async function serveHalf(): Promise<string> {
      const server = createServer((_, response) => {
        response.writeHead(200, { "content-length": CONTENT.length }).write(CONTENT.subarray(0, 4_000));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      opened.push({
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    it("is repeated when it was idle for a minute", async () => {
      const minutes: number[] = [];
      const clock: Clock = {
        ...hastyClock(),
        timer: (ms, then) => {
          if (ms !== 60_000) return systemClock.timer(ms, then);
          minutes.push(ms);
          return setTimeout(then, 50);
        },
      };
      const result = await download(await serveHalf(), {
        clock,
        onRetry: (cancel) => {
          cancel.abort();
        },
      });
      expect(result.error).toBeInstanceOf(CancelledError);
      expect(result.retries).toEqual([expect.stringContaining("60 s")]);
      expect(minutes).toEqual([60_000]);
      expect(result.left).toEqual([]);
    });

    it("ends at once when the step is cancelled", async () => {
      const cancel = new AbortController();
      const clock: Clock = {
        ...hastyClock(),
        // It is set when the content begins.
        timer: (ms, then) => {
          if (ms === 60_000)
            setImmediate(() => {
              cancel.abort();
            });
          return systemClock.timer(ms, then);
        },
      };
      const result = await download(await serveHalf(), { clock, cancel });
      expect(result.error).toBeInstanceOf(CancelledError);
      expect(result.left).toEqual([]);
    });
  });
});
