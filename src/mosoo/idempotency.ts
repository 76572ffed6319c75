/**
 * Idempotency: what a 409 means, and the generations of a key. Pure.
 *
 * Of a 409 code and status are ambiguous: only the wording distinguishes kinds of `idempotency_conflict`, and wordings
 * change. The service stores failures under the key and replays them for a day; after a cached failure every attempt
 * moves on to the next key of the same sequence, so that all of them meet.
 */
import { MosooError, type ThreadState } from "./errors.ts";
import { type ApiErrorResult, toMosooError } from "./request.ts";
import { createHash } from "node:crypto";

export type Conflict =
  /** The first request with this key has not ended yet: wait. */
  | "in_progress"
  /** The key belongs to another request: final. */
  | "key_reused"
  /** The message is in the thread: done. */
  | "already_applied"
  /** The first request with this key died, and the key with it: only another key can find out more. */
  | "unrecoverable"
  /** Right after a run's end the thread takes no message for a moment; a new thread's agent lacks something. */
  | "readiness_blocked"
  /** About the key, in unknown words, or without an envelope: treating it as in progress does no harm. */
  | "unknown";

/** Of a message, in UTF-16 units: the patterns take quadratic time. */
const MAX_CLASSIFIED_LENGTH = 2_000;

const IN_PROGRESS = /\b(still|being|currently|yet)\b.*\bprocess|\bin (progress|flight)\b/i;
const KEY_REUSED =
  /\b(for|with|by|of|from|to) (a |an |some )?(different|other|another) (request|body|payload|path|message|parameters|input)/i;
const ALREADY_APPLIED = /\balready (been )?(applied|processed|accepted)\b/i;
const UNRECOVERABLE = /\b(safely (be )?replayed|(be|been) retained|not be confirmed)\b/i;

/** The meaning of a conflict; undefined for a response that is none, such as a 409 about the agent. */
export function classifyConflict(result: ApiErrorResult): Conflict | undefined {
  const { status, code } = result;
  const message = result.message?.slice(0, MAX_CLASSIFIED_LENGTH) ?? "";
  if (status !== 409) return undefined;
  if (code === "readiness_blocked") return "readiness_blocked";
  if (code !== undefined && code !== "idempotency_conflict") return undefined;
  if (UNRECOVERABLE.test(message)) return "unrecoverable";
  if (IN_PROGRESS.test(message)) return "in_progress";
  if (KEY_REUSED.test(message)) return "key_reused";
  if (ALREADY_APPLIED.test(message)) return "already_applied";
  return "unknown";
}

/** @param threadState of this request's own thread or message */
export function keyReusedError(result: ApiErrorResult, threadState?: ThreadState): MosooError {
  return toMosooError(result, threadState).extend({
    input: "idempotency-key",
    advice:
      "This idempotency key was used for a request with other inputs. The agent, the message, the references, users and files decide the request: set `idempotency-key` to a value of this step's own, or leave it out.",
  });
}

export const MAX_KEY_LENGTH = 128;
/** Keys with a cached failure of an earlier attempt that one attempt skips. */
export const MAX_SKIPPED_KEYS = 20;
/** New keys that one attempt uses, so that an outage does not use them up. */
const MAX_NEW_KEYS = 2;

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

/** The generations of one key, in order, and how far this attempt has gone. */
export interface KeyRotation {
  /** Of the first generation. */
  readonly firstKey: string;
  /** Counted from 1. */
  readonly generation: number;
  /** Keys whose failure an earlier attempt caused. */
  readonly skipped: number;
  /** New keys whose failure this attempt caused. */
  readonly opened: number;
  /** Keys whose failure either may have caused: a request of this attempt was lost before the failure was replayed. */
  readonly undecided: number;
  /** What this attempt has caused under the current key. */
  readonly caused: "nothing" | "unknown" | "executed";
}

export function startRotation(firstKey: string): KeyRotation {
  return { firstKey, generation: 1, skipped: 0, opened: 0, undecided: 0, caused: "nothing" };
}

export function currentKey({ firstKey, generation }: KeyRotation): string {
  return generationKey(firstKey, generation);
}

/** A request with the current key failed: the server executed it, or that is unknown. */
export function recordFailure(rotation: KeyRotation, outcome: "unknown" | "executed"): KeyRotation {
  return rotation.caused === "executed" ? rotation : { ...rotation, caused: outcome };
}

/**
 * The server has replayed a failure for the current key: on to the next one.
 *
 * @param failure the replayed one, for the error
 * @throws MosooError where no more keys may be used or skipped
 */
export function rotateKey(rotation: KeyRotation, failure: MosooError): KeyRotation {
  const next = countFailure(rotation);
  if (next.opened + next.undecided >= MAX_NEW_KEYS) {
    throw new MosooError(
      `The server failed to create the thread, also with ${MAX_NEW_KEYS} new keys. Last error: ${failure.summary}`,
      {
        ...failure.details,
        advice: "Re-run the workflow later: it continues with a new key, and still creates one thread only.",
        threadState: "not_created",
      },
    );
  }
  if (next.skipped > MAX_SKIPPED_KEYS) {
    throw new MosooError(
      `${next.skipped} idempotency keys of this step hold cached failures. Last error: ${failure.summary}`,
      {
        ...failure.details,
        advice:
          "The service forgets them 24 hours after their first use: re-run the workflow then, or set `idempotency-key` to a new value.",
        threadState: "not_created",
      },
    );
  }
  return { ...next, generation: rotation.generation + 1, caused: "nothing" };
}

function countFailure(rotation: KeyRotation): KeyRotation {
  const { caused, generation, skipped, opened, undecided } = rotation;
  // Keys are used in order: where an earlier attempt caused this failure, it caused those before, too.
  if (caused === "nothing") return { ...rotation, skipped: skipped + 1 + undecided, undecided: 0 };
  // The first key is not a new one.
  if (generation === 1) return rotation;
  return caused === "unknown" ? { ...rotation, undecided: undecided + 1 } : { ...rotation, opened: opened + 1 };
}
