/** Reads a thread, and interrupts a run. */
import { MAX_TRANSCRIPT_RESPONSE_BYTES } from "./http/body.ts";
import { systemClock } from "../common/clock.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { isConflict } from "./idempotency.ts";
import { MosooError, CancelledError } from "./errors.ts";
import { type ApiFailure, request, toMosooError, toRetryFailure } from "./request.ts";
import { findRunsForMessage } from "./runs/find-runs.ts";
import { type Run, type ThreadResponse, parseEventsResponse, parseThreadResponse } from "./contract/schema.ts";
import type { RequestOptions, Transport } from "./http/transport.ts";

/**
 * After a look that failed: waits until the next one is due. A conflict in front of which no key stands is no answer of
 * the service's.
 *
 * @throws MosooError; CancelledError
 */
async function retryRead(effort: RetryLoop, reply: ApiFailure): Promise<void> {
  const conflict = reply.kind === "error" && isConflict(reply);
  await effort.waitBeforeRetry(conflict ? { kind: "processing" } : toRetryFailure(reply), toMosooError(reply));
}

/** The thread with its newest run, asked for until it answers. @throws MosooError; CancelledError */
export async function getThread(transport: Transport, effort: RetryLoop, threadId: string): Promise<ThreadResponse> {
  const path = `/threads/${encodeURIComponent(threadId)}`;
  for (;;) {
    const call = {
      method: "GET",
      path,
      maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
      ...effort.startAttempt(),
    } as const;
    const reply = await request(transport, call, parseThreadResponse);
    if (reply.kind === "ok") return reply.value;
    await retryRead(effort, reply);
  }
}

/**
 * The runs that messages with this text started, oldest first, as the thread's newest thousand events tell.
 *
 * @param newest the ID of the thread's newest run
 * @returns undefined where the events tell of no such run, or are not told to this token
 * @throws MosooError; CancelledError
 */
export async function listRunsForMessage(
  text: string,
  transport: Transport,
  effort: RetryLoop,
  threadId: string,
  newest: string | undefined,
): Promise<[string, ...string[]] | undefined> {
  const path = `/threads/${encodeURIComponent(threadId)}/events?limit=1000`;
  const { parseEventList } = await import("./runs/events.ts");
  for (;;) {
    const call = {
      method: "GET",
      path,
      maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
      ...effort.startAttempt(),
    } as const;
    const reply = await request(transport, call, parseEventList);
    if (reply.kind === "ok") {
      const [first, ...later] = findRunsForMessage(text, reply.value.events, newest);
      return first === undefined ? undefined : [first, ...later];
    }
    if (reply.kind === "error" && isInaccessible(reply.status)) return undefined;
    await retryRead(effort, reply);
  }
}

function isInaccessible(status: number): boolean {
  return status === 401 || status === 403 || status === 404;
}

/**
 * How a run ended that is not the thread's newest any more, so that it has ended: an interrupt of an ended run changes
 * nothing and answers with its real status.
 *
 * @returns undefined where the server does not tell it to this token
 * @throws MosooError; CancelledError
 */
export async function getEndedRunByInterrupt(
  transport: Transport,
  effort: RetryLoop,
  threadId: string,
  runId: string,
): Promise<Run | undefined> {
  for (;;) {
    const reply = await postInterrupt(transport, threadId, runId, effort.startAttempt());
    if (reply.kind === "ok") return reply.run;
    if (reply.kind === "error" && isInaccessible(reply.status)) return undefined;
    await retryRead(effort, reply);
  }
}

function interruption(threadId: string, runId: string): Pick<RequestOptions, "method" | "path" | "headers" | "body"> {
  return {
    method: "POST",
    path: `/threads/${encodeURIComponent(threadId)}/events`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ events: [{ type: "user_interrupt", runId }] }),
  };
}

type InterruptReply = { kind: "ok"; run: Run | undefined } | ApiFailure;

/**
 * Tells a run to stop. Safe to repeat: for a run that has ended it changes nothing and answers with its real status, and
 * it never touches another run of the thread.
 *
 * @returns `run`: as the server then knows it; undefined where the answer does not tell
 */
export async function postInterrupt(
  transport: Transport,
  threadId: string,
  runId: string,
  limits: Pick<RequestOptions, "timeoutMs" | "signal">,
): Promise<InterruptReply> {
  const reply = await request(transport, { ...interruption(threadId, runId), ...limits }, parseEventsResponse);
  if (reply.kind !== "ok") return reply;
  return { kind: "ok", run: reply.value.events.find(({ run }) => run?.id === runId)?.run ?? undefined };
}

/** A server that does not answer within this does not do so later. In milliseconds. */
export const INTERRUPT_TIMEOUT_MS = 10_000;
const pauseOfLostMs = 100;
/** What a read may take that is only good to have. */
const wantedReadMs = 1_000;

/** An interrupt that changed nothing may be answered without the run: then the thread tells, as long as it shows that run. */
async function runAfterInterrupt(
  transport: Transport,
  threadId: string,
  runId: string,
  signal: AbortSignal,
): Promise<Run> {
  const path = `/threads/${encodeURIComponent(threadId)}`;
  const call = {
    method: "GET",
    path,
    maxBodyBytes: MAX_TRANSCRIPT_RESPONSE_BYTES,
    timeoutMs: wantedReadMs,
    signal,
  } as const;
  const reply = await request(transport, call, parseThreadResponse);
  return reply.kind === "ok" && reply.value.run?.id === runId ? reply.value.run : { id: runId };
}

/**
 * Tells a run to stop, within a bound. A connection that was lost before any answer is tried once more.
 *
 * @param limits `boundMs`: for everything, in milliseconds. `signal` ends it before
 * @returns the run as the server then knows it, without a status where that is not told; undefined where there was no
 *   usable answer
 */
export async function interruptRun(
  transport: Transport,
  threadId: string,
  runId: string,
  limits: { boundMs: number; signal?: AbortSignal | undefined },
): Promise<Run | undefined> {
  const signal = AbortSignal.any([
    AbortSignal.timeout(limits.boundMs),
    ...(limits.signal === undefined ? [] : [limits.signal]),
  ]);
  for (let tries = 1; ; tries += 1) {
    const reply = await postInterrupt(transport, threadId, runId, { timeoutMs: INTERRUPT_TIMEOUT_MS, signal });
    if (reply.kind === "ok") return reply.run ?? (await runAfterInterrupt(transport, threadId, runId, signal));
    const lost = reply.kind === "connection" && ["connection_reset", "body_truncated"].includes(reply.error.code);
    if (!lost || tries > 1) return undefined;
    await systemClock.sleep(pauseOfLostMs, signal);
  }
}

/**
 * Tells a run to stop, again and again where the failure passes: the server is busy, limits requests, or starts anew.
 *
 * @returns as {@link interruptRun}
 */
export async function interruptRunWithRetry(
  transport: Transport,
  effort: RetryLoop,
  threadId: string,
  runId: string,
): Promise<Run | undefined> {
  try {
    for (;;) {
      const limits = effort.startAttempt();
      const reply = await postInterrupt(transport, threadId, runId, limits);
      if (reply.kind === "ok") return reply.run ?? (await runAfterInterrupt(transport, threadId, runId, limits.signal));
      await retryRead(effort, reply);
    }
  } catch (error) {
    if (error instanceof MosooError || error instanceof CancelledError) return undefined;
    throw error;
  }
}
