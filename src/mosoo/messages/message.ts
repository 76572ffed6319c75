/** A message to send, the states and effects of sending it, its result, and the errors that only sending has. */
import { invalidValueError } from "../contract/negotiate.ts";
import type { Contract, Body } from "../contract/request-bodies.ts";
import type { Run, Thread, EventsResponse, ThreadResponse } from "../contract/schema.ts";
import type { MosooError } from "../errors.ts";
import { type ApiErrorResult, toMosooError, type ApiResult } from "../request.ts";
import type { Failure } from "../retry.ts";

export interface MessageRequest {
  threadId: string;
  text: string;
  /** What the service remembers the message by; the same in every attempt. */
  requestId: string;
  key: string;
  fileIds: readonly string[];
  /** Uploads the message's files; again, where a message that was rejected late has used the first ones up. */
  upload?: (() => Promise<{ fileIds: readonly string[]; key: string }>) | undefined;
  contract?: Contract | undefined;
  /** As long as the contract is unknown: begin with the newest one, whatever the host. */
  newestFirst?: boolean;
  /** The first attempt of the workflow run: a replay then means that another step has the same key. */
  firstAttempt: boolean;
  /** No earlier attempt of the workflow run can have sent the message under this key. */
  isFirstSending?: boolean;
  /**
   * The thread was created for this message alone: the first message in it with this text is this one, and later ones are
   * the same, sent again. After an ambiguous failure the thread is read before anything is sent again.
   */
  ownThread?: boolean;
  /** No other message has this text, unless somebody copied it: the first one in the thread that has it is this one. */
  hasUniqueText?: boolean;
  /** The key under which a later attempt sends the message again. */
  resendKey?: string | undefined;
  /** Runs that the thread already had: none of them belongs to the message, even if the text is the same. */
  knownRunIds?: readonly string[];
}

export interface SentMessage {
  /** The message's run, as last seen; null where the server named none. */
  run: Run | null;
  /** The thread as last seen, where it was. */
  thread: Thread | undefined;
  /** The message had been sent by an earlier request. */
  replayed: boolean;
  /** It was sent again since, under the resend key. Which run is the first one's is not known: `run` is null. */
  wasResent?: boolean;
  /** The idempotency key that it was sent, or found, with. */
  key: string;
  contract: Contract | undefined;
}

export function filesUsedUpError(rejection: ApiErrorResult): MosooError {
  return invalidValueError(rejection).extend({
    advice: "Uploaded files can be used only once, and an earlier attempt may have used them: upload them again.",
  });
}

/** The service answers a message to an archived thread with a bare 500. */
export function archivedThreadError(rejection: ApiErrorResult): MosooError {
  return toMosooError(rejection).extend({
    advice:
      "The thread takes no messages although no agent run is active in it: it is probably archived. Restore it in Mosoo, then re-run the workflow.",
  });
}

/** The message may be among the events that the service does not list anymore, or another's has the same text. */
export function fateUnknownError(rejection: ApiErrorResult): MosooError {
  return toMosooError(rejection).extend({
    threadState: "unknown",
    advice:
      "The server cannot say whether it has the message, and the thread's events do not prove it. Check the thread; `on-rerun: create` sends the message to a new thread.",
  });
}

export interface MessageState {
  readonly request: MessageRequest;
  readonly contract: Contract | undefined;
  /** As long as the contract is unknown, the newest one is assumed. */
  readonly newestFirst: boolean;
  /** The contract was requested, successfully or not. */
  readonly renegotiated: boolean;
  readonly contractUnavailable: boolean;
  /** Without generation: the key of a message with uploaded files covers their IDs. */
  readonly key: string;
  readonly generation: number;
  readonly fileIds: readonly string[];
  readonly uploads: number;
  /** A request with these files has failed, and may have used them up. */
  readonly filesSpent: boolean;
  /** The thread was checked for another's active run before files were uploaded or named. */
  readonly idleChecked: boolean;
  /** The active run beside which the message was rejected, and how often it was polled since. */
  readonly activeRunId: string | undefined;
  readonly polls: number;
  /** 500s in a row while the thread was idle. */
  readonly idleFailures: number;
}

/** Why the thread is read. */
type ReadPurpose =
  /** Beside an active run the server would reject the message and use its files up. */
  | "check_idle"
  /** The server failed: it may have the message, or another's run is active. */
  | "after_failure"
  /** In a thread of the message's own a run suggests that the message is there; its events prove it. */
  | "find_in_own_thread"
  /** The server has said that the message is there. */
  | "applied";

export type MessageEffect =
  | { do: "send"; key: string; event: Body }
  | { do: "upload" }
  | { do: "renegotiate"; body: Body; rejection: ApiErrorResult }
  /** `withMessages`: whether the thread holds the message is looked up, too. */
  | { do: "read"; purpose: ReadPurpose; rejection?: ApiErrorResult; withMessages?: boolean }
  /** `then`: what comes after the wait. */
  | { do: "wait"; failure: Failure; error: MosooError; mutating: boolean; then: "retry" | "rotate_key" }
  | { do: "wait_for_run"; run: Run; maxPolls: number }
  /** Finds the message's run among the thread's, `newest` being the newest. */
  | { do: "find_run"; thread: ThreadResponse }
  /** Looks the message up by its text, where nothing else protects it from being sent twice. */
  | { do: "look_up"; rejection: ApiErrorResult }
  | { do: "fail"; error: MosooError }
  | { do: "finish"; run: Run | null; thread: ThreadResponse["thread"] | undefined; replayed: boolean };

export type MessageEvent =
  /** `newestFirst`: the host is assumed to have the newest contract. Also where the host has changed. */
  | { kind: "start"; newestFirst: boolean }
  | { kind: "uploaded"; fileIds: readonly string[]; key: string }
  | { kind: "response"; result: ApiResult<EventsResponse>; event: Body; remainingMs: number }
  | { kind: "contract"; contract: Contract | "unavailable" | undefined; rejection: ApiErrorResult }
  | {
      kind: "thread";
      purpose: ReadPurpose;
      response: ThreadResponse;
      rejection?: ApiErrorResult | undefined;
      /** The thread is known to hold the message. */
      isListed?: boolean;
    }
  | { kind: "waited"; then: "retry" | "rotate_key" }
  | { kind: "run_waited"; polls: number }
  | { kind: "looked_up"; found: "yes" | "no" | "unknown"; rejection: ApiErrorResult };

export type MessageStep = readonly [MessageState, MessageEffect];
