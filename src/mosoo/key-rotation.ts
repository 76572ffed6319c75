/**
 * Generations of an idempotency key. The service stores failures under the key and replays them for a day; a key that
 * holds one is burnt, and all attempts move on to the next one in the same order, so that they meet. Pure.
 */
import { createHash } from "node:crypto";
import { MosooError } from "./errors.ts";

export const MAX_KEY_LENGTH = 128;
/** Burnt generations that an attempt walks past. */
export const MAX_SKIPPED_KEYS = 20;
/** New generations that an attempt opens, so that an outage does not use them up. */
export const MAX_NEW_KEYS = 2;

/** `key` with `suffix`, shortened by a digest of the key where both do not fit. */
export function suffixedKey(key: string, suffix: string): string {
  if (key.length + suffix.length <= MAX_KEY_LENGTH) return key + suffix;
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${key.slice(0, MAX_KEY_LENGTH - suffix.length - digest.length - 1)}-${digest}${suffix}`;
}

/** The key of a generation, counted from 1: `<key>`, `<key>~2`, `<key>~3` … */
export function generationKey(key: string, generation: number): string {
  return generation === 1 ? key : suffixedKey(key, `~${generation}`);
}

/**
 * Walks the generations of one key, in order. It knows how far this attempt may go; what the server answers is told to it.
 */
export class KeyRotation {
  readonly #key: string;
  #generation = 1;
  /** Burnt ones that were found burnt. */
  #walked = 0;
  /** Burnt ones, but the first, that this attempt burnt itself. */
  #opened = 0;
  /** Burnt ones of which nobody can tell: a request of this attempt had got lost before the old failure came. */
  #doubtful = 0;
  #tried: "nothing" | "unknown" | "executed" = "nothing";

  constructor(key: string) {
    this.#key = key;
  }

  get key(): string {
    return generationKey(this.#key, this.#generation);
  }

  get number(): number {
    return this.#generation;
  }

  /** A request in this generation failed: the server carried it out for the first time, or nobody knows. */
  recordFailure(how: "unknown" | "executed"): void {
    if (this.#tried !== "executed") this.#tried = how;
  }

  /**
   * The generation holds an old failure: on to the next.
   *
   * @param failure what it holds, for the error
   * @returns whether it may be this attempt's own failure
   * @throws MosooError where no more may be opened or walked past
   */
  rotate(failure: MosooError): boolean {
    const own = this.#tried !== "nothing";
    this.#count();
    if (this.#opened + this.#doubtful >= MAX_NEW_KEYS) {
      throw new MosooError(
        `The server failed to create the thread, and again under ${MAX_NEW_KEYS} fresh keys. Last: ${failure.message}`,
        {
          ...failure.details,
          advice: "Re-run the workflow later: it goes on with a fresh key, and still makes one thread only.",
          threadState: "not_created",
        },
      );
    }
    if (this.#walked > MAX_SKIPPED_KEYS) {
      throw new MosooError(`${this.#walked} keys of this step hold old failures. Last: ${failure.message}`, {
        ...failure.details,
        advice:
          "The service forgets them 24 hours after their first use: re-run the workflow then, or set `idempotency-key` to a new value.",
        threadState: "not_created",
      });
    }
    this.#generation += 1;
    this.#tried = "nothing";
    return own;
  }

  #count(): void {
    if (this.#tried === "nothing") {
      // Generations are opened in order: where this one was burnt before us, those before it were, too.
      this.#walked += 1 + this.#doubtful;
      this.#doubtful = 0;
    } else if (this.#generation === 1) {
      // The key itself is not a new generation.
    } else if (this.#tried === "unknown") {
      this.#doubtful += 1;
    } else {
      this.#opened += 1;
    }
  }
}
