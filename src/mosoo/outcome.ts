/** What is known of the outcome of an operation's requests that change something. Pure. */
import type { ThreadState } from "./errors.ts";
import { type Failure, isAmbiguous } from "./retry.ts";

export interface Outcome {
  /** The last request may have been executed without its response being seen. */
  readonly ambiguous: boolean;
  /** The same of any request so far. */
  readonly everAmbiguous: boolean;
  /** The server said last that an earlier request with the key is still being processed. */
  readonly processing: boolean;
  /** The server has said that the operation is done: what fails from then on cannot undo that. */
  readonly done: boolean;
}

export const NOTHING_SENT: Outcome = { ambiguous: false, everAmbiguous: false, processing: false, done: false };

/** A request may have been executed although its response does not say so. */
export function markAmbiguous(outcome: Outcome): Outcome {
  return { ...outcome, ambiguous: true, everAmbiguous: true };
}

/** @param cutShort the deadline ended the attempt: whether the server still processes an earlier one stays as it was */
export function afterFailure(outcome: Outcome, failure: Failure, cutShort: boolean): Outcome {
  const next = isAmbiguous(failure) ? markAmbiguous(outcome) : outcome;
  return cutShort ? next : { ...next, processing: failure.kind === "processing" };
}

export function toThreadState({ ambiguous, processing, done }: Outcome): ThreadState {
  if (done) return "created";
  return ambiguous || processing ? "unknown" : "not_created";
}
