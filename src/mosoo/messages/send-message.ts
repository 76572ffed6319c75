/** Sends a message into a thread, once: executes what message-state.ts decides. */
import * as endpoints from "../endpoints.ts";
import { renegotiate, serializeBody } from "../contract/negotiate.ts";
import { type Run, type ThreadResponse, isTerminalStatus } from "../contract/schema.ts";
import { MosooError, CancelledError } from "../errors.ts";
import { classifyConflict } from "../idempotency.ts";
import type { RetryLoop } from "../retry-loop.ts";
import { getThread } from "../threads.ts";
import { type OwnRun, getOwnRun, lookUpMessage } from "./find-own-run.ts";
import type { MessageRequest, SentMessage, MessageEffect, MessageEvent, MessageState } from "./message.ts";
import { currentKey, eventOf, reduceMessage, startMessage } from "./message-state.ts";
import type { Clock } from "../../common/clock.ts";
import { INITIAL_POLL_INTERVAL_MS, growInterval, withJitter } from "../runs/poll-scheduler.ts";

interface ActiveRunOptions {
  clock: Clock;
  /** For all waits together, in milliseconds. */
  timeoutMs: number;
  cancelSignal: AbortSignal;
  readThread: () => Promise<ThreadResponse>;
}

/**
 * Polls the thread at growing intervals, once a call.
 *
 * @returns a function that resolves to whether the thread is idle, and throws MosooError at the time limit,
 *   CancelledError when it is cancelled
 */
export function createActiveRunPoller(options: ActiveRunOptions): () => Promise<boolean> {
  const { clock, timeoutMs, cancelSignal, readThread } = options;
  const deadlineAt = clock.now() + timeoutMs;
  let intervalMs = INITIAL_POLL_INTERVAL_MS;
  return async () => {
    const waitMs = withJitter(intervalMs, clock.random());
    intervalMs = growInterval(intervalMs);
    if (clock.now() + waitMs > deadlineAt) {
      throw new MosooError("Another agent run is still active in this thread after `wait-timeout`.", {
        advice: "Wait for it to finish or interrupt it in Mosoo, or increase `wait-timeout`; then re-run the job.",
        input: "thread-id",
      });
    }
    await clock.sleep(waitMs, cancelSignal);
    if (cancelSignal.aborted) throw new CancelledError("unknown");
    const { run } = await readThread();
    return run === null || isTerminalStatus(run.status);
  };
}

/**
 * @param waitForActiveRun waits a while for another's run. Returns whether the thread is idle
 * @throws MosooError; CancelledError
 */
export function sendMessage(
  loop: RetryLoop,
  request: MessageRequest,
  waitForActiveRun: () => Promise<boolean>,
): Promise<SentMessage> {
  return new MessageSender(loop, request, waitForActiveRun).send();
}

class MessageSender {
  readonly #loop: RetryLoop;
  readonly #waitForActiveRun: () => Promise<boolean>;
  /** On the wall clock, in milliseconds. */
  readonly #startedAt = Date.now();
  #state: MessageState;
  /** Log lines that are written once. */
  readonly #reported = new Set<"shared-key" | "other-run">();

  constructor(loop: RetryLoop, request: MessageRequest, waitForActiveRun: () => Promise<boolean>) {
    this.#loop = loop;
    this.#waitForActiveRun = waitForActiveRun;
    this.#state = startMessage(request);
  }

  async send(): Promise<SentMessage> {
    let event = this.#start();
    for (;;) {
      const [state, effect] = reduceMessage(this.#state, event);
      this.#state = state;
      if (effect.do === "finish") return this.#finish(effect.run, effect.thread, effect.replayed);
      if (effect.do === "find_run") {
        const { run, wasResent } = await this.#findRun(effect.thread);
        return { ...this.#finish(run, effect.thread.thread, true), wasResent };
      }
      event = await this.#execute(effect);
    }
  }

  #start(): MessageEvent {
    const { newestFirst } = this.#state.request;
    return { kind: "start", newestFirst: newestFirst === true || this.#loop.servesNewestContract };
  }

  #finish(run: Run | null, thread: SentMessage["thread"], replayed: boolean): SentMessage {
    if (replayed) this.#reportSharedKey();
    return { run, thread, replayed, key: currentKey(this.#state), contract: this.#state.contract };
  }

  #findRun({ run }: ThreadResponse): Promise<OwnRun> {
    return getOwnRun(this.#loop.forRead("look for the message's run"), this.#state.request, run);
  }

  async #execute(effect: Exclude<MessageEffect, { do: "finish" | "find_run" }>): Promise<MessageEvent> {
    const { request, contract } = this.#state;
    switch (effect.do) {
      case "send":
        return this.#post(effect);
      case "upload":
        return { kind: "uploaded", ...(await this.#excluded(request.upload ?? noUpload)) };
      case "renegotiate": {
        const { body, rejection } = effect;
        const found = await renegotiate(this.#loop, contract, (known) => known.message, body);
        if (typeof found === "object") {
          this.#loop.onEvent({
            kind: "negotiated",
            properties: Object.keys(eventOf({ ...this.#state, contract: found })),
          });
        }
        return { kind: "contract", contract: found, rejection };
      }
      case "read": {
        const { purpose, rejection } = effect;
        if (purpose === "applied") this.#loop.markDone();
        const loop = this.#loop.forRead(purpose === "applied" ? "look for the message's run" : "read the thread");
        const response = await getThread(loop, request.threadId);
        const isListed = effect.withMessages === true && (await lookUpMessage(loop, request, undefined)) === "yes";
        return { kind: "thread", purpose, rejection, response, isListed };
      }
      case "wait":
        await this.#loop.waitBeforeRetry(effect.failure, effect.error, effect.mutating);
        return { kind: "waited", then: effect.then };
      case "wait_for_run":
        return this.#pollActiveRun(effect);
      case "look_up": {
        const { rejection } = effect;
        const sendingSince = request.isFirstSending === true ? this.#startedAt : undefined;
        const found = await lookUpMessage(this.#loop.forRead("look for the message"), request, sendingSince);
        return { kind: "looked_up", found, rejection };
      }
      case "fail":
        throw effect.error.extend({ threadState: effect.error.details.threadState ?? this.#loop.threadState });
    }
  }

  async #post({ key, event }: MessageEffect & { do: "send" }): Promise<MessageEvent> {
    const result = await this.#loop.attempt(endpoints.postEvents(this.#state.request.threadId), {
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: serializeBody({ events: [event] }),
    });
    if (result.kind === "host_changed") return this.#start();
    if (result.kind === "error") {
      const conflict = classifyConflict(result);
      if (conflict === "already_applied" || conflict === "in_progress") this.#reportSharedKey();
      if (conflict === "already_applied") this.#loop.markDone();
      if (result.status === 500) this.#loop.markAmbiguous();
    }
    return { kind: "response", result, event, remainingMs: this.#loop.remainingMs };
  }

  async #pollActiveRun({ run, maxPolls }: MessageEffect & { do: "wait_for_run" }): Promise<MessageEvent> {
    if (!this.#reported.has("other-run")) this.#loop.onEvent({ kind: "other-run", status: run.status ?? undefined });
    this.#reported.add("other-run");
    return this.#excluded(async () => {
      let { polls } = this.#state;
      while (!(await this.#waitForActiveRun()) && polls < maxPolls) polls += 1;
      return { kind: "run_waited", polls };
    });
  }

  /** Work between two attempts: should it fail, what is known of the message stays known. */
  async #excluded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#loop.throwIfCancelled();
      throw error instanceof MosooError ? error.extend({ threadState: this.#loop.threadState }) : error;
    }
  }

  /** In a first attempt nobody but another step can have sent the key before. */
  #reportSharedKey(): void {
    if (!this.#state.request.firstAttempt || this.#loop.everAmbiguous || this.#reported.has("shared-key")) return;
    this.#reported.add("shared-key");
    this.#loop.onEvent({ kind: "shared-key" });
  }
}

function noUpload(): Promise<never> {
  return Promise.reject(new Error("A message without files has nothing to upload."));
}
