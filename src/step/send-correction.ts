/** Sends a correction in the step's thread. */
import type { Contract } from "../mosoo/contract/request-bodies.ts";
import { MosooError } from "../mosoo/errors.ts";
import type { SentMessage } from "../mosoo/messages/message.ts";
import { type CorrectionId, correctionKey, correctionMessage } from "./correction.ts";
import type { WaitContext } from "./follow-run.ts";
import { addThreadAdvice } from "./send-message.ts";

export interface Correction {
  threadId: string;
  id: CorrectionId;
  /** What is asked for; the same in each sending. */
  text: string;
  contract: Contract | undefined;
}

const SERVICE_TOKEN_ADVICE =
  "A service token cannot send messages into a thread on servers with the reference contract, so that no response can be corrected: use a personal token, or set `response-retries: 0`.";

function addCorrectionAdvice(failure: unknown, context: WaitContext): unknown {
  const error = addThreadAdvice(failure, context);
  return error instanceof MosooError && error.details.status === 401
    ? error.extend({ input: undefined, advice: SERVICE_TOKEN_ADVICE })
    : error;
}

/**
 * Sends the correction once, however often this is repeated: the service knows it by its request ID.
 *
 * It has `create-timeout` of its own, as far as `wait-timeout` leaves it, which also covers the wait for another's run.
 *
 * @param deadlineAt of `wait-timeout`, on the client's clock
 * @throws MosooError; CancelledError
 */
export async function sendCorrection(
  context: WaitContext,
  { threadId, id, text, contract }: Correction,
  deadlineAt: number,
): Promise<SentMessage> {
  const { mosoo, plan, inputs } = context;
  const requestId = correctionKey(plan.key, id);
  const remainingMs = deadlineAt - mosoo.clock.now();
  const request = {
    threadId,
    text: correctionMessage(plan.key, id, text),
    requestId,
    key: requestId,
    fileIds: [],
    contract,
    hasUniqueText: true,
    newestFirst: inputs.userId !== undefined,
    firstAttempt: context.context.runAttempt === 1,
  };
  const { createTimeout, waitTimeout } = inputs;
  const limit =
    createTimeout <= remainingMs
      ? { ms: createTimeout, input: "create-timeout", inputMs: createTimeout }
      : { ms: remainingMs, input: "wait-timeout", inputMs: waitTimeout };
  try {
    return await mosoo.sendMessage(request, remainingMs, limit);
  } catch (error) {
    throw addCorrectionAdvice(error, context);
  }
}
