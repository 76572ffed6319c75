/** Creates the one thread that belongs to an idempotency key, through whatever stands in the way. */
import {
  type Body,
  type Contract,
  type Intent,
  createBody,
  referenceContract,
  takesExternalRef,
  userIdContract,
} from "./contract.ts";
import type { Effort } from "./effort.ts";
import { MosooError } from "./errors.ts";
import { type ErrorReply, ask, errorOf, failureOf } from "./exchange.ts";
import { generationKey, mostOpened, mostWalked } from "./generations.ts";
import { checkedJson, contractAfter, isRefusedBody } from "./negotiate.ts";
import { type ThreadAnswer, parseThreadAnswer } from "./schema.ts";
import type { Transport } from "./transport.ts";

export interface CreateRequest {
  agentId: string;
  intent: Intent;
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
  answer: ThreadAnswer;
  /** The answer is one that an earlier request with this key got. */
  replayed: boolean;
  /** The key of the generation that holds the thread. */
  key: string;
  /** The address that answered. */
  url: URL;
  /** The server's contract, where it was asked for. */
  contract: Contract | undefined;
}

/** 409 `idempotency_conflict` has several meanings that only the wording tells apart; wordings change. */
export function isDifferentRequest(reply: ErrorReply): boolean {
  return /different (request|body|payload|path)|another request/i.test(reply.message ?? "");
}

/** An error about a key that belongs to another request. */
export function differentRequest(reply: ErrorReply): MosooError {
  return errorOf(reply, "maybe").with({
    input: "idempotency-key",
    advice:
      "This idempotency key was used for a request with other inputs. The agent, the message, the references, users and files decide the request: set `idempotency-key` to a value of this step's own, or leave it out.",
  });
}

function firstContract(request: CreateRequest): Contract {
  if (request.contract !== undefined) return request.contract;
  const newer = request.userIdGiven && request.intent.attributedUserId === undefined;
  return newer || !request.withInput ? userIdContract : referenceContract;
}

/** Walks the generations of one key. */
class Generations {
  readonly #key: string;
  #generation = 1;
  #walked = 0;
  #opened = 0;
  /** The current generation has only answered with an old failure so far. */
  #untouched = true;

  constructor(key: string) {
    this.#key = key;
  }

  get key(): string {
    return generationKey(this.#key, this.#generation);
  }

  get number(): number {
    return this.#generation;
  }

  /** This attempt's own request was the first in this generation. */
  touch(): void {
    if (this.#untouched && this.#generation > 1) this.#opened += 1;
    this.#untouched = false;
  }

  /**
   * The generation holds an old failure: on to the next.
   *
   * @returns whether it was this attempt's own failure
   * @throws MosooError where no more may be opened or walked past
   */
  burn(failure: MosooError): boolean {
    const own = !this.#untouched;
    if (!own) this.#walked += 1;
    if (this.#opened >= mostOpened) {
      throw new MosooError(
        `The server failed to create the thread, and again under ${mostOpened} fresh keys. Last: ${failure.message}`,
        {
          ...failure.facts,
          advice: "Re-run the workflow later: it goes on with a fresh key, and still makes one thread only.",
          existence: "none",
        },
      );
    }
    if (this.#walked >= mostWalked) {
      throw new MosooError(`${mostWalked} keys of this step hold old failures. Last: ${failure.message}`, {
        ...failure.facts,
        advice:
          "The service forgets them 24 hours after their first use: re-run the workflow then, or set `idempotency-key` to a new value.",
        existence: "none",
      });
    }
    this.#generation += 1;
    this.#untouched = true;
    return own;
  }
}

/**
 * Creates the thread, or finds the one that an earlier request with the key created.
 *
 * @throws MosooError; StoppedError
 */
export async function createThread(
  transport: Transport,
  effort: Effort,
  request: CreateRequest,
): Promise<CreatedThread> {
  const generations = new Generations(request.key);
  let contract = request.contract;
  let shape = firstContract(request).create;
  let body: Body = createBody(shape, request.intent, request.withInput);
  let negotiated = false;
  let warned = false;
  const warnOfSharedKey = (): void => {
    if (!request.firstAttempt || effort.everAmbiguous || warned) return;
    warned = true;
    effort.note({ kind: "shared-key" });
  };

  for (;;) {
    const { key } = generations;
    const reply = await ask(
      transport,
      {
        method: "POST",
        path: `/agents/${encodeURIComponent(request.agentId)}/threads`,
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: checkedJson(body),
        ...effort.begin(),
      },
      parseThreadAnswer,
    );
    if (reply.kind === "ok") {
      if (reply.replayed) warnOfSharedKey();
      if (request.intent.externalRef !== undefined && !takesExternalRef(shape))
        effort.note({ kind: "external-ref-not-sent" });
      return { answer: reply.value, replayed: reply.replayed, key, url: reply.url, contract };
    }
    const error = errorOf(reply);
    if (reply.kind === "error" && reply.replayed) {
      warnOfSharedKey();
      effort.settled();
      const own = generations.burn(error);
      effort.note({ kind: "generation", generation: generations.number, because: error });
      if (own && reply.status >= 500) await effort.endure({ kind: "status", status: 503 }, error);
      effort.settled();
      continue;
    }
    generations.touch();
    if (reply.kind === "error" && isRefusedBody(reply) && !negotiated) {
      negotiated = true;
      contract = await contractAfter(reply, contract, (each) => each.create, body, transport, effort);
      shape = contract.create;
      body = createBody(shape, request.intent, request.withInput);
      effort.note({ kind: "negotiated", properties: Object.keys(body) });
      continue;
    }
    if (
      reply.kind === "error" &&
      reply.status === 409 &&
      (reply.code === "idempotency_conflict" || reply.code === undefined)
    ) {
      if (isDifferentRequest(reply)) throw differentRequest(reply);
      warnOfSharedKey();
      await effort.endure({ kind: "processing", retryAfterMs: reply.retryAfterMs }, error);
      continue;
    }
    await effort.endure(failureOf(reply), error);
  }
}
