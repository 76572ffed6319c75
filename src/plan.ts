/** Everything that is decided before anything is sent: what to ask of whom, and under which key. */
import { deriveExternalRef, type RunContext } from "./github.ts";
import { isUlid } from "./input-rules.ts";
import { type Secrets, type Settings, readInputs, refuseProblems } from "./inputs.ts";
import { deriveKey } from "./key.ts";
import { lengthProblem, readMessageFile } from "./message.ts";
import type { Attachment } from "./attachments.ts";
import {
  type Body,
  type Intent,
  createBody,
  messageEvent,
  referenceContract,
  userIdContract,
} from "./mosoo/contract.ts";
import { firstContract } from "./mosoo/create.ts";
import { suffixedKey } from "./mosoo/generations.ts";

export interface Plan {
  settings: Settings;
  intent: Intent;
  /** The first generation's idempotency key. */
  key: string;
  files: readonly Attachment[];
}

/** Of an ID as the service makes them today. */
const idLength = 26;
/** Of a derived idempotency key on today's GitHub, which counts its runs in eleven digits. */
const derivedKeyLength = 55;

/** The external reference to send; undefined for `none`. */
function externalRefOf(given: string | undefined, context: RunContext): string | undefined {
  if (given === undefined) return deriveExternalRef(context);
  return given === "none" ? undefined : given;
}

function keyOf(settings: Settings, intent: Intent, files: readonly Attachment[], context: RunContext): string {
  const attempt = settings["on-rerun"] === "create" ? context.runAttempt : undefined;
  const given = settings["idempotency-key"];
  if (given !== undefined) return attempt === undefined || attempt === 1 ? given : suffixedKey(given, `+a${attempt}`);
  const threadId = settings["thread-id"];
  return deriveKey({
    ...context,
    matrix: settings.matrix ?? "null",
    target: threadId === undefined ? { agentId: settings["agent-id"] ?? "" } : { threadId },
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
function firstBody(values: Partial<Settings>, intent: Intent, files: readonly Attachment[]): Body {
  const userIdGiven = values["user-id"] !== undefined;
  if (values["thread-id"] === undefined && files.length === 0) {
    return createBody(firstContract({ intent, userIdGiven, withInput: true }).create, intent);
  }
  const requestId = values["idempotency-key"] ?? "-".repeat(derivedKeyLength);
  const uploaded = files.map(() => "-".repeat(idLength));
  const { message } = files.length === 0 ? referenceContract : userIdContract;
  return { events: [messageEvent(message, intent.text, requestId, [...intent.fileIds, ...uploaded])] };
}

/**
 * Reads the inputs, the message and the files.
 *
 * @throws InputError with all problems at once
 */
export async function makePlan(secrets: Secrets, context: RunContext): Promise<Plan> {
  const { settings, values, problems } = readInputs(secrets);

  let text = values.message ?? "";
  let messageInput = "message";
  if (values["message-file"] !== undefined && values.message === undefined) {
    messageInput = "message-file";
    const read = await readMessageFile(values["message-file"], context.workspace, context.temp);
    if ("input" in read) problems.push(read);
    else text = read.text;
  }

  let files: Attachment[] = [];
  if (values.files !== undefined) {
    const { findAttachments } = await import("./attachments.ts");
    for (const found of await findAttachments(values.files, context.workspace)) {
      if ("input" in found) problems.push(found);
      else files = [...files, found];
    }
  }

  const intent: Intent = {
    text: text.toWellFormed(),
    externalRef: externalRefOf(values["external-ref"], context),
    attributedUserId: values["attributed-user-id"],
    userId: values["user-id"] ?? `github:${context.actor === "" ? "unknown" : context.actor}`,
    fileIds: values["file-ids"] ?? [],
  };
  const body = firstBody(values, intent, files);
  const tooLong = lengthProblem(intent.text, body, messageInput, intent.fileIds.length + files.length);
  if (tooLong !== undefined) problems.push(tooLong);

  refuseProblems(problems);
  if (settings === undefined) throw new Error("Inputs without problems have settings.");
  return { settings, intent, key: keyOf(settings, intent, files, context), files };
}

/** A hint for a refused ID: those that the service makes today look otherwise. */
export function idHint(settings: Settings): string | undefined {
  const odd = (["agent-id", "thread-id"] as const).find((name) => {
    const id = settings[name];
    return id !== undefined && !isUlid(id);
  });
  return odd === undefined
    ? undefined
    : `\`${odd}\` does not look like a Mosoo ID (26 letters and digits): copy it again.`;
}
