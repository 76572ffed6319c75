/**
 * Follows a run to its end: by the event stream where the server has one, else by polling. What the events say is a
 * hint; `GET /threads/{id}`, as long as it shows our run, is the truth.
 */
import { toRetryFailure } from "../request.ts";
import { isTerminalStatus } from "../contract/schema.ts";
import { EventHistory } from "./event-history.ts";
import { PollScheduler } from "./poll-scheduler.ts";
import { InputRequests } from "./input-requests.ts";
import { ReconnectPolicy, STABLE_CONNECTION_MS } from "./reconnect-policy.ts";
import { type EventStream, type OpenResult, openStream } from "./event-stream.ts";
import { IdleNotifier } from "./idle-notifier.ts";
import { RunPoller } from "./run-poller.ts";
import { type TranscriptEvent, Transcript } from "./transcript.ts";
import { type FollowResult, type FollowListener, type FollowContext, requestLimits } from "./follow-context.ts";

export type { FollowResult as FollowEnd, FollowListener };

/** Without even a keep-alive comment (every 15 s or so) for this long the connection is dead. */
const mutedMs = 45_000;
/** How long the events are asked for that hold the answer; and those that are only good to have. */
const [neededListMs, wantedListMs] = [90_000, 3_000];

/** A final answer is written down a moment after its run's end: so it is waited for where the agent has said something. */
const lateAnswerMs = [150, 500];

export interface FollowOptions extends FollowContext {
  /** The run was not seen just now but started by an earlier attempt: look first, it may have ended. */
  mayHaveEnded: boolean;
}

export interface Followed {
  end: FollowResult;
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
  readonly #pace: PollScheduler;
  readonly #reconnects: ReconnectPolicy;
  readonly #questions = new InputRequests();
  readonly #telling: IdleNotifier;
  readonly #past: EventHistory;
  readonly #reader: RunPoller;

  constructor(options: FollowOptions) {
    const { clock, listener, run } = options;
    this.#options = options;
    this.transcript = new Transcript(run.id);
    this.#pace = new PollScheduler(clock.now(), clock.random());
    this.#reconnects = new ReconnectPolicy(clock.now());
    this.#telling = new IdleNotifier(listener, clock);
    this.#past = new EventHistory(options, this.transcript, this.#telling);
    this.#reader = new RunPoller(options, this.#pace, this.#questions, this.transcript, this.#past);
  }

  async follow(): Promise<FollowResult> {
    const end = await this.#watch();
    if (end.kind !== "timeout") return end;
    // It may have ended since the last read.
    return (await this.#reader.poll()) ?? this.#reader.atDeadline();
  }

  /** Fills the transcript from the event list, where no stream has told all up to the run's end. */
  async completeTranscript(end: FollowResult): Promise<Followed["events"]> {
    if (end.kind !== "stopped" && end.kind !== "error" && this.transcript.endedAs === undefined) {
      const needed = end.kind === "ended" && typeof end.run.finalOutput?.text !== "string";
      if (!(await this.#past.takeWithin(needed ? neededListMs : wantedListMs))) return "missing";
    }
    return this.#past.truncated ? "truncated" : "whole";
  }

  /** The same end, with the run's final answer where the server has it and did not have it yet. */
  async awaitAnswer(end: FollowResult): Promise<FollowResult> {
    if (end.kind !== "ended" || end.run.status !== "completed" || end.run.finalOutput !== null) return end;
    const { clock, stop } = this.#options;
    for (const ms of this.transcript.text === "" ? [] : lateAnswerMs) {
      await clock.sleep(ms, stop);
      const again = stop.aborted ? undefined : await this.#reader.poll();
      if (again?.kind !== "ended") continue;
      if (typeof again.run.finalOutput?.text === "string") return again;
      if (again.run.finalOutput !== null) break;
    }
    return end;
  }

  async #watch(): Promise<FollowResult> {
    const { clock, mayHaveEnded, run, stop } = this.#options;
    if (!mayHaveEnded && isTerminalStatus(run.status)) return { kind: "ended", run };
    if (mayHaveEnded) {
      const end = await this.#reader.poll();
      if (end !== undefined) return end;
    }
    for (;;) {
      const over = this.#over();
      if (over !== undefined) return over;
      let end: FollowResult | undefined;
      if (clock.now() >= this.#reconnects.at) end = await this.#tryStream();
      else if (clock.now() >= this.#pace.at) end = await this.#reader.poll();
      else await this.#sleepUntil(Math.min(this.#reconnects.at, this.#pace.at), stop);
      if (end !== undefined) return end;
    }
  }

  /**
   * Opens the stream, and reads the thread as in polling while it is not there: it may be late or never come, as behind a
   * proxy that keeps answers back until they have ended.
   */
  async #open(): Promise<{ opened: OpenResult } | { end: FollowResult }> {
    const { transport, threadId, stop } = this.#options;
    const { timeoutMs } = requestLimits(this.#options);
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
      const end = this.#over() ?? (await this.#reader.poll());
      if (end === undefined) continue;
      givenUp.abort();
      return { end };
    }
  }

  async #tryStream(): Promise<FollowResult | undefined> {
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

  #noStream(opened: Exclude<OpenResult, { kind: "open" }>): void {
    const { clock, listener } = this.#options;
    if (opened.kind === "absent") {
      listener.debug("The server has no event stream: polling.");
      this.#reconnects.giveUp();
      return;
    }
    const failure = toRetryFailure(opened.kind === "refused" ? opened.reply : opened);
    const why = failure.kind === "status" ? failure.status : failure.kind === "connection" ? failure.fault : "";
    listener.debug(`The event stream cannot be had (${why}).`);
    const askedMs = opened.kind === "refused" ? opened.reply.retryAfterMs : undefined;
    this.#reconnects.failed(clock.now(), clock.random(), askedMs);
  }

  /** Listens until the run ends, a person is asked, or the connection breaks. */
  async #listen(stream: EventStream): Promise<{ end?: FollowResult; progress: boolean }> {
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
        progress ||= lastItemAt - openedAt > STABLE_CONNECTION_MS;
        if (item.kind === "event") {
          this.#pace.heard(lastItemAt);
          if (this.#hear(this.transcript.take(item.event))) progress = true;
        }
        // All that has come is heard before the thread is read.
        if (stream.hasMore) continue;
      }
      this.#telling.tellQuiet();
      if (clock.now() >= this.#pace.at) {
        const end = await this.#reader.poll();
        if (end !== undefined) return { end, progress };
      } else if (clock.now() >= lastItemAt + mutedMs) {
        listener.debug("Nothing came through the event stream for 45 s.");
        return { progress: false };
      }
    }
  }

  /** @returns whether it was news */
  #hear(happening: TranscriptEvent): boolean {
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

  #over(): FollowResult | undefined {
    if (this.#options.stop.aborted) return { kind: "stopped" };
    return this.#options.clock.now() >= this.#options.deadlineAt ? { kind: "timeout" } : undefined;
  }
}
