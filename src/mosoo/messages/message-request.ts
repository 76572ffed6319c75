/** A message to send, its result, and the errors that only sending has. */
import { invalidValueError } from "../contract/negotiate.ts";
import type { Contract } from "../contract/request-bodies.ts";
import type { Run, Thread } from "../contract/schema.ts";
import type { MosooError } from "../errors.ts";
import { type ApiErrorResult, toMosooError } from "../request.ts";

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
      "The thread takes no messages although no run is active in it: it is probably archived. Restore it in Mosoo, then re-run the workflow.",
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
