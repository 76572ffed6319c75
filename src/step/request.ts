/** Everything that is decided before anything is sent: what to ask of whom, and under which key. */
import { deriveExternalRef, type ActionContext } from "../actions/context.ts";
import { isUlid } from "../actions/parsers.ts";
import { type Secrets, type Inputs, readInputs, throwIfInvalid } from "../actions/inputs.ts";
import { deriveKey } from "./idempotency-key.ts";
import { validateMessageLength, readMessageFile } from "../actions/message-file.ts";
import type { Attachment } from "../actions/attachments.ts";
import {
  type Body,
  type ThreadRequest,
  createBody,
  messageEvent,
  referenceContract,
  userIdContract,
} from "../mosoo/contract/request-bodies.ts";
import { firstContract } from "../mosoo/create-thread.ts";
import { suffixedKey } from "../mosoo/key-rotation.ts";

export interface StepRequest {
  inputs: Inputs;
  intent: ThreadRequest;
  /** The first generation's idempotency key. */
  key: string;
  files: readonly Attachment[];
}

/** Of an ID as the service makes them today. */
const idLength = 26;
/** Of a derived idempotency key on today's GitHub, which counts its runs in eleven digits. */
const derivedKeyLength = 55;

/** The external reference to send; undefined for `none`. */
function externalRefOf(given: string | undefined, context: ActionContext): string | undefined {
  if (given === undefined) return deriveExternalRef(context);
  return given === "none" ? undefined : given;
}

function resolveIdempotencyKey(
  inputs: Inputs,
  intent: ThreadRequest,
  files: readonly Attachment[],
  context: ActionContext,
): string {
  const attempt = inputs.onRerun === "create" ? context.runAttempt : undefined;
  const given = inputs.idempotencyKey;
  if (given !== undefined) return attempt === undefined || attempt === 1 ? given : suffixedKey(given, `+a${attempt}`);
  const threadId = inputs.threadId;
  return deriveKey({
    ...context,
    matrix: inputs.matrix ?? "null",
    target: threadId === undefined ? { agentId: inputs.agentId ?? "" } : { threadId },
    text: intent.text,
    externalRef: intent.externalRef,
    attributedUserId: intent.attributedUserId,
    userId: intent.userId,
    fileIds: intent.fileIds,
    files: files.map((file) => ({ path: file.relativePath, bytes: file.bytes, sha256: file.sha256 })),
    attempt,
  });
}

/** The body that carries the message, as it is sent first. What the uploads will be called has the length of an ID. */
function estimateRequestBody(values: Partial<Inputs>, intent: ThreadRequest, files: readonly Attachment[]): Body {
  const userIdGiven = values.userId !== undefined;
  if (values.threadId === undefined && files.length === 0) {
    return createBody(firstContract({ intent, userIdGiven, withInput: true }).create, intent);
  }
  const requestId = values.idempotencyKey ?? "-".repeat(derivedKeyLength);
  const uploaded = files.map(() => "-".repeat(idLength));
  const { message } = files.length === 0 ? referenceContract : userIdContract;
  return { events: [messageEvent(message, intent.text, requestId, [...intent.fileIds, ...uploaded])] };
}

/**
 * Reads the inputs, the message and the files.
 *
 * @throws InputValidationError with all problems at once
 */
export async function buildStepRequest(secrets: Secrets, context: ActionContext): Promise<StepRequest> {
  const { inputs, values, problems } = readInputs(secrets);

  let text = values.message ?? "";
  let messageInput = "message";
  if (values.messageFile !== undefined && values.message === undefined) {
    messageInput = "message-file";
    const read = await readMessageFile(values.messageFile, context.workspace, context.temp);
    if ("input" in read) problems.push(read);
    else text = read.text;
  }

  let files: Attachment[] = [];
  if (values.files !== undefined) {
    const { findAttachments } = await import("../actions/attachments.ts");
    for (const found of await findAttachments(values.files, context.workspace)) {
      if ("input" in found) problems.push(found);
      else files = [...files, found];
    }
  }

  const intent: ThreadRequest = {
    text: text.toWellFormed(),
    externalRef: externalRefOf(values.externalRef, context),
    attributedUserId: values.attributedUserId,
    userId: values.userId ?? `github:${context.actor === "" ? "unknown" : context.actor}`,
    fileIds: values.fileIds ?? [],
  };
  const body = estimateRequestBody(values, intent, files);
  const tooLong = validateMessageLength(intent.text, body, messageInput, intent.fileIds.length + files.length);
  if (tooLong !== undefined) problems.push(tooLong);

  throwIfInvalid(problems);
  if (inputs === undefined) throw new Error("Inputs without problems have inputs.");
  return { inputs, intent, key: resolveIdempotencyKey(inputs, intent, files, context), files };
}

/** A hint for a refused ID: those that the service makes today look otherwise. */
export function idHint(inputs: Inputs): string | undefined {
  const ids = { "agent-id": inputs.agentId, "thread-id": inputs.threadId };
  const odd = Object.entries(ids).find(([, id]) => id !== undefined && !isUlid(id))?.[0];
  return odd === undefined
    ? undefined
    : `\`${odd}\` does not look like a Mosoo ID (26 letters and digits): copy it again.`;
}
