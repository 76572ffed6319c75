/** A refusal in the service's own envelope, `{"error":{"code","message"}}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Whole seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export const invalidRequest = (message: string): Refusal => new Refusal(400, "invalid_request", message);
export const invalidJson = (): Refusal => new Refusal(400, "invalid_json", "Request body must be valid JSON.");
export const unauthenticated = (message: string): Refusal => new Refusal(401, "unauthenticated", message);
export const forbidden = (message: string): Refusal => new Refusal(403, "forbidden", message);
export const notFound = (message: string): Refusal => new Refusal(404, "not_found", message);
export const readinessBlocked = (message: string): Refusal => new Refusal(409, "readiness_blocked", message);
export const conflict = (message: string, retryAfter = 2): Refusal =>
  new Refusal(409, "idempotency_conflict", message, retryAfter);
export const internalError = (): Refusal => new Refusal(500, "internal_error", "The request failed unexpectedly.");

/** A response before it is sent; `body` is serialized as JSON. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** The response to a rejected request. */
export function refusalAnswer(refusal: Refusal): Answer {
  return {
    status: refusal.status,
    headers: refusal.retryAfter === undefined ? {} : { "Retry-After": String(refusal.retryAfter) },
    body: { error: { code: refusal.code, message: refusal.message } },
  };
}
