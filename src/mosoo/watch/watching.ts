/** What all parts of following a run share: whom to ask, until when and how often, and whom to tell. */
import type { Clock } from "../clock.ts";
import type { MosooError } from "../errors.ts";
import type { Unanswered } from "../exchange.ts";
import { backoffMs, isPassing } from "../retry.ts";
import type { Run, Thread } from "../schema.ts";
import type { Transport } from "../transport.ts";
import { spreadAfter } from "./intervals.ts";
import type { Read } from "./pace.ts";
import type { Happening } from "./transcript.ts";

export interface FollowListener {
  happened(happening: NonNullable<Happening>): void;
  /** The run as the thread shows it. */
  seen(run: Run, thread: Thread): void;
  /** A person is asked. @returns whether to go on waiting */
  asked(title: string | undefined, run: Run): boolean;
  /** A minute has passed without anything to tell. */
  quiet(): void;
  debug(text: string): void;
}

export interface Watching {
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

export type FollowEnd =
  | { kind: "ended"; run: Run }
  | { kind: "question"; run: Run; title: string | undefined }
  | { kind: "timeout" }
  | { kind: "stopped" }
  /** The thread can be read no more: it is gone, the token was revoked. Or nothing tells how the run ended. */
  | { kind: "lost"; error: MosooError };

/** What one look at the server has brought. */
export interface Looked {
  end?: FollowEnd | undefined;
  read: Read;
}

/** What a last look at the deadline may take. */
const lastLookMs = 2_000;

/** For one call. */
export function limitsOf({ clock, deadlineAt, requestTimeoutMs, stop }: Watching): {
  timeoutMs: number;
  signal: AbortSignal;
} {
  const remainingMs = Math.max(lastLookMs, deadlineAt - clock.now());
  return { timeoutMs: Math.min(requestTimeoutMs, remainingMs), signal: stop };
}

/** Whether a failure passes, so that the same is asked again, until the deadline. */
export function isRiddenOut(reply: Unanswered): boolean {
  if (reply.kind === "shape") return true;
  if (reply.kind === "error") return isPassing(reply.status);
  return !["certificate", "redirect", "not-tls", "too-large"].includes(reply.error.fault);
}

/** How long the server is left alone after so many failures in a row. */
export function pauseAfter(reply: Unanswered, failures: number, random: number): number {
  const asked = reply.kind === "error" ? reply.retryAfterMs : undefined;
  return Math.max(asked === undefined ? 0 : spreadAfter(asked, random), backoffMs(failures, random));
}

/** A look that failed, and passes. */
export function failedLook(reply: Unanswered, failures: number, random: number): Looked {
  const limited = reply.kind === "error" && reply.status === 429;
  return { read: { waitMs: pauseAfter(reply, failures, random), limited } };
}

/** A look that was answered, whatever it brought. */
export function answeredLook(end?: FollowEnd): Looked {
  return { end, read: { waitMs: 0, limited: false } };
}
