/** One exchange with the API: the promised response, an error response, an invalid one or a connection error. */
import { type ThreadState, MosooError, MosooConnectionError, adviceForCode, readRequestId } from "./errors.ts";
import type { Endpoint } from "./endpoints.ts";
import { type Failure, parseHttpDate, parseRetryAfter } from "./retry.ts";
import { parseError } from "./contract/schema.ts";
import type { HttpResponse, RequestOptions, Transport } from "./http/transport.ts";

export interface ApiErrorResult {
  kind: "error";
  status: number;
  code: string | undefined;
  /** The server's words, untrusted. */
  message: string | undefined;
  requestId: string | undefined;
  /** `{"error":"Not Found"}`: the path is not routed. */
  isUnroutedPath: boolean;
  /** The answer is stored under the idempotency key. */
  replayed: boolean;
  retryAfterMs: number | undefined;
}

export type ApiResult<T> =
  | { kind: "ok"; value: T; replayed: boolean }
  | ApiErrorResult
  | {
      kind: "invalid_response";
      status: number;
      text: string;
      requestId: string | undefined;
    }
  | { kind: "connection"; error: MosooConnectionError };

/** What a single request adds to its endpoint. */
export type RequestInit = Pick<RequestOptions, "headers" | "body" | "timeoutMs" | "signal">;

/** Sends one request and classifies the response. Throws nothing that the network or the server can cause. */
export async function request<T>(
  transport: Transport,
  { parse, ...endpoint }: Endpoint<T>,
  init: RequestInit,
): Promise<ApiResult<T>> {
  let answer: HttpResponse;
  try {
    answer = await transport.request({ ...endpoint, ...init });
  } catch (error) {
    if (error instanceof MosooConnectionError) return { kind: "connection", error };
    throw error;
  }
  const replayed = answer.header("idempotency-replayed")?.toLowerCase() === "true";
  if (isSuccess(answer.status)) {
    const value = parse(answer.text);
    if (value !== undefined) return { kind: "ok", value, replayed };
    return {
      kind: "invalid_response",
      status: answer.status,
      text: answer.text,
      requestId: readRequestId((name) => answer.header(name)),
    };
  }
  return toErrorResult(answer, replayed);
}

/** An answer of another status than 2xx, sorted. */
export function toErrorResult(answer: HttpResponse, replayed = false): ApiErrorResult {
  const { code, message, bare } = parseError(answer.text);
  return {
    kind: "error",
    status: answer.status,
    // A code is an identifier; anything else in its place is text.
    code: code !== undefined && /^[a-z][a-z_]{0,63}$/.test(code) ? code : undefined,
    // Without the envelope the text itself says what it is: another server's page, a proxy's.
    message: message ?? (code !== undefined || answer.text.trim() === "" ? undefined : answer.text),
    requestId: readRequestId((name) => answer.header(name)),
    isUnroutedPath: bare === true,
    replayed,
    // A date is one of the server's clock, which the runner's may be far from.
    retryAfterMs: parseRetryAfter(answer.header("retry-after"), parseHttpDate(answer.header("date")) ?? Date.now()),
  };
}

function isSuccess(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

export type ApiFailure = Exclude<ApiResult<never>, { kind: "ok" }>;

/** The reply as the retry policy sees it. The caller classifies conflicts. */
export function toRetryFailure(reply: ApiFailure): Failure {
  switch (reply.kind) {
    case "error":
      return { kind: "status", status: reply.status, retryAfterMs: reply.retryAfterMs };
    case "invalid_response":
      return { kind: "invalid_response" };
    case "connection": {
      const { code: fault, status } = reply.error;
      // A success whose body cannot be read counts as an invalid response: it is retried, but not forever.
      if ((fault === "body_truncated" || fault === "response_too_large") && isSuccess(status))
        return { kind: "invalid_response" };
      return { kind: "connection", fault, status };
    }
  }
}

/** Whether a text is a page for people. */
export function isHtml(text: string): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(text.slice(0, 1_000));
}

function shapeSentence(reply: { status: number; text: string }): string {
  if (reply.text.trim() === "") return `Mosoo responded with ${reply.status} and an empty body.`;
  if (isHtml(reply.text)) {
    return `Mosoo responded with ${reply.status} and an HTML page instead of JSON.`;
  }
  return `Mosoo responded with ${reply.status} and an unexpected body.`;
}

/** Also for codes this action does not know: 402 is about money alone. */
const OUT_OF_CREDITS_ADVICE =
  "The Mosoo account or its quota is the cause: it has no credits left, or its plan does not cover this agent run. Check billing in Mosoo, then re-run the workflow.";

function statusAdvice(reply: ApiErrorResult): string {
  if (reply.isUnroutedPath && reply.status === 404) {
    return "The server has no such endpoint. Check `api-url` (it ends in /api/v1).";
  }
  const known = adviceForCode(reply.code);
  if (known !== undefined) return known;
  if (reply.status === 402) return OUT_OF_CREDITS_ADVICE;
  if (reply.status === 401) return adviceForCode("unauthenticated") ?? "";
  if (reply.status === 403) return adviceForCode("forbidden") ?? "";
  if (reply.status === 404) return "Check `api-url` and the IDs.";
  if (reply.status === 413)
    return "The server, or a proxy in front of it, rejects requests of this size. Shorten the message.";
  if (reply.status === 429) return adviceForCode("rate_limited") ?? "";
  if (reply.status >= 500) return "The server, or a proxy in front of it, is failing. Re-run the workflow later.";
  return "Check `api-url` and the inputs.";
}

/** The reply as an error for people. */
export function toMosooError(reply: ApiFailure, threadState?: ThreadState): MosooError {
  switch (reply.kind) {
    case "connection":
      return new MosooError(reply.error.message, {
        advice: reply.error.advice,
        threadState,
        status: reply.error.status,
      });
    case "invalid_response":
      return new MosooError(shapeSentence(reply), {
        status: reply.status,
        requestId: reply.requestId,
        serverMessage: reply.text.trim() === "" ? undefined : reply.text,
        advice:
          "Check that `api-url` is the base URL of a Mosoo API, and that no login page or proxy responds in its place.",
        threadState,
      });
    case "error":
      return new MosooError(
        `Mosoo responded with ${reply.status}${reply.code === undefined ? "" : ` ${reply.code}`}.`,
        {
          status: reply.status,
          code: reply.code,
          requestId: reply.requestId,
          serverMessage: reply.message,
          advice: statusAdvice(reply),
          threadState,
        },
      );
  }
}
