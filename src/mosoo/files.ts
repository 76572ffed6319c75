/** Uploads files, streamed from disk. A file gets a new ID with every upload; what is not attached to a message stays a draft. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Clock } from "../common/clock.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { MosooError, MosooConnectionError } from "./errors.ts";
import { type ApiResult, request, toMosooError, toRetryFailure } from "./request.ts";
import { parseUpload } from "./contract/schema.ts";
import type { Transport } from "./http/transport.ts";

/** What the service takes at most. */
export const MAX_UPLOAD_BYTES = 67_108_864;
const UPLOAD_CONCURRENCY = 4;
/** An upload is given up when no byte could be sent, and no answer came, for this long. */
const UPLOAD_IDLE_TIMEOUT_MS = 60_000;
const chunkBytes = 64 * 1024;

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
export function escapeFilename(name: string): string {
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
      const content = createReadStream(file.path, { end: file.bytes - 1, highWaterMark: chunkBytes });
      for await (const chunk of content as AsyncIterable<Buffer>) {
        sent += chunk.length;
        digest.update(chunk);
        onBytes(chunk.length);
        yield chunk;
      }
    }
    // The last bytes are not sent then, so that the server takes none of it.
    if (sent !== file.bytes || digest.digest("hex") !== file.sha256) {
      throw new MosooError(`The file ${JSON.stringify(file.name)} changed after the step had looked at it.`, {
        input: "files",
        advice: "Let the step that writes it finish first.",
      });
    }
    yield tail;
  }
  return {
    open: () => Readable.from(parts(), { objectMode: false, highWaterMark: chunkBytes }),
    bytes: head.length + file.bytes + tail.length,
  };
}

interface Upload {
  reply: ApiResult<string>;
  /** How long its bytes were on their way. */
  movedMs: number;
}

async function uploadOnce(
  transport: Transport,
  clock: Clock,
  agentId: string,
  file: LocalFile,
  stop: AbortSignal,
): Promise<Upload> {
  const idle = new AbortController();
  const timer = clock.timer(UPLOAD_IDLE_TIMEOUT_MS, () => {
    idle.abort();
  });
  const since = clock.now();
  let movedMs = 0;
  const boundary = `mosoo-${crypto.randomUUID()}`;
  const asked = request(
    transport,
    {
      method: "POST",
      path: `/agents/${encodeURIComponent(agentId)}/files`,
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
      body: multipart(file, boundary, () => {
        timer.refresh();
        movedMs = clock.now() - since;
      }),
      signal: AbortSignal.any([idle.signal, stop]),
    },
    parseUpload,
  );
  const reply = await asked.finally(() => {
    clearTimeout(timer);
  });
  if (idle.signal.aborted && reply.kind === "connection") {
    const error = new MosooConnectionError("timeout", `The upload stood still for ${UPLOAD_IDLE_TIMEOUT_MS / 1000} s.`);
    return { reply: { kind: "connection", error }, movedMs };
  }
  return { reply, movedMs };
}

/**
 * Uploads the files, four at a time, each tried again as its own effort.
 *
 * @param newEffort a fresh effort for one file: uploads have no common deadline, but an idle limit and bounded tries
 * @returns the file IDs, in the order of the files
 * @throws MosooError that names the file; CancelledError
 */
export async function uploadFiles(
  transport: Transport,
  clock: Clock,
  agentId: string,
  files: readonly LocalFile[],
  newEffort: () => RetryLoop,
): Promise<string[]> {
  const ids = new Map<LocalFile, string>();
  const waiting = [...files];
  let failed = false;

  async function uploadOne(file: LocalFile): Promise<string> {
    const effort = newEffort();
    for (;;) {
      const { reply, movedMs } = await uploadOnce(transport, clock, agentId, file, effort.startAttempt().signal);
      effort.extend(movedMs);
      if (reply.kind === "ok") {
        effort.onEvent({ kind: "uploaded", name: file.name, bytes: file.bytes, done: ids.size + 1, of: files.length });
        return reply.value;
      }
      const error = toMosooError(reply).extend({ input: "files" });
      if (reply.kind === "error" && reply.status === 404 && reply.isUnroutedPath) {
        throw new MosooError("This server takes no uploads.", {
          ...error.details,
          advice: "Upload the files elsewhere and name them in `file-ids`.",
        });
      }
      await effort.waitBeforeRetry(toRetryFailure(reply), error);
    }
  }

  async function work(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined && !failed; file = waiting.shift()) {
      try {
        ids.set(file, await uploadOne(file));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }

  const workers = await Promise.allSettled(Array.from({ length: Math.min(UPLOAD_CONCURRENCY, files.length) }, work));
  const failure = workers.find((worker) => worker.status === "rejected");
  if (failure !== undefined) throw failure.reason as unknown;
  return files.map((file) => ids.get(file) ?? "");
}
