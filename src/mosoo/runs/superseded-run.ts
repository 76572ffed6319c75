/**
 * How a run ended that a newer one of its thread has followed: the thread shows it no more. An interrupt of it changes
 * nothing and answers with its real status. To a token that may only read, the run's own ending event tells, which knows
 * less.
 */
import { MosooError } from "../errors.ts";
import { type ApiFailure, toMosooError } from "../request.ts";
import { isTerminalStatus } from "../contract/schema.ts";
import { postInterrupt } from "../threads.ts";
import type { EventHistory } from "./event-history.ts";
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

/** Answers that tell nothing: so many, and there will be no other. */
const MAX_INCONCLUSIVE_RESPONSES = 3;

export class SupersededRun {
  readonly #watching: FollowContext;
  readonly #transcript: Transcript;
  readonly #past: EventHistory;
  /** Interrupts are not for this token. */
  #refused = false;
  #failures = 0;
  #vainAnswers = 0;
  #lastFailure = "Its answers told nothing.";

  constructor(watching: FollowContext, transcript: Transcript, past: EventHistory) {
    this.#watching = watching;
    this.#transcript = transcript;
    this.#past = past;
  }

  /** Asks once. A passing failure is ridden out. */
  async ask(): Promise<PollResult> {
    if (!this.#refused) {
      const { transport, threadId, run } = this.#watching;
      const reply = await postInterrupt(transport, threadId, run.id, requestLimits(this.#watching));
      if (reply.kind === "ok") {
        // Such an answer never holds what the run said last.
        const told = { ...run, ...reply.run, finalOutput: undefined };
        if (isTerminalStatus(reply.run?.status)) return pollSucceeded({ kind: "ended", run: told });
      } else if (isTransient(reply)) {
        return this.#failed(reply);
      } else {
        this.#refused = true;
      }
    }
    return this.#askEvents();
  }

  /** What is to be said where the time is over. */
  atDeadline(): FollowResult {
    const end = this.#endByEvent();
    if (end !== undefined) return end;
    const error = new MosooError(
      `A newer run has begun in the thread, and how this one ended could not be learnt in time. Last: ${this.#lastFailure}`,
      { threadState: "created" },
    );
    return { kind: "error", error };
  }

  async #askEvents(): Promise<PollResult> {
    const failed = this.#transcript.endedAs === undefined ? await this.#past.take() : undefined;
    if (failed !== undefined && isTransient(failed)) return this.#failed(failed);
    const end = this.#endByEvent();
    if (end !== undefined) return pollSucceeded(end);
    this.#vainAnswers += 1;
    if (this.#vainAnswers < MAX_INCONCLUSIVE_RESPONSES) return pollSucceeded();
    const error = new MosooError(
      "A newer run has begun in the thread, and the server does not tell how this one ended.",
      { threadState: "created" },
    );
    return pollSucceeded({ kind: "error", error });
  }

  #failed(reply: ApiFailure): PollResult {
    const { clock, listener } = this.#watching;
    // "Completed" is said of cancelled runs, too; what failed has failed.
    if (this.#transcript.endedAs === "failed") return pollSucceeded(this.#endByEvent());
    this.#failures += 1;
    this.#lastFailure = toMosooError(reply).message;
    listener.debug(`How the run ended cannot be asked: ${this.#lastFailure}`);
    return pollFailed(reply, this.#failures, clock.random());
  }

  #endByEvent(): FollowResult | undefined {
    const { endedAs } = this.#transcript;
    return endedAs && { kind: "ended", run: { ...this.#watching.run, status: endedAs } };
  }
}
