/** Sends the step's message into an existing thread, and adds to a failure what only the step's inputs explain. */
import { pluralize } from "../common/format.ts";
import { keyForAttempt, keyWithFiles } from "./idempotency-key.ts";
import type { Contract } from "../mosoo/contract/request-bodies.ts";
import { MosooError } from "../mosoo/errors.ts";
import type { SentMessage } from "../mosoo/messages/message.ts";
import type { ThreadResponse } from "../mosoo/contract/schema.ts";
import type { StartContext } from "./thread-handle.ts";

interface StepMessage {
  threadId: string;
  requestId: string;
  contract: Contract | undefined;
  /** Uploads the step's files and names them, with those of `file-ids`, in the message. */
  withFiles: boolean;
  /** The thread was made for this message alone. */
  ownThread?: boolean;
  /** The first attempt of the workflow run. */
  firstAttempt: boolean;
  /** No earlier attempt can have sent the message under this key. */
  isFirstSending?: boolean;
  /** The key under which a later attempt sends the message again. */
  resendKey?: string | undefined;
  /** Runs of the thread that are not the message's. */
  knownRunIds?: readonly string[];
}

/** The key of the n-th sending of the message, where an attempt before this one may have used it. */
export function resendKey({ plan, context }: StartContext, sending: number): string | undefined {
  const isPossible = plan.inputs.onRerun === "resume" && sending < context.runAttempt;
  return isPossible ? keyForAttempt(plan.key, sending) : undefined;
}

/** What a failure means for a thread that exists: it is not there for this token, or its agent was unpublished. */
export function addThreadAdvice(error: unknown, { plan }: Pick<StartContext, "plan">): unknown {
  if (!(error instanceof MosooError)) return error;
  if (error.details.code === "agent_not_published") {
    return error.extend({
      advice:
        "No request to the thread succeeds while its agent is unpublished: publish the agent again, then re-run the job.",
    });
  }
  if (error.details.code !== "not_found") return error;
  const { input } = error.details;
  if (input !== undefined && input !== "thread-id") return error;
  return plan.inputs.threadId === undefined
    ? error.extend({
        input: undefined,
        advice:
          "The thread of this step was deleted, or another token's owner created it. To start a new thread, re-run with `on-rerun: create`.",
        threadState: "deleted",
      })
    : error.extend({
        input: "thread-id",
        advice:
          "The thread was deleted, or another token's owner created it. Check the ID, or remove `thread-id` to create a new thread.",
      });
}

/** The step's thread as it is now. @throws MosooError; CancelledError */
export async function readThread(
  start: Pick<StartContext, "mosoo" | "plan">,
  threadId: string,
): Promise<ThreadResponse> {
  try {
    return await start.mosoo.getThread(threadId);
  } catch (error) {
    throw addThreadAdvice(error, start);
  }
}

/** A failure to send, with the advice that the step's inputs allow. */
function addInputAdvice(failure: unknown, start: StartContext): unknown {
  const error = addThreadAdvice(failure, start);
  if (!(error instanceof MosooError)) return error;
  const { plan } = start;
  const { input, status, advice = "" } = error.details;
  if (input === "file-ids" && plan.request.fileIds.length === 0) return error.extend({ input: "files" });
  if (status === 401 && input !== "files") {
    return error.extend({
      advice: `${advice} A service token may create threads but not continue them on servers with the reference contract: use a personal token, or set \`on-rerun: create\` for a new thread per attempt.`,
    });
  }
  return error;
}

async function upload({ mosoo, plan, listener }: StartContext): Promise<string[]> {
  listener.info(`Uploading ${pluralize(plan.request.files.length, "file")}`);
  return mosoo.uploadFiles(plan.inputs.agentId ?? "", plan.request.files);
}

/** @throws MosooError; CancelledError */
export async function sendStepMessage(start: StartContext, message: StepMessage): Promise<SentMessage> {
  const { mosoo, plan } = start;
  const { threadId, withFiles, ...rest } = message;
  const attach = async (): Promise<{ fileIds: readonly string[]; key: string }> => {
    const uploaded = await upload(start);
    return { fileIds: [...plan.request.fileIds, ...uploaded], key: keyWithFiles(message.requestId, uploaded) };
  };
  const request = {
    ...rest,
    threadId,
    text: plan.request.text,
    key: message.requestId,
    fileIds: withFiles ? plan.request.fileIds : [],
    upload: withFiles && plan.request.files.length > 0 ? attach : undefined,
    newestFirst: plan.inputs.userId !== undefined || message.ownThread === true,
  };
  try {
    return await mosoo.sendMessage(request, plan.inputs.waitTimeout);
  } catch (error) {
    throw addInputAdvice(error, start);
  }
}
