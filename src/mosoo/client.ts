/** What can be asked of Mosoo. Knows nothing of GitHub Actions. */
import { type Clock, systemClock } from "./clock.ts";
import type { Contract } from "./contract.ts";
import { type CreateRequest, type CreatedThread, createThread } from "./create.ts";
import { Budget, Effort, type EffortOptions, type Note, type Stop } from "./effort.ts";
import { type MessageRequest, type SentMessage, sendMessage } from "./message.ts";
import { fetchContract } from "./negotiate.ts";
import type { Run, ThreadAnswer } from "./schema.ts";
import { findRunsOf, insistOnInterrupt, interruptRun, interruptTimeoutMs, readEndedRun, readThread } from "./thread.ts";
import { Transport, type TransportOptions } from "./transport.ts";
import type { LocalFile } from "./upload.ts";

export interface MosooOptions extends TransportOptions {
  /** Longest time for one request, in milliseconds. */
  requestTimeoutMs: number;
  /** Longest time for creating, reading and sending, all retries together, in milliseconds. */
  createTimeoutMs: number;
  stop: Stop;
  note: (note: Note) => void;
}

/** One look at a thread while another's run is waited for, all its tries together. */
const lookBudgetMs = 60_000;
/** One file's tries, apart from the time its bytes take. */
const uploadBudgetMs = 300_000;

export class Mosoo {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly #options: MosooOptions;
  /** For all that brings the message to the agent, uploads and the wait for another's run apart. */
  readonly #budget: Budget;

  constructor(options: MosooOptions) {
    this.#options = options;
    this.transport = new Transport(options);
    this.clock = options.clock ?? systemClock;
    this.#budget = new Budget(this.clock, options.createTimeoutMs, "create-timeout");
  }

  get base(): URL {
    return this.transport.base;
  }

  /** @throws MosooError; StoppedError */
  createThread(request: CreateRequest): Promise<CreatedThread> {
    return createThread(this.transport, this.#effort("creating the thread"), request);
  }

  /**
   * @param awaitOtherRun waits out a run of someone else; the time it takes is not the sending's
   * @throws MosooError; StoppedError
   */
  sendMessage(
    request: Omit<MessageRequest, "awaitOtherRun">,
    awaitOtherRun: MessageRequest["awaitOtherRun"],
  ): Promise<SentMessage> {
    return sendMessage(this.transport, this.#effort("sending the message"), {
      ...request,
      awaitOtherRun: () => this.#budget.outside(awaitOtherRun),
    });
  }

  /** The server's contract; undefined where it cannot be had. @throws StoppedError */
  contract(): Promise<Contract | undefined> {
    return fetchContract(this.transport, this.#effort("reading the server's contract"));
  }

  /** File IDs, in the order of the files. @throws MosooError; StoppedError */
  async uploadFiles(agentId: string, files: readonly LocalFile[]): Promise<string[]> {
    const { uploadFiles } = await import("./upload.ts");
    const newEffort = (): Effort => this.#effort("uploading a file", new Budget(this.clock, uploadBudgetMs));
    return this.#budget.outside(() => uploadFiles(this.transport, this.clock, agentId, files, newEffort));
  }

  /** @throws MosooError; StoppedError */
  readThread(threadId: string): Promise<ThreadAnswer> {
    return readThread(this.transport, this.#effort("reading the thread"), threadId);
  }

  /** As readThread, with a time of its own: for looking again and again. */
  lookAtThread(threadId: string): Promise<ThreadAnswer> {
    const budget = new Budget(this.clock, lookBudgetMs);
    return readThread(this.transport, this.#effort("reading the thread", budget), threadId);
  }

  /** @see {@link findRunsOf} in thread.ts. @throws MosooError; StoppedError */
  findRunsOf(text: string, threadId: string, newest: string): Promise<[string, ...string[]] | undefined> {
    return findRunsOf(text, this.transport, this.#effort("reading the thread's events"), threadId, newest);
  }

  /** @see {@link readEndedRun} in thread.ts. @throws MosooError; StoppedError */
  readEndedRun(threadId: string, runId: string): Promise<Run | undefined> {
    return readEndedRun(this.transport, this.#effort("reading a run"), threadId, runId);
  }

  /** @see {@link interruptRun} in thread.ts */
  interruptRun(threadId: string, runId: string, boundMs: number, signal?: AbortSignal): Promise<Run | undefined> {
    return interruptRun(this.transport, threadId, runId, { boundMs, signal });
  }

  /** As interruptRun, asking again until `boundMs` are over. @see {@link insistOnInterrupt} in thread.ts */
  insistOnInterrupt(threadId: string, runId: string, boundMs: number): Promise<Run | undefined> {
    const effort = this.#effort("interrupting the run", new Budget(this.clock, boundMs), {
      requestTimeoutMs: Math.min(this.#options.requestTimeoutMs, interruptTimeoutMs),
      // It has made the run, be it to another process.
      hostAnswered: () => true,
    });
    return insistOnInterrupt(this.transport, effort, threadId, runId);
  }

  /** Waits, or ends at once when the step is told to stop. */
  async pause(ms: number): Promise<void> {
    await this.clock.sleep(ms, this.#options.stop.requested);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  #effort(doing: string, budget = this.#budget, other: Partial<EffortOptions> = {}): Effort {
    const { clock } = this;
    const { requestTimeoutMs, stop, note } = this.#options;
    const hostAnswered = (): boolean => this.transport.answered;
    return new Effort({ clock, budget, requestTimeoutMs, stop, note, doing, hostAnswered, ...other });
  }
}
