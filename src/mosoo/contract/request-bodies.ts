/**
 * The bodies of requests. The same API is deployed in several revisions; instead of a list of them, a rejected
 * body is made again from the same intent with the properties that the server's own contract declares.
 *
 * Pure: intent and contract in, body out.
 */
import { MosooError } from "../errors.ts";

/** What the workflow's author asks of the agent, independent of the server's property names. */
export interface ThreadRequest {
  text: string;
  externalRef?: string | undefined;
  attributedUserId?: string | undefined;
  /** Sent where the server takes it. */
  userId: string;
  fileIds: readonly string[];
}

/** What is known of a property: the values it is confined to (`const`, `enum`), and the shapes of its items. */
export interface PropertySchema {
  values: readonly unknown[];
  items: readonly ObjectSchema[];
}

/** What an object takes. */
export interface ObjectSchema {
  properties: ReadonlyMap<string, PropertySchema>;
  required: readonly string[];
}

export interface Contract {
  create: ObjectSchema;
  /** The `user_message` event of `POST /threads/{id}/events`. */
  message: ObjectSchema;
  /** Whether `POST /agents/{agentId}/files` is there. */
  takesUploads: boolean;
  /** Whether `GET /files/{fileId}/content` is there. */
  servesDownloads: boolean;
}

export type Body = Record<string, unknown>;

export const MAX_REQUEST_BODY_BYTES = 40_192;
export const MAX_MESSAGE_LENGTH = 32_000;

const anything: PropertySchema = { values: [], items: [] };

function shape(
  names: readonly string[],
  required: readonly string[],
  lists: Record<string, ObjectSchema> = {},
): ObjectSchema {
  const properties = new Map<string, PropertySchema>(names.map((name) => [name, anything]));
  for (const [name, items] of Object.entries(lists)) properties.set(name, { values: [], items: [items] });
  return { properties, required };
}

const fileHandle = shape(["file_id"], ["file_id"]);
const fileResource = shape(["type", "file_id"], ["type", "file_id"]);

/** The contract on the API's page: the first body is always this one, unless a user ID was given. */
export const referenceContract: Contract = {
  create: shape(["input", "client_external_ref", "attributed_user_id"], ["input"], { files: fileHandle }),
  message: shape(["type", "text", "clientRequestId", "attachmentIds"], ["type", "text"]),
  takesUploads: false,
  servesDownloads: false,
};

/** The newest contract. Where a user ID was given, the server is one that takes it. */
export const userIdContract: Contract = {
  create: shape(["input", "userId"], ["userId"], { resources: fileResource }),
  message: shape(["type", "text", "requestId"], ["type", "text"], { resources: fileResource }),
  takesUploads: true,
  servesDownloads: true,
};

/** Where files go, by the names that the contracts have for it. */
const fileFields = ["files", "resources", "attachmentIds"];
const requestIdFields = ["requestId", "clientRequestId"];
const filled = new Set([
  ...["input", "client_external_ref", "attributed_user_id", "userId", "type", "text"],
  ...fileFields,
  ...requestIdFields,
]);

/** Whether a body can be given this property. */
export function isKnownProperty(name: string): boolean {
  return filled.has(name);
}

/** Whether the body has the contract's shape: all it holds is declared, all that is required is there. */
export function matchesSchema(body: Body, contract: ObjectSchema): boolean {
  return (
    Object.keys(body).every((name) => contract.properties.has(name)) &&
    contract.required.every((name) => Object.hasOwn(body, name))
  );
}

/** One file as the items of this list are declared: `{file_id}`, `{type, file_id}` or the bare ID. */
function fileEntry(list: PropertySchema | undefined, id: string): unknown {
  const items = list?.items[0];
  if (items === undefined) return id;
  const type = items.properties.get("type");
  const name = ["file_id", "fileId", "id"].find((each) => items.properties.has(each)) ?? "file_id";
  return { ...(type === undefined ? {} : { type: type.values[0] ?? "file" }), [name]: id };
}

function addFiles(body: Body, contract: ObjectSchema, fileIds: readonly string[]): void {
  if (fileIds.length === 0) return;
  const field = fileFields.find((name) => contract.properties.has(name));
  if (field === undefined) {
    throw new MosooError("This server takes no files with a message.", {
      input: "file-ids",
      advice: "Leave `file-ids` out.",
    });
  }
  body[field] = fileIds.map((id) => fileEntry(contract.properties.get(field), id));
}

/** A property that an error names; anything else is counted as "and others". */
const PROPERTY_NAME = /^\w{1,64}$/;
const MAX_NAMED = 5;

function assertNoUnknownRequired(body: Body, contract: ObjectSchema, call: string): void {
  const missing = contract.required.filter((name) => !Object.hasOwn(body, name));
  if (missing.length === 0) return;
  const named = missing.filter((name) => PROPERTY_NAME.test(name)).slice(0, MAX_NAMED);
  const list = [...named.map((name) => `\`${name}\``), ...(named.length < missing.length ? ["others"] : [])];
  throw new MosooError(
    `To ${call}, the server requires properties that this action does not know: ${list.join(", ")}.`,
    {
      advice: "Update the action.",
      threadState: "not_created",
    },
  );
}

/**
 * The body that creates a thread.
 *
 * @param withInput false: a thread without a message, for files that are uploaded before the message is sent
 * @throws MosooError that names the input which this server cannot take, or a required property that is unknown
 */
export function createBody(contract: ObjectSchema, intent: ThreadRequest, withInput = true): Body {
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
  if (!withInput && contract.required.includes("input")) {
    throw new MosooError("This server makes no thread without a message, so that no files can be sent before it.", {
      input: "files",
      advice: "Upload the files by other means and give their IDs in `file-ids`.",
      threadState: "not_created",
    });
  }
  assertNoUnknownRequired(body, contract, "create a thread");
  return body;
}

/** Whether a server with this contract takes the external reference. */
export function takesExternalRef(contract: ObjectSchema): boolean {
  return contract.properties.has("client_external_ref");
}

/**
 * The `user_message` event that sends a message into a thread. `requestId` is what the service remembers it by.
 *
 * @throws MosooError as {@link createBody}
 */
export function messageEvent(
  contract: ObjectSchema,
  text: string,
  requestId: string,
  fileIds: readonly string[],
): Body {
  const event: Body = { type: "user_message", text };
  const field = requestIdFields.find((name) => contract.properties.has(name));
  if (field !== undefined) event[field] = requestId;
  addFiles(event, contract, fileIds);
  assertNoUnknownRequired(event, contract, "continue a thread");
  return event;
}

/**
 * Whether a message that is rejected late has used its files up. The server that takes the bare IDs lets the thread that
 * claimed a file once name it again; where files are resources each can be named once.
 */
export function filesAreSingleUse(message: ObjectSchema): boolean {
  return !message.properties.has("attachmentIds");
}

/**
 * Whether the service remembers a message's request ID under every idempotency key. The reference revision, known by its
 * field for files, does so under the same key only.
 */
export function remembersRequestIds(message: ObjectSchema): boolean {
  return !message.properties.has("attachmentIds");
}

/** Size of a request body in bytes of UTF-8. */
export function bodyBytes(body: unknown): number {
  return Buffer.byteLength(JSON.stringify(body), "utf8");
}

/** The input that a server's message is about, where it names one. For people only. */
export function inferInputFromMessage(message: string): string | undefined {
  const named: [RegExp, string][] = [
    [/attributed[_ ]user/i, "attributed-user-id"],
    [/client_external_ref/i, "external-ref"],
    [/\buserId\b/, "user-id"],
    [/^agent\b|\bagent id\b|\bagentId\b/i, "agent-id"],
    [/^thread\b|\bthread id\b|\bthreadId\b/i, "thread-id"],
    [/\bfiles?\b|file_id|resources|attachment/i, "file-ids"],
    [/\btext\b|\binput\b|\bcontent\b|body/i, "message"],
  ];
  return named.find(([pattern]) => pattern.test(message))?.[1];
}
