/**
 * How a run ended that a newer one of its thread has followed: the thread shows it no more. An interrupt of it changes
 * nothing and answers with its real status. To a token that may only read, the run's own ending event tells, which knows
 * less.
 */
import { MosooError } from "../errors.ts";
import { type Unanswered, errorOf } from "../exchange.ts";
import { hasEnded } from "../schema.ts";
import { interruptOnce } from "../thread.ts";
import type { PastEvents } from "./event-list.ts";
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

/** Answers that tell nothing: so many, and there will be no other. */
const mostVainAnswers = 3;

export class SupersededRun {
  readonly #watching: Watching;
  readonly #transcript: Transcript;
  readonly #past: PastEvents;
  /** Interrupts are not for this token. */
  #refused = false;
  #failures = 0;
  #vainAnswers = 0;
  #lastFailure = "Its answers told nothing.";

  constructor(watching: Watching, transcript: Transcript, past: PastEvents) {
    this.#watching = watching;
    this.#transcript = transcript;
    this.#past = past;
  }

  /** Asks once. A passing failure is ridden out. */
  async ask(): Promise<Looked> {
    if (!this.#refused) {
      const { transport, threadId, run } = this.#watching;
      const reply = await interruptOnce(transport, threadId, run.id, limitsOf(this.#watching));
      if (reply.kind === "ok") {
        // Such an answer never holds what the run said last.
        const told = { ...run, ...reply.run, finalOutput: undefined };
        if (hasEnded(reply.run?.status)) return answeredLook({ kind: "ended", run: told });
      } else if (isRiddenOut(reply)) {
        return this.#failed(reply);
      } else {
        this.#refused = true;
      }
    }
    return this.#askEvents();
  }

  /** What is to be said where the time is over. */
  atDeadline(): FollowEnd {
    const end = this.#endByEvent();
    if (end !== undefined) return end;
    const error = new MosooError(
      `A newer run has begun in the thread, and how this one ended could not be learnt in time. Last: ${this.#lastFailure}`,
      { existence: "exists" },
    );
    return { kind: "lost", error };
  }

  async #askEvents(): Promise<Looked> {
    const failed = this.#transcript.endedAs === undefined ? await this.#past.take() : undefined;
    if (failed !== undefined && isRiddenOut(failed)) return this.#failed(failed);
    const end = this.#endByEvent();
    if (end !== undefined) return answeredLook(end);
    this.#vainAnswers += 1;
    if (this.#vainAnswers < mostVainAnswers) return answeredLook();
    const error = new MosooError(
      "A newer run has begun in the thread, and the server does not tell how this one ended.",
      { existence: "exists" },
    );
    return answeredLook({ kind: "lost", error });
  }

  #failed(reply: Unanswered): Looked {
    const { clock, listener } = this.#watching;
    // "Completed" is said of cancelled runs, too; what failed has failed.
    if (this.#transcript.endedAs === "failed") return answeredLook(this.#endByEvent());
    this.#failures += 1;
    this.#lastFailure = errorOf(reply).message;
    listener.debug(`How the run ended cannot be asked: ${this.#lastFailure}`);
    return failedLook(reply, this.#failures, clock.random());
  }

  #endByEvent(): FollowEnd | undefined {
    const { endedAs } = this.#transcript;
    return endedAs && { kind: "ended", run: { ...this.#watching.run, status: endedAs } };
  }
}
