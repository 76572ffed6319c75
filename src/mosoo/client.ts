/** The API client. Knows nothing of GitHub. */
import { type Clock, systemClock } from "../common/clock.ts";
import type { OwnFiles, OwnFilesQuery, ThreadFile } from "./artifacts.ts";
import { Budget, type ClientEvent, type ShutdownSignals } from "./operation.ts";
import { listEvents } from "./endpoints.ts";
import { fetchContract } from "./contract/negotiate.ts";
import type { Contract } from "./contract/request-bodies.ts";
import type { Run, ThreadResponse } from "./contract/schema.ts";
import { type CreateRequest, type CreatedThread, createThread } from "./create-thread.ts";
import type { DownloadTarget } from "./downloads.ts";
import type { LocalFile } from "./files.ts";
import { HostFallback } from "./host-fallback.ts";
import type { MessageRequest, SentMessage } from "./messages/message.ts";
import { type RetryPolicy, RETRY_POLICIES } from "./retry.ts";
import { RetryLoop, type RetryLoopOptions } from "./retry-loop.ts";
import { SERVICE_HOSTS, type ServiceHosts } from "./http/redirects.ts";
import {
  INTERRUPT_TIMEOUT_MS,
  getEndedRunByInterrupt,
  getThread,
  interruptRun,
  interruptRunWithRetry,
} from "./threads.ts";
import type { EventList } from "./runs/events.ts";
import type { OwnRun, OwnRunQuery } from "./messages/find-own-run.ts";
import { Transport, type TransportOptions } from "./http/transport.ts";

interface MosooClientOptions extends TransportOptions {
  requestTimeoutMs: number;
  /** For creating, reading and sending, all retries together. */
  createTimeoutMs: number;
  stop: ShutdownSignals;
  note: (event: ClientEvent) => void;
  /** Default: the service's own. */
  serviceHosts?: ServiceHosts;
}

/** One poll of a thread while another's run is waited for, its retries included. */
const POLL_BUDGET_MS = 60_000;
/** One file's attempts, apart from the time its bytes take. */
const UPLOAD_BUDGET_MS = 300_000;
const DOWNLOAD_BUDGET_MS = 300_000;
/** One read of the file list after the run. */
const FILE_LIST_BUDGET_MS = 60_000;

export class MosooClient {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly #options: MosooClientOptions;
  readonly #hosts: HostFallback;
  /** For all requests that send the message, except uploads and the wait for another's run. */
  readonly #budget: Budget;

  constructor(options: MosooClientOptions) {
    this.#options = options;
    this.transport = new Transport(options);
    this.#hosts = new HostFallback(this.transport, options.serviceHosts ?? SERVICE_HOSTS, options.note);
    this.clock = options.clock ?? systemClock;
    this.#budget = new Budget(this.clock, options.createTimeoutMs, "create-timeout");
  }

  /** The API's base URL in use: after redirects, or the successor of the default. */
  get base(): URL {
    return this.transport.base;
  }

  /** @throws MosooError; CancelledError */
  createThread(request: CreateRequest): Promise<CreatedThread> {
    return createThread(this.#loop("create the thread", RETRY_POLICIES.create), request);
  }

  /**
   * @param waitTimeoutMs for another's active run in the thread; excluded from the time for sending
   * @param limit a time for sending of this message's own, and the input that sets it, with its value
   * @throws MosooError; CancelledError
   */
  async sendMessage(
    request: MessageRequest,
    waitTimeoutMs: number,
    limit?: { ms: number; input: string; inputMs: number },
  ): Promise<SentMessage> {
    const budget = limit === undefined ? this.#budget : new Budget(this.clock, limit.ms, limit.input, limit.inputMs);
    const { createActiveRunPoller, sendMessage } = await import("./messages/send-message.ts");
    const isIdle = createActiveRunPoller({
      clock: this.clock,
      timeoutMs: waitTimeoutMs,
      cancelSignal: this.#options.stop.cancelSignal,
      readThread: () => {
        const pollBudget = new Budget(this.clock, POLL_BUDGET_MS);
        const loop = this.#loop("read the thread", RETRY_POLICIES.read, { budget: pollBudget });
        return getThread(loop, request.threadId);
      },
    });
    return sendMessage(this.#loop("send the message", RETRY_POLICIES.send, { budget }), request, () =>
      budget.excluding(isIdle),
    );
  }

  /** The server's contract; undefined where it is not available. @throws CancelledError */
  contract(): Promise<Contract | undefined> {
    return fetchContract(this.#loop("read the server's contract", RETRY_POLICIES.contract));
  }

  /** @returns file IDs, in the order of the files. @throws MosooError; CancelledError */
  async uploadFiles(agentId: string, files: readonly LocalFile[]): Promise<string[]> {
    const { uploadFiles } = await import("./files.ts");
    const newLoop = (): RetryLoop =>
      this.#loop("upload a file", RETRY_POLICIES.upload, { budget: new Budget(this.clock, UPLOAD_BUDGET_MS) });
    return this.#budget.excluding(() => uploadFiles(this.clock, agentId, files, newLoop));
  }

  /** The files that the thread has before the message is sent. @throws MosooError; CancelledError */
  async listFileIds(threadId: string): Promise<ReadonlySet<string>> {
    const { listFileIds } = await import("./downloads.ts");
    return listFileIds(this.#loop("list the thread's files"), threadId);
  }

  /** @see {@link readOwnFiles} in downloads.ts. @throws MosooError; CancelledError */
  async readOwnFiles(query: OwnFilesQuery): Promise<OwnFiles> {
    const { readOwnFiles } = await import("./downloads.ts");
    const newLoop = (): RetryLoop =>
      this.#loop("list the thread's files", RETRY_POLICIES.read, this.#afterRun(FILE_LIST_BUDGET_MS));
    return readOwnFiles(newLoop, this.clock, query);
  }

  /** @see {@link downloadFile} in downloads.ts. @throws MosooError; CancelledError */
  async downloadFile<T extends DownloadTarget>(file: ThreadFile, open: () => Promise<T>): Promise<T> {
    const { downloadFile } = await import("./downloads.ts");
    const loop = this.#loop("download a file", RETRY_POLICIES.download, this.#afterRun(DOWNLOAD_BUDGET_MS));
    return downloadFile(loop, this.clock, { file, open });
  }

  /** @throws MosooError; CancelledError */
  getThread(threadId: string): Promise<ThreadResponse> {
    return getThread(this.#loop("read the thread"), threadId);
  }

  /** The thread's newest events. @throws MosooError; CancelledError */
  listEvents(threadId: string): Promise<EventList> {
    return this.#loop("read the thread's events").read(listEvents(threadId));
  }

  /** @see {@link findOwnRun} in messages/find-own-run.ts. @throws MosooError; CancelledError */
  async findOwnRun(query: OwnRunQuery, newest: Run): Promise<OwnRun | undefined> {
    const { findOwnRun } = await import("./messages/find-own-run.ts");
    return findOwnRun(this.#loop("read the thread's events"), query, newest);
  }

  /** @see {@link getEndedRunByInterrupt} in threads.ts. @throws MosooError; CancelledError */
  getEndedRunByInterrupt(threadId: string, runId: string): Promise<Run | undefined> {
    return getEndedRunByInterrupt(this.#loop("read an agent run"), threadId, runId);
  }

  /** @see {@link interruptRun} in threads.ts */
  interruptRun(threadId: string, runId: string, boundMs: number, signal?: AbortSignal): Promise<Run | undefined> {
    return interruptRun(this.transport, this.clock, threadId, runId, { boundMs, signal });
  }

  /** As interruptRun, retrying until `boundMs` are over. @see {@link interruptRunWithRetry} in threads.ts */
  interruptRunWithRetry(threadId: string, runId: string, boundMs: number): Promise<Run | undefined> {
    const loop = this.#loop("interrupt the agent run", RETRY_POLICIES.read, {
      budget: new Budget(this.clock, boundMs),
      requestTimeoutMs: Math.min(this.#options.requestTimeoutMs, INTERRUPT_TIMEOUT_MS),
      // It has created the run, be it for another process.
      hostExists: true,
    });
    return interruptRunWithRetry(loop, threadId, runId);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  /** Nothing is created anymore: the time for that does not count, and a signal ends requests at once. */
  #afterRun(budgetMs: number): Partial<RetryLoopOptions> {
    const { cancelSignal } = this.#options.stop;
    return {
      budget: new Budget(this.clock, budgetMs),
      signals: { cancelSignal, abortRequestsSignal: cancelSignal },
    };
  }

  #loop(
    operation: string,
    policy: RetryPolicy = RETRY_POLICIES.read,
    options: Partial<RetryLoopOptions> = {},
  ): RetryLoop {
    const { requestTimeoutMs, stop, note } = this.#options;
    return new RetryLoop({
      transport: this.transport,
      hosts: this.#hosts,
      clock: this.clock,
      budget: this.#budget,
      requestTimeoutMs,
      signals: stop,
      onEvent: note,
      operation,
      policy,
      ...options,
    });
  }
}
