/** Reads threads and their runs, and interrupts runs. */
import * as endpoints from "./endpoints.ts";
import type { Clock } from "../common/clock.ts";
import type { Run, ThreadResponse } from "./contract/schema.ts";
import { CancelledError, MosooError } from "./errors.ts";
import { classifyConflict } from "./idempotency.ts";
import { type ApiErrorResult, type ApiFailure, type RequestInit, request } from "./request.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { findRunsForMessage, isMessage } from "./runs/events.ts";
import type { Transport } from "./http/transport.ts";

/** The thread with its newest run. @throws MosooError; CancelledError */
export function getThread(loop: RetryLoop, threadId: string): Promise<ThreadResponse> {
  return loop.read(endpoints.getThread(threadId));
}

/** What the thread's events say about the runs of a message. */
interface MessageRuns {
  /** Oldest first; undefined for a message whose run no event names. */
  runIds: (string | undefined)[];
  /** When the newest of the messages came, on the server's clock, in milliseconds; NaN where that is not known. */
  newestAt: number;
  /** Older events exist, which the service does not list: the message may be among them. */
  truncated: boolean;
}

/**
 * The runs that messages with this text started, as the thread's newest events show them.
 *
 * @param newest the ID of the thread's newest run
 * @returns undefined where this token may not read the events
 * @throws MosooError; CancelledError
 */
export async function findMessageRuns(
  loop: RetryLoop,
  threadId: string,
  text: string,
  newest: string | undefined,
): Promise<MessageRuns | undefined> {
  const list = await loop.readIfAccessible(endpoints.listEvents(threadId));
  if (list === undefined) return undefined;
  const { events, truncated } = list;
  const message = events.findLast((event) => isMessage(event, text));
  return {
    runIds: findRunsForMessage(text, events, newest),
    newestAt: Date.parse(message?.occurredAt ?? ""),
    truncated,
  };
}

/**
 * How a run ended that is not the thread's newest anymore: an interrupt of an ended run changes nothing, and the
 * response carries its real status.
 *
 * @returns undefined where the server does not show it to this token
 * @throws MosooError; CancelledError
 */
export async function getEndedRunByInterrupt(
  loop: RetryLoop,
  threadId: string,
  runId: string,
): Promise<Run | undefined> {
  const response = await loop.readIfAccessible(endpoints.postEvents(threadId), interruption(runId));
  return response?.events.find(({ run }) => run?.id === runId)?.run ?? undefined;
}

/**
 * Whether the service holds another request under this idempotency key. The probe changes nothing: it interrupts a run
 * that has ended, which the service answers under a new key and rejects under a used one.
 *
 * @throws MosooError; CancelledError
 */
export async function isKeyUsed(loop: RetryLoop, threadId: string, key: string, endedRunId: string): Promise<boolean> {
  const init = interruption(endedRunId);
  const withKey = { ...init, headers: { ...init.headers, "idempotency-key": key } };
  const isUsed = (result: ApiErrorResult): boolean => classifyConflict(result) === "key_reused";
  return (await loop.readUnless(endpoints.postEvents(threadId), withKey, isUsed)) === undefined;
}

function interruption(runId: string): RequestInit {
  return {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ events: [{ type: "user_interrupt", runId }] }),
  };
}

type InterruptResult = { kind: "ok"; run: Run | undefined } | ApiFailure;

/**
 * Interrupts a run. Safe to repeat: of a run that has ended it changes nothing, and it never touches another run of the
 * thread.
 *
 * @returns `run`: as the server then knows it; undefined where the response does not say
 */
export async function postInterrupt(
  transport: Transport,
  threadId: string,
  runId: string,
  limits: Pick<RequestInit, "timeoutMs" | "signal">,
): Promise<InterruptResult> {
  const result = await request(transport, endpoints.postEvents(threadId), { ...interruption(runId), ...limits });
  if (result.kind !== "ok") return result;
  return { kind: "ok", run: result.value.events.find(({ run }) => run?.id === runId)?.run ?? undefined };
}

/** A server that does not respond to an interrupt within this does not do so later. */
export const INTERRUPT_TIMEOUT_MS = 10_000;
const RECONNECT_DELAY_MS = 100;
const OPTIONAL_READ_TIMEOUT_MS = 1_000;

/** An interrupt that changed nothing may be answered without the run: then the thread shows it, if it is its newest. */
async function readRunAfterInterrupt(
  transport: Transport,
  threadId: string,
  runId: string,
  signal: AbortSignal,
): Promise<Run> {
  const limits = { timeoutMs: OPTIONAL_READ_TIMEOUT_MS, signal };
  const result = await request(transport, endpoints.getThread(threadId), limits);
  return result.kind === "ok" && result.value.run?.id === runId ? result.value.run : { id: runId };
}

/**
 * Interrupts a run within a time limit. A connection that was lost before any response is retried once.
 *
 * @param limits `boundMs`: for everything, in milliseconds. `signal` ends it before
 * @returns the run as the server then knows it, without a status where that is not said; undefined where there was no
 *   usable response
 */
export async function interruptRun(
  transport: Transport,
  clock: Clock,
  threadId: string,
  runId: string,
  limits: { boundMs: number; signal?: AbortSignal | undefined },
): Promise<Run | undefined> {
  const signal = AbortSignal.any([
    AbortSignal.timeout(limits.boundMs),
    ...(limits.signal === undefined ? [] : [limits.signal]),
  ]);
  for (let attempt = 1; ; attempt += 1) {
    const result = await postInterrupt(transport, threadId, runId, { timeoutMs: INTERRUPT_TIMEOUT_MS, signal });
    if (result.kind === "ok") return result.run ?? (await readRunAfterInterrupt(transport, threadId, runId, signal));
    const lost = result.kind === "connection" && ["connection_reset", "body_truncated"].includes(result.error.code);
    if (!lost || attempt > 1) return undefined;
    await clock.sleep(RECONNECT_DELAY_MS, signal);
  }
}

/**
 * Interrupts a run, again and again where the failure is transient: the server is busy, limits requests, or restarts.
 *
 * @returns as {@link interruptRun}
 */
export async function interruptRunWithRetry(
  loop: RetryLoop,
  threadId: string,
  runId: string,
): Promise<Run | undefined> {
  try {
    const { events } = await loop.read(endpoints.postEvents(threadId), interruption(runId));
    const { transport, signal } = loop;
    return (
      events.find(({ run }) => run?.id === runId)?.run ??
      (await readRunAfterInterrupt(transport, threadId, runId, signal))
    );
  } catch (error) {
    if (error instanceof MosooError || error instanceof CancelledError) return undefined;
    throw error;
  }
}
