/** Creates the one thread that belongs to an idempotency key, or finds it. */
import * as endpoints from "./endpoints.ts";
import {
  type Body,
  type Contract,
  type ThreadRequest,
  createBody,
  referenceContract,
  takesExternalRef,
  userIdContract,
} from "./contract/request-bodies.ts";
import {
  serializeBody,
  renegotiate,
  isRefusedBody,
  contractUnavailableError,
  invalidValueError,
} from "./contract/negotiate.ts";
import type { ThreadResponse } from "./contract/schema.ts";
import type { MosooError } from "./errors.ts";
import {
  classifyConflict,
  keyReusedError,
  type KeyRotation,
  currentKey,
  recordFailure,
  rotateKey,
  startRotation,
} from "./idempotency.ts";
import { type ApiErrorResult, type ApiFailure, toMosooError, toRetryFailure } from "./request.ts";
import type { RetryLoop } from "./retry-loop.ts";
import { isAmbiguous } from "./retry.ts";

export interface CreateRequest {
  agentId: string;
  intent: ThreadRequest;
  /** The first generation's key. */
  key: string;
  /** false: an empty thread, for files that are uploaded before the message is sent. */
  withInput: boolean;
  /** The user ID was given, not derived: the first body is one that has it. */
  userIdGiven: boolean;
  /** The first attempt of the workflow run: a replay then means that another step has the same key. */
  firstAttempt: boolean;
  /** The server's contract, where it is known already. */
  contract?: Contract | undefined;
}

export interface CreatedThread {
  answer: ThreadResponse;
  /** The response is that of an earlier request with this key. */
  replayed: boolean;
  /** The key of the generation that holds the thread. */
  key: string;
  /** The server's contract, where it was read. */
  contract: Contract | undefined;
}

/** The contract that a server is assumed to have before it was read. */
export function firstContract(
  request: Pick<CreateRequest, "contract" | "intent" | "userIdGiven" | "withInput">,
  servesNewestContract = false,
): Contract {
  if (request.contract !== undefined) return request.contract;
  const newer = (request.userIdGiven || servesNewestContract) && request.intent.attributedUserId === undefined;
  return newer || !request.withInput ? userIdContract : referenceContract;
}

/**
 * Creates the thread, or finds the one that an earlier request with the key created.
 *
 * @throws MosooError; CancelledError
 */
export function createThread(loop: RetryLoop, request: CreateRequest): Promise<CreatedThread> {
  return new ThreadCreator(loop, request).create();
}

class ThreadCreator {
  readonly #loop: RetryLoop;
  readonly #request: CreateRequest;
  #keys: KeyRotation;
  #contract: Contract | undefined;
  #renegotiated = false;
  #sharedKeyReported = false;

  constructor(loop: RetryLoop, request: CreateRequest) {
    this.#loop = loop;
    this.#request = request;
    this.#keys = startRotation(request.key);
    this.#contract = request.contract;
  }

  async create(): Promise<CreatedThread> {
    for (;;) {
      const key = currentKey(this.#keys);
      const body = this.#body();
      const result = await this.#loop.attempt(endpoints.createThread(this.#request.agentId), {
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: serializeBody(body),
      });
      if (result.kind === "host_changed") continue;
      if (result.kind === "ok") {
        if (result.replayed) this.#reportSharedKey();
        this.#reportUnsentReference();
        return { answer: result.value, replayed: result.replayed, key, contract: this.#contract };
      }
      await this.#handleFailure(result, body);
    }
  }

  get #assumedContract(): Contract {
    return firstContract({ ...this.#request, contract: this.#contract }, this.#loop.servesNewestContract);
  }

  #body(): Body {
    return createBody(this.#assumedContract.create, this.#request.intent, this.#request.withInput);
  }

  /** Prepares the next attempt. @throws MosooError where there is none; CancelledError */
  async #handleFailure(result: ApiFailure, body: Body): Promise<void> {
    if (result.kind === "error" && result.replayed) {
      await this.#rotateKey(result);
      return;
    }
    const outcome = outcomeOf(result);
    if (outcome !== undefined) this.#keys = recordFailure(this.#keys, outcome);
    if (result.kind !== "error") {
      await this.#loop.waitBeforeRetry(toRetryFailure(result), toMosooError(result));
    } else if (isRefusedBody(result) && !this.#renegotiated) {
      await this.#renegotiate(result, body);
    } else {
      await this.#handleError(result);
    }
  }

  async #handleError(result: ApiErrorResult): Promise<void> {
    const conflict = classifyConflict(result);
    switch (conflict) {
      case "key_reused":
        throw keyReusedError(result, this.#loop.threadState);
      case "in_progress":
        this.#reportSharedKey();
        break;
      // Create has no such conflicts. Waiting is safe here, however the message is worded.
      case "already_applied":
      case "unrecoverable":
      case "unknown":
        break;
      case "readiness_blocked":
      case undefined:
        await this.#loop.waitBeforeRetry(toRetryFailure(result), createError(result));
        return;
    }
    await this.#loop.waitBeforeRetry({ kind: "processing", retryAfterMs: result.retryAfterMs }, toMosooError(result));
  }

  /** The key holds a failure of an earlier request, which the service would replay for a day. */
  async #rotateKey(result: ApiErrorResult): Promise<void> {
    const error = toMosooError(result);
    this.#reportSharedKey();
    this.#loop.clearAmbiguity();
    const isOwnFailure = this.#keys.caused !== "nothing";
    this.#keys = rotateKey(this.#keys, error);
    this.#loop.onEvent({ kind: "generation", generation: this.#keys.generation, cause: error });
    // The server failed just now: the next key waits as a retry would, but the outcome is known.
    if (isOwnFailure && result.status >= 500) {
      await this.#loop.waitBeforeRetry({ kind: "status", status: 503 }, error, false);
    }
  }

  async #renegotiate(result: ApiErrorResult, body: Body): Promise<void> {
    this.#renegotiated = true;
    const { threadState } = this.#loop;
    const contract = await renegotiate(this.#loop, this.#contract, (known) => known.create, body);
    if (contract === undefined) throw createError(result).extend({ threadState });
    if (contract === "unavailable") throw contractUnavailableError(result).extend({ threadState });
    this.#contract = contract;
    this.#loop.onEvent({ kind: "negotiated", properties: Object.keys(this.#body()) });
  }

  /** In a first attempt nobody but another step can have sent the key before. */
  #reportSharedKey(): void {
    if (!this.#request.firstAttempt || this.#loop.everAmbiguous || this.#sharedKeyReported) return;
    this.#sharedKeyReported = true;
    this.#loop.onEvent({ kind: "shared-key" });
  }

  #reportUnsentReference(): void {
    const { externalRef } = this.#request.intent;
    if (externalRef === undefined || takesExternalRef(this.#assumedContract.create)) return;
    this.#loop.onEvent({ kind: "external-ref-not-sent" });
  }
}

/**
 * Whether a failed request may have left its failure under the key. A response in the service's own envelope comes from
 * the service itself; anything else may come from a proxy in front of it.
 */
function outcomeOf(result: ApiFailure): "unknown" | "executed" | undefined {
  if (!isAmbiguous(toRetryFailure(result))) return undefined;
  return result.kind === "error" && result.code !== undefined ? "executed" : "unknown";
}

/** Of what a create names, only the agent can be missing, unless the message says otherwise. */
function createError(result: ApiErrorResult): MosooError {
  const error = invalidValueError(result);
  const isAgent = result.code === "not_found" && error.details.input === undefined;
  return isAgent ? error.extend({ input: "agent-id" }) : error;
}
