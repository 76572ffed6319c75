import { invalidJson, invalidRequest } from "./refusal.ts";
import type { RevisionFacts } from "./revision.ts";
import { isUlid } from "./ulid.ts";

/** The JSON body may hold so many bytes. */
const BODY_BYTES = 40_192;
/** A text may hold so many UTF-16 units. */
export const TEXT_UNITS = 32_000;
const REFERENCE_UNITS = 255;

export interface CreateRequest {
  fileIds: string[];
  text: string | null;
  attributedUserId: string | null;
  externalRef: string | null;
  userId: string | null;
}

export type EventInput =
  | { type: "user_message"; text: string; fileIds: string[]; requestId: string | null }
  | { type: "permission_decision"; requestId: string; decision: "allow_once" | "reject_once" }
  | { type: "user_interrupt"; runId: string | null };

type Fields = Record<string, unknown>;

/** The create body, checked; every refusal is the 400 that reserves no key. */
export function readCreateRequest(raw: Buffer, facts: RevisionFacts): CreateRequest {
  const body = readObject(raw, !facts.inputRequired);
  onlyFields(body, facts.createFields, "create thread");
  const attributedUserId = optionalText(body, "attributed_user_id", 26);
  const externalRef = optionalText(body, "client_external_ref", REFERENCE_UNITS);
  return {
    externalRef,
    userId: facts.userIdRequired ? requiredText(body, "userId", REFERENCE_UNITS) : null,
    text: readInput(body, facts.inputRequired),
    fileIds: [...readFiles(body["files"]), ...readResources(body["resources"])],
    attributedUserId: attributedUserId === null ? null : readUlid(attributedUserId, "attributed_user_id"),
  };
}

/** The events of `POST /threads/{threadId}/events`, checked. */
export function readEventsRequest(raw: Buffer, facts: RevisionFacts): EventInput[] {
  const body = readObject(raw, false);
  onlyFields(body, ["events"], "send events request");
  const events = body["events"];
  if (!Array.isArray(events) || events.length === 0) throw invalidRequest("events must be a non-empty array.");
  return events.map((event: unknown) => readEvent(event, facts));
}

/** `?limit=` of the event list and stream. */
export function readLimit(value: string | null): number {
  if (value === null) return 100;
  if (!/^\d+$/.test(value)) throw invalidRequest("limit must be a positive integer.");
  const limit = Number(value);
  if (limit < 1 || limit > 1000) throw invalidRequest("limit must be between 1 and 1000.");
  return limit;
}

/** `?archived=`: `null` where it is not given. */
export function readArchived(value: string | null): boolean | null {
  if (value === null) return null;
  if (value === "true" || value === "false") return value === "true";
  throw invalidRequest("Boolean query values must be true or false.");
}

/** An ID of a path or body, which the service takes only in the shape of a ULID. */
export function readUlid(value: string, label: string): string {
  if (!isUlid(value)) throw invalidRequest(`${label} must be a valid ULID.`);
  return value;
}

function readObject(raw: Buffer, mayBeEmpty: boolean): Fields {
  if (raw.length > BODY_BYTES) throw invalidRequest(`Request body must be ${BODY_BYTES} bytes or fewer.`);
  const text = raw.toString("utf8");
  if (mayBeEmpty && text.trim() === "") return {};
  const body = parseJson(text);
  if (!isObject(body)) throw invalidRequest("Request body must be an object.");
  return body;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalidJson();
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function onlyFields(fields: Fields, allowed: readonly string[], where: string): void {
  const other = Object.keys(fields).find((field) => !allowed.includes(field));
  if (other !== undefined) throw invalidRequest(`Unsupported ${where} field: ${other}.`);
}

function requiredText(fields: Fields, name: string, most = Infinity): string {
  const value = fields[name];
  if (typeof value !== "string" || value.trim() === "") throw invalidRequest(`${name} is required.`);
  if (value.length > most) throw invalidRequest(`${name} must be ${most} characters or fewer.`);
  return value;
}

function optionalText(fields: Fields, name: string, most: number): string | null {
  const value = fields[name];
  if (value === undefined) return null;
  if (typeof value !== "string" || value.trim() === "") throw invalidRequest(`${name} must be a non-empty string.`);
  if (value.length > most) throw invalidRequest(`${name} must be ${most} characters or fewer.`);
  return value;
}

function textOrNull(fields: Fields, name: string): string | null {
  const value = fields[name] ?? null;
  if (value === null || typeof value === "string") return value;
  throw invalidRequest(`${name} must be a string or null.`);
}

function readInput(body: Fields, required: boolean): string | null {
  const input = body["input"];
  if (input === undefined && !required) return null;
  if (!isObject(input)) throw invalidRequest(required ? "input is required." : "input must be an object.");
  onlyFields(input, ["type", "content"], "create thread input");
  if (input["type"] !== "user.message") throw invalidRequest("input.type must be user.message.");
  const content = input["content"];
  if (!Array.isArray(content) || content.length === 0) {
    throw invalidRequest("input.content must be a non-empty array.");
  }
  const text = content.map(readTextPart).join("\n").trim();
  if (text.length > TEXT_UNITS) throw invalidRequest(`input text must be ${TEXT_UNITS} characters or fewer.`);
  return text;
}

function readTextPart(part: unknown): string {
  if (!isObject(part)) throw invalidRequest("input.content entries must be objects.");
  onlyFields(part, ["type", "text"], "create thread input content");
  if (part["type"] !== "text") throw invalidRequest("Create thread input takes text content parts only.");
  return requiredText(part, "text", TEXT_UNITS);
}

function readFiles(files: unknown): string[] {
  if (files === undefined) return [];
  if (!Array.isArray(files)) throw invalidRequest("files must be an array.");
  return files.map((file: unknown) => {
    if (!isObject(file)) throw invalidRequest("files entries must be objects.");
    onlyFields(file, ["file_id"], "create thread file");
    return readUlid(requiredText(file, "file_id", 26), "file_id");
  });
}

function readResources(resources: unknown): string[] {
  if (resources === undefined) return [];
  if (!Array.isArray(resources)) throw invalidRequest("resources must be an array.");
  return resources.map((resource: unknown) => {
    if (!isObject(resource)) throw invalidRequest("resources entries must be objects.");
    onlyFields(resource, ["type", "file_id"], "file resource");
    if (resource["type"] !== "file") throw invalidRequest("resource.type must be file.");
    return readUlid(requiredText(resource, "file_id", 26), "file_id");
  });
}

function readAttachmentIds(ids: unknown): string[] {
  if (ids === undefined) return [];
  if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === "string")) {
    throw invalidRequest("attachmentIds must be an array of strings.");
  }
  return ids.map((id) => readUlid(id, "attachmentIds entry"));
}

function readEvent(event: unknown, facts: RevisionFacts): EventInput {
  if (!isObject(event)) throw invalidRequest("Thread event must be an object.");
  switch (event["type"]) {
    case "user_message":
      return readMessage(event, facts);
    case "permission_decision":
      return readDecision(event);
    case "user_interrupt": {
      onlyFields(event, ["type", "runId"], "thread event");
      const runId = textOrNull(event, "runId");
      return { type: "user_interrupt", runId: runId === null ? null : readUlid(runId, "runId") };
    }
    default:
      throw invalidRequest("Thread event type must be user_message, permission_decision, or user_interrupt.");
  }
}

function readMessage(event: Fields, facts: RevisionFacts): EventInput {
  onlyFields(event, ["type", "text", ...facts.messageFields], "thread event");
  return {
    type: "user_message",
    text: requiredText(event, "text", TEXT_UNITS),
    fileIds: [...readAttachmentIds(event["attachmentIds"]), ...readResources(event["resources"])],
    requestId: textOrNull(event, facts.requestIdField),
  };
}

function readDecision(event: Fields): EventInput {
  onlyFields(event, ["type", "requestId", "decision"], "thread event");
  const decision = event["decision"];
  if (decision !== "allow_once" && decision !== "reject_once") {
    throw invalidRequest("decision must be allow_once or reject_once.");
  }
  return { type: "permission_decision", requestId: requiredText(event, "requestId"), decision };
}
