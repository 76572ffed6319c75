/** Reads the thread, and judges what it shows of the run: `GET /threads/{id}`, as long as it shows our run, is the truth. */
import { mostWordsBytes } from "../body.ts";
import type { MosooError } from "../errors.ts";
import { type Unanswered, ask, errorOf } from "../exchange.ts";
import { type Run, type ThreadAnswer, ageBeside, hasEnded, parseThreadAnswer } from "../schema.ts";
import type { PastEvents } from "./event-list.ts";
import type { Pace } from "./pace.ts";
import type { Questions } from "./questions.ts";
import { SupersededRun } from "./superseded.ts";
import type { Transcript } from "./transcript.ts";
import {
  type FollowEnd,
  type Looked,
  type Watching,
  answeredLook,
  failedLook,
  isRiddenOut,
  limitsOf,
} from "./watching.ts";

/** Why a thread can be read no more: it was there when the wait began. */
function lossOf(reply: Unanswered): MosooError {
  if (reply.kind !== "error" || reply.code !== "not_found") return errorOf(reply, "exists");
  const advice = "The thread was deleted while the step waited, or the token's owner may see it no more.";
  return errorOf(reply, "gone").with({ advice });
}

export class ThreadReader {
  readonly #watching: Watching;
  readonly #questions: Questions;
  readonly #transcript: Transcript;
  readonly #past: PastEvents;
  readonly #pace: Pace;
  /** Reads in a row that failed. */
  #failures = 0;
  #superseded: SupersededRun | undefined;

  constructor(watching: Watching, pace: Pace, questions: Questions, transcript: Transcript, past: PastEvents) {
    this.#watching = watching;
    this.#pace = pace;
    this.#questions = questions;
    this.#transcript = transcript;
    this.#past = past;
  }

  /** Looks once, and sets the pace. A passing failure is ridden out. */
  async look(): Promise<FollowEnd | undefined> {
    const { clock } = this.#watching;
    const known = this.#superseded;
    const { end, read } = await (known?.ask() ?? this.#read());
    // Our run has ended, so that its stream has nothing more to tell.
    if (known !== this.#superseded) this.#pace.hinted("end", clock.now());
    this.#pace.wasRead(clock.now(), read, clock.random());
    return end;
  }

  /** What is known when the time is over. */
  atDeadline(): FollowEnd {
    return this.#superseded?.atDeadline() ?? { kind: "timeout" };
  }

  async #read(): Promise<Looked> {
    const { transport, threadId, clock, listener } = this.#watching;
    const path = `/threads/${encodeURIComponent(threadId)}`;
    const call = { method: "GET", path, mostBytes: mostWordsBytes, ...limitsOf(this.#watching) } as const;
    const reply = await ask(transport, call, parseThreadAnswer);
    if (reply.kind === "ok") {
      this.#failures = 0;
      return this.#judge(reply.value);
    }
    if (reply.kind === "wire" && reply.error.fault === "aborted") return answeredLook({ kind: "stopped" });
    if (!isRiddenOut(reply)) return answeredLook({ kind: "lost", error: lossOf(reply) });
    this.#failures += 1;
    listener.debug(`The thread cannot be read: ${errorOf(reply).message}`);
    return failedLook(reply, this.#failures, clock.random());
  }

  async #judge({ run, thread }: ThreadAnswer): Promise<Looked> {
    const { run: own, listener } = this.#watching;
    if (run === null) return answeredLook();
    if (run.id !== own.id) {
      const age = ageBeside(run, own);
      if (age === "older" || (age === "unknown" && !(await this.#saysItHasEnded()))) return answeredLook();
      this.#superseded = new SupersededRun(this.#watching, this.#transcript, this.#past);
      return this.#superseded.ask();
    }
    listener.seen(run, thread);
    if (hasEnded(run.status)) return answeredLook({ kind: "ended", run });
    if (run.status === "waiting_input") return answeredLook(await this.#asked(run));
    this.#questions.notShown();
    return answeredLook();
  }

  /** Whether the run's own ending event is there. Without it, a run that may go on would be interrupted to learn its end. */
  async #saysItHasEnded(): Promise<boolean> {
    if (this.#transcript.endedAs === undefined) await this.#past.take();
    return this.#transcript.endedAs !== undefined;
  }

  async #asked(run: Run): Promise<FollowEnd | undefined> {
    this.#pace.questionSettled();
    if (!this.#questions.untold) return undefined;
    const question = this.#questions.announced ?? (await this.#past.lastQuestion());
    this.#questions.tell(question);
    const { title } = question;
    return this.#watching.listener.asked(title, run) ? undefined : { kind: "question", run, title };
  }
}
