/** Uploads files, streamed from disk. A file gets a new ID with every upload; without a message that names it, it stays a draft. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Clock } from "../common/clock.ts";
import { forEachConcurrently } from "../common/concurrency.ts";
import { uploadFile as uploadEndpoint } from "./endpoints.ts";
import { MosooError, MosooConnectionError } from "./errors.ts";
import { type ApiResult, request, toMosooError, toRetryFailure } from "./request.ts";
import type { RetryLoop } from "./retry-loop.ts";

/** The largest file that the service takes. */
export const MAX_UPLOAD_BYTES = 67_108_864;
const UPLOAD_CONCURRENCY = 4;
/** An upload is aborted when no byte could be sent, and no response came, for this long. */
const UPLOAD_IDLE_TIMEOUT_MS = 60_000;
const CHUNK_BYTES = 64 * 1024;

export interface LocalFile {
  /** The name that the agent sees. */
  name: string;
  /** Absolute, symlinks resolved. */
  path: string;
  bytes: number;
  /** Hexadecimal, of the content that was measured. */
  sha256: string;
}

/** A file name inside a quoted string of a multipart header, as browsers write it (WHATWG: `"`, CR and LF percent-encoded). */
function escapeFilename(name: string): string {
  return name.toWellFormed().replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function multipart(
  file: LocalFile,
  boundary: string,
  onBytes: (bytes: number) => void,
): { open: () => Readable; bytes: number } {
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${escapeFilename(file.name)}"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* parts(): AsyncGenerator<Buffer> {
    yield head;
    let sent = 0;
    const digest = createHash("sha256");
    if (file.bytes > 0) {
      const content = createReadStream(file.path, { end: file.bytes - 1, highWaterMark: CHUNK_BYTES });
      for await (const chunk of content as AsyncIterable<Buffer>) {
        sent += chunk.length;
        digest.update(chunk);
        onBytes(chunk.length);
        yield chunk;
      }
    }
    // Without the last bytes the server rejects the upload.
    if (sent !== file.bytes || digest.digest("hex") !== file.sha256) {
      throw new MosooError(`The file ${JSON.stringify(file.name)} changed after the step had read it.`, {
        input: "files",
        advice: "Let the step that writes it finish first.",
      });
    }
    yield tail;
  }
  return {
    open: () => Readable.from(parts(), { objectMode: false, highWaterMark: CHUNK_BYTES }),
    bytes: head.length + file.bytes + tail.length,
  };
}

/** One attempt. `transferMs`: how long the file's bytes took. */
async function uploadOnce(
  loop: RetryLoop,
  clock: Clock,
  agentId: string,
  file: LocalFile,
): Promise<{ result: ApiResult<string>; transferMs: number }> {
  const { signal } = loop.startAttempt();
  const idle = new AbortController();
  const timer = clock.timer(UPLOAD_IDLE_TIMEOUT_MS, () => {
    idle.abort();
  });
  const startedAt = clock.now();
  let transferMs = 0;
  const boundary = `mosoo-${crypto.randomUUID()}`;
  const onBytes = (): void => {
    timer.refresh();
    transferMs = clock.now() - startedAt;
  };
  const result = await request(loop.transport, uploadEndpoint(agentId), {
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: multipart(file, boundary, onBytes),
    signal: AbortSignal.any([idle.signal, signal]),
  }).finally(() => {
    clearTimeout(timer);
  });
  if (idle.signal.aborted && result.kind === "connection") {
    const stalled = `The upload stalled for ${UPLOAD_IDLE_TIMEOUT_MS / 1_000} s.`;
    return { result: { kind: "connection", error: new MosooConnectionError("timeout", stalled) }, transferMs };
  }
  return { result, transferMs };
}

/**
 * Uploads the files, four at a time, each with retries of its own.
 *
 * @param newLoop for one file: uploads have no common deadline, but an idle timeout and bounded retries
 * @returns the file IDs, in the order of the files
 * @throws MosooError; CancelledError
 */
export async function uploadFiles(
  clock: Clock,
  agentId: string,
  files: readonly LocalFile[],
  newLoop: () => RetryLoop,
): Promise<string[]> {
  const ids = new Map<LocalFile, string>();

  async function upload(file: LocalFile): Promise<void> {
    const loop = newLoop();
    for (;;) {
      const { result, transferMs } = await uploadOnce(loop, clock, agentId, file);
      loop.extend(transferMs);
      if (result.kind === "ok") {
        loop.onEvent({ kind: "uploaded", name: file.name, bytes: file.bytes, done: ids.size + 1, of: files.length });
        ids.set(file, result.value);
        return;
      }
      const error = toMosooError(result).extend({ input: "files" });
      if (result.kind === "error" && result.status === 404 && result.isUnroutedPath) {
        throw new MosooError("This server takes no uploads.", {
          ...error.details,
          advice: "Upload the files elsewhere and name them in `file-ids`.",
        });
      }
      await loop.waitBeforeRetry(toRetryFailure(result), error);
    }
  }

  const failures = await forEachConcurrently(files, UPLOAD_CONCURRENCY, upload);
  if (failures.length > 0) throw failures[0];
  return files.map((file) => ids.get(file) ?? "");
}
