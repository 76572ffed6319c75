/** The state of a message that is being sent, the events that change it, and the effects. */
import type { Body, Contract } from "../contract/request-bodies.ts";
import type { EventsResponse, Run, ThreadResponse } from "../contract/schema.ts";
import type { MosooError } from "../errors.ts";
import type { ApiErrorResult, ApiResult } from "../request.ts";
import type { Failure } from "../retry.ts";
import type { MessageRequest } from "./message-request.ts";

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
  | { do: "read"; purpose: ReadPurpose; rejection?: ApiErrorResult }
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
  | { kind: "thread"; purpose: ReadPurpose; response: ThreadResponse; rejection?: ApiErrorResult | undefined }
  | { kind: "waited"; then: "retry" | "rotate_key" }
  | { kind: "run_waited"; polls: number }
  | { kind: "looked_up"; found: "yes" | "no" | "unknown"; rejection: ApiErrorResult };

export type MessageStep = readonly [MessageState, MessageEffect];
