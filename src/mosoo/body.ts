/** Reads the body of an answer: decompressed, and never more than it may be. */
import { Readable, type Transform, pipeline } from "node:stream";
import { MosooConnectionError } from "./errors.ts";

/** An answer of this API is a few kilobytes. */
export const MAX_RESPONSE_BYTES = 5 * 1024 * 1024;
/** One with an agent's words: an answer of a million characters, written as escapes, and its events. */
export const MAX_TRANSCRIPT_RESPONSE_BYTES = 32 * 1024 * 1024;

/** Nobody compresses more often than once; each costs memory. */
const mostEncodings = 3;

async function decompressor(encoding: string): Promise<Transform | undefined> {
  if (encoding === "" || encoding === "identity") return undefined;
  // Nothing compressed is asked for, so hardly any answer needs it.
  const { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } = await import("node:zlib");
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    case "zstd":
      return createZstdDecompress();
    default:
      return undefined;
  }
}

/** `body` as the server meant it, whatever `content-encoding` says. */
export async function decompressed(body: Readable, contentEncoding: string | undefined): Promise<Readable> {
  const encodings = (contentEncoding ?? "").toLowerCase().split(",");
  if (encodings.length > mostEncodings)
    throw new MosooConnectionError("invalid_http_response", "The answer is compressed over and over again.");
  let stream = body;
  for (const name of encodings.reverse()) {
    const step = await decompressor(name.trim());
    if (step === undefined) continue;
    const source = stream;
    // The callback only keeps pipeline's error off the process: the reader of the last stream gets it too.
    stream = pipeline(source, step, () => undefined);
  }
  return stream;
}

/**
 * The whole body as text, at most `mostBytes` after decompression.
 *
 * @throws MosooConnectionError `too-large`
 */
export async function readText(body: Readable, mostBytes = MAX_RESPONSE_BYTES): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      body.destroy();
      throw new MosooConnectionError(
        "response_too_large",
        `The answer is larger than ${mostBytes / 1024 / 1024} MiB; reading stopped.`,
        "Check that `api-url` is the address of a Mosoo API.",
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
