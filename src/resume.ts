/** What a re-run makes of the work that an earlier attempt of the workflow run has started. */
import { resumeKey } from "./key.ts";
import { type Run, type ThreadAnswer, ageBeside, hasEnded } from "./mosoo/schema.ts";
import { readThread, sendStepMessage } from "./send.ts";
import type { StartContext, Started } from "./start.ts";

/**
 * The run that stands for this step's work now. A newer run in the thread may be this step's, sent again by an earlier
 * re-run, or somebody else's: a later step's, a person's.
 */
async function currentRun(
  start: StartContext,
  { threadId, run: own }: Started,
  newest: Run | null,
): Promise<Run | null> {
  const { mosoo, plan, context } = start;
  if (newest === null || own === null || newest.id === own.id) return newest;
  // A read that lags behind: what goes on must not be asked for its end.
  if (ageBeside(newest, own) === "older") return own;
  const first = await mosoo.readEndedRun(threadId, own.id);
  // Nobody has sent the message again where it had its answer, or before this attempt.
  if (first?.status === "completed" || context.runAttempt === 2) return first ?? { ...own, status: undefined };
  const ours = (await mosoo.findRunsOf(plan.intent.text, threadId, newest.id))?.at(-1);
  if (ours === undefined || ours === newest.id) return newest;
  const last = ours === own.id ? first : await mosoo.readEndedRun(threadId, ours);
  return last ?? { id: ours };
}

/** The step's first run in a thread that was made for its message alone: later ones may be others'. */
export async function firstRun(start: StartContext, { thread, run: newest }: ThreadAnswer): Promise<Run | null> {
  const { mosoo, plan, context } = start;
  if (newest === null || context.runAttempt === 1) return newest;
  const [first] = (await mosoo.findRunsOf(plan.intent.text, thread.id, newest.id)) ?? [newest.id];
  if (first === newest.id) return newest;
  return (await mosoo.readEndedRun(thread.id, first)) ?? { id: first };
}

/**
 * `on-rerun: resume`: goes on with the thread of an earlier attempt, and sends the message again where its run ended
 * other than completed.
 *
 * @throws MosooError; StoppedError
 */
export async function resume(start: StartContext, started: Started): Promise<Started> {
  const { plan, context, listener } = start;
  const seen = await readThread(start, started.threadId);
  const run = await currentRun(start, started, seen.run);
  const current: Started = { ...started, thread: seen.thread, run, current: true };
  const link = seen.links?.thread ?? undefined;
  const status = run?.status ?? undefined;
  listener.thread(current, link);
  if (status === undefined || !hasEnded(status) || status === "completed") return current;

  listener.say(`The run of an earlier attempt ended ${status}: sending the message again in the same thread.`);
  const sent = await sendStepMessage(start, {
    threadId: started.threadId,
    requestId: resumeKey(plan.key, context.runAttempt),
    contract: started.contract,
    // The files of the first message are in the thread already.
    withFiles: false,
    firstAttempt: false,
  });
  const resumed: Started = { ...current, run: sent.run, resumedAfter: status };
  listener.thread(resumed, link);
  return resumed;
}
