/**
 * What a 409 means. Code and status are ambiguous: only the wording distinguishes kinds of `idempotency_conflict`,
 * and wordings change. Pure.
 */
import type { MosooError, ThreadState } from "./errors.ts";
import { type ApiErrorResult, toMosooError } from "./request.ts";

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
