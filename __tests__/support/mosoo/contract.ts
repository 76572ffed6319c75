import type { RevisionFacts } from "./revision.ts";
import { REVISIONS } from "./revision.ts";
import type { Revision } from "./types.ts";
import { FILE_BYTES } from "./upload.ts";
import { TEXT_UNITS } from "./validation.ts";

type Schema = Record<string, unknown>;

const text: Schema = { type: "string" };
const ulid: Schema = { type: "string", format: "ulid", pattern: "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$" };
const moment: Schema = { type: "string", format: "date-time" };
const maybeMoment: Schema = { type: ["string", "null"], format: "date-time" };
const maybeText: Schema = { type: ["string", "null"] };

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: "null" }] });
const list = (items: Schema, limits: Schema = {}): Schema => ({ type: "array", items, ...limits });

function record(properties: Record<string, Schema>, required: string[] = Object.keys(properties)): Schema {
  return { type: "object", additionalProperties: false, properties, required };
}

/** The contract that a revision serves of itself at `GET /openapi.json`. */
export function contractOf(revision: Revision, apiUrl: string): object {
  const facts = REVISIONS[revision];
  return {
    openapi: "3.1.0",
    info: { title: "Public Thread API", version: "v1" },
    servers: [{ url: apiUrl }],
    security: [{ bearer: [] }],
    paths: paths(facts),
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      responses: { Refused: jsonResponse("The request was refused.", ref("ErrorResponse")) },
      schemas: schemas(facts),
    },
  };
}

function schemas(facts: RevisionFacts): Record<string, Schema> {
  return {
    CreateThreadRequest: createRequest(facts),
    SendEventsRequest: record({ events: list(ref("ThreadEventInput"), { minItems: 1 }) }),
    ThreadEventInput: eventInput(facts),
    ...(facts.uploads ? { FileResource: record({ type: { const: "file" }, file_id: ulid }) } : {}),
    ...(facts.uploads ? fileSchemas() : {}),
    ThreadFile: record({
      committed: { type: "boolean" },
      createdAt: moment,
      id: ulid,
      kind: { enum: ["attachment", "artifact"] },
      mimeType: maybeText,
      name: text,
      size: { type: "integer", minimum: 0 },
    }),
    ThreadFileListResponse: record({ files: list(ref("ThreadFile")) }),
    ErrorResponse: {
      type: "object",
      properties: {
        error: { type: "object", properties: { code: text, message: text }, required: ["code", "message"] },
      },
      required: ["error"],
    },
    ThreadLinks: record({ thread: text }),
    ...runSchemas(facts),
    ThreadSummary: threadSchema(facts),
    CreateThreadResponse: threadResponse(facts.inputRequired ? ref("RunSummary") : orNull(ref("RunSummary"))),
    RetrieveThreadResponse: threadResponse(orNull(ref("RunSummary"))),
    ThreadEventResult: record({
      [facts.requestIdField]: maybeText,
      run: orNull(ref("RunSummary")),
      type: { enum: ["permission_decision", "user_interrupt", "user_message"] },
    }),
    UserWarning: record({ code: text, message: text }),
    SendEventsResponse: record({
      acceptedAt: moment,
      events: list(ref("ThreadEventResult")),
      thread: ref("ThreadSummary"),
      warnings: list(ref("UserWarning")),
    }),
    ThreadEventLogEntry: eventSchema(facts),
    ThreadEventListResponse: record({ events: list(ref("ThreadEventLogEntry")), truncated: { type: "boolean" } }),
  };
}

function createRequest(facts: RevisionFacts): Schema {
  const part = record({ type: { const: "text" }, text: { type: "string", minLength: 1, maxLength: TEXT_UNITS } });
  const known: Record<string, Schema> = {
    input: record({ type: { const: "user.message" }, content: list(part, { minItems: 1 }) }),
    files: list(record({ file_id: ulid })),
    resources: list(ref("FileResource")),
    attributed_user_id: ulid,
    client_external_ref: { type: "string", maxLength: 255 },
    userId: { type: "string", minLength: 1, maxLength: 255 },
  };
  const required = [...(facts.inputRequired ? ["input"] : []), ...(facts.userIdRequired ? ["userId"] : [])];
  return record(pick(known, facts.createFields), required);
}

function pick(known: Record<string, Schema>, names: readonly string[]): Record<string, Schema> {
  return Object.fromEntries(Object.entries(known).filter(([name]) => names.includes(name)));
}

function eventInput(facts: RevisionFacts): Schema {
  const known: Record<string, Schema> = {
    attachmentIds: list(ulid),
    resources: list(ref("FileResource")),
    clientRequestId: maybeText,
    requestId: maybeText,
  };
  const message = {
    type: { const: "user_message" },
    text: { type: "string", minLength: 1 },
    ...pick(known, facts.messageFields),
  };
  const decision = {
    type: { const: "permission_decision" },
    requestId: { type: "string", minLength: 1 },
    decision: { enum: ["allow_once", "reject_once"] },
  };
  const interrupt = { type: { const: "user_interrupt" }, runId: orNull(ulid) };
  return { oneOf: [record(message, ["type", "text"]), record(decision), record(interrupt, ["type"])] };
}

function runSchemas(facts: RevisionFacts): Record<string, Schema> {
  const details = { error: orNull(ref("RunError")), finalOutput: orNull(ref("RunFinalOutput")) };
  const statuses = ["queued", "booting", "running", "waiting_input", "completed", "failed", "cancelled", "expired"];
  const run = record({
    completedAt: maybeMoment,
    createdAt: moment,
    ...(facts.runDetails ? details : {}),
    id: ulid,
    startedAt: maybeMoment,
    status: { enum: statuses },
    trigger: { enum: ["user_prompt", "retry", "resume", "system"] },
    updatedAt: moment,
  });
  if (!facts.runDetails) return { RunSummary: run };
  return {
    RunSummary: run,
    RunError: record({ code: text, message: text, retryable: { type: "boolean" } }),
    RunFinalOutput: record({ text, warnings: list({ type: "object" }) }, ["text"]),
  };
}

function threadSchema(facts: RevisionFacts): Schema {
  const attribution = {
    attributed_user: orNull(record({ id: ulid })),
    client_external_ref: maybeText,
    created_by: record({ id: ulid, kind: text }),
  };
  return record({
    agent_id: ulid,
    created_at: moment,
    id: ulid,
    kind: { enum: ["pet", "cattle"] },
    last_run_id: orNull(ulid),
    source: { const: "api" },
    status: { enum: ["IDLE", "RUNNING", "RESCHEDULING", "TERMINATED"] },
    title: maybeText,
    updated_at: moment,
    ...(facts.attribution ? attribution : {}),
    ...(facts.userIdRequired ? { userId: text } : {}),
  });
}

function threadResponse(run: Schema): Schema {
  return record({ links: ref("ThreadLinks"), run, thread: ref("ThreadSummary") });
}

function eventSchema(facts: RevisionFacts): Schema {
  const always = {
    content: text,
    durationMs: { type: ["integer", "null"] },
    id: ulid,
    occurredAt: moment,
    status: { enum: ["available", "error", "unsupported"] },
    tokens: { type: ["integer", "null"] },
    type: text,
    ...(facts.runDetails ? { runId: orNull(ulid) } : {}),
  };
  const tool = { toolCallId: text, toolInput: { type: "object" }, toolName: text };
  return record({ ...always, ...(facts.toolDetails ? tool : {}) }, Object.keys(always));
}

function fileSchemas(): Record<string, Schema> {
  const size = { type: "integer", minimum: 0, maximum: FILE_BYTES };
  return {
    PublicFile: record({ createdAt: moment, id: ulid, mimeType: maybeText, name: text, size }),
    PublicFileResponse: record({ file: ref("PublicFile") }),
  };
}

const jsonContent = (schema: Schema): Schema => ({ "application/json": { schema } });
const jsonResponse = (description: string, schema: Schema): Schema => ({ description, content: jsonContent(schema) });

interface Operation {
  id: string;
  body?: Schema;
  query?: Schema;
  success: [status: string, content: Schema];
}

function operation(facts: RevisionFacts, { id, body, query, success }: Operation): Schema {
  const parameters: Schema[] = [
    { name: id, in: "path", required: true, schema: ulid },
    ...(query === undefined ? [] : [query]),
    ...(body === undefined
      ? []
      : [{ name: "Idempotency-Key", in: "header", schema: { type: "string", maxLength: 128 } }]),
  ];
  const refused = Object.fromEntries(
    ["400", "401", "403", "404", "409", "429", "500"].map((status) => [
      status,
      { $ref: "#/components/responses/Refused" },
    ]),
  );
  return {
    parameters,
    ...(body === undefined ? {} : { requestBody: { required: facts.inputRequired, content: body } }),
    responses: { [success[0]]: { description: "Done.", content: success[1] }, ...refused },
  };
}

function paths(facts: RevisionFacts): Record<string, Schema> {
  const limit = { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 } };
  const archived = { name: "archived", in: "query", schema: { type: "boolean" } };
  const threads = record({ threads: list(ref("ThreadSummary"), { maxItems: 100 }) });
  const ok = jsonContent(record({ ok: { const: true } }));
  const make = (id: string, success: Operation["success"], rest: Omit<Operation, "id" | "success"> = {}): Schema =>
    operation(facts, { id, success, ...rest });
  const file = { "multipart/form-data": { schema: record({ file: { type: "string", format: "binary" } }) } };
  return {
    "/agents/{agentId}/threads": {
      get: make("agentId", ["200", jsonContent(threads)], { query: archived }),
      post: make("agentId", ["201", jsonContent(ref("CreateThreadResponse"))], {
        body: jsonContent(ref("CreateThreadRequest")),
      }),
    },
    "/threads/{threadId}": { get: make("threadId", ["200", jsonContent(ref("RetrieveThreadResponse"))]) },
    "/threads/{threadId}/events": {
      get: make("threadId", ["200", jsonContent(ref("ThreadEventListResponse"))], { query: limit }),
      post: make("threadId", ["200", jsonContent(ref("SendEventsResponse"))], {
        body: jsonContent(ref("SendEventsRequest")),
      }),
    },
    "/threads/{threadId}/files": { get: make("threadId", ["200", jsonContent(ref("ThreadFileListResponse"))]) },
    "/threads/{threadId}/archive": { post: make("threadId", ["200", ok]) },
    "/threads/{threadId}/unarchive": { post: make("threadId", ["200", ok]) },
    ...(facts.streams
      ? {
          "/threads/{threadId}/events/stream": {
            get: make("threadId", ["200", { "text/event-stream": { schema: text } }], { query: limit }),
          },
        }
      : {}),
    ...(facts.downloads
      ? {
          "/files/{fileId}/content": { get: make("fileId", ["200", { "application/octet-stream": { schema: text } }]) },
        }
      : {}),
    ...(facts.uploads
      ? {
          "/agents/{agentId}/files": {
            post: make("agentId", ["201", jsonContent(ref("PublicFileResponse"))], { body: file }),
          },
        }
      : {}),
  };
}
