/**
 * Corrections: messages in which the step asks the agent, in the same thread, for a response that matches the schema.
 * Their request IDs, their first line, and when one is sent. Pure.
 *
 * The request ID is `<key>[+a<n>]+fix<m>`. `m` counts the corrections of the step through all its run attempts; `+a<n>`
 * is there only where the same correction is sent again. The message starts with a line that holds both numbers and a
 * digest of that ID: a later attempt finds it in the thread's events.
 */
import { createHash } from "node:crypto";
import { suffixedKey } from "../mosoo/idempotency.ts";
import type { ThreadMessage } from "../mosoo/runs/events.ts";

export interface CorrectionId {
  /** From 1, through all run attempts of the step. */
  readonly number: number;
  /** 1, or which sending of this correction it is. */
  readonly sending: number;
}

/** A correction that the thread holds. */
export interface SentCorrection {
  readonly id: CorrectionId;
  /** What follows the first line. */
  readonly text: string;
  /** undefined where no event names it. */
  readonly runId: string | undefined;
}

/** 128 bits of SHA-256, in hexadecimal digits. */
const DIGEST_LENGTH = 32;
const FIRST_LINE = /^Correction (\d{1,6})(?:, sending (\d{1,6}))? \(ID [0-9a-f]+\)$/;

/** The request ID, which is also the first idempotency key. @param key the step's own key */
export function correctionKey(key: string, { number, sending }: CorrectionId): string {
  return suffixedKey(key, `${sending === 1 ? "" : `+a${sending}`}+fix${number}`);
}

function firstLine(key: string, id: CorrectionId): string {
  const digest = createHash("sha256").update(correctionKey(key, id)).digest("hex").slice(0, DIGEST_LENGTH);
  return `Correction ${id.number}${id.sending === 1 ? "" : `, sending ${id.sending}`} (ID ${digest})`;
}

/** The message as it is sent. @param text the same in each sending */
export function correctionMessage(key: string, id: CorrectionId, text: string): string {
  return `${firstLine(key, id)}\n\n${text}`;
}

function parseCorrection(key: string, { text, runId }: ThreadMessage): SentCorrection | undefined {
  const [line = "", ...rest] = text.split("\n");
  const [, number, sending = "1"] = FIRST_LINE.exec(line.trim()) ?? [];
  if (number === undefined) return undefined;
  const id = { number: Number(number), sending: Number(sending) };
  // Whole and exact: a line with other numbers, or for another step's key, has another digest.
  return firstLine(key, id) === line.trim() ? { id, text: rest.join("\n").trim(), runId } : undefined;
}

function compareIds(a: CorrectionId, b: CorrectionId): number {
  return a.number - b.number || a.sending - b.sending;
}

/**
 * The corrections of the step with this key, in the order of their IDs. Of several messages with the same line the first
 * is the step's: others can only have copied it.
 *
 * @param messages oldest first
 */
export function findCorrections(key: string, messages: readonly ThreadMessage[]): SentCorrection[] {
  const found: SentCorrection[] = [];
  for (const message of messages) {
    const correction = parseCorrection(key, message);
    if (correction !== undefined && found.every(({ id }) => compareIds(id, correction.id) !== 0))
      found.push(correction);
  }
  return found.sort((a, b) => compareIds(a.id, b.id));
}

/**
 * How many corrections the step may have asked for when this attempt is over.
 *
 * @param asked corrections of earlier attempts
 * @param retries of one attempt: `response-retries`
 * @param grantsMore this attempt gets as many again where earlier ones used all of theirs up
 */
export function correctionLimit(asked: number, retries: number, grantsMore: boolean): number {
  if (retries === 0) return asked;
  const attempts = Math.max(1, Math.ceil(asked / retries));
  const isUsedUp = asked === attempts * retries;
  return retries * (isUsedUp && grantsMore ? attempts + 1 : attempts);
}

interface CorrectionProgress {
  /** The correction whose response is judged; undefined where it is the message's. */
  readonly last: CorrectionId | undefined;
  /** @see {@link correctionLimit} */
  readonly limit: number;
  /** An earlier attempt sent the last one, and this attempt may send it again. */
  readonly mayResend: boolean;
}

export type ResponseVerdict =
  | "valid"
  | "invalid"
  /** The run ended otherwise. */
  | "not_completed"
  /** The wait was over before the run. */
  | "not_ended"
  /** The server does not return the response. */
  | "unreadable";

/** The correction to send next; undefined where none is. */
export function nextCorrection(progress: CorrectionProgress, verdict: ResponseVerdict): CorrectionId | undefined {
  const { last = { number: 0, sending: 1 }, limit, mayResend } = progress;
  if (verdict === "invalid" && last.number < limit) return { number: last.number + 1, sending: 1 };
  if (verdict === "not_completed" && last.number > 0 && mayResend) return { ...last, sending: last.sending + 1 };
  return undefined;
}
