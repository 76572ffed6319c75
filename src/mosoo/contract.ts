/**
 * What a server takes. The same API is deployed in several shapes; instead of a list of server versions, a refused
 * body is made again from the same intent with the properties that the server's own contract declares.
 *
 * Pure: intent and contract in, body out.
 */
import { MosooError } from "./errors.ts";

/** What the author of the workflow wants said to the agent, whatever the server calls it. */
export interface Intent {
  text: string;
  externalRef?: string | undefined;
  attributedUserId?: string | undefined;
  /** Sent where the server takes it. */
  userId: string;
  fileIds: readonly string[];
}

/** A JSON schema, as far as it is read here. */
export interface ObjectShape {
  properties: ReadonlyMap<string, unknown>;
  required: readonly string[];
}

export interface Contract {
  create: ObjectShape;
  /** The `user_message` event of `POST /threads/{id}/events`. */
  message: ObjectShape;
  /** Whether `POST /agents/{agentId}/files` is there. */
  takesUploads: boolean;
}

export type Body = Record<string, unknown>;

export const mostBodyBytes = 40_192;
export const mostTextUnits = 32_000;

const shape = (properties: Record<string, unknown>, required: string[]): ObjectShape => ({
  properties: new Map(Object.entries(properties)),
  required,
});

const idList = { type: "array", items: { type: "string" } };
const fileList = (...properties: string[]): unknown => ({
  type: "array",
  items: { properties: Object.fromEntries(properties.map((name) => [name, name === "type" ? { const: "file" } : {}])) },
});

/** The contract on the API's page: the first body is always this one, unless a user ID was given. */
export const referenceContract: Contract = {
  create: shape({ input: {}, client_external_ref: {}, attributed_user_id: {}, files: fileList("file_id") }, ["input"]),
  message: shape({ type: {}, text: {}, clientRequestId: {}, attachmentIds: idList }, ["type", "text"]),
  takesUploads: false,
};

/** Where a user ID was given, the server is one that takes it: begin there, and spare the refused first try. */
export const userIdContract: Contract = {
  create: shape({ input: {}, userId: {}, resources: fileList("type", "file_id") }, ["userId"]),
  message: shape({ type: {}, text: {}, requestId: {}, resources: fileList("type", "file_id") }, ["type", "text"]),
  takesUploads: true,
};

/** Whether the body has the contract's shape: all it holds is declared, all that is required is there. */
export function fits(body: Body, contract: ObjectShape): boolean {
  return (
    Object.keys(body).every((name) => contract.properties.has(name)) &&
    contract.required.every((name) => Object.hasOwn(body, name))
  );
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/** One file as the items of this list are declared: `{file_id}`, `{type, file_id}` or the bare ID. */
function fileEntry(declared: unknown, id: string): unknown {
  const properties = member(member(declared, "items"), "properties");
  if (typeof properties !== "object" || properties === null) return id;
  return { ...(Object.hasOwn(properties, "type") ? { type: "file" } : {}), file_id: id };
}

/** The list that files go into, by the names that the contracts have for it. */
function fileField(contract: ObjectShape): string | undefined {
  return ["files", "resources", "attachmentIds"].find((name) => contract.properties.has(name));
}

function addFiles(body: Body, contract: ObjectShape, fileIds: readonly string[]): void {
  if (fileIds.length === 0) return;
  const field = fileField(contract);
  if (field === undefined) {
    throw new MosooError("This server takes no files with a message.", {
      input: "file-ids",
      advice: "Leave `file-ids` out.",
    });
  }
  body[field] = fileIds.map((id) => fileEntry(contract.properties.get(field), id));
}

function refuseUnknownRequired(body: Body, contract: ObjectShape, call: string): void {
  const missing = contract.required.filter((name) => !Object.hasOwn(body, name));
  if (missing.length === 0) return;
  throw new MosooError(
    `This server wants something that this version of the action does not know when it is asked to ${call}: ${missing.join(", ")}.`,
    { advice: "Look for a newer version of the action." },
  );
}

/**
 * The body that creates a thread.
 *
 * @param withInput false: a thread without a message, for files that are uploaded before the message is sent
 * @throws MosooError that names the input which this server cannot take, or the required property that nobody knows
 */
export function createBody(contract: ObjectShape, intent: Intent, withInput = true): Body {
  const body: Body = {};
  const has = (name: string): boolean => contract.properties.has(name);
  if (withInput) body["input"] = { type: "user.message", content: [{ type: "text", text: intent.text }] };
  if (intent.externalRef !== undefined && has("client_external_ref")) body["client_external_ref"] = intent.externalRef;
  if (intent.attributedUserId !== undefined) {
    if (!has("attributed_user_id")) {
      throw new MosooError("This server does not take `attributed-user-id`.", {
        input: "attributed-user-id",
        advice: "It needs a service token on a server with the reference contract; leave the input out here.",
      });
    }
    body["attributed_user_id"] = intent.attributedUserId;
  }
  if (has("userId")) body["userId"] = intent.userId;
  if (withInput) addFiles(body, contract, intent.fileIds);
  refuseUnknownRequired(body, contract, "create a thread");
  return body;
}

/** Whether the external reference is told to a server with this contract. */
export function takesExternalRef(contract: ObjectShape): boolean {
  return contract.properties.has("client_external_ref");
}

/**
 * The `user_message` event that sends a message into a thread. `requestId` is what the service remembers it by.
 *
 * @throws MosooError as {@link createBody}
 */
export function messageEvent(contract: ObjectShape, text: string, requestId: string, fileIds: readonly string[]): Body {
  const event: Body = { type: "user_message", text };
  const field = ["requestId", "clientRequestId"].find((name) => contract.properties.has(name));
  if (field !== undefined) event[field] = requestId;
  addFiles(event, contract, fileIds);
  refuseUnknownRequired(event, contract, "continue a thread");
  return event;
}

/** Bytes of UTF-8 that a body has on the wire. */
export function bodyBytes(body: unknown): number {
  return Buffer.byteLength(JSON.stringify(body), "utf8");
}

/** The input that a server's refusal of a value speaks about, where its words name one. Only for the reader's sake. */
export function inputNamedIn(message: string): string | undefined {
  const named: [RegExp, string][] = [
    [/attributed_user/i, "attributed-user-id"],
    [/client_external_ref/i, "external-ref"],
    [/\buserId\b/, "user-id"],
    [/\bagent id\b|\bagentId\b/i, "agent-id"],
    [/\bthread id\b|\bthreadId\b/i, "thread-id"],
    [/\bfiles?\b|file_id|resources|attachment/i, "file-ids"],
    [/\btext\b|\binput\b|\bcontent\b|body/i, "message"],
  ];
  return named.find(([pattern]) => pattern.test(message))?.[1];
}
