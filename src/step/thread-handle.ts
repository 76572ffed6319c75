/** What is known of the step's thread, and what starting it needs. */
import type { ActionContext } from "../actions/context.ts";
import type { MosooClient } from "../mosoo/client.ts";
import type { Contract } from "../mosoo/contract/request-bodies.ts";
import type { Run, Thread } from "../mosoo/contract/schema.ts";
import type { StepPlan } from "./request.ts";

export interface ThreadHandle {
  threadId: string;
  thread: Thread;
  run: Run | null;
  /** `links.thread`, as the server gave it last. */
  link?: string | undefined;
  /** The thread or message comes from an earlier request with the key. */
  replayed: boolean;
  /** The key that holds it. */
  key: string;
  /** The message was sent by this attempt, although the thread is older. */
  sentInThisAttempt?: boolean;
  /** The run was read in this attempt, not taken from the replay of an earlier response. */
  isFresh?: boolean;
  /** When the run was read, the thread had no newer one. */
  isNewest?: boolean;
  /** A later attempt sent the message again; which run is the first one's is not known. */
  wasResent?: boolean;
  /** How the run before had ended, where the message was sent again. */
  resumedAfter?: string | undefined;
  contract: Contract | undefined;
  /** With `download-files`, of a message sent in this first attempt: IDs of the files that the thread had before. */
  filesBefore?: ReadonlySet<string> | undefined;
}

interface StartListener {
  /** A thread is known; its message may still be on the way. */
  thread(handle: ThreadHandle): void;
  info(text: string): void;
}

export interface StartContext {
  mosoo: MosooClient;
  plan: StepPlan;
  context: ActionContext;
  stop: AbortSignal;
  listener: StartListener;
}
