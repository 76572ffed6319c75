/** What a re-run makes of the work that an earlier attempt of the workflow run has started. */
import { keyForAttempt } from "./idempotency-key.ts";
import { type Run, compareRunAge, isTerminalStatus } from "../mosoo/contract/schema.ts";
import { describeEnd } from "../report/outcomes.ts";
import { addThreadAdvice, readThread, resendKey, sendStepMessage } from "./send-message.ts";
import type { StartContext, ThreadHandle } from "./thread-handle.ts";

async function readEndedRun(start: StartContext, threadId: string, runId: string): Promise<Run | undefined> {
  try {
    return await start.mosoo.getEndedRunByInterrupt(threadId, runId);
  } catch (error) {
    throw addThreadAdvice(error, start);
  }
}

/**
 * The step's run as it is now. The thread shows its newest run only, which may be somebody else's: a later step's, a
 * person's. Then the run has no status where the service does not show it to this token.
 */
async function refresh(start: StartContext, handle: ThreadHandle): Promise<ThreadHandle> {
  const { run: own, threadId } = handle;
  if (own === null) return handle;
  const { thread, run: newest, links } = await readThread(start, threadId);
  let run: Run;
  if (newest?.id === own.id) run = newest;
  // A stale read: a run that may be active must not be interrupted to find out how it ended.
  else if (newest === null || compareRunAge(newest, own) === "older") run = own;
  else run = (await readEndedRun(start, threadId, own.id)) ?? { ...own, status: undefined };
  const link = links?.thread ?? handle.link;
  const current: ThreadHandle = { ...handle, thread, run, link, isFresh: true, isNewest: newest?.id === own.id };
  start.listener.thread(current);
  return current;
}

/**
 * `on-rerun: resume`: continues with the run of an earlier attempt, and sends the message again in its thread where that
 * run ended other than completed.
 *
 * Which runs are this step's is proven by the keys, not by what the thread says, where others may send the same text: the
 * message is sent under `+a2`, then `+a3` and so on, without a gap. The service answers a key that an earlier attempt has
 * used with that attempt's run, and a key that nobody has used with a new run.
 *
 * @throws MosooError; CancelledError
 */
export async function resume(start: StartContext, handle: ThreadHandle): Promise<ThreadHandle> {
  const { plan, context, listener } = start;
  let current = await refresh(start, handle);
  const ownRunIds: string[] = [];
  for (let sending = 2; sending <= context.runAttempt; sending += 1) {
    const { run, threadId, contract, wasResent } = current;
    const status = run?.status ?? undefined;
    if (wasResent !== true && (!isTerminalStatus(status) || status === "completed")) break;
    if (run !== null) {
      listener.info(
        `Agent run ${run.id} of an earlier attempt ${describeEnd(status)}; sending the message again in the same thread`,
      );
      ownRunIds.push(run.id);
    }
    const sent = await sendStepMessage(start, {
      threadId,
      requestId: keyForAttempt(plan.key, sending),
      contract,
      // The files of the first message are in the thread already.
      withFiles: false,
      firstAttempt: false,
      isFirstSending: sending === context.runAttempt,
      knownRunIds: ownRunIds,
      resendKey: resendKey(start, sending + 1),
    });
    const resumed: ThreadHandle = {
      ...current,
      run: sent.run,
      resumedAfter: status ?? current.resumedAfter,
      wasResent: sent.wasResent ?? false,
      isNewest: false,
    };
    listener.thread(resumed);
    if (!sent.replayed) return { ...resumed, sentInThisAttempt: true };
    current = await refresh(start, resumed);
  }
  return current;
}
