/**
 * Follows a run to its end: by the event stream where the server has one, else by polling. What the events say is a
 * hint; `GET /threads/{id}`, as long as it shows our run, is the truth.
 */
import { failureOf } from "../exchange.ts";
import { hasEnded } from "../schema.ts";
import { PastEvents } from "./event-list.ts";
import { Pace } from "./pace.ts";
import { Questions } from "./questions.ts";
import { Reconnects, provenMs } from "./reconnects.ts";
import { type EventStream, type Opened, openStream } from "./stream.ts";
import { Telling } from "./telling.ts";
import { ThreadReader } from "./thread-reader.ts";
import { type Happening, Transcript } from "./transcript.ts";
import { type FollowEnd, type FollowListener, type Watching, limitsOf } from "./watching.ts";

export type { FollowEnd, FollowListener };

/** Without even a keep-alive comment (every 15 s or so) for this long the connection is dead. */
const mutedMs = 45_000;
/** How long the events are asked for that hold the answer; and those that are only good to have. */
const [neededListMs, wantedListMs] = [90_000, 3_000];

/** A final answer is written down a moment after its run's end: so it is waited for where the agent has said something. */
const lateAnswerMs = [150, 500];

export interface FollowOptions extends Watching {
  /** The run was not seen just now but started by an earlier attempt: look first, it may have ended. */
  mayHaveEnded: boolean;
}

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
  return { end: await follower.awaitAnswer(end), transcript: follower.transcript, events };
}

class Follower {
  readonly #options: FollowOptions;
  readonly transcript: Transcript;
  readonly #pace: Pace;
  readonly #reconnects: Reconnects;
  readonly #questions = new Questions();
  readonly #telling: Telling;
  readonly #past: PastEvents;
  readonly #reader: ThreadReader;

  constructor(options: FollowOptions) {
    const { clock, listener, run } = options;
    this.#options = options;
    this.transcript = new Transcript(run.id);
    this.#pace = new Pace(clock.now(), clock.random());
    this.#reconnects = new Reconnects(clock.now());
    this.#telling = new Telling(listener, clock);
    this.#past = new PastEvents(options, this.transcript, this.#telling);
    this.#reader = new ThreadReader(options, this.#pace, this.#questions, this.transcript, this.#past);
  }

  async follow(): Promise<FollowEnd> {
    const end = await this.#watch();
    if (end.kind !== "timeout") return end;
    // It may have ended since the last read.
    return (await this.#reader.look()) ?? this.#reader.atDeadline();
  }

  /** Fills the transcript from the event list, where no stream has told all up to the run's end. */
  async completeTranscript(end: FollowEnd): Promise<Followed["events"]> {
    if (end.kind !== "stopped" && end.kind !== "lost" && this.transcript.endedAs === undefined) {
      const needed = end.kind === "ended" && typeof end.run.finalOutput?.text !== "string";
      if (!(await this.#past.takeWithin(needed ? neededListMs : wantedListMs))) return "missing";
    }
    return this.#past.truncated ? "truncated" : "whole";
  }

  /** The same end, with the run's final answer where the server has it and did not have it yet. */
  async awaitAnswer(end: FollowEnd): Promise<FollowEnd> {
    if (end.kind !== "ended" || end.run.status !== "completed" || end.run.finalOutput !== null) return end;
    const { clock, stop } = this.#options;
    for (const ms of this.transcript.text === "" ? [] : lateAnswerMs) {
      await clock.sleep(ms, stop);
      const again = stop.aborted ? undefined : await this.#reader.look();
      if (again?.kind !== "ended") continue;
      if (typeof again.run.finalOutput?.text === "string") return again;
      if (again.run.finalOutput !== null) break;
    }
    return end;
  }

  async #watch(): Promise<FollowEnd> {
    const { clock, mayHaveEnded, run, stop } = this.#options;
    if (!mayHaveEnded && hasEnded(run.status)) return { kind: "ended", run };
    if (mayHaveEnded) {
      const end = await this.#reader.look();
      if (end !== undefined) return end;
    }
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return over;
      let end: FollowEnd | undefined;
      if (clock.now() >= this.#reconnects.at) end = await this.#tryStream();
      else if (clock.now() >= this.#pace.at) end = await this.#reader.look();
      else await this.#sleepUntil(Math.min(this.#reconnects.at, this.#pace.at), stop);
      if (end !== undefined) return end;
    }
  }

  /**
   * Opens the stream, and reads the thread as in polling while it is not there: it may be late or never come, as behind a
   * proxy that keeps answers back until they have ended.
   */
  async #open(): Promise<{ opened: Opened } | { end: FollowEnd }> {
    const { transport, threadId, stop } = this.#options;
    const { timeoutMs } = limitsOf(this.#options);
    const [givenUp, there] = [new AbortController(), new AbortController()];
    const signal = AbortSignal.any([stop, givenUp.signal]);
    const opening = openStream(transport, threadId, { timeoutMs, signal }).finally(() => {
      there.abort();
    });
    // Whoever waits for it hears of an error; nobody does where the wait has ended.
    opening.catch(() => undefined);
    const woken = AbortSignal.any([stop, there.signal]);
    for (;;) {
      await this.#sleepUntil(this.#pace.at, woken);
      if (there.signal.aborted) return { opened: await opening };
      const end = this.#over() ?? (await this.#reader.look());
      if (end === undefined) continue;
      givenUp.abort();
      return { end };
    }
  }

  async #tryStream(): Promise<FollowEnd | undefined> {
    const { clock, stop, listener } = this.#options;
    const answer = await this.#open();
    if ("end" in answer) return answer.end;
    const { opened } = answer;
    if (opened.kind !== "open") {
      this.#noStream(opened);
      return undefined;
    }
    const openedAt = clock.now();
    const { end, progress } = await this.#listen(opened.stream);
    opened.stream.close();
    if (end !== undefined) return end;
    if (stop.aborted) return { kind: "stopped" };
    listener.debug("The event stream broke off; connecting again.");
    this.#pace.poll(clock.now(), clock.random());
    if (progress) this.#reconnects.broke(clock.now(), clock.random(), clock.now() - openedAt);
    else this.#reconnects.failed(clock.now(), clock.random(), undefined);
    return undefined;
  }

  #noStream(opened: Exclude<Opened, { kind: "open" }>): void {
    const { clock, listener } = this.#options;
    if (opened.kind === "absent") {
      listener.debug("The server has no event stream: polling.");
      this.#reconnects.giveUp();
      return;
    }
    const failure = failureOf(opened.kind === "refused" ? opened.reply : opened);
    const why = failure.kind === "status" ? failure.status : failure.kind === "wire" ? failure.fault : "";
    listener.debug(`The event stream cannot be had (${why}).`);
    const askedMs = opened.kind === "refused" ? opened.reply.retryAfterMs : undefined;
    this.#reconnects.failed(clock.now(), clock.random(), askedMs);
  }

  /** Listens until the run ends, a person is asked, or the connection breaks. */
  async #listen(stream: EventStream): Promise<{ end?: FollowEnd; progress: boolean }> {
    const { clock, stop, deadlineAt, listener } = this.#options;
    this.transcript.connect();
    const openedAt = clock.now();
    let lastItemAt = openedAt;
    // A connection that only repeats the past and breaks again has brought nothing.
    let progress = false;
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return { end: over, progress };
      const dueAt = Math.min(lastItemAt + mutedMs, this.#pace.at, deadlineAt, this.#telling.quietAt);
      const item = await stream.next(dueAt - clock.now(), clock, stop);
      if (item?.kind === "broken") return { progress };
      if (item !== undefined) {
        // Until then the thread is read as in polling: a proxy may keep back what the stream tells.
        this.#pace.listen();
        lastItemAt = clock.now();
        progress ||= lastItemAt - openedAt > provenMs;
        if (item.kind === "event") {
          this.#pace.heard(lastItemAt);
          if (this.#hear(this.transcript.take(item.event))) progress = true;
        }
        // All that has come is heard before the thread is read.
        if (stream.hasMore) continue;
      }
      this.#telling.tellQuiet();
      if (clock.now() >= this.#pace.at) {
        const end = await this.#reader.look();
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
      this.#questions.answered();
      this.#pace.questionSettled();
    }
    if (happening.kind === "question" && this.#questions.announce(happening)) this.#pace.hinted("question", now);
    this.#telling.tell(happening);
    return true;
  }

  /** Sleeps until the time given, the deadline or the signal, telling of quiet minutes. */
  async #sleepUntil(at: number, signal: AbortSignal): Promise<void> {
    const { clock, deadlineAt } = this.#options;
    const until = Math.min(at, deadlineAt);
    while (!signal.aborted && clock.now() < until) {
      this.#telling.tellQuiet();
      await clock.sleep(Math.max(0, Math.min(until, this.#telling.quietAt) - clock.now()), signal);
    }
  }

  #over(): FollowEnd | undefined {
    if (this.#options.stop.aborted) return { kind: "stopped" };
    return this.#options.clock.now() >= this.#options.deadlineAt ? { kind: "timeout" } : undefined;
  }
}
