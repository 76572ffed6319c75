/** Reads the body of an answer: decompressed, and never more than it may be. */
import { Readable, type Transform, pipeline } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { WireError } from "./errors.ts";

/** An answer of this API is a few kilobytes; an event list of a long run a few hundred. */
export const mostBodyBytes = 5 * 1024 * 1024;

function decompressor(encoding: string): Transform | undefined {
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
export function decompressed(body: Readable, contentEncoding: string | undefined): Readable {
  const encodings = (contentEncoding ?? "").toLowerCase().split(",");
  const steps = encodings.reverse().flatMap((name) => decompressor(name.trim()) ?? []);
  let stream = body;
  for (const step of steps) {
    const source = stream;
    // The callback only keeps pipeline's error off the process: the reader of the last stream gets it too.
    stream = pipeline(source, step, () => undefined);
  }
  return stream;
}

/**
 * The whole body as text, at most `mostBytes` after decompression.
 *
 * @throws WireError `too-large`
 */
export async function readText(body: Readable, mostBytes = mostBodyBytes): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      body.destroy();
      throw new WireError(
        "too-large",
        `The answer is larger than ${mostBytes / 1024 / 1024} MiB; reading stopped.`,
        "Check that `api-url` is the address of a Mosoo API.",
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
