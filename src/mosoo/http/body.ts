/** Reads the body of a response: decompressed, and never more than a limit. */
import { type Readable, type Transform, pipeline } from "node:stream";
import { MosooConnectionError } from "../errors.ts";

/** A response of this API is a few kilobytes. */
export const MAX_RESPONSE_BYTES = 5 * 1024 * 1024;
/** A response with an agent's text: a million characters, written as escapes, and their events. */
export const MAX_TRANSCRIPT_RESPONSE_BYTES = 32 * 1024 * 1024;

/** Each encoding of one response costs memory; servers use one. */
const MAX_ENCODINGS = 3;

async function createDecompressor(encoding: string): Promise<Transform | undefined> {
  if (encoding === "" || encoding === "identity") return undefined;
  // Requests do not ask for compression, so hardly any response needs it.
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

/**
 * The decompressed body.
 *
 * @param contentEncoding the header; several encodings are listed in the order in which they were applied
 * @throws MosooConnectionError `invalid_http_response` where there are too many encodings
 */
export async function decompress(body: Readable, contentEncoding: string): Promise<Readable> {
  const encodings = contentEncoding.toLowerCase().split(",");
  if (encodings.length > MAX_ENCODINGS) {
    throw new MosooConnectionError("invalid_http_response", "The response is compressed too many times.");
  }
  let stream = body;
  for (const encoding of encodings.reverse()) {
    const decompressor = await createDecompressor(encoding.trim());
    if (decompressor === undefined) continue;
    const source = stream;
    // What is compressed may break before anybody reads: the reader gets the error then, and it is not uncaught now.
    stream = pipeline(source, decompressor, () => undefined).on("error", () => undefined);
  }
  return stream;
}

/**
 * The whole body as text.
 *
 * @param maxBytes after decompression
 * @throws MosooConnectionError `response_too_large`
 */
export async function readText(body: Readable, maxBytes = MAX_RESPONSE_BYTES): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw new MosooConnectionError(
        "response_too_large",
        `The response is larger than ${maxBytes / 1024 / 1024} MiB; reading stopped.`,
        "Check that `api-url` is the address of a Mosoo API.",
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
