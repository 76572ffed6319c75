/** What is decided before anything is sent: the request and its idempotency key. */
import type { Attachment } from "../actions/attachments.ts";
import { deriveExternalRef, type ActionContext } from "../actions/context.ts";
import { InputValidationError, type InputIssue, isUlid } from "../actions/parsers.ts";
import { type Secrets, type Inputs, readInputs } from "../actions/inputs.ts";
import { readTextFile, validateMessageLength } from "../actions/message-file.ts";
import { explainMissingToken } from "../actions/missing-token.ts";
import {
  type Body,
  createBody,
  messageEvent,
  referenceContract,
  userIdContract,
} from "../mosoo/contract/request-bodies.ts";
import { firstContract } from "../mosoo/create-thread.ts";
import { suffixedKey } from "../mosoo/idempotency.ts";
import type { ResponseSchema } from "../response-schema/schema.ts";
import { type StepRequest, deriveKey } from "./idempotency-key.ts";

/** The step's request, and what else decides how it is sent. */
export interface StepPlan {
  inputs: Inputs;
  request: StepRequest;
  /** The first generation's idempotency key. */
  key: string;
  /** What the response has to match; its text is in the request's. */
  responseSchema?: ResponseSchema | undefined;
}

/** Characters of an ID that the service makes. */
const ID_LENGTH = 26;
/** Characters of a derived idempotency key with a run ID of eleven digits, as on github.com. */
const DERIVED_KEY_LENGTH = 55;

/** The external reference to send; undefined for `none`. */
function resolveExternalRef(given: string | undefined, context: ActionContext): string | undefined {
  if (given === undefined) return deriveExternalRef(context);
  return given === "none" ? undefined : given;
}

function resolveIdempotencyKey(inputs: Inputs, request: StepRequest, context: ActionContext): string {
  const attempt = inputs.onRerun === "create" ? context.runAttempt : undefined;
  const given = inputs.idempotencyKey;
  if (given !== undefined) return attempt === undefined || attempt === 1 ? given : suffixedKey(given, `+a${attempt}`);
  return deriveKey({ ...context, matrix: inputs.matrix ?? "null", attempt }, request);
}

/** The first body that carries the message. Uploaded files are represented by IDs of the usual length. */
function estimateRequestBody(values: Partial<Inputs>, request: StepRequest): Body {
  const { files, fileIds, text } = request;
  const userIdGiven = values.userId !== undefined;
  if ("agentId" in request.target && files.length === 0) {
    return createBody(firstContract({ intent: request, userIdGiven, withInput: true }).create, request);
  }
  const requestId = values.idempotencyKey ?? "-".repeat(DERIVED_KEY_LENGTH);
  const uploaded = files.map(() => "-".repeat(ID_LENGTH));
  const { message } = files.length === 0 ? referenceContract : userIdContract;
  return { events: [messageEvent(message, text, requestId, [...fileIds, ...uploaded])] };
}

async function readMessage(
  { message, messageFile }: Partial<Inputs>,
  context: ActionContext,
  issues: InputIssue[],
): Promise<{ text: string; input: string }> {
  if (messageFile === undefined || message !== undefined) return { text: message ?? "", input: "message" };
  const read = await readTextFile("message-file", messageFile, context);
  if ("input" in read) issues.push(read);
  return { text: "input" in read ? "" : read.text, input: "message-file" };
}

async function readSchema(
  { responseSchema: given }: Partial<Inputs>,
  context: ActionContext,
  issues: InputIssue[],
): Promise<ResponseSchema | undefined> {
  if (given === undefined) return undefined;
  const input = "response-schema";
  let text: string;
  if ("json" in given) text = given.json;
  else {
    const read = await readTextFile(input, given.path, context);
    if ("input" in read) {
      issues.push(read);
      return undefined;
    }
    text = read.text;
  }
  const { parseSchema } = await import("../response-schema/schema.ts");
  const parsed = parseSchema(text);
  if ("text" in parsed) return parsed;
  issues.push({ input, text: parsed.problem });
  return undefined;
}

/** The message as it is sent. */
async function addInstruction(message: string, schema: ResponseSchema | undefined): Promise<string> {
  if (schema === undefined) return message;
  const { appendInstruction } = await import("../response-schema/instruction.ts");
  return appendInstruction(message, schema.text);
}

async function readFiles(
  { files, includeHiddenFiles = false }: Partial<Inputs>,
  context: ActionContext,
  issues: InputIssue[],
): Promise<Attachment[]> {
  if (files === undefined) return [];
  const { findAttachments } = await import("../actions/attachments.ts");
  const found = await findAttachments(files, {
    workspace: context.workspace,
    includeHidden: includeHiddenFiles,
  });
  issues.push(...found.filter((each) => "input" in each));
  return found.filter((each) => "sha256" in each);
}

/** @param request every field, be it undefined: one that is forgotten here does not compile */
function freezeRequest(request: { [Field in keyof Required<StepRequest>]: StepRequest[Field] }): StepRequest {
  request.files.forEach(Object.freeze);
  for (const part of [request.target, request.files, request.fileIds]) Object.freeze(part);
  return Object.freeze(request);
}

/**
 * Reads the inputs, the message and the files.
 *
 * @throws InputValidationError with all problems at once
 */
export async function buildStepRequest(secrets: Secrets, context: ActionContext): Promise<StepPlan> {
  const { inputs, values, issues } = readInputs(secrets, explainMissingToken(context));
  const message = await readMessage(values, context, issues);
  const responseSchema = await readSchema(values, context, issues);
  const text = await addInstruction(message.text.toWellFormed(), responseSchema);
  const files = await readFiles(values, context, issues);
  const { agentId = "", threadId, userId = `github:${context.actor === "" ? "unknown" : context.actor}` } = values;
  const request = freezeRequest({
    target: threadId === undefined ? { agentId } : { threadId },
    text,
    externalRef: resolveExternalRef(values.externalRef, context),
    attributedUserId: values.attributedUserId,
    userId,
    fileIds: values.fileIds ?? [],
    files,
  });
  const body = estimateRequestBody(values, request);
  const tooLong = validateMessageLength(text, body, {
    input: message.input,
    fileIds: request.fileIds.length + files.length,
    schemaLength: text.length - message.text.length,
  });
  if (tooLong !== undefined) issues.push(tooLong);

  if (inputs === undefined || issues.length > 0) throw new InputValidationError(issues);
  return { inputs, request, key: resolveIdempotencyKey(inputs, request, context), responseSchema };
}

/** A hint for a rejected ID that does not look like one the service makes. */
export function idHint(inputs: Inputs): string | undefined {
  const ids = { "agent-id": inputs.agentId, "thread-id": inputs.threadId };
  const odd = Object.entries(ids).find(([, id]) => id !== undefined && !isUlid(id))?.[0];
  return odd === undefined
    ? undefined
    : `\`${odd}\` is not a 26-character Mosoo ID; check that it was copied completely.`;
}
