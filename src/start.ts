/** Gets the message to the agent: in a new thread, with files, in a thread that exists, or again after a failed run. */
import type { RunContext } from "./github.ts";
import { resumeKey, uploadKey } from "./key.ts";
import type { Mosoo } from "./mosoo/client.ts";
import type { Contract } from "./mosoo/contract.ts";
import { MosooError, StoppedError } from "./mosoo/errors.ts";
import { type Run, type Thread, type ThreadAnswer, hasEnded } from "./mosoo/schema.ts";
import { firstInterval, jittered, longer } from "./mosoo/watch/intervals.ts";
import type { Plan } from "./plan.ts";

export interface Started {
  threadId: string;
  thread: Thread;
  run: Run | null;
  /** The thread or message comes from an earlier request with the key. */
  replayed: boolean;
  /** The key that holds it. */
  key: string;
  /** How the run before had ended, where the message was sent again. */
  resumedAfter?: string | undefined;
  contract: Contract | undefined;
}

export interface StartListener {
  /** A thread is known; its message may still be on the way. */
  thread(started: Started, link: string | undefined): void;
  say(text: string): void;
}

/** Waits until nobody's run is active in the thread, `wait-timeout` at most. */
function otherRunWaiter(
  mosoo: Mosoo,
  threadId: string,
  timeoutMs: number,
  stop: AbortSignal,
): (run: Run) => Promise<void> {
  const deadline = mosoo.clock.now() + timeoutMs;
  return async (run) => {
    let interval = firstInterval;
    for (;;) {
      const waitMs = jittered(interval, mosoo.clock.random());
      if (mosoo.clock.now() + waitMs > deadline) {
        throw new MosooError("Another run is still active in this thread.", {
          advice: "Wait for it (its page shows it), interrupt it there, or raise `wait-timeout`; then re-run the job.",
          input: "thread-id",
          existence: "exists",
        });
      }
      await mosoo.pause(waitMs);
      if (stop.aborted) throw new StoppedError("none");
      const { run: newest } = await mosoo.readThread(threadId);
      if (newest === null || hasEnded(newest.status)) return;
      if (newest.id !== run.id) run = newest;
      interval = longer(interval);
    }
  };
}

export interface StartContext {
  mosoo: Mosoo;
  plan: Plan;
  context: RunContext;
  stop: AbortSignal;
  listener: StartListener;
}

async function upload({ mosoo, plan, listener }: StartContext, agentId: string): Promise<string[]> {
  listener.say(`Uploading ${plan.files.length === 1 ? "1 file" : `${plan.files.length} files`} …`);
  return mosoo.uploadFiles(agentId, plan.files);
}

async function contractForUploads({ mosoo, plan }: StartContext): Promise<Contract | undefined> {
  if (plan.files.length === 0) return undefined;
  const contract = await mosoo.contract();
  if (contract !== undefined && !contract.takesUploads) {
    throw new MosooError("This server takes no uploads.", {
      input: "files",
      advice: "Upload the files by other means and give their IDs in `file-ids`.",
      existence: "none",
    });
  }
  return contract;
}

async function continueThread(start: StartContext, threadId: string): Promise<Started> {
  const { mosoo, plan, context, stop, listener } = start;
  const { settings, intent } = plan;
  const contract = await contractForUploads(start);
  const uploaded = plan.files.length === 0 ? [] : await upload(start, settings["agent-id"] ?? "");
  const key = uploaded.length === 0 ? plan.key : uploadKey(plan.key, uploaded);
  const sent = await mosoo.sendMessage(
    {
      threadId,
      text: intent.text,
      requestId: plan.key,
      key,
      fileIds: [...intent.fileIds, ...uploaded],
      contract,
      firstAttempt: context.runAttempt === 1,
    },
    otherRunWaiter(mosoo, threadId, settings["wait-timeout"], stop),
  );
  const { run, replayed } = sent;
  const started: Started = {
    threadId,
    thread: sent.thread ?? { id: threadId },
    run,
    replayed,
    key,
    contract: sent.contract,
  };
  listener.thread(started, undefined);
  return started;
}

async function createWithFiles(start: StartContext, agentId: string): Promise<Started> {
  const { mosoo, plan, context, stop, listener } = start;
  const { settings, intent } = plan;
  const contract = await contractForUploads(start);
  const created = await mosoo.createThread({
    agentId,
    intent,
    key: plan.key,
    withInput: false,
    userIdGiven: settings["user-id"] !== undefined,
    firstAttempt: context.runAttempt === 1,
    contract,
  });
  const threadId = created.answer.thread.id;
  const before: Started = { ...created, threadId, thread: created.answer.thread, run: created.answer.run };
  listener.thread(before, created.answer.links?.thread ?? undefined);
  // Another attempt may have got further than this key's first answer tells.
  const seen = await mosoo.readThread(threadId);
  if (seen.run !== null) {
    const found = { ...before, thread: seen.thread, run: seen.run, replayed: true };
    listener.thread(found, created.answer.links?.thread ?? undefined);
    return found;
  }
  const uploaded = await upload(start, agentId);
  const sent = await mosoo.sendMessage(
    {
      threadId,
      text: intent.text,
      requestId: plan.key,
      key: uploadKey(plan.key, uploaded),
      fileIds: [...intent.fileIds, ...uploaded],
      contract: created.contract,
      firstAttempt: context.runAttempt === 1,
      ownThread: true,
    },
    otherRunWaiter(mosoo, threadId, settings["wait-timeout"], stop),
  );
  const started = { ...before, run: sent.run, replayed: sent.replayed };
  listener.thread(started, created.answer.links?.thread ?? undefined);
  return started;
}

async function createNew({ mosoo, plan, context, listener }: StartContext, agentId: string): Promise<Started> {
  const created = await mosoo.createThread({
    agentId,
    intent: plan.intent,
    key: plan.key,
    withInput: true,
    userIdGiven: plan.settings["user-id"] !== undefined,
    firstAttempt: context.runAttempt === 1,
  });
  const { thread, run, links } = created.answer;
  const started = { ...created, threadId: thread.id, thread, run };
  listener.thread(started, links?.thread ?? undefined);
  return started;
}

/** The run that stands for this step's work now, of a thread that an earlier attempt started. */
async function currentRun(mosoo: Mosoo, started: Started, seen: ThreadAnswer): Promise<Run | null> {
  const newest = seen.run;
  const own = started.run;
  if (newest === null || own === null || newest.id === own.id) return newest;
  // A newer run means that ours has ended; an interrupt of an ended run changes nothing and tells its real status.
  const ended = await mosoo.interruptRun(started.threadId, own.id, 10_000);
  // Completed: what came later in the thread (a next step, a person) is not this step's work.
  return ended === undefined || ended.status === "completed" ? { ...own, status: ended?.status } : newest;
}

async function resume(start: StartContext, started: Started): Promise<Started> {
  const { mosoo, plan, context, stop, listener } = start;
  const seen = await mosoo.readThread(started.threadId);
  const run = await currentRun(mosoo, started, seen);
  const current: Started = { ...started, thread: seen.thread, run };
  const status = run?.status ?? undefined;
  listener.thread(current, seen.links?.thread ?? undefined);
  if (status === undefined || !hasEnded(status) || status === "completed") return current;

  listener.say(`The run of an earlier attempt ended ${status}: sending the message again in the same thread.`);
  const key = resumeKey(plan.key, context.runAttempt);
  const sent = await mosoo.sendMessage(
    {
      threadId: started.threadId,
      text: plan.intent.text,
      requestId: key,
      key,
      // The files of the first message are in the thread already.
      fileIds: [],
      contract: started.contract,
      firstAttempt: false,
    },
    otherRunWaiter(mosoo, started.threadId, plan.settings["wait-timeout"], stop),
  );
  const resumed: Started = { ...current, run: sent.run, resumedAfter: status };
  listener.thread(resumed, seen.links?.thread ?? undefined);
  return resumed;
}

/**
 * Starts the work, or finds where an earlier attempt has brought it.
 *
 * @throws MosooError; StoppedError
 */
export async function start(startContext: StartContext): Promise<Started> {
  const { plan, context } = startContext;
  const { settings } = plan;
  const threadId = settings["thread-id"];
  const agentId = settings["agent-id"] ?? "";
  const started =
    threadId !== undefined
      ? await continueThread(startContext, threadId)
      : plan.files.length > 0
        ? await createWithFiles(startContext, agentId)
        : await createNew(startContext, agentId);
  const again = settings["on-rerun"] === "resume" && context.runAttempt > 1 && started.replayed;
  return again ? resume(startContext, started) : started;
}
