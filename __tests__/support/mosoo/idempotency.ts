import type { KeyMemory } from "./keys.ts";
import { replayed } from "./keys.ts";
import { conflict, internalError, Refusal, refusalAnswer } from "./refusal.ts";
import type { Answer } from "./refusal.ts";

/** What a fault does to a request while its key is reserved. */
export interface Interception {
  /** The answer is so many milliseconds late. */
  holdMs?: number;
  /** Replaces the operation, and is stored under the key. */
  instead?: { status: number; headers: Record<string, string>; body: unknown };
  /** The operation is executed, and the response is a failure. */
  fails?: boolean;
  /** The request dies with its key reserved. */
  dies?: "committed" | "uncommitted";
}

/** The request died half-way: it has no answer. */
export class Died extends Error {}

interface OnceRequest {
  keys: KeyMemory;
  token: string;
  key: string | null;
  /** What makes two requests the same: method, path and parsed body. */
  request: string;
  status: number;
  /** Create keeps its failures under the key, `/events` does not. */
  storesErrors: boolean;
  /** Counts against the rate limit; a replay does not. */
  count: () => void;
  operation: () => unknown;
  /** Finds what a dead first request made; without it a dead key stays dead. */
  recover?: (key: string) => unknown;
  interception: Interception;
  wait: (ms: number) => Promise<void>;
}

/** Runs an operation at most once per key, and answers repeats as the service does. */
export async function answerOnce(once: OnceRequest): Promise<Answer> {
  if (once.key === null) {
    once.count();
    return operate(once);
  }
  const known = beginOrRecover(once, once.key);
  if ("answer" in known) return known.answer;
  const { reservation } = known;
  try {
    once.count();
  } catch (error) {
    once.keys.release(reservation);
    throw error;
  }
  const answer = await operate(once);
  const keep = answer.status < 400 || once.storesErrors || once.interception.instead !== undefined;
  if (keep) once.keys.complete(reservation, answer);
  else once.keys.release(reservation);
  return answer;
}

function beginOrRecover(once: OnceRequest, key: string): { answer: Answer } | { reservation: Reserved } {
  const state = once.keys.begin(once.token, key, once.request);
  if (state.state === "replay") return { answer: state.answer };
  if (state.state === "reserved") return { reservation: state.reservation };
  if (once.recover === undefined) {
    throw conflict(
      "A previous request with this Idempotency-Key cannot be safely replayed. Its reservation will remain retained.",
      state.retryAfter,
    );
  }
  const found = once.recover(key) ?? null;
  if (found !== null) {
    const answer = { status: once.status, body: found };
    once.keys.complete(state.reservation, answer);
    return { answer: replayed(answer) };
  }
  once.keys.release(state.reservation);
  return beginOrRecover(once, key);
}

type Reserved = Parameters<KeyMemory["complete"]>[0];

async function operate(once: OnceRequest): Promise<Answer> {
  const { instead, fails, dies, holdMs } = once.interception;
  if (dies === "uncommitted") throw new Died();
  const carriedOut = instead ?? attempt(once);
  const answer = fails === true ? refusalAnswer(internalError()) : carriedOut;
  if (dies === "committed") throw new Died();
  if (holdMs !== undefined) await once.wait(holdMs);
  return answer;
}

function attempt(once: OnceRequest): Answer {
  try {
    // The response shows the current state, even if the thread changes before it is sent.
    return { status: once.status, headers: {}, body: structuredClone(once.operation()) };
  } catch (error) {
    if (!(error instanceof Refusal)) console.error("The fake Mosoo server has a fault of its own:", error);
    return refusalAnswer(error instanceof Refusal ? error : internalError());
  }
}
