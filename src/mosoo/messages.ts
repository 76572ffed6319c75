/**
 * Sends a message into a thread, once. The service remembers the event's request ID for the thread's life, so sending
 * again is safe even under another idempotency key; errors of this call are not stored.
 */
import {
  keyReusedError,
  isAlreadyApplied,
  isConflict,
  isKeyReused,
  isStillProcessing,
  isKeyUnrecoverable,
} from "./idempotency.ts";
import {
  type Body,
  type Contract,
  type ObjectSchema,
  messageEvent,
  referenceContract,
  userIdContract,
  filesAreSingleUse,
} from "./contract/request-bodies.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { MosooError } from "./errors.ts";
import {
  type ApiErrorResult,
  type ApiResult,
  type ApiFailure,
  request,
  toMosooError,
  toRetryFailure,
} from "./request.ts";
import { generationKey, MAX_SKIPPED_KEYS } from "./key-rotation.ts";
import {
  serializeBody,
  renegotiate,
  isRefusedBody,
  contractUnavailableError,
  invalidValueError,
} from "./contract/negotiate.ts";
import {
  type EventsResponse,
  type Run,
  type Thread,
  type ThreadResponse,
  compareRunAge,
  isTerminalStatus,
  parseEventsResponse,
} from "./contract/schema.ts";
import { listRunsForMessage, getEndedRunByInterrupt, getThread } from "./threads.ts";
import type { Transport } from "./http/transport.ts";

export interface MessageRequest {
  threadId: string;
  text: string;
  /** What the service remembers the message by; the same in every attempt. */
  requestId: string;
  key: string;
  fileIds: readonly string[];
  /** Uploads the message's files; again, where a message that was refused late has used the first ones up. */
  upload?: (() => Promise<{ fileIds: readonly string[]; key: string }>) | undefined;
  contract?: Contract | undefined;
  /** As long as the contract is not known: begin with the newer shape. */
  newerFirst?: boolean;
  /** The first attempt of the workflow run: a replay then means that another step has the same key. */
  firstAttempt: boolean;
  /**
   * Waits a while and looks whether the run of someone else has ended.
   *
   * @throws MosooError at the wait's own deadline; CancelledError
   */
  waitForActiveRun: () => Promise<boolean>;
  /**
   * The thread was made for this message alone: any run in it is the message's. Then a doubtful failure is looked
   * into by reading the thread before anything is sent again.
   */
  ownThread?: boolean;
}

export interface SentMessage {
  /** The message's run, as last seen; null where the server named none. */
  run: Run | null;
  /** The thread as last seen, where it was. */
  thread: Thread | undefined;
  /** The message had been sent by an earlier request. */
  replayed: boolean;
  /** The idempotency key that it was sent, or found, with. */
  key: string;
  contract: Contract | undefined;
}

/** How often files are uploaded anew. */
const mostRenewals = 6;
/** Looks at another's active run before the message is tried again; then twice as many each time. */
const fewestLooks = 1;
/** The same where a try uses files up that have to be uploaded again. */
const fewestLooksWithFiles = 8;

const isActive = (answer: ThreadResponse): answer is ThreadResponse & { run: Run } =>
  answer.run !== null && !isTerminalStatus(answer.run.status);

/** @throws MosooError; CancelledError */
export async function sendMessage(
  transport: Transport,
  effort: RetryLoop,
  request: MessageRequest,
): Promise<SentMessage> {
  return new MessageSender(transport, effort, request).send();
}

class MessageSender {
  readonly #transport: Transport;
  readonly #effort: RetryLoop;
  readonly #request: MessageRequest;
  #contract: Contract | undefined;
  #negotiated = false;
  /** The server's contract was asked for, and could not be had. */
  #unread = false;
  #key: string;
  #generation = 1;
  #fileIds: readonly string[];
  /** It is known that nobody else's run was active. */
  #lookedFirst = false;
  /** A request with these files has failed, and may have used them up. */
  #filesTried = false;
  #renewals = 0;
  /** The active run beside which the message was sent in vain, and how often the thread was looked at since. */
  #activeRun: string | undefined;
  #looks = 0;
  #toldOfOtherRun = false;
  #warned = false;

  constructor(transport: Transport, effort: RetryLoop, request: MessageRequest) {
    this.#transport = transport;
    this.#effort = effort;
    this.#request = request;
    this.#contract = request.contract;
    this.#key = request.key;
    this.#fileIds = request.fileIds;
  }

  async send(): Promise<SentMessage> {
    const { upload } = this.#request;
    if (upload !== undefined) {
      await this.#awaitQuiet();
      await this.#attach(upload);
    }
    for (;;) {
      if (this.#fileIds.length > 0 && filesAreSingleUse(this.#shape)) await this.#awaitQuiet();
      const event = this.#event();
      const reply = await this.#ask(event);
      if (reply.kind === "ok") return this.#sent(reply.value, reply.replayed);
      const sent = await this.#afterFailure(reply, event);
      if (sent !== undefined) return sent;
    }
  }

  get #sentKey(): string {
    return generationKey(this.#key, this.#generation);
  }

  get #shape(): ObjectSchema {
    const { newerFirst } = this.#request;
    return (this.#contract ?? (newerFirst === true ? userIdContract : referenceContract)).message;
  }

  #event(): Body {
    const { text, requestId } = this.#request;
    return messageEvent(this.#shape, text, requestId, this.#fileIds);
  }

  #ask(event: Body): Promise<ApiResult<EventsResponse>> {
    const call = {
      method: "POST",
      path: `/threads/${encodeURIComponent(this.#request.threadId)}/events`,
      headers: { "content-type": "application/json", "idempotency-key": this.#sentKey },
      body: serializeBody({ events: [event] }),
      ...this.#effort.startAttempt(),
    } as const;
    return request(this.#transport, call, parseEventsResponse);
  }

  async #sent(answer: EventsResponse, replayed: boolean): Promise<SentMessage> {
    if (replayed) this.#warnOfSharedKey();
    const run = answer.events[0]?.run ?? null;
    if (run === null) return { ...(await this.#readDone()), replayed };
    return { run, thread: answer.thread, replayed, key: this.#sentKey, contract: this.#contract };
  }

  /** @returns the message's run, where it turns out that the message is in the thread; undefined: send again */
  async #afterFailure(reply: ApiFailure, event: Body): Promise<SentMessage | undefined> {
    if (reply.kind === "error" && isRefusedBody(reply)) {
      await this.#buildAnew(reply, event);
      return undefined;
    }
    this.#filesTried = true;
    // This call's failures are not stored; should one be all the same, the key is burnt and the request ID is not.
    if (reply.kind === "error" && reply.replayed) this.#nextGeneration();
    if (reply.kind === "error" && isConflict(reply)) return this.#afterConflict(reply);
    if (reply.kind === "error" && reply.status === 500) {
      this.#effort.markAmbiguous();
      const answer = await this.#read();
      if (this.#isOurs(answer)) return this.#found(answer);
      if (isActive(answer)) return this.#besideActiveRun(answer.run);
    }
    if (reply.kind === "error" && reply.status === 409 && reply.code === "readiness_blocked") {
      // Right after a run's end a checkpoint is pending for a moment.
      await this.#effort.waitBeforeRetry(
        { kind: "status", status: 503, retryAfterMs: reply.retryAfterMs },
        toMosooError(reply),
        false,
      );
    } else {
      await this.#effort.waitBeforeRetry(
        toRetryFailure(reply),
        reply.kind === "error" ? invalidValueError(reply) : toMosooError(reply),
      );
    }
    return this.#lookAgain();
  }

  async #afterConflict(reply: ApiErrorResult): Promise<SentMessage | undefined> {
    if (isAlreadyApplied(reply)) {
      this.#warnOfSharedKey();
      return this.#readDone();
    }
    if (isKeyReused(reply)) throw keyReusedError(reply, this.#effort.threadState);
    const { retryAfterMs } = reply;
    if (!isKeyUnrecoverable(reply) && this.#effort.canWait(retryAfterMs ?? 0)) {
      if (isStillProcessing(reply)) this.#warnOfSharedKey();
      const known = isStillProcessing(reply) ? undefined : await this.#lookAgain();
      if (known !== undefined) return known;
      await this.#effort.waitBeforeRetry({ kind: "processing", retryAfterMs }, toMosooError(reply));
      return undefined;
    }
    // The key is stuck, the request ID is not: under a fresh key the server tells whether the message is there.
    const known = await this.#lookAgain();
    if (known !== undefined) return known;
    await this.#effort.waitBeforeRetry({ kind: "processing" }, toMosooError(reply));
    this.#nextGeneration();
    return undefined;
  }

  #nextGeneration(): void {
    if (this.#generation < MAX_SKIPPED_KEYS) this.#generation += 1;
  }

  /**
   * The server refuses messages while a run is active. The run may be ours, where the server failed once it had our
   * message: then the next try says so. Else it is waited for, with a try now and then.
   */
  async #besideActiveRun(run: Run): Promise<undefined> {
    if (this.#activeRun !== run.id) {
      this.#activeRun = run.id;
      this.#looks = 0;
      return;
    }
    await this.#awaitOther(run);
  }

  /**
   * Before files are uploaded or named, once: beside an active run the server would refuse the message, and use them up.
   * An earlier attempt may have started that run; then sending tells.
   */
  async #awaitQuiet(): Promise<void> {
    const { firstAttempt, ownThread } = this.#request;
    if (this.#lookedFirst || !firstAttempt || ownThread === true) return;
    this.#lookedFirst = true;
    const answer = await this.#read();
    if (!isActive(answer)) return;
    this.#activeRun = answer.run.id;
    await this.#awaitOther(answer.run);
  }

  /** How often the run is looked at before the message is tried again. */
  get #mostLooks(): number {
    if (this.#fileIds.length === 0) return Math.max(fewestLooks, this.#looks * 2);
    return this.#request.upload === undefined ? Infinity : Math.max(fewestLooksWithFiles, this.#looks * 2);
  }

  /** Waits for the run's end, or long enough to try again. */
  async #awaitOther(run: Run): Promise<void> {
    const most = this.#mostLooks;
    if (!this.#toldOfOtherRun) this.#effort.onEvent({ kind: "other-run", status: run.status ?? undefined });
    this.#toldOfOtherRun = true;
    await this.#meanwhile(async () => {
      while (!(await this.#request.waitForActiveRun()) && this.#looks < most) this.#looks += 1;
    });
  }

  /** Work of others between two tries: should it fail, what is known of the message stays known. */
  async #meanwhile<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#effort.throwIfCancelled();
      throw error instanceof MosooError ? error.extend({ threadState: this.#effort.threadState }) : error;
    }
  }

  /** After a refusal of the body, which burns nothing. */
  async #buildAnew(reply: ApiErrorResult, event: Body): Promise<void> {
    const fitting = this.#negotiated ? undefined : await this.#contractFor(event);
    if (fitting !== undefined) {
      this.#contract = fitting;
      this.#effort.onEvent({ kind: "negotiated", properties: Object.keys(this.#event()) });
    } else if (this.#filesTried && this.#fileIds.length > 0) {
      await this.#renewFiles(reply);
    } else {
      const error = this.#unread ? contractUnavailableError(reply) : invalidValueError(reply);
      throw error.extend({ threadState: this.#effort.threadState });
    }
  }

  async #contractFor(event: Body): Promise<Contract | undefined> {
    this.#negotiated = true;
    const after = await renegotiate(this.#contract, (each) => each.message, event, this.#transport, this.#effort);
    this.#unread = after === "unread";
    return after === "unread" ? undefined : after;
  }

  async #renewFiles(reply: ApiErrorResult): Promise<void> {
    const { upload } = this.#request;
    if (upload === undefined || this.#renewals >= mostRenewals) {
      throw invalidValueError(reply).extend({
        advice:
          "The service takes a file once, and an earlier try of this message may have used the files up: upload them again.",
        threadState: this.#effort.threadState,
      });
    }
    this.#renewals += 1;
    await this.#attach(upload);
  }

  async #attach(upload: NonNullable<MessageRequest["upload"]>): Promise<void> {
    const { fileIds, key } = await this.#meanwhile(upload);
    this.#fileIds = fileIds;
    this.#key = key;
    this.#filesTried = false;
  }

  #read(operation = "read the thread"): Promise<ThreadResponse> {
    return getThread(this.#transport, this.#effort.forRead(operation), this.#request.threadId);
  }

  #isOurs(answer: ThreadResponse): boolean {
    return this.#request.ownThread === true && answer.run !== null;
  }

  /** The server has said that the message is in the thread: what became of it. */
  async #readDone(): Promise<SentMessage> {
    this.#effort.markDone();
    return this.#found(await this.#read("look for the message's run"));
  }

  /** In a thread of our own a run tells that the message is there. */
  async #lookAgain(): Promise<SentMessage | undefined> {
    if (this.#request.ownThread !== true) return undefined;
    const answer = await this.#read();
    return this.#isOurs(answer) ? this.#found(answer) : undefined;
  }

  /** The message is in the thread. */
  async #found(answer: ThreadResponse): Promise<SentMessage> {
    const run = this.#isOurs(answer) ? answer.run : await this.#runOfOurs(answer.run);
    return { run, thread: answer.thread, replayed: true, key: this.#sentKey, contract: this.#contract };
  }

  /** The message's run, in a thread where others write, too; the newest where the events do not tell. */
  async #runOfOurs(newest: Run | null): Promise<Run | null> {
    const { text, threadId, firstAttempt } = this.#request;
    // The message is there, and no failure to learn more of it makes it otherwise.
    const tolerate = (error: unknown): undefined => {
      if (!(error instanceof MosooError)) throw error;
    };
    const reads = this.#effort.forRead("look for the message's run");
    const search = listRunsForMessage(text, this.#transport, reads, threadId, newest?.id);
    // A re-run must not take another's run for its own: after that one's failure it would send the message again.
    const runs = await (firstAttempt ? search.catch(tolerate) : search);
    const id = runs?.at(-1);
    if (id === undefined || id === newest?.id) return newest;
    // A read that lags behind: what goes on must not be asked for its end.
    if (newest === null || compareRunAge(newest, { id }) === "older") return { id };
    return (await getEndedRunByInterrupt(this.#transport, reads, threadId, id).catch(tolerate)) ?? { id };
  }

  #warnOfSharedKey(): void {
    if (!this.#request.firstAttempt || this.#effort.everAmbiguous || this.#warned) return;
    this.#warned = true;
    this.#effort.onEvent({ kind: "shared-key" });
  }
}
