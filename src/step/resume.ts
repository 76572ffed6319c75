/** What a re-run makes of the work that an earlier attempt of the workflow run has started. */
import { keyForAttempt } from "./idempotency-key.ts";
import { type Run, type ThreadResponse, compareRunAge, isTerminalStatus } from "../mosoo/contract/schema.ts";
import { readThread, sendStepMessage } from "./send-message.ts";
import type { StartContext, ThreadHandle } from "./start-thread.ts";

/**
 * The run that stands for this step's work now. A newer run in the thread may be this step's, sent again by an earlier
 * re-run, or somebody else's: a later step's, a person's.
 */
async function currentRun(
  start: StartContext,
  { threadId, run: own }: ThreadHandle,
  newest: Run | null,
): Promise<Run | null> {
  const { mosoo, plan, context } = start;
  if (newest === null || own === null || newest.id === own.id) return newest;
  // A read that lags behind: what goes on must not be asked for its end.
  if (compareRunAge(newest, own) === "older") return own;
  const first = await mosoo.getEndedRunByInterrupt(threadId, own.id);
  // Nobody has sent the message again where it had its answer, or before this attempt.
  if (first?.status === "completed" || context.runAttempt === 2) return first ?? { ...own, status: undefined };
  const ours = (await mosoo.listRunsForMessage(plan.request.text, threadId, newest.id))?.at(-1);
  if (ours === undefined || ours === newest.id) return newest;
  const last = ours === own.id ? first : await mosoo.getEndedRunByInterrupt(threadId, ours);
  return last ?? { id: ours };
}

/** The step's first run in a thread that was made for its message alone: later ones may be others'. */
export async function firstRun(start: StartContext, { thread, run: newest }: ThreadResponse): Promise<Run | null> {
  const { mosoo, plan, context } = start;
  if (newest === null || context.runAttempt === 1) return newest;
  const [first] = (await mosoo.listRunsForMessage(plan.request.text, thread.id, newest.id)) ?? [newest.id];
  if (first === newest.id) return newest;
  return (await mosoo.getEndedRunByInterrupt(thread.id, first)) ?? { id: first };
}

/**
 * `on-rerun: resume`: goes on with the thread of an earlier attempt, and sends the message again where its run ended
 * other than completed.
 *
 * @throws MosooError; CancelledError
 */
export async function resume(start: StartContext, started: ThreadHandle): Promise<ThreadHandle> {
  const { plan, context, listener } = start;
  const seen = await readThread(start, started.threadId);
  const run = await currentRun(start, started, seen.run);
  const current: ThreadHandle = { ...started, thread: seen.thread, run, isFresh: true };
  const link = seen.links?.thread ?? undefined;
  const status = run?.status ?? undefined;
  listener.thread(current, link);
  if (status === undefined || !isTerminalStatus(status) || status === "completed") return current;

  listener.info(`The run of an earlier attempt ended as ${status}; resending the message in the same thread`);
  const sent = await sendStepMessage(start, {
    threadId: started.threadId,
    requestId: keyForAttempt(plan.key, context.runAttempt),
    contract: started.contract,
    // The files of the first message are in the thread already.
    withFiles: false,
    firstAttempt: false,
  });
  const resumed: ThreadHandle = { ...current, run: sent.run, resumedAfter: status };
  listener.thread(resumed, link);
  return resumed;
}
