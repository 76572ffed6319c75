/**
 * Follows a run to its end: by the event stream where the server has one, else by polling. What the events say is a
 * hint; `GET /threads/{id}`, as long as it shows our run, is the truth.
 */
import type { Clock } from "../clock.ts";
import { type Reply, ask, errorOf, failureOf } from "../exchange.ts";
import { backoffMs, isPassing } from "../retry.ts";
import { type Run, type ThreadAnswer, hasEnded, parseThreadAnswer } from "../schema.ts";
import { interruptRun } from "../thread.ts";
import type { Transport } from "../transport.ts";
import { type Interval, afterRefusal, firstInterval, jittered, longer } from "./intervals.ts";
import { type ThreadEvent, parseEventList } from "./events.ts";
import { type EventStream, openStream } from "./stream.ts";
import { type Happening, Transcript } from "./transcript.ts";

/** Without even a keep-alive comment (every 15 s or so) for this long the connection is dead. */
const mutedMs = 45_000;
/** An end that no event announces is looked for after this long without an event, then at growing gaps. */
const firstLookMs = 60_000;
const longestLookMs = 300_000;
/** After an event said that the run ended, and the thread does not show it yet. */
const hintedLooksMs = [100, 300, 600, 1_000, 2_000, 4_000];
/** A connection that lived this long is a working one. */
const provenMs = 10_000;
/** Streams that fail in a row before polling takes over. */
const mostStreamFailures = 3;
const eventListTries = 4;

export interface FollowListener {
  happened(happening: NonNullable<Happening>): void;
  /** The run as the thread shows it. */
  seen(run: Run): void;
  /** A person is asked. @returns whether to go on waiting */
  asked(title: string | undefined, run: Run): boolean;
  /** A minute has passed without anything to tell. */
  quiet(): void;
  debug(text: string): void;
}

export interface FollowOptions {
  transport: Transport;
  clock: Clock;
  threadId: string;
  /** As last seen. */
  run: Run;
  /** An earlier attempt started the run: look first, it may have ended. */
  mayHaveEnded: boolean;
  /** On the clock's scale. */
  deadlineAt: number;
  requestTimeoutMs: number;
  stop: AbortSignal;
  listener: FollowListener;
}

export type FollowEnd =
  | { kind: "ended"; run: Run }
  | { kind: "question"; run: Run; title: string | undefined }
  | { kind: "timeout" }
  | { kind: "stopped" };

export interface Followed {
  end: FollowEnd;
  transcript: Transcript;
  /** Older events of the run were not to be had. */
  truncated: boolean;
}

/** @throws MosooError where the thread can be read no more (it is gone, the token was revoked) */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const follower = new Follower(options);
  const end = await follower.follow();
  const truncated = await follower.completeTranscript(end);
  return { end, transcript: follower.transcript, truncated };
}

class Follower {
  readonly #options: FollowOptions;
  readonly transcript: Transcript;
  #lastToldAt: number;
  #failures = 0;
  /** The stream has told everything up to its run's ending event. */
  #toldByStream = false;
  #question: { title: string | undefined } | undefined;
  /** The question that was told last, so that one question is told once. */
  #asked = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.transcript = new Transcript(options.run.id);
    this.#lastToldAt = options.clock.now();
  }

  async follow(): Promise<FollowEnd> {
    if (this.#options.mayHaveEnded) {
      const end = (await this.#look()).end;
      if (end !== undefined) return end;
    }
    let streamFailures = 0;
    while (streamFailures < mostStreamFailures) {
      const over = this.#over();
      if (over !== undefined) return over;
      const opened = await openStream(this.#options.transport, this.#options.threadId, this.#limits());
      if (opened.kind === "absent") break;
      if (opened.kind === "open") {
        const { end, progress } = await this.#listen(opened.stream);
        opened.stream.close();
        if (end !== undefined) return end;
        streamFailures = progress ? 0 : streamFailures + 1;
        this.#options.listener.debug("The event stream broke off; connecting again.");
        const whole = await this.#pause(backoffMs(streamFailures + 1, this.#options.clock.random()));
        if (progress && whole) continue;
      } else {
        streamFailures += 1;
        const failure = opened.kind === "refused" ? failureOf(opened.reply) : failureOf(opened);
        this.#options.listener.debug(
          `The event stream cannot be had (${failure.kind === "status" ? failure.status : failure.kind === "wire" ? failure.fault : ""}).`,
        );
        const asked = opened.kind === "refused" ? (opened.reply.retryAfterMs ?? 0) : 0;
        await this.#pause(Math.max(asked, backoffMs(streamFailures, this.#options.clock.random())));
      }
      const overNow = this.#over();
      if (overNow !== undefined) return overNow;
      const end = (await this.#look()).end;
      if (end !== undefined) return end;
    }
    return this.#poll();
  }

  /**
   * Fills the transcript from the event list, where the stream did not tell all.
   *
   * @returns whether older events were left out
   */
  async completeTranscript(end: FollowEnd): Promise<boolean> {
    if (this.#toldByStream || end.kind === "stopped") return false;
    const { transport, threadId, clock, listener } = this.#options;
    for (let tries = 1; tries <= eventListTries; tries += 1) {
      const path = `/threads/${encodeURIComponent(threadId)}/events?limit=1000`;
      const reply = await ask(transport, { method: "GET", path, ...this.#limits() }, parseEventList);
      if (reply.kind === "ok") {
        for (const happening of this.transcript.takeList(reply.value.events)) {
          if (happening !== undefined) listener.happened(happening);
        }
        return reply.value.truncated;
      }
      const passing = reply.kind === "wire" || reply.kind === "shape" || isPassing(reply.status);
      if (!passing || tries === eventListTries) break;
      const asked = reply.kind === "error" ? (reply.retryAfterMs ?? 0) : 0;
      await clock.sleep(Math.min(60_000, Math.max(asked, backoffMs(tries, clock.random()))), this.#options.stop);
    }
    listener.debug("The thread's events cannot be had.");
    return false;
  }

  /** Listens until the run ends, a person is asked, or the connection breaks. */
  async #listen(stream: EventStream): Promise<{ end: FollowEnd | undefined; progress: boolean }> {
    const { clock, stop, listener } = this.#options;
    this.transcript.connect();
    // A connection that only repeats the past and breaks again has brought nothing.
    let progress = false;
    const openedAt = clock.now();
    let lastByteAt = clock.now();
    let lookGap = firstLookMs;
    let lookAt = clock.now() + lookGap;
    let hinted = 0;
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return { end: over, progress };
      const now = clock.now();
      const dueAt = Math.min(lastByteAt + mutedMs, lookAt, this.#options.deadlineAt, this.#lastToldAt + 60_000);
      const item = await stream.next(Math.max(0, dueAt - now), clock, stop);
      if (item?.kind === "broken") return { end: undefined, progress };
      if (item !== undefined) {
        lastByteAt = clock.now();
        progress ||= lastByteAt - openedAt > provenMs;
        if (item.kind === "sign of life") continue;
        lookGap = firstLookMs;
        if (hinted === 0) lookAt = lastByteAt + lookGap;
        const happening = this.transcript.take(item.event);
        if (happening === undefined) continue;
        progress = true;
        this.#tell(happening);
        if (happening.kind === "question") {
          this.#question = { title: happening.title };
          this.#asked = false;
        }
        if (happening.kind === "hint" || happening.kind === "question") {
          hinted = 1;
          lookAt = clock.now();
        }
      }
      this.#tellQuiet();
      if (clock.now() >= lookAt) {
        const { end, waitMs } = await this.#look();
        if (end !== undefined) {
          this.#toldByStream = this.transcript.endedAs !== undefined;
          return { end, progress };
        }
        const soon = hinted === 0 ? undefined : hintedLooksMs[hinted - 1];
        if (soon === undefined) {
          hinted = 0;
          lookGap = Math.min(longestLookMs, lookGap * 1.5);
        } else {
          hinted += 1;
        }
        lookAt = clock.now() + Math.max(waitMs, soon ?? lookGap);
      } else if (clock.now() >= lastByteAt + mutedMs) {
        listener.debug("Nothing came through the event stream for 45 s.");
        return { end: undefined, progress: false };
      }
    }
  }

  async #poll(): Promise<FollowEnd> {
    const { clock } = this.#options;
    let interval: Interval = firstInterval;
    let waitMs = 0;
    for (;;) {
      const untilMs = Math.max(waitMs, jittered(interval, clock.random()));
      if (!(await this.#pause(untilMs))) {
        const over = this.#over();
        if (over !== undefined) return over;
      }
      const look = await this.#look();
      if (look.end !== undefined) return look.end;
      interval = look.limited ? afterRefusal(interval) : longer(interval);
      waitMs = look.waitMs;
    }
  }

  /** Waits, telling of quiet minutes. @returns false where the wait was cut short by the deadline or a stop */
  async #pause(ms: number): Promise<boolean> {
    const { clock, stop, deadlineAt } = this.#options;
    const until = clock.now() + ms;
    for (;;) {
      if (this.#over() !== undefined) return false;
      const now = clock.now();
      if (now >= until) return true;
      await clock.sleep(Math.min(until, deadlineAt, this.#lastToldAt + 60_000) - now, stop);
      this.#tellQuiet();
    }
  }

  #over(): FollowEnd | undefined {
    if (this.#options.stop.aborted) return { kind: "stopped" };
    return this.#options.clock.now() >= this.#options.deadlineAt ? { kind: "timeout" } : undefined;
  }

  #limits(): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: this.#options.requestTimeoutMs, signal: this.#options.stop };
  }

  /** Reads the thread once. A passing failure is ridden out: `waitMs` says how long to leave the server alone. */
  async #look(): Promise<{ end?: FollowEnd; waitMs: number; limited: boolean }> {
    const { transport, threadId, clock } = this.#options;
    const path = `/threads/${encodeURIComponent(threadId)}`;
    const reply = await ask(transport, { method: "GET", path, ...this.#limits() }, parseThreadAnswer);
    if (reply.kind === "ok") {
      this.#failures = 0;
      const end = await this.#judge(reply.value);
      return { ...(end === undefined ? {} : { end }), waitMs: 0, limited: false };
    }
    if (reply.kind === "wire" && reply.error.fault === "aborted")
      return { end: { kind: "stopped" }, waitMs: 0, limited: false };
    this.#failures += 1;
    if (!isRiddenOut(reply)) throw errorOf(reply, "exists");
    this.#options.listener.debug(`The thread cannot be read: ${errorOf(reply).message}`);
    const asked = reply.kind === "error" ? (reply.retryAfterMs ?? 0) : 0;
    return {
      waitMs: Math.max(asked, backoffMs(this.#failures, clock.random())),
      limited: reply.kind === "error" && reply.status === 429,
    };
  }

  async #judge(answer: ThreadAnswer): Promise<FollowEnd | undefined> {
    const { run: own, transport, threadId, listener } = this.#options;
    const { run } = answer;
    if (run === null) return undefined;
    if (run.id !== own.id) {
      // A newer run: ours has ended. An interrupt of it changes nothing and answers with its real status.
      const ended = await interruptRun(transport, threadId, own.id, 3_000);
      const status = ended?.status ?? this.transcript.endedAs ?? (await this.#ownEnding());
      if (!hasEnded(status)) return undefined;
      return { kind: "ended", run: { ...own, ...ended, status } };
    }
    listener.seen(run);
    if (hasEnded(run.status)) return { kind: "ended", run };
    if (run.status !== "waiting_input") {
      this.#asked = false;
      return undefined;
    }
    if (this.#asked) return undefined;
    const title = this.#question?.title ?? (await this.#questionFromList());
    this.#question = undefined;
    this.#asked = true;
    return listener.asked(title, run) ? undefined : { kind: "question", run, title };
  }

  /** How our run's own ending event calls its end, where an interrupt may not be sent (a service token) and no stream has told. */
  async #ownEnding(): Promise<"completed" | "failed" | undefined> {
    const transcript = new Transcript(this.#options.run.id);
    transcript.takeList(await this.#eventList());
    return transcript.endedAs;
  }

  /** The title of what is asked, where no stream has told it. */
  async #questionFromList(): Promise<string | undefined> {
    const questions = (await this.#eventList()).filter((event) => event.type === "tool.confirmation.required");
    return questions.at(-1)?.content ?? undefined;
  }

  /** The thread's events, asked for once; none where they cannot be had. */
  async #eventList(): Promise<ThreadEvent[]> {
    const { transport, threadId } = this.#options;
    const path = `/threads/${encodeURIComponent(threadId)}/events?limit=1000`;
    const reply = await ask(transport, { method: "GET", path, ...this.#limits() }, parseEventList);
    return reply.kind === "ok" ? reply.value.events : [];
  }

  #tell(happening: NonNullable<Happening>): void {
    this.#options.listener.happened(happening);
    if (["words", "tool"].includes(happening.kind)) this.#lastToldAt = this.#options.clock.now();
  }

  #tellQuiet(): void {
    if (this.#options.clock.now() < this.#lastToldAt + 60_000) return;
    this.#lastToldAt = this.#options.clock.now();
    this.#options.listener.quiet();
  }
}

function isRiddenOut(reply: Exclude<Reply<never>, { kind: "ok" }>): boolean {
  if (reply.kind === "shape") return true;
  if (reply.kind === "error") return isPassing(reply.status);
  return !["certificate", "redirect", "not-tls"].includes(reply.error.fault);
}
