/** What can be asked of Mosoo. Knows nothing of GitHub Actions. */
import { type Clock, systemClock } from "../common/clock.ts";
import type { Contract } from "./contract/request-bodies.ts";
import { type CreateRequest, type CreatedThread, createThread } from "./create-thread.ts";
import { Budget, RetryLoop, type RetryLoopOptions, type ClientEvent, type ShutdownSignals } from "./retry-loop.ts";
import { type MessageRequest, type SentMessage, sendMessage } from "./messages.ts";
import { type RetryPolicy, RETRY_POLICIES } from "./retry.ts";
import { fetchContract } from "./contract/negotiate.ts";
import type { Run, ThreadResponse } from "./contract/schema.ts";
import {
  listRunsForMessage,
  interruptRunWithRetry,
  interruptRun,
  INTERRUPT_TIMEOUT_MS,
  getEndedRunByInterrupt,
  getThread,
} from "./threads.ts";
import { Transport, type TransportOptions } from "./http/transport.ts";
import type { LocalFile } from "./files.ts";

export interface MosooClientOptions extends TransportOptions {
  /** Longest time for one request, in milliseconds. */
  requestTimeoutMs: number;
  /** Longest time for creating, reading and sending, all retries together, in milliseconds. */
  createTimeoutMs: number;
  stop: ShutdownSignals;
  note: (note: ClientEvent) => void;
}

/** One look at a thread while another's run is waited for, all its tries together. */
const lookBudgetMs = 60_000;
/** One file's tries, apart from the time its bytes take. */
const uploadBudgetMs = 300_000;

export class MosooClient {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly #options: MosooClientOptions;
  /** For all that brings the message to the agent, uploads and the wait for another's run apart. */
  readonly #budget: Budget;

  constructor(options: MosooClientOptions) {
    this.#options = options;
    this.transport = new Transport(options);
    this.clock = options.clock ?? systemClock;
    this.#budget = new Budget(this.clock, options.createTimeoutMs, "create-timeout");
  }

  get base(): URL {
    return this.transport.base;
  }

  /** @throws MosooError; CancelledError */
  createThread(request: CreateRequest): Promise<CreatedThread> {
    return createThread(this.transport, this.#loop("create the thread", RETRY_POLICIES.create), request);
  }

  /**
   * @param awaitOtherRun waits out a run of someone else; the time it takes is not the sending's
   * @throws MosooError; CancelledError
   */
  sendMessage(
    request: Omit<MessageRequest, "waitForActiveRun">,
    awaitOtherRun: MessageRequest["waitForActiveRun"],
  ): Promise<SentMessage> {
    return sendMessage(this.transport, this.#loop("send the message", RETRY_POLICIES.send), {
      ...request,
      waitForActiveRun: () => this.#budget.excluding(awaitOtherRun),
    });
  }

  /** The server's contract; undefined where it cannot be had. @throws CancelledError */
  contract(): Promise<Contract | undefined> {
    return fetchContract(this.transport, this.#loop("read the server's contract", RETRY_POLICIES.contract));
  }

  /** File IDs, in the order of the files. @throws MosooError; CancelledError */
  async uploadFiles(agentId: string, files: readonly LocalFile[]): Promise<string[]> {
    const { uploadFiles } = await import("./files.ts");
    const newEffort = (): RetryLoop =>
      this.#loop("upload a file", RETRY_POLICIES.upload, new Budget(this.clock, uploadBudgetMs));
    return this.#budget.excluding(() => uploadFiles(this.transport, this.clock, agentId, files, newEffort));
  }

  /** @throws MosooError; CancelledError */
  getThread(threadId: string): Promise<ThreadResponse> {
    return getThread(this.transport, this.#loop("read the thread"), threadId);
  }

  /** As readThread, with a time of its own: for looking again and again. */
  pollThread(threadId: string): Promise<ThreadResponse> {
    const budget = new Budget(this.clock, lookBudgetMs);
    return getThread(this.transport, this.#loop("read the thread", RETRY_POLICIES.read, budget), threadId);
  }

  /** @see {@link listRunsForMessage} in thread.ts. @throws MosooError; CancelledError */
  listRunsForMessage(text: string, threadId: string, newest: string): Promise<[string, ...string[]] | undefined> {
    return listRunsForMessage(text, this.transport, this.#loop("read the thread's events"), threadId, newest);
  }

  /** @see {@link getEndedRunByInterrupt} in thread.ts. @throws MosooError; CancelledError */
  getEndedRunByInterrupt(threadId: string, runId: string): Promise<Run | undefined> {
    return getEndedRunByInterrupt(this.transport, this.#loop("read a run"), threadId, runId);
  }

  /** @see {@link interruptRun} in thread.ts */
  interruptRun(threadId: string, runId: string, boundMs: number, signal?: AbortSignal): Promise<Run | undefined> {
    return interruptRun(this.transport, threadId, runId, { boundMs, signal });
  }

  /** As interruptRun, asking again until `boundMs` are over. @see {@link interruptRunWithRetry} in thread.ts */
  interruptRunWithRetry(threadId: string, runId: string, boundMs: number): Promise<Run | undefined> {
    const effort = this.#loop("interrupt the run", RETRY_POLICIES.read, new Budget(this.clock, boundMs), {
      requestTimeoutMs: Math.min(this.#options.requestTimeoutMs, INTERRUPT_TIMEOUT_MS),
      // It has made the run, be it to another process.
      hasResponded: () => true,
    });
    return interruptRunWithRetry(this.transport, effort, threadId, runId);
  }

  /** Waits, or ends at once when the step is told to stop. */
  async sleep(ms: number): Promise<void> {
    await this.clock.sleep(ms, this.#options.stop.cancelSignal);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  #loop(
    operation: string,
    policy: RetryPolicy = RETRY_POLICIES.read,
    budget = this.#budget,
    other: Partial<RetryLoopOptions> = {},
  ): RetryLoop {
    const { clock } = this;
    const { requestTimeoutMs, stop, note } = this.#options;
    const hostAnswered = (): boolean => this.transport.hasResponded;
    return new RetryLoop({
      clock,
      budget,
      requestTimeoutMs,
      signals: stop,
      onEvent: note,
      operation,
      policy,
      hasResponded: hostAnswered,
      ...other,
    });
  }
}
