/** What can be asked of Mosoo. Knows nothing of GitHub Actions. */
import { type Clock, systemClock } from "./clock.ts";
import type { Contract } from "./contract.ts";
import { type CreateRequest, type CreatedThread, createThread } from "./create.ts";
import { Effort, type Note, type Stop } from "./effort.ts";
import { type MessageRequest, type SentMessage, sendMessage } from "./message.ts";
import { fetchContract } from "./negotiate.ts";
import type { Run, ThreadAnswer } from "./schema.ts";
import { interruptRun, readThread } from "./thread.ts";
import { Transport, type TransportOptions } from "./transport.ts";
import type { LocalFile } from "./upload.ts";

export interface MosooOptions extends TransportOptions {
  /** Longest time for one request, in milliseconds. */
  requestTimeoutMs: number;
  /** Longest time for creating or sending, all retries together, in milliseconds. */
  createTimeoutMs: number;
  stop: Stop;
  note: (note: Note) => void;
  clock?: Clock;
}

/** Longest time to learn what became of a thread that exists, in milliseconds. */
const readBudgetMs = 60_000;
/** One file's tries, apart from the time its bytes take. */
const uploadBudgetMs = 300_000;

export class Mosoo {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly #options: MosooOptions;

  constructor(options: MosooOptions) {
    this.#options = options;
    this.transport = new Transport(options);
    this.clock = options.clock ?? systemClock;
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
    const effort = this.#effort("sending the message");
    return sendMessage(this.transport, effort, {
      ...request,
      awaitOtherRun: async (run) => {
        const since = this.clock.now();
        await awaitOtherRun(run);
        effort.extend(this.clock.now() - since);
      },
    });
  }

  /** The server's contract; undefined where it cannot be had. @throws StoppedError */
  contract(): Promise<Contract | undefined> {
    return fetchContract(this.transport, this.#effort("reading the server's contract"));
  }

  /** File IDs, in the order of the files. @throws MosooError; StoppedError */
  async uploadFiles(agentId: string, files: readonly LocalFile[]): Promise<string[]> {
    const { uploadFiles } = await import("./upload.ts");
    return uploadFiles(this.transport, agentId, files, () => this.#effort("uploading a file", uploadBudgetMs));
  }

  /** @throws MosooError; StoppedError */
  readThread(threadId: string, budgetMs = readBudgetMs): Promise<ThreadAnswer> {
    return readThread(this.transport, this.#effort("reading the thread", budgetMs), threadId);
  }

  /** @see {@link interruptRun} in thread.ts */
  interruptRun(threadId: string, runId: string, boundMs: number): Promise<Run | undefined> {
    return interruptRun(this.transport, threadId, runId, boundMs);
  }

  /** Waits, or ends at once when the step is told to stop. */
  async pause(ms: number): Promise<void> {
    await this.clock.sleep(ms, this.#options.stop.requested);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  #effort(doing: string, budgetMs = this.#options.createTimeoutMs): Effort {
    const { clock } = this;
    const { requestTimeoutMs, stop, note } = this.#options;
    return new Effort({ clock, budgetMs, requestTimeoutMs, stop, note, doing, budgetInput: "create-timeout" });
  }
}
