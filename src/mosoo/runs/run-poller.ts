/** Reads the thread, and judges what it shows of the run: `GET /threads/{id}`, as long as it shows our run, is the truth. */
import { MAX_TRANSCRIPT_RESPONSE_BYTES } from "../http/body.ts";
import type { MosooError } from "../errors.ts";
import { type ApiFailure, request, toMosooError } from "../request.ts";
import {
  type Run,
  type ThreadResponse,
  compareRunAge,
  isTerminalStatus,
  parseThreadResponse,
} from "../contract/schema.ts";
import type { EventHistory } from "./event-history.ts";
import type { PollScheduler } from "./poll-scheduler.ts";
import type { InputRequests } from "./input-requests.ts";
import { SupersededRun } from "./superseded-run.ts";
import type { Transcript } from "./transcript.ts";
import {
  type FollowResult,
  type PollResult,
  type FollowContext,
  pollSucceeded,
  pollFailed,
  isTransient,
  requestLimits,
} from "./follow-context.ts";

/** Why a thread can be read no more: it was there when the wait began. */
function toThreadGoneError(reply: ApiFailure): MosooError {
  if (reply.kind !== "error" || reply.code !== "not_found") return toMosooError(reply, "created");
  const advice = "The thread was deleted while the step waited, or the token's owner may see it no more.";
  return toMosooError(reply, "deleted").extend({ advice });
}

export class RunPoller {
  readonly #watching: FollowContext;
  readonly #questions: InputRequests;
  readonly #transcript: Transcript;
  readonly #past: EventHistory;
  readonly #pace: PollScheduler;
  /** Reads in a row that failed. */
  #failures = 0;
  #superseded: SupersededRun | undefined;

  constructor(
    watching: FollowContext,
    pace: PollScheduler,
    questions: InputRequests,
    transcript: Transcript,
    past: EventHistory,
  ) {
    this.#watching = watching;
    this.#pace = pace;
    this.#questions = questions;
    this.#transcript = transcript;
    this.#past = past;
  }

  /** Looks once, and sets the pace. A passing failure is ridden out. */
  async poll(): Promise<FollowResult | undefined> {
    const { clock } = this.#watching;
    const known = this.#superseded;
    const { end, read } = await (known?.ask() ?? this.#read());
    // Our run has ended, so that its stream has nothing more to tell.
    if (known !== this.#superseded) this.#pace.hinted("end", clock.now());
    this.#pace.wasRead(clock.now(), read, clock.random());
    return end;
  }

  /** What is known when the time is over. */
  atDeadline(): FollowResult {
    return this.#superseded?.atDeadline() ?? { kind: "timeout" };
  }

  async #read(): Promise<PollResult> {
    const { transport, threadId, clock, listener } = this.#watching;
    const path = `/threads/${encodeURIComponent(threadId)}`;
    const call = {
      method: "GET",
      path,
      maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
      ...requestLimits(this.#watching),
    } as const;
    const reply = await request(transport, call, parseThreadResponse);
    if (reply.kind === "ok") {
      this.#failures = 0;
      return this.#judge(reply.value);
    }
    if (reply.kind === "connection" && reply.error.code === "aborted") return pollSucceeded({ kind: "stopped" });
    if (!isTransient(reply)) return pollSucceeded({ kind: "error", error: toThreadGoneError(reply) });
    this.#failures += 1;
    listener.debug(`The thread cannot be read: ${toMosooError(reply).message}`);
    return pollFailed(reply, this.#failures, clock.random());
  }

  async #judge({ run, thread }: ThreadResponse): Promise<PollResult> {
    const { run: own, listener } = this.#watching;
    if (run === null) return pollSucceeded();
    if (run.id !== own.id) {
      const age = compareRunAge(run, own);
      if (age === "older" || (age === "unknown" && !(await this.#saysItHasEnded()))) return pollSucceeded();
      this.#superseded = new SupersededRun(this.#watching, this.#transcript, this.#past);
      return this.#superseded.ask();
    }
    listener.onRunUpdated(run, thread);
    if (isTerminalStatus(run.status)) return pollSucceeded({ kind: "ended", run });
    if (run.status === "waiting_input") return pollSucceeded(await this.#asked(run));
    this.#questions.notShown();
    return pollSucceeded();
  }

  /** Whether the run's own ending event is there. Without it, a run that may go on would be interrupted to learn its end. */
  async #saysItHasEnded(): Promise<boolean> {
    if (this.#transcript.endedAs === undefined) await this.#past.take();
    return this.#transcript.endedAs !== undefined;
  }

  async #asked(run: Run): Promise<FollowResult | undefined> {
    this.#pace.questionSettled();
    if (!this.#questions.untold) return undefined;
    const question = this.#questions.announced ?? (await this.#past.lastQuestion());
    this.#questions.tell(question);
    const { title } = question;
    return this.#watching.listener.onInputRequired(title, run) ? undefined : { kind: "question", run, title };
  }
}
