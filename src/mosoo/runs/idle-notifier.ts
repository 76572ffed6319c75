/** Tells the listener what happens; and of each minute in which there was nothing to tell. */
import type { Clock } from "../../common/clock.ts";
import type { TranscriptEvent } from "./transcript.ts";
import type { FollowListener } from "./follow-context.ts";

const quietMs = 60_000;

export class IdleNotifier {
  readonly #listener: FollowListener;
  readonly #clock: Clock;
  #lastAt: number;

  constructor(listener: FollowListener, clock: Clock) {
    this.#listener = listener;
    this.#clock = clock;
    this.#lastAt = clock.now();
  }

  /** When a minute will have been quiet. */
  get quietAt(): number {
    return this.#lastAt + quietMs;
  }

  tell(happening: NonNullable<TranscriptEvent>): void {
    this.#listener.onEvent(happening);
    if (happening.kind === "words" || happening.kind === "tool") this.#lastAt = this.#clock.now();
  }

  /** Tells of the quiet minute, where it is one. */
  tellQuiet(): void {
    if (this.#clock.now() < this.quietAt) return;
    this.#lastAt = this.#clock.now();
    this.#listener.onIdle();
  }
}
