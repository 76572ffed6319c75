/** Reads a thread, and interrupts a run. */
import type { Effort } from "./effort.ts";
import { ask, errorOf, failureOf } from "./exchange.ts";
import { type Run, type ThreadAnswer, parseEventsAnswer, parseThreadAnswer } from "./schema.ts";
import type { Transport } from "./transport.ts";

/** The thread with its newest run, asked for until it answers. @throws MosooError; StoppedError */
export async function readThread(transport: Transport, effort: Effort, threadId: string): Promise<ThreadAnswer> {
  for (;;) {
    const call = { method: "GET", path: `/threads/${encodeURIComponent(threadId)}`, ...effort.begin() } as const;
    const reply = await ask(transport, call, parseThreadAnswer);
    if (reply.kind === "ok") return reply.value;
    await effort.endure(failureOf(reply), errorOf(reply));
  }
}

/**
 * Tells a run to stop. Safe to repeat: for a run that has ended it changes nothing and answers with its real status,
 * and it never touches another run of the thread.
 *
 * @param boundMs for everything, with one more try where the first had no answer
 * @returns the run as the server then knows it; undefined where there was no usable answer
 */
export async function interruptRun(
  transport: Transport,
  threadId: string,
  runId: string,
  boundMs: number,
): Promise<Run | undefined> {
  const signal = AbortSignal.timeout(boundMs);
  for (let tries = 1; tries <= 2 && !signal.aborted; tries += 1) {
    const reply = await ask(
      transport,
      {
        method: "POST",
        path: `/threads/${encodeURIComponent(threadId)}/events`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ events: [{ type: "user_interrupt", runId }] }),
        signal,
      },
      parseEventsAnswer,
    );
    if (reply.kind === "ok") {
      const run = reply.value.events[0]?.run;
      return run?.id === runId ? run : undefined;
    }
  }
  return undefined;
}
