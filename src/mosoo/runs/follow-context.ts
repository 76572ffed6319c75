/** What all parts of following a run share: whom to ask, until when and how often, and whom to tell. */
import type { Clock } from "../../common/clock.ts";
import type { MosooError } from "../errors.ts";
import type { ApiFailure } from "../request.ts";
import { backoffMs, isRetryableStatus } from "../retry.ts";
import type { Run, Thread } from "../contract/schema.ts";
import type { Transport } from "../http/transport.ts";
import { retryAfterWithJitter } from "./intervals.ts";
import type { Read } from "./poll-scheduler.ts";
import type { TranscriptEvent } from "./transcript.ts";

export interface FollowListener {
  onEvent(happening: NonNullable<TranscriptEvent>): void;
  /** The run as the thread shows it. */
  onRunUpdated(run: Run, thread: Thread): void;
  /** A person is asked. @returns whether to go on waiting */
  onInputRequired(title: string | undefined, run: Run): boolean;
  /** A minute has passed without anything to tell. */
  onIdle(): void;
  debug(text: string): void;
}

export interface FollowContext {
  transport: Transport;
  clock: Clock;
  threadId: string;
  /** As last seen. */
  run: Run;
  /** On the clock's scale. */
  deadlineAt: number;
  requestTimeoutMs: number;
  stop: AbortSignal;
  listener: FollowListener;
}

export type FollowResult =
  | { kind: "ended"; run: Run }
  | { kind: "question"; run: Run; title: string | undefined }
  | { kind: "timeout" }
  | { kind: "stopped" }
  /** The thread can be read no more: it is gone, the token was revoked. Or nothing tells how the run ended. */
  | { kind: "error"; error: MosooError };

/** What one look at the server has brought. */
export interface PollResult {
  end?: FollowResult | undefined;
  read: Read;
}

/** What a last look at the deadline may take. */
const FINAL_POLL_TIMEOUT_MS = 2_000;

/** For one call. */
export function requestLimits({ clock, deadlineAt, requestTimeoutMs, stop }: FollowContext): {
  timeoutMs: number;
  signal: AbortSignal;
} {
  const remainingMs = Math.max(FINAL_POLL_TIMEOUT_MS, deadlineAt - clock.now());
  return { timeoutMs: Math.min(requestTimeoutMs, remainingMs), signal: stop };
}

/** Whether a failure passes, so that the same is asked again, until the deadline. */
export function isTransient(reply: ApiFailure): boolean {
  if (reply.kind === "invalid_response") return true;
  if (reply.kind === "error") return isRetryableStatus(reply.status);
  return !["certificate_invalid", "redirect", "tls_protocol_error", "response_too_large"].includes(reply.error.code);
}

/** How long the server is left alone after so many failures in a row. */
export function retryDelayMs(reply: ApiFailure, failures: number, random: number): number {
  const asked = reply.kind === "error" ? reply.retryAfterMs : undefined;
  return Math.max(asked === undefined ? 0 : retryAfterWithJitter(asked, random), backoffMs(failures, random));
}

/** A look that failed, and passes. */
export function pollFailed(reply: ApiFailure, failures: number, random: number): PollResult {
  const limited = reply.kind === "error" && reply.status === 429;
  return { read: { waitMs: retryDelayMs(reply, failures, random), limited } };
}

/** A look that was answered, whatever it brought. */
export function pollSucceeded(end?: FollowResult): PollResult {
  return { end, read: { waitMs: 0, limited: false } };
}
