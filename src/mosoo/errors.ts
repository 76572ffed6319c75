/**
 * What went wrong on the way to Mosoo or back, said for the person who reads the step's log.
 *
 * Texts of the server stand in `serverMessage` as they came: whoever prints them makes them harmless first.
 */

/** What is known about the thread (or message) after a failure. `gone`: the thread was there, and is not any more. */
export type ThreadState = "not_created" | "unknown" | "created" | "deleted";

/** Why a call had no usable answer, as far as the wire tells. */
export type ConnectionErrorCode =
  | "dns_not_found"
  | "connection_refused"
  | "connection_reset"
  /** Broken off before TLS was agreed on: nothing was sent. */
  | "tls_handshake_failed"
  | "timeout"
  | "body_truncated"
  /** Bytes that are not what they claim to be: no HTTP, or not compressed as said. */
  | "invalid_http_response"
  | "response_too_large"
  | "certificate_invalid"
  | "tls_protocol_error"
  | "proxy_unreachable"
  | "proxy_refused"
  | "redirect"
  | "aborted";

/** No usable HTTP answer. `message` is a whole sentence without secrets; `advice` says what to do about it. */
export class MosooConnectionError extends Error {
  override readonly name = "MosooConnectionError";
  readonly code: ConnectionErrorCode;
  readonly advice: string;
  /** The status of an answer that could not be used, or of a proxy's refusal. */
  readonly status: number | undefined;

  constructor(code: ConnectionErrorCode, message: string, advice = "", status?: number) {
    super(message);
    this.code = code;
    this.advice = advice;
    this.status = status;
  }
}

export interface MosooErrorDetails {
  /** HTTP status of the last answer. */
  status?: number | undefined;
  /** The server's error code, from the envelope of mosoo-api's errors. */
  code?: string | undefined;
  /** The server's own words, untrusted. */
  serverMessage?: string | undefined;
  /** What to do next, a whole sentence. */
  advice?: string | undefined;
  threadState?: ThreadState | undefined;
  /** The input the failure belongs to, where one can be named. */
  input?: string | undefined;
}

/** A failure that ends what was asked of Mosoo. */
export class MosooError extends Error {
  override readonly name = "MosooError";
  readonly details: MosooErrorDetails;

  constructor(message: string, details: MosooErrorDetails = {}) {
    super(message);
    this.details = details;
  }

  /** The same failure with what only the caller knows. */
  extend(details: MosooErrorDetails): MosooError {
    return new MosooError(this.message, { ...this.details, ...details });
  }
}

/** The step was told to stop (cancelled job, timed-out step) before the work was done. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
  readonly threadState: ThreadState;

  constructor(threadState: ThreadState) {
    super("The step was stopped.");
    this.threadState = threadState;
  }
}

/**
 * What to do next about each code of the server's error envelope
 * (`{"error":{"code","message"}}`); undefined for a code that is not known.
 */
export function adviceForCode(code: string | undefined): string | undefined {
  switch (code) {
    case "invalid_request":
    case "invalid_json":
      return "Correct the input that the server names, then run the workflow again.";
    case "unauthenticated":
      return "Check that the secret behind `token` holds a valid Mosoo token that was not revoked, and that it belongs to the server behind `api-url`.";
    case "forbidden":
      return "The token may not do this: use a token of a person or service that is allowed to use this agent.";
    case "not_found":
      return "Check the ID (the agent's API Access panel shows it), that the token's owner may see it, and `api-url`.";
    case "agent_not_published":
      return "Publish the agent in Mosoo, then re-run the workflow.";
    case "service_inactive":
      return "The service behind the agent is inactive: activate it in Mosoo, then re-run the workflow.";
    case "readiness_blocked":
      return "The agent is not ready to run: open it in Mosoo, mend what blocks it, then re-run the workflow.";
    case "idempotency_conflict":
      return "Set the input `idempotency-key` to a value of this step's own.";
    case "rate_limited":
      return "The token's requests are used up (120 a minute, all steps together): run fewer steps at once, or raise `create-timeout`.";
    case "internal_error":
      return "The server failed: re-run the workflow later; the key makes sure that no second thread comes of it.";
    default:
      return undefined;
  }
}
