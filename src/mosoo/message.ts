/**
 * Sends a message into a thread, once. The service remembers the event's request ID for the thread's life, so sending
 * again is safe even under another idempotency key; errors of this call are not stored.
 */
import { type Body, type Contract, messageEvent, referenceContract } from "./contract.ts";
import { differentRequest, isDifferentRequest } from "./create.ts";
import type { Effort } from "./effort.ts";
import { type ErrorReply, ask, errorOf, failureOf } from "./exchange.ts";
import { generationKey, mostWalked } from "./generations.ts";
import { checkedJson, contractAfter, isRefusedBody } from "./negotiate.ts";
import { type Run, type Thread, type ThreadAnswer, hasEnded, parseEventsAnswer } from "./schema.ts";
import { readThread } from "./thread.ts";
import type { Transport } from "./transport.ts";

export interface MessageRequest {
  threadId: string;
  text: string;
  /** What the service remembers the message by; the same in every attempt. */
  requestId: string;
  key: string;
  fileIds: readonly string[];
  contract?: Contract | undefined;
  /** The first attempt of the workflow run: a replay then means that another step has the same key. */
  firstAttempt: boolean;
  /** Waits until a run of someone else has ended. @throws MosooError at the wait's own deadline; StoppedError */
  awaitOtherRun: (run: Run) => Promise<void>;
  /**
   * The thread was made for this message alone: any run in it is the message's. Then a doubtful failure is looked
   * into by reading the thread before anything is sent again.
   */
  ownThread?: boolean;
}

export interface SentMessage {
  /** The message's run, as last seen; null where the server named none. */
  run: Run | null;
  /** The thread as last seen, where it was. */
  thread: Thread | undefined;
  /** The message had been sent by an earlier request. */
  replayed: boolean;
  contract: Contract | undefined;
}

function isApplied(reply: ErrorReply): boolean {
  return /already (been )?(applied|processed|accepted)/i.test(reply.message ?? "");
}

function isProcessing(reply: ErrorReply): boolean {
  return /still (being )?process/i.test(reply.message ?? "");
}

const isActive = (answer: ThreadAnswer): answer is ThreadAnswer & { run: Run } =>
  answer.run !== null && !hasEnded(answer.run.status);

/**
 * @throws MosooError; StoppedError
 */
export async function sendMessage(transport: Transport, effort: Effort, request: MessageRequest): Promise<SentMessage> {
  let contract = request.contract;
  const build = (by: Contract): Body => messageEvent(by.message, request.text, request.requestId, request.fileIds);
  let event = build(contract ?? referenceContract);
  let negotiated = false;
  let generation = 1;
  let sentInVain: string | undefined;

  const read = (): Promise<ThreadAnswer> => readThread(transport, effort, request.threadId);
  const done = (answer: ThreadAnswer): SentMessage => ({
    run: answer.run,
    thread: answer.thread,
    replayed: true,
    contract,
  });

  for (;;) {
    const reply = await ask(
      transport,
      {
        method: "POST",
        path: `/threads/${encodeURIComponent(request.threadId)}/events`,
        headers: { "content-type": "application/json", "idempotency-key": generationKey(request.key, generation) },
        body: checkedJson({ events: [event] }),
        ...effort.begin(),
      },
      parseEventsAnswer,
    );
    if (reply.kind === "ok") {
      if (reply.replayed && request.firstAttempt && !effort.everAmbiguous) effort.note({ kind: "shared-key" });
      const run = reply.value.events[0]?.run ?? null;
      if (run === null) return { ...done(await read()), replayed: reply.replayed };
      return { run, thread: reply.value.thread, replayed: reply.replayed, contract };
    }
    const error = errorOf(reply);
    if (reply.kind === "error" && isRefusedBody(reply) && !negotiated) {
      negotiated = true;
      const shape = (each: Contract): Contract["message"] => each.message;
      contract = await contractAfter(reply, contract, shape, event, transport, effort);
      event = build(contract);
      effort.note({ kind: "negotiated", properties: Object.keys(event) });
      continue;
    }
    if (reply.kind === "error" && reply.status === 401) {
      throw error.with({
        advice: `${error.facts.advice ?? ""} A service token of the reference contract may create threads, but not continue them.`,
        existence: "exists",
      });
    }
    if (reply.kind === "error" && reply.status === 409 && reply.code === "readiness_blocked") {
      // Right after a run's end a checkpoint is pending for a moment.
      await effort.endure({ kind: "status", status: 503, retryAfterMs: reply.retryAfterMs }, error);
      continue;
    }
    if (
      reply.kind === "error" &&
      reply.status === 409 &&
      (reply.code === "idempotency_conflict" || reply.code === undefined)
    ) {
      if (isApplied(reply)) return done(await read());
      if (isDifferentRequest(reply)) throw differentRequest(reply);
      const patient = isProcessing(reply) && effort.canWait(reply.retryAfterMs ?? 0);
      if (patient) {
        await effort.endure({ kind: "processing", retryAfterMs: reply.retryAfterMs }, error);
        continue;
      }
      // The key is stuck, the request ID is not: under a fresh key the server tells whether the message is there.
      const answer = await read();
      if (request.ownThread === true && answer.run !== null) return done(answer);
      await effort.endure({ kind: "processing" }, error);
      if (generation < mostWalked) generation += 1;
      continue;
    }
    if (reply.kind === "error" && reply.status === 500) {
      const answer = await read();
      if (request.ownThread === true && answer.run !== null) return done(answer);
      if (isActive(answer)) {
        // Ours, if the server failed after it had taken the message: then the next try says so. Else someone else's.
        if (sentInVain !== answer.run.id) {
          sentInVain = answer.run.id;
          continue;
        }
        effort.note({ kind: "other-run", status: answer.run.status ?? undefined });
        await request.awaitOtherRun(answer.run);
        continue;
      }
    }
    await effort.endure(failureOf(reply), error);
    if (request.ownThread === true) {
      const answer = await read();
      if (answer.run !== null) return done(answer);
    }
  }
}
