/** Creates the one thread that belongs to an idempotency key, through whatever stands in the way. */
import {
  type Body,
  type Contract,
  type ThreadRequest,
  createBody,
  referenceContract,
  takesExternalRef,
  userIdContract,
} from "./contract/request-bodies.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { type ApiFailure, request as send, toMosooError, toRetryFailure } from "./request.ts";
import { KeyRotation } from "./key-rotation.ts";
import { keyReusedError, isConflict, isKeyReused, isStillProcessing } from "./idempotency.ts";
import {
  serializeBody,
  renegotiate,
  isRefusedBody,
  contractUnavailableError,
  invalidValueError,
} from "./contract/negotiate.ts";
import { isAmbiguous } from "./retry.ts";
import { type ThreadResponse, parseThreadResponse } from "./contract/schema.ts";
import type { Transport } from "./http/transport.ts";

export interface CreateRequest {
  agentId: string;
  intent: ThreadRequest;
  /** The first generation's key. */
  key: string;
  /** false: an empty thread, for files that are uploaded before the message is sent. */
  withInput: boolean;
  /** The user ID was given, not derived: begin with the shape that takes one. */
  userIdGiven: boolean;
  /** The first attempt of the workflow run: a replay then means that another step has the same key. */
  firstAttempt: boolean;
  /** The server's contract, where it was asked for before. */
  contract?: Contract | undefined;
}

export interface CreatedThread {
  answer: ThreadResponse;
  /** The answer is one that an earlier request with this key got. */
  replayed: boolean;
  /** The key of the generation that holds the thread. */
  key: string;
  /** The address that answered. */
  url: URL;
  /** The server's contract, where it was asked for. */
  contract: Contract | undefined;
}

/** What a server is taken to want before it was asked. */
export function firstContract(
  request: Pick<CreateRequest, "contract" | "intent" | "userIdGiven" | "withInput">,
): Contract {
  if (request.contract !== undefined) return request.contract;
  const newer = request.userIdGiven && request.intent.attributedUserId === undefined;
  return newer || !request.withInput ? userIdContract : referenceContract;
}

/**
 * Whether a failed request may have left its failure under the key. An answer in the service's own envelope comes from
 * the service itself; anything else may come from what stands in front of it.
 */
function executionOf(reply: ApiFailure): "unknown" | "executed" | undefined {
  if (!isAmbiguous(toRetryFailure(reply))) return undefined;
  return reply.kind === "error" && reply.code !== undefined ? "executed" : "unknown";
}

/**
 * Creates the thread, or finds the one that an earlier request with the key created.
 *
 * @throws MosooError; CancelledError
 */
export async function createThread(
  transport: Transport,
  effort: RetryLoop,
  request: CreateRequest,
): Promise<CreatedThread> {
  const generations = new KeyRotation(request.key);
  let contract = request.contract;
  let shape = firstContract(request).create;
  let body: Body = createBody(shape, request.intent, request.withInput);
  let negotiated = false;
  let warned = false;
  const warnOfSharedKey = (): void => {
    if (!request.firstAttempt || effort.everAmbiguous || warned) return;
    warned = true;
    effort.onEvent({ kind: "shared-key" });
  };

  for (;;) {
    const { key } = generations;
    const reply = await send(
      transport,
      {
        method: "POST",
        path: `/agents/${encodeURIComponent(request.agentId)}/threads`,
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: serializeBody(body),
        ...effort.startAttempt(),
      },
      parseThreadResponse,
    );
    if (reply.kind === "ok") {
      if (reply.replayed) warnOfSharedKey();
      if (request.intent.externalRef !== undefined && !takesExternalRef(shape))
        effort.onEvent({ kind: "external-ref-not-sent" });
      return { answer: reply.value, replayed: reply.replayed, key, url: reply.url, contract };
    }
    const error = toMosooError(reply);
    if (reply.kind === "error" && reply.replayed) {
      warnOfSharedKey();
      effort.clearAmbiguity();
      const own = generations.rotate(error);
      effort.onEvent({ kind: "generation", generation: generations.number, cause: error });
      // A fresh failure of the server's: the next key gets its pause, too, but nothing is in doubt.
      if (own && reply.status >= 500) await effort.waitBeforeRetry({ kind: "status", status: 503 }, error, false);
      continue;
    }
    const how = executionOf(reply);
    if (how !== undefined) generations.recordFailure(how);
    if (reply.kind === "error" && isRefusedBody(reply) && !negotiated) {
      negotiated = true;
      const fitting = await renegotiate(contract, (each) => each.create, body, transport, effort);
      if (fitting === undefined) throw invalidValueError(reply).extend({ threadState: effort.threadState });
      if (fitting === "unread") throw contractUnavailableError(reply).extend({ threadState: effort.threadState });
      contract = fitting;
      shape = contract.create;
      body = createBody(shape, request.intent, request.withInput);
      effort.onEvent({ kind: "negotiated", properties: Object.keys(body) });
      continue;
    }
    if (reply.kind === "error" && isConflict(reply)) {
      if (isKeyReused(reply)) throw keyReusedError(reply, effort.threadState);
      if (isStillProcessing(reply)) warnOfSharedKey();
      await effort.waitBeforeRetry({ kind: "processing", retryAfterMs: reply.retryAfterMs }, error);
      continue;
    }
    await effort.waitBeforeRetry(toRetryFailure(reply), reply.kind === "error" ? invalidValueError(reply) : error);
  }
}
