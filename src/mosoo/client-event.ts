/** What the client reports to its caller, and how the caller stops it. */
import type { MosooError } from "./errors.ts";

/** The request from outside to shut down, in two stages. */
export interface ShutdownSignals {
  /** Aborted at once: nothing new starts, waits end. */
  cancelSignal: AbortSignal;
  /** Aborted a moment later: requests in flight end, too. */
  abortRequestsSignal: AbortSignal;
}

/** What the client reports while it works, for the log. */
export type ClientEvent =
  | { kind: "retry"; cause: MosooError; waitMs: number; attempt: number }
  | { kind: "generation"; generation: number; cause: MosooError }
  /** Another step seems to own the idempotency key. */
  | { kind: "shared-key" }
  /** The default host has no API: the requests go to its successor. */
  | { kind: "host-changed"; from: string; to: string }
  | { kind: "negotiated"; properties: string[] }
  | { kind: "external-ref-not-sent" }
  | { kind: "other-run"; status: string | undefined }
  | { kind: "uploaded"; name: string; bytes: number; done: number; of: number };
