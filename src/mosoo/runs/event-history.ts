/** The list of the thread's past events: for what no stream has told. */
import { MAX_TRANSCRIPT_RESPONSE_BYTES } from "../http/body.ts";
import { type ApiFailure, request } from "../request.ts";
import { type EventList, redactEvent, parseEventList } from "./events.ts";
import type { Question } from "./input-requests.ts";
import type { IdleNotifier } from "./idle-notifier.ts";
import type { Transcript } from "./transcript.ts";
import { type FollowContext, isTransient, requestLimits, retryDelayMs } from "./follow-context.ts";

/** What a single call may take, where it is only good to have. */
const shortestCallMs = 2_000;

export class EventHistory {
  readonly #watching: FollowContext;
  readonly #transcript: Transcript;
  readonly #telling: IdleNotifier;
  /** Older events of the run were not to be had. */
  truncated = false;

  constructor(watching: FollowContext, transcript: Transcript, telling: IdleNotifier) {
    this.#watching = watching;
    this.#transcript = transcript;
    this.#telling = telling;
  }

  /** Takes the list into the transcript, and tells what is new. @returns why it was not to be had */
  async take(timeoutMs = requestLimits(this.#watching).timeoutMs): Promise<ApiFailure | undefined> {
    const list = await this.#read(timeoutMs);
    if ("kind" in list) return list;
    for (const happening of this.#transcript.takeList(list.events)) {
      if (happening !== undefined) this.#telling.tell(happening);
    }
    this.truncated = list.truncated;
    return undefined;
  }

  /** The same, asking again within `boundMs` where the failure passes. @returns whether it came */
  async takeWithin(boundMs: number): Promise<boolean> {
    const { clock, stop, requestTimeoutMs, listener } = this.#watching;
    const until = clock.now() + boundMs;
    for (let tries = 1; ; tries += 1) {
      const failed = await this.take(Math.min(requestTimeoutMs, Math.max(boundMs, shortestCallMs)));
      if (failed === undefined) return true;
      const waitMs = retryDelayMs(failed, tries, clock.random());
      if (stop.aborted || !isTransient(failed) || clock.now() + waitMs >= until) break;
      await clock.sleep(waitMs, stop);
    }
    listener.debug("The thread's events cannot be had.");
    return false;
  }

  /** What is asked. */
  async lastQuestion(): Promise<Question> {
    const list = await this.#read(requestLimits(this.#watching).timeoutMs);
    const events = "kind" in list ? [] : list.events;
    const last = events.findLast((event) => event.type === "tool.confirmation.required");
    return { id: last?.id, title: last?.content || undefined };
  }

  async #read(timeoutMs: number): Promise<EventList | ApiFailure> {
    const { transport, threadId, stop } = this.#watching;
    const path = `/threads/${encodeURIComponent(threadId)}/events?limit=1000`;
    const call = {
      method: "GET",
      path,
      maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
      timeoutMs,
      signal: stop,
      skipRedaction: true,
    } as const;
    const reply = await request(transport, call, parseEventList);
    if (reply.kind !== "ok") return reply;
    const conceal = transport.redact.bind(transport);
    return { ...reply.value, events: reply.value.events.map((event) => redactEvent(event, conceal)) };
  }
}
