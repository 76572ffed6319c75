/**
 * 409 `idempotency_conflict` has several meanings that only the wording tells apart, and wordings change: what is not
 * known counts as "still processing", which does no harm. Pure.
 */
import { type ThreadState, MosooError } from "./errors.ts";
import { type ApiErrorResult, toMosooError } from "./request.ts";

/** Whether the answer is about the idempotency key. Without an envelope nobody knows: then it counts as one. */
export function isConflict(reply: ApiErrorResult): boolean {
  return reply.status === 409 && (reply.code === "idempotency_conflict" || reply.code === undefined);
}

/** The first request with this key has not ended yet: wait. */
export function isStillProcessing(reply: ApiErrorResult): boolean {
  return /\b(still|being|currently|yet)\b.*\bprocess|\bin (progress|flight)\b/i.test(reply.message ?? "");
}

/** The key belongs to another request: final. */
export function isKeyReused(reply: ApiErrorResult): boolean {
  if (isStillProcessing(reply)) return false;
  return /\b(for|with|by|of|from|to) (a |an |some )?(different|other|another) (request|body|payload|path|message|parameters|input)/i.test(
    reply.message ?? "",
  );
}

/** The message is in the thread: done. */
export function isAlreadyApplied(reply: ApiErrorResult): boolean {
  if (isStillProcessing(reply) || isKeyReused(reply)) return false;
  return /\balready (been )?(applied|processed|accepted)\b/i.test(reply.message ?? "");
}

/** The first request with this key died, and the key with it: only another key finds out more. */
export function isKeyUnrecoverable(reply: ApiErrorResult): boolean {
  return /\b(safely (be )?replayed|(be|been) retained|not be confirmed)\b/i.test(reply.message ?? "");
}

/** An error about a key that belongs to another request. `threadState`: of this request's own thread or message. */
export function keyReusedError(reply: ApiErrorResult, threadState: ThreadState): MosooError {
  return toMosooError(reply, threadState).extend({
    input: "idempotency-key",
    advice:
      "This idempotency key was used for a request with other inputs. The agent, the message, the references, users and files decide the request: set `idempotency-key` to a value of this step's own, or leave it out.",
  });
}
