/** Follows a run to its end: performs the effects of the state machine in follow-state.ts. */
import type { Clock } from "../../common/clock.ts";
import { type ApiFailure, request, toMosooError, toRetryFailure } from "../request.ts";
import type { Run } from "../contract/schema.ts";
import { getThread, listEvents } from "../endpoints.ts";
import { postInterrupt } from "../threads.ts";
import type { Transport } from "../http/transport.ts";
import { type EventStream, type OpenResult, type StreamItem, openStream } from "./event-stream.ts";
import { startFollowing, transition } from "./follow-state.ts";
import type { FollowEffect, FollowEvent, FollowListener, FollowResult, History } from "./follow-types.ts";
import {
  type Transcript,
  applyEvent,
  applyEventList,
  beginReplay,
  emptyTranscript,
  mayLackStart,
  tokensUsed,
} from "./transcript.ts";

export type { FollowListener, FollowResult } from "./follow-types.ts";

/** A read at the deadline may take this long. */
const MIN_REQUEST_TIMEOUT_MS = 2_000;

export interface FollowOptions {
  transport: Transport;
  clock: Clock;
  threadId: string;
  /** As last seen. */
  run: Run;
  /** The run was started by an earlier attempt: it is read first, for it may have ended. */
  mayHaveEnded: boolean;
  /** The server is known to have no event stream. */
  isStreamUnsupported?: boolean;
  /** On the clock's scale. */
  deadlineAt: number;
  requestTimeoutMs: number;
  cancelSignal: AbortSignal;
  listener: FollowListener;
}

export interface Followed {
  result: FollowResult;
  transcript: Transcript;
  history: History;
  /** The server has no event stream. */
  isStreamUnsupported: boolean;
  /** @see {@link tokensUsed} */
  tokens: number | undefined;
}

/** Follows the run. Throws nothing that network or server can cause. */
export function followRun(options: FollowOptions): Promise<Followed> {
  return new Follower(options).follow();
}

interface Opening {
  result: Promise<OpenResult>;
  abort: AbortController;
  /** Aborted when the result is there. */
  settled: AbortSignal;
}

class Follower {
  readonly #options: FollowOptions;
  #transcript: Transcript;
  #stream: EventStream | undefined;
  #opening: Opening | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#transcript = emptyTranscript(options.run.id);
  }

  async follow(): Promise<Followed> {
    let [state, effect] = startFollowing(this.#options, this.#moment());
    while (effect.kind !== "finish") {
      const event = await this.#performUnlessCancelled(effect);
      [state, effect] = transition(state, event, { ...this.#moment(), transcript: this.#transcript });
      if (state.stream.kind === "closed") this.#disconnect();
    }
    this.#disconnect();
    return {
      result: effect.result,
      transcript: this.#transcript,
      history: effect.history,
      isStreamUnsupported: state.schedule.connectAt === Infinity,
      tokens: tokensUsed(this.#transcript),
    };
  }

  #moment(): { now: number; random: number } {
    const { clock } = this.#options;
    return { now: clock.now(), random: clock.random() };
  }

  async #performUnlessCancelled(effect: Exclude<FollowEffect, { kind: "finish" }>): Promise<FollowEvent> {
    const { cancelSignal } = this.#options;
    const event: FollowEvent = cancelSignal.aborted ? { kind: "cancelled" } : await this.#perform(effect);
    // What succeeded counts, whenever the signal came.
    return event.kind === "failed" && cancelSignal.aborted ? { kind: "cancelled" } : event;
  }

  async #perform(effect: Exclude<FollowEffect, { kind: "finish" }>): Promise<FollowEvent> {
    const { listener } = this.#options;
    switch (effect.kind) {
      case "wait":
        return this.#wait(effect.until);
      case "connect":
        this.#connect();
        return { kind: "tick" };
      case "read_thread":
        return this.#readThread();
      case "read_history":
        return this.#readHistory(effect.timeoutMs);
      case "interrupt":
        return this.#interrupt();
      case "report_input": {
        const { run, title } = effect;
        return { kind: "input_handled", run, title, keepWaiting: listener.onInputRequired(title, run) };
      }
      case "report_idle":
        listener.onIdle();
        return { kind: "tick" };
      case "debug":
        listener.debug(effect.text);
        return { kind: "tick" };
    }
  }

  /** Waits until then, or for the stream's next item. */
  async #wait(until: number): Promise<FollowEvent> {
    const { clock, cancelSignal } = this.#options;
    const ms = Math.max(0, until - clock.now());
    if (this.#stream !== undefined) {
      const item = await this.#stream.next(ms, clock, cancelSignal);
      return item === undefined ? { kind: "tick" } : this.#onStreamItem(item, this.#stream.hasBuffered);
    }
    const opening = this.#opening;
    if (opening === undefined) {
      if (ms > 0) await clock.sleep(ms, cancelSignal);
      return { kind: "tick" };
    }
    await clock.sleep(ms, AbortSignal.any([cancelSignal, opening.settled]));
    if (!opening.settled.aborted) return { kind: "tick" };
    this.#opening = undefined;
    return this.#onOpened(await opening.result);
  }

  #onStreamItem(item: StreamItem, hasBuffered: boolean): FollowEvent {
    if (item.kind === "closed") {
      this.#stream = undefined;
      this.#options.listener.debug("The event stream was closed; reconnecting");
      return { kind: "stream_closed" };
    }
    if (item.kind === "heartbeat") return { kind: "stream_item", news: undefined, hasBuffered };
    const [transcript, news] = applyEvent(this.#transcript, item.event);
    this.#transcript = transcript;
    if (news !== undefined) this.#options.listener.onEvent(news);
    return { kind: "stream_item", news, hasBuffered };
  }

  /** Opens the stream in the background: it may be late or never come, as behind a proxy that buffers responses. */
  #connect(): void {
    const { transport, threadId, cancelSignal } = this.#options;
    const [abort, settled] = [new AbortController(), new AbortController()];
    const signal = AbortSignal.any([cancelSignal, abort.signal]);
    const { timeoutMs } = this.#requestLimits();
    const result = openStream(transport, threadId, { timeoutMs, signal }).finally(() => {
      settled.abort();
    });
    // Awaited in #wait(); where following has ended by then, nobody does.
    result.catch(() => undefined);
    this.#opening = { result, abort, settled: settled.signal };
  }

  #onOpened(opened: OpenResult): FollowEvent {
    const { listener } = this.#options;
    if (opened.kind === "open") {
      this.#stream = opened.stream;
      this.#transcript = beginReplay(this.#transcript);
      return { kind: "stream_opened" };
    }
    if (opened.kind === "unsupported") {
      listener.debug("The server has no event stream; polling");
      return { kind: "stream_unsupported" };
    }
    const failure = toRetryFailure(opened.kind === "refused" ? opened.reply : opened);
    const why = failure.kind === "status" ? failure.status : failure.kind === "connection" ? failure.fault : "";
    listener.debug(`Failed to open the event stream (${why}); polling`);
    return { kind: "stream_unavailable", failure };
  }

  #disconnect(): void {
    this.#stream?.close();
    this.#opening?.abort.abort();
    this.#stream = undefined;
    this.#opening = undefined;
  }

  async #readThread(): Promise<FollowEvent> {
    const { transport, threadId, run, listener } = this.#options;
    const result = await request(transport, getThread(threadId), this.#requestLimits());
    if (result.kind !== "ok") return this.#failed("read_thread", result);
    const { value } = result;
    if (value.run?.id === run.id) listener.onRunUpdated(value.run, value.thread);
    return { kind: "thread_read", response: value };
  }

  async #readHistory(timeoutMs = Infinity): Promise<FollowEvent> {
    const { transport, threadId, run, requestTimeoutMs, listener } = this.#options;
    const limits = this.#requestLimits();
    const result = await request(transport, listEvents(threadId), {
      ...limits,
      timeoutMs: timeoutMs === Infinity ? limits.timeoutMs : Math.min(requestTimeoutMs, timeoutMs),
    });
    if (result.kind !== "ok") return this.#failed("read_history", result);
    const { events, truncated } = result.value;
    const [transcript, news] = applyEventList(this.#transcript, events);
    this.#transcript = transcript;
    for (const one of news) listener.onEvent(one);
    return { kind: "history_read", isTruncated: truncated && mayLackStart(events, run.id), news };
  }

  async #interrupt(): Promise<FollowEvent> {
    const { transport, threadId, run } = this.#options;
    const reply = await postInterrupt(transport, threadId, run.id, this.#requestLimits());
    if (reply.kind === "ok") return { kind: "interrupted", run: reply.run };
    return this.#failed("interrupt", reply);
  }

  #failed(call: (FollowEvent & { kind: "failed" })["call"], failure: ApiFailure): FollowEvent {
    const doing = {
      read_thread: "read the thread",
      read_history: "read the thread's events",
      interrupt: "read the run",
    };
    this.#options.listener.debug(`Failed to ${doing[call]}: ${toMosooError(failure).message}`);
    return { kind: "failed", call, failure };
  }

  #requestLimits(): { timeoutMs: number; signal: AbortSignal } {
    const { clock, deadlineAt, requestTimeoutMs, cancelSignal } = this.#options;
    const remainingMs = Math.max(MIN_REQUEST_TIMEOUT_MS, deadlineAt - clock.now());
    return { timeoutMs: Math.min(requestTimeoutMs, remainingMs), signal: cancelSignal };
  }
}
