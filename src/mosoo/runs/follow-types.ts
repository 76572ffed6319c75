/** The vocabulary of following a run: its result, its state, the events that change it, the effects that it asks for. */
import type { MosooError } from "../errors.ts";
import type { ApiFailure } from "../request.ts";
import type { Failure } from "../retry.ts";
import type { Run, Thread, ThreadResponse } from "../contract/schema.ts";
import type { Moment, Schedule } from "./poll-scheduler.ts";
import type { Transcript, TranscriptEvent } from "./transcript.ts";

export interface FollowListener {
  onEvent(event: TranscriptEvent): void;
  /** The run as the thread shows it. */
  onRunUpdated(run: Run, thread: Thread): void;
  /** The run needs a person's input. @returns whether to go on waiting */
  onInputRequired(title: string | undefined, run: Run): boolean;
  /** For a minute the run has said and done nothing. */
  onIdle(): void;
  debug(text: string): void;
}

export type FollowResult =
  | { kind: "ended"; run: Run }
  | { kind: "input_required"; run: Run; title: string | undefined }
  /** The deadline has passed. */
  | { kind: "timeout" }
  | { kind: "cancelled" }
  /** The thread cannot be read anymore (deleted, token revoked), or nothing says how the run ended. */
  | { kind: "error"; error: MosooError };

/**
 * Whether the transcript is complete. `truncated`: the server left older events out. `missing`: the events could not be
 * read, so it holds only what a stream delivered.
 */
export type History = "complete" | "truncated" | "missing";

export interface FollowState {
  /** As it was when following began. */
  readonly run: Run;
  readonly deadlineAt: number;
  readonly phase: "following" | "superseded" | "confirming";
  readonly schedule: Schedule;
  readonly stream:
    | { readonly kind: "closed" }
    | { readonly kind: "opening" }
    /** `hasProgress`: it has delivered something new. */
    | { readonly kind: "open"; readonly openedAt: number; readonly lastItemAt: number; readonly hasProgress: boolean };
  /** When a minute will have passed without text or tools. */
  readonly idleAt: number;
  /** The deadline has passed: the read under way is the last. */
  readonly isLastRead: boolean;
  /** Failed reads in a row. */
  readonly failures: number;
  /** `announced`: by an event, and not by the thread yet. `isReported`: the listener knows. */
  readonly input: { readonly announced?: { readonly title: string | undefined }; readonly isReported: boolean };
  /** What the event list is read for while following: the run that needs input; otherwise to find out which run is newer. */
  readonly historyFor: Run | undefined;
  readonly history: History;
  readonly superseded: SupersededState;
  readonly confirming: ConfirmingState;
}

/** A newer run has begun in the thread, so ours has ended. An interrupt, or its own ending event, says how. */
interface SupersededState {
  /** The token may not interrupt. */
  readonly isInterruptRefused: boolean;
  /** Until when its ending event may still be missing from the event list. */
  readonly graceUntil?: number;
  readonly lastFailure: string;
}

/** Following is over, and its transcript and response are completed. */
export interface ConfirmingState {
  readonly result: FollowResult;
  readonly startedAt: number;
  /** A request that is due later. */
  readonly pending: { readonly dueAt: number; readonly effect: FollowEffect } | undefined;
  /** The event list was read, or given up. */
  readonly isHistoryRead: boolean;
  /** Failed reads of the event list in a row. */
  readonly failures: number;
  /** Delays before further reads: of the list for the run's ending event, of the thread for its final output. */
  readonly historyDelaysMs: readonly number[];
  readonly threadDelaysMs: readonly number[];
}

export type FollowEvent =
  | { kind: "tick" }
  | { kind: "cancelled" }
  | { kind: "stream_opened" }
  | { kind: "stream_unsupported" }
  | { kind: "stream_unavailable"; failure: Failure }
  /** `hasBuffered`: the next item is here already. */
  | { kind: "stream_item"; news: TranscriptEvent | undefined; hasBuffered: boolean }
  | { kind: "stream_closed" }
  | { kind: "thread_read"; response: ThreadResponse }
  | { kind: "history_read"; isTruncated: boolean; news: readonly TranscriptEvent[] }
  /** `run`: as the answer shows it, if it does. */
  | { kind: "interrupted"; run: Run | undefined }
  | { kind: "failed"; call: "read_thread" | "read_history" | "interrupt"; failure: ApiFailure }
  | { kind: "input_handled"; run: Run; title: string | undefined; keepWaiting: boolean };

/** What is to be done next; each leads to an event. The stream is closed whenever the state says so. */
export type FollowEffect =
  /** Until then, or the stream's next item. */
  | { kind: "wait"; until: number }
  | { kind: "connect" }
  | { kind: "read_thread" }
  /** Without `timeoutMs`: as long as any request. */
  | { kind: "read_history"; timeoutMs?: number }
  | { kind: "interrupt" }
  | { kind: "report_input"; run: Run; title: string | undefined }
  | { kind: "report_idle" }
  | { kind: "debug"; text: string }
  | { kind: "finish"; result: FollowResult; history: History };

/** What else a transition depends on. */
export interface FollowContext extends Moment {
  readonly transcript: Transcript;
}

/** An effect where the event itself calls for one; otherwise the state's phase decides what is next. */
export type Transition = readonly [FollowState, FollowEffect?];
