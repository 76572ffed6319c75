/**
 * The failures of this client, as data: what happened, what to do next, and what the server said.
 *
 * `serverMessage` is the server's own text, raw: whoever shows it sanitizes and redacts it there.
 */

/** What is known about the thread (or message) after a failure. `deleted`: the thread existed, and does not anymore. */
export type ThreadState = "not_created" | "unknown" | "created" | "deleted";

/** Why a request got no usable HTTP response. */
export type ConnectionErrorCode =
  | "dns_not_found"
  /** The name server did not answer: the name may exist. */
  | "dns_lookup_failed"
  | "connection_refused"
  | "connection_reset"
  /** The connection was closed before TLS was agreed on: nothing was sent. */
  | "tls_handshake_failed"
  | "timeout"
  /** The time was over before the connection was there: nothing was sent. */
  | "connect_timeout"
  | "body_truncated"
  /** Bytes that are not what they claim to be: no HTTP, or not compressed as declared. */
  | "invalid_http_response"
  | "response_too_large"
  | "certificate_invalid"
  | "tls_protocol_error"
  | "proxy_unreachable"
  | "proxy_refused"
  | "redirect"
  | "aborted";

/** No usable HTTP response. `message` is a whole sentence without secrets; `advice` says what to do about it. */
export class MosooConnectionError extends Error {
  override readonly name = "MosooConnectionError";
  readonly code: ConnectionErrorCode;
  readonly advice: string;
  /** The status of a response that could not be used, or of a proxy's refusal. */
  readonly status: number | undefined;

  constructor(code: ConnectionErrorCode, message: string, advice = "", status?: number) {
    super(message);
    this.code = code;
    this.advice = advice;
    this.status = status;
  }
}

export interface MosooErrorDetails {
  /** HTTP status of the last response. */
  status?: number | undefined;
  /** The server's error code, from its error envelope. */
  code?: string | undefined;
  /** What the server, or the network before it, calls this request in its own logs. @see {@link readRequestId} */
  requestId?: string | undefined;
  /** The server's own text, untrusted and raw. */
  serverMessage?: string | undefined;
  /** What to do next, a whole sentence. */
  advice?: string | undefined;
  threadState?: ThreadState | undefined;
  /** The input the failure belongs to, where one can be named. */
  input?: string | undefined;
}

/** A failure that ends an operation of the client. */
export class MosooError extends Error {
  override readonly name = "MosooError";
  readonly details: MosooErrorDetails;

  /** @param summary what happened, a whole sentence without text of the server */
  constructor(summary: string, details: MosooErrorDetails = {}) {
    super(summary);
    this.details = details;
  }

  get summary(): string {
    return this.message;
  }

  /** The same failure with what only the caller knows. */
  extend(details: MosooErrorDetails): MosooError {
    return new MosooError(this.message, { ...this.details, ...details });
  }
}

/** The step was cancelled or timed out before the operation was done. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
  readonly threadState: ThreadState;

  constructor(threadState: ThreadState) {
    super("The step was cancelled.");
    this.threadState = threadState;
  }
}

/** For a message whose run nothing proves. */
export const NEW_THREAD_ADVICE =
  "`on-rerun: create` sends the message to a new thread when the workflow run is re-run.";

/** The service's own header first; `cf-ray` is the network's in front of it, which its operators can look up too. */
const REQUEST_ID_HEADERS = ["x-request-id", "request-id", "cf-ray"];
/** Longer than any UUID, ULID or trace ID, and nothing that Markdown, a log or a shell would interpret. */
const REQUEST_ID = /^[\w.:=+/-]{1,128}$/;

/** The request ID of a response: safe to show as it is. Undefined where there is none, or something else in its place. */
export function readRequestId(header: (name: string) => string | undefined): string | undefined {
  return REQUEST_ID_HEADERS.map(header).find((value) => value !== undefined && REQUEST_ID.test(value));
}

/** What to do next about each code of the server's error envelope; undefined for an unknown code. */
const ADVICE: Readonly<Record<string, string>> = {
  invalid_request: "Correct the input that the server names.",
  invalid_json: "Correct the input that the server names.",
  unauthenticated: "Check that `token` is a valid Mosoo token for the server at `api-url` and was not revoked.",
  forbidden: "The token lacks permission. Use a token whose owner may use this agent.",
  not_found:
    "It does not exist at `api-url`, or this token may not see it. Check the ID (in the agent's API Access panel), whose token it is, and `api-url`.",
  agent_not_published: "Publish the agent in Mosoo, then re-run the workflow.",
  service_inactive: "Activate the agent's API service in Mosoo, then re-run the workflow.",
  readiness_blocked: "The agent is not ready. Open it in Mosoo to resolve the issue, then re-run the workflow.",
  idempotency_conflict: "Set `idempotency-key` to a value that only this step uses.",
  rate_limited:
    "The token's rate limit (120 requests a minute across all steps) is exhausted. Run fewer steps at once, or increase `create-timeout`.",
  internal_error: "Re-run the workflow later; the idempotency key prevents a second thread.",
};

/** What to do next about a code of the server's error envelope (`{"error":{"code","message"}}`). */
export function adviceForCode(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined;
}
