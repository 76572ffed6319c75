/**
 * Follows a run to its end: by the event stream where the server has one, else by polling. What the events say is a
 * hint; `GET /threads/{id}`, as long as it shows our run, is the truth.
 */
import type { Clock } from "../clock.ts";
import { MosooError } from "../errors.ts";
import { type Reply, ask, errorOf, failureOf } from "../exchange.ts";
import { backoffMs, isPassing } from "../retry.ts";
import { type Run, type Thread, type ThreadAnswer, hasEnded, isOlderRun, parseThreadAnswer } from "../schema.ts";
import { interruptRun } from "../thread.ts";
import type { Transport } from "../transport.ts";
import { parseEventList } from "./events.ts";
import { spreadAfter } from "./intervals.ts";
import { Pace } from "./pace.ts";
import { type EventStream, openStream } from "./stream.ts";
import { type Happening, Transcript } from "./transcript.ts";

/** Without even a keep-alive comment (every 15 s or so) for this long the connection is dead. */
const mutedMs = 45_000;
/** A connection that lived this long is a working one. */
const provenMs = 10_000;
/** After streams that brought something and soon broke, all the same. */
const longestReconnectMs = 3_000;
/** So many are tried soon one after the other; where streams fail, the next tries are minutes apart: polling does instead. */
const quickTries = 3;
const [firstRetryMs, longestRetryMs] = [60_000, 300_000];
const quietMs = 60_000;
/** What a last read at the deadline may take. */
const lastReadMs = 2_000;
/** How long the events are asked for that hold the answer; and those that are only good to have. */
const [neededListMs, wantedListMs] = [90_000, 3_000];
/** An answer of a million characters, written as escapes, and its events. */
const mostBytes = 32 * 1024 * 1024;
/** How often the end of a run is asked for that a newer one has followed. */
const mostVainQuestions = 3;

export interface FollowListener {
  happened(happening: NonNullable<Happening>): void;
  /** The run as the thread shows it. */
  seen(run: Run, thread: Thread): void;
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
  /** It was not seen just now but started by an earlier attempt: look first, it may have ended. */
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
  | { kind: "stopped" }
  /** The thread can be read no more: it is gone, the token was revoked. */
  | { kind: "lost"; error: MosooError };

export interface Followed {
  end: FollowEnd;
  transcript: Transcript;
  /** `truncated`: older events of the run were not to be had. `missing`: none but what a stream may have told. */
  events: "whole" | "truncated" | "missing";
}

/** Follows the run. Throws nothing that the wire or the server can cause. */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const follower = new Follower(options);
  const end = await follower.follow();
  const events = await follower.completeTranscript(end);
  return { end, transcript: follower.transcript, events };
}

class Follower {
  readonly #options: FollowOptions;
  readonly transcript: Transcript;
  readonly #pace: Pace;
  /** When the stream is tried (again). */
  #streamAt: number;
  /** Streams in a row that were not to be had, or brought nothing. */
  #vainStreams = 0;
  /** Streams in a row that brought something and soon broke. */
  #shortStreams = 0;
  /** Reads in a row that failed. */
  #failures = 0;
  #vainQuestions = 0;
  #lastToldAt: number;
  /** What an event asks that the thread has not shown yet. */
  #question: { id: string; title: string | undefined } | undefined;
  /** The question that the run waits with was told; `askedBy` is the event that holds it. */
  #asked = false;
  #askedBy: string | undefined;
  #events: Followed["events"] = "whole";

  constructor(options: FollowOptions) {
    const { clock } = options;
    this.#options = options;
    this.transcript = new Transcript(options.run.id);
    this.#lastToldAt = this.#streamAt = clock.now();
    this.#pace = new Pace(clock.now(), clock.random());
  }

  async follow(): Promise<FollowEnd> {
    const end = await this.#watch();
    // It may have ended since the last read.
    return end.kind === "timeout" ? ((await this.#look()) ?? end) : end;
  }

  /** Fills the transcript from the event list, where no stream has told all up to the run's end. */
  async completeTranscript(end: FollowEnd): Promise<Followed["events"]> {
    if (end.kind === "stopped" || end.kind === "lost" || this.transcript.endedAs !== undefined) return this.#events;
    const needed = end.kind === "ended" && typeof end.run.finalOutput?.text !== "string";
    const taken = await this.#takeEventList(needed ? neededListMs : wantedListMs);
    return taken ? this.#events : "missing";
  }

  async #watch(): Promise<FollowEnd> {
    const { clock, mayHaveEnded, run } = this.#options;
    if (!mayHaveEnded && hasEnded(run.status)) return { kind: "ended", run };
    if (mayHaveEnded) {
      const end = await this.#look();
      if (end !== undefined) return end;
    }
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return over;
      let end: FollowEnd | undefined;
      if (clock.now() >= this.#streamAt) end = await this.#tryStream();
      else if (clock.now() >= this.#pace.at) end = await this.#look();
      else await this.#sleepUntil(Math.min(this.#streamAt, this.#pace.at));
      if (end !== undefined) return end;
    }
  }

  async #tryStream(): Promise<FollowEnd | undefined> {
    const { transport, threadId, clock, stop, listener } = this.#options;
    const opened = await openStream(transport, threadId, this.#limits());
    if (opened.kind === "absent") {
      listener.debug("The server has no event stream: polling.");
      this.#streamAt = Infinity;
      return undefined;
    }
    if (opened.kind !== "open") {
      const failure = failureOf(opened.kind === "refused" ? opened.reply : opened);
      const why = failure.kind === "status" ? failure.status : failure.kind === "wire" ? failure.fault : "";
      listener.debug(`The event stream cannot be had (${why}).`);
      this.#streamFailed(opened.kind === "refused" ? opened.reply.retryAfterMs : undefined);
      return undefined;
    }
    const openedAt = clock.now();
    const { end, progress } = await this.#listen(opened.stream);
    opened.stream.close();
    if (end !== undefined) return end;
    if (stop.aborted) return { kind: "stopped" };
    listener.debug("The event stream broke off; connecting again.");
    this.#pace.poll(clock.now(), clock.random());
    if (progress) this.#streamBroke(clock.now() - openedAt);
    else this.#streamFailed(undefined);
    return undefined;
  }

  #streamFailed(retryAfterMs: number | undefined): void {
    const { clock } = this.#options;
    const tries = (this.#vainStreams += 1);
    const pauseMs =
      tries < quickTries
        ? backoffMs(tries, clock.random())
        : Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(10, tries - quickTries));
    const askedMs = retryAfterMs === undefined ? 0 : spreadAfter(retryAfterMs, clock.random());
    this.#streamAt = clock.now() + Math.max(pauseMs, askedMs);
  }

  #streamBroke(livedMs: number): void {
    const { clock } = this.#options;
    this.#vainStreams = 0;
    this.#shortStreams = livedMs < provenMs ? this.#shortStreams + 1 : 1;
    const growing = Math.max(1, this.#shortStreams + 1 - quickTries);
    this.#streamAt = clock.now() + Math.min(longestReconnectMs, backoffMs(growing, clock.random()));
  }

  /** Listens until the run ends, a person is asked, or the connection breaks. */
  async #listen(stream: EventStream): Promise<{ end?: FollowEnd; progress: boolean }> {
    const { clock, stop, deadlineAt, listener } = this.#options;
    this.transcript.connect();
    this.#pace.listen();
    const openedAt = clock.now();
    let lastItemAt = openedAt;
    // A connection that only repeats the past and breaks again has brought nothing.
    let progress = false;
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return { end: over, progress };
      const dueAt = Math.min(lastItemAt + mutedMs, this.#pace.at, deadlineAt, this.#lastToldAt + quietMs);
      const item = await stream.next(dueAt - clock.now(), clock, stop);
      if (item?.kind === "broken") return { progress };
      if (item !== undefined) {
        lastItemAt = clock.now();
        progress ||= lastItemAt - openedAt > provenMs;
        if (item.kind === "event") {
          this.#pace.heard(lastItemAt);
          if (this.#hear(this.transcript.take(item.event))) progress = true;
        }
        // All that has come is heard before the thread is read.
        if (stream.hasMore) continue;
      }
      this.#tellQuiet();
      if (clock.now() >= this.#pace.at) {
        const end = await this.#look();
        if (end !== undefined) return { end, progress };
      } else if (clock.now() >= lastItemAt + mutedMs) {
        listener.debug("Nothing came through the event stream for 45 s.");
        return { progress: false };
      }
    }
  }

  /** @returns whether it was news */
  #hear(happening: Happening): boolean {
    if (happening === undefined) return false;
    const now = this.#options.clock.now();
    if (happening.kind === "hint") this.#pace.hinted("end", now);
    if (happening.kind === "started") {
      this.#question = undefined;
      this.#asked = false;
      this.#pace.questionSettled();
    }
    if (happening.kind === "question") {
      // One that was found by reading has been told.
      this.#asked = happening.id !== "" && happening.id === this.#askedBy;
      this.#question = this.#asked ? undefined : happening;
      if (!this.#asked) this.#pace.hinted("question", now);
    }
    this.#tell(happening);
    return true;
  }

  /** Sleeps until the time given, the deadline or a stop, telling of quiet minutes. */
  async #sleepUntil(at: number): Promise<void> {
    const { clock, stop, deadlineAt } = this.#options;
    const until = Math.min(at, deadlineAt);
    while (!stop.aborted && clock.now() < until) {
      this.#tellQuiet();
      await clock.sleep(Math.max(0, Math.min(until, this.#lastToldAt + quietMs) - clock.now()), stop);
    }
  }

  #over(): FollowEnd | undefined {
    if (this.#options.stop.aborted) return { kind: "stopped" };
    return this.#options.clock.now() >= this.#options.deadlineAt ? { kind: "timeout" } : undefined;
  }

  #limits(): { timeoutMs: number; signal: AbortSignal } {
    const { clock, deadlineAt, requestTimeoutMs, stop } = this.#options;
    const remainingMs = Math.max(lastReadMs, deadlineAt - clock.now());
    return { timeoutMs: Math.min(requestTimeoutMs, remainingMs), signal: stop };
  }

  /** Reads the thread once. A passing failure is ridden out. */
  async #look(): Promise<FollowEnd | undefined> {
    const { transport, threadId, clock, listener } = this.#options;
    const path = `/threads/${encodeURIComponent(threadId)}`;
    const reply = await ask(transport, { method: "GET", path, mostBytes, ...this.#limits() }, parseThreadAnswer);
    let waitMs = 0;
    let end: FollowEnd | undefined;
    if (reply.kind === "ok") {
      this.#failures = 0;
      end = await this.#judge(reply.value);
    } else if (reply.kind === "wire" && reply.error.fault === "aborted") {
      end = { kind: "stopped" };
    } else if (isRiddenOut(reply)) {
      this.#failures += 1;
      listener.debug(`The thread cannot be read: ${errorOf(reply).message}`);
      waitMs = pauseAfter(reply, this.#failures, clock.random());
    } else {
      end = { kind: "lost", error: errorOf(reply, "exists") };
    }
    const limited = reply.kind === "error" && reply.status === 429;
    this.#pace.wasRead(clock.now(), { waitMs, limited }, clock.random());
    return end;
  }

  async #judge({ run, thread }: ThreadAnswer): Promise<FollowEnd | undefined> {
    const { run: own, listener } = this.#options;
    if (run === null) return undefined;
    if (run.id !== own.id) return isOlderRun(run, own) ? undefined : this.#followedByAnother();
    listener.seen(run, thread);
    if (hasEnded(run.status)) return { kind: "ended", run };
    if (run.status !== "waiting_input") {
      this.#asked = false;
      return undefined;
    }
    this.#pace.questionSettled();
    if (this.#asked) return undefined;
    const { id, title } = this.#question ?? (await this.#questionFromList());
    this.#question = undefined;
    this.#asked = true;
    this.#askedBy = id;
    return listener.asked(title, run) ? undefined : { kind: "question", run, title };
  }

  /** The thread shows a newer run: ours has ended. An interrupt of it changes nothing and answers with its real status. */
  async #followedByAnother(): Promise<FollowEnd | undefined> {
    const { run: own, transport, threadId, stop } = this.#options;
    const ended = await interruptRun(transport, threadId, own.id, { boundMs: lastReadMs, signal: stop });
    if (hasEnded(ended?.status)) return { kind: "ended", run: { ...own, ...ended } };
    // A token that may only read is told by the run's own ending event, which knows less.
    if (this.transcript.endedAs === undefined) await this.#takeEventList(0);
    const { endedAs } = this.transcript;
    if (endedAs !== undefined) return { kind: "ended", run: { ...own, status: endedAs } };
    this.#vainQuestions += 1;
    if (stop.aborted || this.#vainQuestions < mostVainQuestions) return undefined;
    const error = new MosooError(
      "A newer run has begun in the thread, and the server does not tell how this one ended.",
      {
        existence: "exists",
      },
    );
    return { kind: "lost", error };
  }

  /** What is asked, where no stream has told it. */
  async #questionFromList(): Promise<{ id: string | undefined; title: string | undefined }> {
    const { transport, threadId } = this.#options;
    const call = { method: "GET", path: eventListPath(threadId), mostBytes, ...this.#limits() } as const;
    const reply = await ask(transport, call, parseEventList);
    const events = reply.kind === "ok" ? reply.value.events : [];
    const last = events.findLast((event) => event.type === "tool.confirmation.required");
    return { id: last?.id, title: last?.content || undefined };
  }

  /** Takes the event list, asking for it again within `boundMs` where the server passes by. @returns whether it came */
  async #takeEventList(boundMs: number): Promise<boolean> {
    const { transport, threadId, clock, stop, requestTimeoutMs, listener } = this.#options;
    const until = clock.now() + boundMs;
    for (let tries = 1; ; tries += 1) {
      const timeoutMs = Math.min(requestTimeoutMs, Math.max(boundMs, lastReadMs));
      const call = { method: "GET", path: eventListPath(threadId), mostBytes, timeoutMs, signal: stop } as const;
      const reply = await ask(transport, call, parseEventList);
      if (reply.kind === "ok") {
        for (const happening of this.transcript.takeList(reply.value.events)) {
          if (happening !== undefined) this.#tell(happening);
        }
        this.#events = reply.value.truncated ? "truncated" : "whole";
        return true;
      }
      const waitMs = pauseAfter(reply, tries, clock.random());
      if (stop.aborted || !isRiddenOut(reply) || clock.now() + waitMs >= until) break;
      await clock.sleep(waitMs, stop);
    }
    listener.debug("The thread's events cannot be had.");
    return false;
  }

  #tell(happening: NonNullable<Happening>): void {
    this.#options.listener.happened(happening);
    if (happening.kind === "words" || happening.kind === "tool") this.#lastToldAt = this.#options.clock.now();
  }

  #tellQuiet(): void {
    if (this.#options.clock.now() < this.#lastToldAt + quietMs) return;
    this.#lastToldAt = this.#options.clock.now();
    this.#options.listener.quiet();
  }
}

type Failed = Exclude<Reply<never>, { kind: "ok" }>;

function eventListPath(threadId: string): string {
  return `/threads/${encodeURIComponent(threadId)}/events?limit=1000`;
}

function pauseAfter(reply: Failed, failures: number, random: number): number {
  const asked = reply.kind === "error" ? reply.retryAfterMs : undefined;
  return Math.max(asked === undefined ? 0 : spreadAfter(asked, random), backoffMs(failures, random));
}

function isRiddenOut(reply: Failed): boolean {
  if (reply.kind === "shape") return true;
  if (reply.kind === "error") return isPassing(reply.status);
  return !["certificate", "redirect", "not-tls", "too-large"].includes(reply.error.fault);
}
