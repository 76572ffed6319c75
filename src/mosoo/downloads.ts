/** The files that the agent produced: listed, and streamed to whoever takes the bytes. Loaded only with `download-files`. */
import type { Readable } from "node:stream";
import type { Clock } from "../common/clock.ts";
import { formatInteger, pluralize } from "../common/format.ts";
import { type OwnFiles, type OwnFilesQuery, type ThreadFile, findOwnFiles, parseFileList } from "./artifacts.ts";
import * as endpoints from "./endpoints.ts";
import { MosooConnectionError, MosooError } from "./errors.ts";
import { readText } from "./http/body.ts";
import { toBodyError } from "./http/connection-errors.ts";
import { type ApiErrorResult, type ApiFailure, toErrorResult, toMosooError, toRetryFailure } from "./request.ts";
import type { Failure } from "./retry.ts";
import type { RetryLoop } from "./retry-loop.ts";

/** A download is aborted when no byte came for this long. */
const DOWNLOAD_IDLE_TIMEOUT_MS = 60_000;
/** Of an error response. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Delays before the list is read again, where events announce more files than it has: some ten seconds in all. */
const LIST_DELAYS_MS = [500, 1_000, 2_000, 3_000, 4_000];

/** The IDs of all files that the thread has now. @throws MosooError; CancelledError */
export async function listFileIds(loop: RetryLoop, threadId: string): Promise<ReadonlySet<string>> {
  const files = await loop.read(endpoints.listFiles(threadId, parseFileList));
  return new Set(files.map(({ id }) => id));
}

/**
 * The files of the step's runs. The list can lag behind the run's end: it is read again for a bounded time, while events
 * announce more than it has.
 *
 * @param newLoop for one read
 * @throws MosooError; CancelledError
 */
export async function readOwnFiles(newLoop: () => RetryLoop, clock: Clock, query: OwnFilesQuery): Promise<OwnFiles> {
  for (const delays = [...LIST_DELAYS_MS]; ;) {
    const loop = newLoop();
    const files = await loop.read(endpoints.listFiles(query.threadId, parseFileList));
    // After the files: whoever has begun a run since has none of them.
    const history = await newLoop().readIfAccessible(endpoints.listEvents(query.threadId));
    const found = findOwnFiles(files, query, history);
    const delayMs = delays.shift();
    if (delayMs === undefined || !found.isIncomplete) return found;
    await clock.sleep(delayMs, loop.signal);
    loop.throwIfCancelled();
  }
}

/** Takes the bytes of one attempt. Its failures are MosooErrors: they end the download. */
export interface DownloadTarget {
  write(chunk: Uint8Array): Promise<void>;
  /** Of a failed attempt: nothing of it may remain. */
  discard(): Promise<void>;
}

interface Download<T> {
  file: ThreadFile;
  /** A new target for each attempt. */
  open: () => Promise<T>;
}

type Attempt<T> = { target: T } | { failure: Failure; error: MosooError };

/**
 * Downloads a file with retries: each attempt begins anew, in a target of its own.
 *
 * @param loop its budget does not include the time in which bytes come
 * @returns the target that has the whole file
 * @throws MosooError; CancelledError
 */
export async function downloadFile<T extends DownloadTarget>(
  loop: RetryLoop,
  clock: Clock,
  download: Download<T>,
): Promise<T> {
  for (;;) {
    const attempt = await downloadOnce(loop, clock, download);
    if ("target" in attempt) return attempt.target;
    await loop.waitBeforeRetry(attempt.failure, attempt.error);
  }
}

async function downloadOnce<T extends DownloadTarget>(
  loop: RetryLoop,
  clock: Clock,
  { file, open }: Download<T>,
): Promise<Attempt<T>> {
  const { timeoutMs, signal } = loop.startAttempt();
  const idle = new AbortController();
  let startedAt: number | undefined;
  try {
    const path = endpoints.readFile(file.id);
    const response = await loop.transport.stream({
      ...path,
      headers: { accept: "*/*" },
      timeoutMs,
      signal: AbortSignal.any([idle.signal, signal]),
    });
    startedAt = clock.now();
    if (response.status !== 200) {
      const text = await readText(response.body, MAX_ERROR_BYTES).catch(() => "");
      const result = toErrorResult({ ...response, text });
      // A part of the file, or nothing, is no file.
      return failed(response.status >= 300 ? result : { ...result, kind: "invalid_response", text });
    }
    const declared = response.header("content-encoding") === undefined ? response.header("content-length") : undefined;
    if (declared !== undefined && Number(declared) !== file.size) {
      response.body.on("error", () => undefined).destroy();
      return wrongSize(file, Number(declared));
    }
    return await copy(response, clock, idle, file, await open());
  } catch (error) {
    if (signal.aborted) return failed(new MosooConnectionError("aborted", "The download was aborted."));
    if (error instanceof MosooConnectionError) return failed(error);
    throw error;
  } finally {
    if (startedAt !== undefined) loop.extend(clock.now() - startedAt);
  }
}

/** Passes the body on to the target, which is discarded unless it has all of the file. */
async function copy<T extends DownloadTarget>(
  { body, url, status }: { body: Readable; url: URL; status: number },
  clock: Clock,
  idle: AbortController,
  file: ThreadFile,
  target: T,
): Promise<Attempt<T>> {
  const timer = clock.timer(DOWNLOAD_IDLE_TIMEOUT_MS, () => {
    idle.abort();
  });
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop closes the connection: what is compressed has no other limit.
      if (bytes > file.size) break;
      await target.write(chunk);
      timer.refresh();
    }
    if (bytes === file.size) return { target };
    await target.discard();
    return wrongSize(file, bytes);
  } catch (error) {
    await target.discard();
    if (error instanceof MosooError) throw error;
    if (!idle.signal.aborted) throw toBodyError(error, url.host, status);
    const seconds = DOWNLOAD_IDLE_TIMEOUT_MS / 1_000;
    throw new MosooConnectionError("timeout", `The download stalled for ${seconds} s.`);
  } finally {
    clearTimeout(timer);
  }
}

function failed(reply: MosooConnectionError | ApiFailure): Attempt<never> {
  const failure: ApiFailure = reply instanceof MosooConnectionError ? { kind: "connection", error: reply } : reply;
  const error = toMosooError(failure).extend({ input: "download-files" });
  return { failure: toRetryFailure(failure), error: failure.kind === "error" ? addAdvice(error, failure) : error };
}

function addAdvice(error: MosooError, { code, isUnroutedPath }: ApiErrorResult): MosooError {
  if (isUnroutedPath) return noDownloadsError(error);
  if (code !== "not_found") return error;
  return error.extend({ advice: "The file was deleted, or the token's owner has no access to it." });
}

/** The list announces another size: it or the response is stale, or something in between changes the bytes. */
function wrongSize({ size }: ThreadFile, bytes: number): Attempt<never> {
  const sent = bytes > size ? "more" : formatInteger(bytes);
  const summary = `Mosoo lists the file with ${pluralize(size, "byte")}, but sent ${sent}.`;
  return { failure: { kind: "invalid_response" }, error: new MosooError(summary, { input: "download-files" }) };
}

/** The server has no `GET /files/{id}/content`. */
export function noDownloadsError(error?: MosooError): MosooError {
  return new MosooError("The server does not support downloads.", {
    ...error?.details,
    input: "download-files",
    advice: "Remove `download-files`: the reference API has none (docs/contracts.md).",
  });
}
