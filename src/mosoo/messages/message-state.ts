/**
 * Sending a message into a thread, once, as a state machine: each event (a response, a thread that was read, a wait that
 * is over) gives the next state and the one thing to do. Pure.
 *
 * The service remembers the message's request ID, so that sending again is safe even under another idempotency key
 * (except on the reference revision, {@link remembersRequestIds}); failures of this call are not stored under the key.
 */
import { contractUnavailableError, invalidValueError, isRefusedBody } from "../contract/negotiate.ts";
import {
  type Body,
  type Contract,
  filesAreSingleUse,
  messageEvent,
  referenceContract,
  remembersRequestIds,
  userIdContract,
} from "../contract/request-bodies.ts";
import { type Run, type ThreadResponse, isTerminalStatus } from "../contract/schema.ts";
import type { MosooError } from "../errors.ts";
import { classifyConflict, keyReusedError, MAX_SKIPPED_KEYS, generationKey } from "../idempotency.ts";
import { type ApiErrorResult, type ApiFailure, toMosooError, toRetryFailure } from "../request.ts";
import type { Failure } from "../retry.ts";
import {
  type MessageRequest,
  archivedThreadError,
  fateUnknownError,
  filesUsedUpError,
  type MessageEvent,
  type MessageState,
  type MessageStep,
} from "./message.ts";

/** How often files are uploaded again. */
const MAX_REUPLOADS = 6;
/** Polls of another's active run before the message is tried again; then twice as many each time. */
const MIN_POLLS = 1;
/** The same where an attempt uses files up that have to be uploaded again. */
const MIN_POLLS_WITH_FILES = 8;
/** A thread without an active run that answers 500 so often in a row takes no message anymore: it is archived. */
const MAX_IDLE_FAILURES = 5;
/** A request that is really in progress ends sooner: the key's record is stuck. */
const STUCK_RETRY_AFTER_MS = 60_000;

export function startMessage(request: MessageRequest): MessageState {
  return {
    request,
    contract: request.contract,
    newestFirst: false,
    renegotiated: false,
    contractUnavailable: false,
    key: request.key,
    generation: 1,
    fileIds: request.fileIds,
    uploads: 0,
    filesSpent: false,
    idleChecked: false,
    activeRunId: undefined,
    polls: 0,
    idleFailures: 0,
  };
}

/** The key that the message is sent with. */
export function currentKey({ key, generation }: MessageState): string {
  return generationKey(key, generation);
}

function assumedContract({ contract, newestFirst }: MessageState): Contract {
  return contract ?? (newestFirst ? userIdContract : referenceContract);
}

/** The event that is sent, as the server is assumed to take it. @throws MosooError */
export function eventOf(state: MessageState): Body {
  const { text, requestId } = state.request;
  return messageEvent(assumedContract(state).message, text, requestId, state.fileIds);
}

function isActive(response: ThreadResponse): response is ThreadResponse & { run: Run } {
  return response.run !== null && !isTerminalStatus(response.run.status);
}

/** @throws MosooError where the server's contract cannot hold the message */
export function reduceMessage(state: MessageState, event: MessageEvent): MessageStep {
  switch (event.kind) {
    case "start":
      return proceed({ ...state, newestFirst: event.newestFirst });
    case "uploaded": {
      const { fileIds, key } = event;
      return proceed({ ...state, fileIds, key, filesSpent: false, uploads: state.uploads + 1 });
    }
    case "response":
      return onResponse(state, event);
    case "contract":
      return onContract(state, event.contract, event.rejection);
    case "thread":
      return onThread(state, event);
    case "waited":
      if (event.then === "rotate_key") return proceed(rotateKey(state));
      return state.request.ownThread === true ? [state, { do: "read", purpose: "find_in_own_thread" }] : proceed(state);
    case "run_waited":
      return proceed({ ...state, polls: event.polls });
    case "looked_up":
      return onLookedUp(state, event.found, event.rejection);
  }
}

/** What comes next while nothing speaks against it: check, upload, send. */
function proceed(state: MessageState): MessageStep {
  const { request, fileIds, idleChecked, uploads } = state;
  const uploadPending = request.upload !== undefined && uploads === 0;
  const usesFilesUp = uploadPending || (fileIds.length > 0 && filesAreSingleUse(assumedContract(state).message));
  // An earlier attempt may have started the run that is active: then the response to sending says so.
  const mayBeBusy = !idleChecked && request.firstAttempt && request.ownThread !== true;
  if (usesFilesUp && mayBeBusy) return [state, { do: "read", purpose: "check_idle" }];
  if (uploadPending) return [state, { do: "upload" }];
  return [state, { do: "send", key: currentKey(state), event: eventOf(state) }];
}

function rotateKey(state: MessageState): MessageState {
  return { ...state, generation: Math.min(MAX_SKIPPED_KEYS, state.generation + 1) };
}

function fail(state: MessageState, error: MosooError): MessageStep {
  return [state, { do: "fail", error }];
}

function wait(state: MessageState, failure: Failure, error: MosooError, mutating = true): MessageStep {
  return [state, { do: "wait", failure, error, mutating, then: "retry" }];
}

function onResponse(state: MessageState, event: MessageEvent & { kind: "response" }): MessageStep {
  const { result } = event;
  if (result.kind === "ok") {
    const run = result.value.events[0]?.run ?? null;
    if (run === null) return [state, { do: "read", purpose: "applied" }];
    return [state, { do: "finish", run, thread: result.value.thread, replayed: result.replayed }];
  }
  if (result.kind === "error" && isRefusedBody(result)) return onRejectedBody(state, result, event.event);
  return onFailure({ ...state, filesSpent: true }, result, event.remainingMs);
}

/** A rejected body is not stored under the key. */
function onRejectedBody(state: MessageState, rejection: ApiErrorResult, body: Body): MessageStep {
  if (!state.renegotiated) return [state, { do: "renegotiate", body, rejection }];
  return onRejectedValue(state, rejection);
}

function onContract(
  state: MessageState,
  contract: Contract | "unavailable" | undefined,
  rejection: ApiErrorResult,
): MessageStep {
  const renegotiated = { ...state, renegotiated: true, contractUnavailable: contract === "unavailable" };
  if (contract === undefined || contract === "unavailable") return onRejectedValue(renegotiated, rejection);
  return proceed({ ...renegotiated, contract });
}

function onRejectedValue(state: MessageState, rejection: ApiErrorResult): MessageStep {
  if (!state.filesSpent || state.fileIds.length === 0) {
    return fail(state, state.contractUnavailable ? contractUnavailableError(rejection) : invalidValueError(rejection));
  }
  const canUpload = state.request.upload !== undefined && state.uploads <= MAX_REUPLOADS;
  return canUpload ? [state, { do: "upload" }] : fail(state, filesUsedUpError(rejection));
}

function onFailure(state: MessageState, result: ApiFailure, remainingMs: number): MessageStep {
  if (result.kind !== "error") return wait(reset(state), toRetryFailure(result), toMosooError(result));
  // Failures of this call are not stored. Should one be all the same, another key gets past it.
  const next = result.replayed ? rotateKey(state) : state;
  if (result.status === 500) {
    // It may have the message, and would take it again where it does not remember request IDs.
    const withMessages = state.request.hasUniqueText === true && !remembersRequestIds(assumedContract(state).message);
    return [next, { do: "read", purpose: "after_failure", rejection: result, withMessages }];
  }
  return onConflict(reset(next), result, remainingMs);
}

function reset(state: MessageState): MessageState {
  return { ...state, idleFailures: 0 };
}

function onConflict(state: MessageState, result: ApiErrorResult, remainingMs: number): MessageStep {
  const conflict = classifyConflict(result);
  const { retryAfterMs } = result;
  const processing = { kind: "processing", retryAfterMs } as const;
  switch (conflict) {
    case "already_applied":
      return [state, { do: "read", purpose: "applied" }];
    case "key_reused":
      return fail(state, keyReusedError(result));
    case "in_progress":
    case "unknown": {
      const isStuck = retryAfterMs !== undefined && retryAfterMs >= Math.max(STUCK_RETRY_AFTER_MS, remainingMs);
      return isStuck ? onStuckKey(state, result) : wait(state, processing, toMosooError(result));
    }
    case "unrecoverable":
      return onStuckKey(state, result);
    case "readiness_blocked":
      // Right after a run's end a checkpoint is pending for a moment.
      return wait(state, { kind: "status", status: 503, retryAfterMs }, toMosooError(result), false);
    case undefined:
      return wait(state, toRetryFailure(result), invalidValueError(result));
  }
}

/** The key's record will not change: only the thread, or the same request ID under another key, can say more. */
function onStuckKey(state: MessageState, rejection: ApiErrorResult): MessageStep {
  if (state.request.ownThread === true) {
    return [state, { do: "read", purpose: "find_in_own_thread", rejection }];
  }
  if (!remembersRequestIds(assumedContract(state).message)) return [state, { do: "look_up", rejection }];
  return waitForNewKey(state, rejection);
}

function waitForNewKey(state: MessageState, rejection: ApiErrorResult): MessageStep {
  const error = toMosooError(rejection);
  return [state, { do: "wait", failure: { kind: "processing" }, error, mutating: true, then: "rotate_key" }];
}

function onLookedUp(state: MessageState, found: "yes" | "no" | "unknown", rejection: ApiErrorResult): MessageStep {
  switch (found) {
    case "yes":
      return [state, { do: "read", purpose: "applied" }];
    case "no":
      return waitForNewKey(state, rejection);
    case "unknown":
      return fail(state, fateUnknownError(rejection));
  }
}

function onThread(state: MessageState, event: MessageEvent & { kind: "thread" }): MessageStep {
  const { purpose, response, rejection } = event;
  const isApplied = (state.request.ownThread === true && response.run !== null) || event.isListed === true;
  switch (purpose) {
    case "applied":
      return [state, { do: "find_run", thread: response }];
    case "find_in_own_thread":
      if (isApplied) return [state, { do: "find_run", thread: response }];
      return rejection === undefined ? proceed(state) : waitForNewKey(state, rejection);
    case "check_idle": {
      const checked = { ...state, idleChecked: true };
      return isActive(response)
        ? waitForRun({ ...checked, activeRunId: response.run.id }, response.run)
        : proceed(checked);
    }
    case "after_failure":
      if (isApplied) return [state, { do: "find_run", thread: response }];
      return isActive(response) ? onActiveRun(reset(state), response.run) : onIdleFailure(state, rejection);
  }
}

/**
 * The server rejects messages while a run is active. The run may be the message's, where the server failed once it had
 * the message: then the next attempt says so. Else it is waited for, with an attempt now and then.
 */
function onActiveRun(state: MessageState, run: Run): MessageStep {
  return state.activeRunId === run.id ? waitForRun(state, run) : proceed({ ...state, activeRunId: run.id, polls: 0 });
}

function waitForRun(state: MessageState, run: Run): MessageStep {
  return [state, { do: "wait_for_run", run, maxPolls: maxPolls(state) }];
}

function maxPolls({ fileIds, request, polls }: MessageState): number {
  const hasFiles = fileIds.length > 0 || request.upload !== undefined;
  if (!hasFiles) return Math.max(MIN_POLLS, polls * 2);
  return request.upload === undefined ? Infinity : Math.max(MIN_POLLS_WITH_FILES, polls * 2);
}

function onIdleFailure(state: MessageState, rejection: ApiErrorResult | undefined): MessageStep {
  if (rejection === undefined) return proceed(state);
  // A proxy's 500 says nothing about the thread.
  const idleFailures = rejection.code === undefined ? 0 : state.idleFailures + 1;
  const next = { ...state, idleFailures };
  if (idleFailures >= MAX_IDLE_FAILURES) return fail(next, archivedThreadError(rejection));
  return wait(next, toRetryFailure(rejection), invalidValueError(rejection));
}
