/** Sends the message to the agent: in a new thread, with files, in an existing thread, or again after a failed run. */
import type { Contract } from "../mosoo/contract/request-bodies.ts";
import { MosooError } from "../mosoo/errors.ts";
import type { StartContext, ThreadHandle } from "./thread-handle.ts";
import { addThreadAdvice, readThread, resendKey, sendStepMessage } from "./send-message.ts";

/** The server's contract where the step needs to know it first. @throws MosooError where the server lacks what it needs */
async function contractForFiles({ mosoo, plan }: StartContext): Promise<Contract | undefined> {
  const uploads = plan.request.files.length > 0;
  const downloads = plan.inputs.downloadFiles !== undefined;
  if (!uploads && !downloads) return undefined;
  const contract = await mosoo.contract();
  if (downloads && contract?.servesDownloads === false) {
    const { noDownloadsError } = await import("../mosoo/downloads.ts");
    throw noDownloadsError().extend({ threadState: "not_created" });
  }
  if (uploads && contract?.takesUploads === false) {
    throw new MosooError("The server does not support uploads.", {
      input: "files",
      advice: "Upload the files by other means and pass their IDs as `file-ids`.",
      threadState: "not_created",
    });
  }
  return contract;
}

/** With `download-files`: what the thread has before this attempt sends the message, where no earlier one can have. */
async function listFilesBefore(start: StartContext, threadId: string): Promise<ReadonlySet<string> | undefined> {
  const { mosoo, plan, context } = start;
  if (plan.inputs.downloadFiles === undefined || context.runAttempt > 1) return undefined;
  try {
    return await mosoo.listFileIds(threadId);
  } catch (error) {
    throw addThreadAdvice(error, start);
  }
}

async function continueThread(start: StartContext, threadId: string): Promise<ThreadHandle> {
  const { plan, context, listener } = start;
  const contract = await contractForFiles(start);
  const filesBefore = await listFilesBefore(start, threadId);
  const sent = await sendStepMessage(start, {
    threadId,
    requestId: plan.key,
    contract,
    withFiles: true,
    firstAttempt: context.runAttempt === 1,
    isFirstSending: context.runAttempt === 1,
    resendKey: resendKey(start, 2),
  });
  const started: ThreadHandle = {
    ...sent,
    threadId,
    thread: sent.thread ?? { id: threadId },
    filesBefore: sent.replayed ? undefined : filesBefore,
  };
  listener.thread(started);
  return started;
}

async function createWithFiles(start: StartContext, agentId: string): Promise<ThreadHandle> {
  const { mosoo, plan, context, listener } = start;
  const firstAttempt = context.runAttempt === 1;
  const created = await mosoo.createThread({
    agentId,
    intent: plan.request,
    key: plan.key,
    withInput: false,
    userIdGiven: plan.inputs.userId !== undefined,
    firstAttempt,
    contract: await contractForFiles(start),
  });
  const { thread, run, links } = created.answer;
  const before: ThreadHandle = { ...created, threadId: thread.id, thread, run, link: links?.thread ?? undefined };
  listener.thread(before);
  // An earlier attempt may have sent the message already, and so may somebody else who knows the thread.
  const seen = await readThread(start, thread.id);
  const own =
    seen.run === null
      ? undefined
      : await mosoo.findOwnRun({ threadId: thread.id, text: plan.request.text, ownThread: true }, seen.run);
  if (own !== undefined) {
    const found = { ...before, thread: seen.thread, run: own.run, replayed: true };
    listener.thread(found);
    return found;
  }
  const sent = await sendStepMessage(start, {
    threadId: thread.id,
    requestId: plan.key,
    contract: created.contract,
    withFiles: true,
    ownThread: seen.run === null,
    // Whose thread it is has been looked at.
    firstAttempt: firstAttempt && !created.replayed,
  });
  const started: ThreadHandle = {
    ...before,
    thread: sent.thread ?? seen.thread,
    run: sent.run,
    replayed: created.replayed || sent.replayed,
    sentInThisAttempt: !sent.replayed,
  };
  listener.thread(started);
  return started;
}

async function createNew(start: StartContext, agentId: string): Promise<ThreadHandle> {
  const { mosoo, plan, context, listener } = start;
  const created = await mosoo.createThread({
    agentId,
    intent: plan.request,
    key: plan.key,
    withInput: true,
    userIdGiven: plan.inputs.userId !== undefined,
    firstAttempt: context.runAttempt === 1,
    contract: await contractForFiles(start),
  });
  const { thread, run, links } = created.answer;
  const started = { ...created, threadId: thread.id, thread, run, link: links?.thread ?? undefined };
  listener.thread(started);
  return started;
}

/**
 * Starts the work, or finds how far an earlier attempt got.
 *
 * @throws MosooError; CancelledError
 */
export async function startThread(startContext: StartContext): Promise<ThreadHandle> {
  const { plan, context } = startContext;
  const { inputs, request } = plan;
  const { target } = request;
  const started =
    "threadId" in target
      ? await continueThread(startContext, target.threadId)
      : request.files.length > 0
        ? await createWithFiles(startContext, target.agentId)
        : await createNew(startContext, target.agentId);
  const earlier = started.replayed && started.sentInThisAttempt !== true;
  const again = inputs.onRerun === "resume" && context.runAttempt > 1 && earlier;
  if (!again) return started;
  const { resume } = await import("./resume.ts");
  return resume(startContext, started);
}
