import { describe, expect, it } from "@jest/globals";
import {
  type Contract,
  type ThreadRequest,
  createBody,
  matchesSchema,
  inferInputFromMessage,
  isKnownProperty,
  messageEvent,
  referenceContract,
  takesExternalRef,
  userIdContract,
} from "../../../src/mosoo/contract/request-bodies.ts";
import { MosooError } from "../../../src/mosoo/errors.ts";
import { readContract } from "../../../src/mosoo/contract/openapi.ts";
import { publishedContracts } from "../../support/contract-check.ts";
import { contractOf } from "../../support/mosoo/contract.ts";
import type { Revision } from "../../support/fake-mosoo-server.ts";

const intent: ThreadRequest = {
  text: "Hi",
  externalRef: "github:o/r#1",
  userId: "github:octocat",
  fileIds: ["F1", "F2"],
};
const input = { type: "user.message", content: [{ type: "text", text: "Hi" }] };
const published = publishedContracts();

function read(document: unknown): Contract {
  const declared = readContract(JSON.stringify(document), isKnownProperty);
  if (declared === undefined) throw new Error("The contract cannot be read.");
  return { ...declared, message: declared.message ?? referenceContract.message };
}

/** The smallest document that says what creating a thread takes. */
function documentWith(schema: unknown, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    openapi: "3.1.0",
    paths: {
      "/agents/{agentId}/threads": {
        post: { requestBody: { content: { "application/json": { schema } } } },
      },
    },
    ...more,
  };
}

const object = (properties: Record<string, unknown>, required: string[] = []): object => ({
  type: "object",
  properties,
  required,
});

const own = (revision: Revision): Contract => read(contractOf(revision, "https://mosoo.ai/api/v1"));

function refusal(make: () => unknown): MosooError {
  try {
    make();
  } catch (error) {
    if (error instanceof MosooError) return error;
    throw error;
  }
  throw new Error("Nothing was refused.");
}

const sources: [string, (revision: Revision) => Contract][] = [["small documents", own]];
if (published !== undefined) sources.push(["the published documents", (revision) => read(published[revision])]);

describe.each(sources)("the body that creates a thread, by %s", (_, contractFor) => {
  it("has the reference contract's properties there", () => {
    const { create, takesUploads, servesDownloads } = contractFor("reference");
    expect(createBody(create, intent)).toEqual({
      input,
      client_external_ref: "github:o/r#1",
      files: [{ file_id: "F1" }, { file_id: "F2" }],
    });
    expect(createBody(create, { ...intent, fileIds: [], attributedUserId: "U" })).toMatchObject({
      attributed_user_id: "U",
    });
    expect([takesUploads, servesDownloads]).toEqual([false, false]);
  });

  it("attaches files as resources since July 2026", () => {
    const { create, takesUploads, servesDownloads } = contractFor("2026-07");
    expect(createBody(create, intent)).toEqual({
      input,
      client_external_ref: "github:o/r#1",
      resources: [
        { type: "file", file_id: "F1" },
        { type: "file", file_id: "F2" },
      ],
    });
    expect(createBody(create, intent, false)).toEqual({ client_external_ref: "github:o/r#1" });
    expect([takesUploads, servesDownloads]).toEqual([true, true]);
  });

  it("names the user, and no reference, since August 2026", () => {
    const { create, servesDownloads } = contractFor("2026-08");
    expect(servesDownloads).toBe(true);
    expect(takesExternalRef(create)).toBe(false);
    expect(createBody(create, { ...intent, fileIds: [] })).toEqual({ input, userId: "github:octocat" });
    expect(createBody(create, intent, false)).toEqual({ userId: "github:octocat" });
  });

  it.each<Revision>(["2026-07", "2026-08"])("names the input that %s does not take", (revision) => {
    const error = refusal(() => createBody(contractFor(revision).create, { ...intent, attributedUserId: "U" }));
    expect(error.details).toMatchObject({ input: "attributed-user-id", advice: expect.any(String) });
  });

  it("sends a message into a thread as each revision takes it", () => {
    const event = (revision: Revision): unknown => messageEvent(contractFor(revision).message, "Hi", "key", ["F1"]);
    const always = { type: "user_message", text: "Hi" };
    const resources = [{ type: "file", file_id: "F1" }];
    expect(event("reference")).toEqual({ ...always, clientRequestId: "key", attachmentIds: ["F1"] });
    expect(event("2026-07")).toEqual({ ...always, clientRequestId: "key", resources });
    expect(event("2026-08")).toEqual({ ...always, requestId: "key", resources });
  });

  it("decides by declared and required properties whether a body has the right shape", () => {
    const reference = createBody(referenceContract.create, intent);
    expect(matchesSchema(reference, contractFor("reference").create)).toBe(true);
    expect(matchesSchema(reference, contractFor("2026-07").create)).toBe(false);
    expect(matchesSchema(reference, contractFor("2026-08").create)).toBe(false);
    const withoutFiles = createBody(referenceContract.create, { ...intent, fileIds: [] });
    expect(matchesSchema(withoutFiles, contractFor("2026-07").create)).toBe(true);
    expect(matchesSchema(withoutFiles, contractFor("2026-08").create)).toBe(false);
    expect(matchesSchema(createBody(userIdContract.create, intent), contractFor("2026-08").create)).toBe(true);
    expect(matchesSchema({}, contractFor("2026-08").create)).toBe(false);
  });
});

describe("a property that nobody knows", () => {
  it("is named where it is required to create a thread", () => {
    const { create } = read(documentWith(object({ input: {}, workspace: {} }, ["input", "workspace"])));
    const error = refusal(() => createBody(create, { ...intent, fileIds: [] }));
    expect(error.message).toContain("`workspace`");
    expect(error.details).toMatchObject({ threadState: "not_created" });
  });

  it("is ignored where it is not required", () => {
    const { create } = read(documentWith(object({ input: {}, workspace: {} }, ["input"])));
    expect(createBody(create, { ...intent, fileIds: [] })).toEqual({ input });
  });

  it("does not flood the log", () => {
    const names = Array.from({ length: 500 }, (_, index) => `${"n".repeat(1_000)}${index}`);
    const { create } = read(documentWith(object(Object.fromEntries(names.map((name) => [name, {}])), names)));
    expect(refusal(() => createBody(create, { ...intent, fileIds: [] })).message.length).toBeLessThan(1_000);
  });

  it("names the property that is unknown where files cannot be sent before the message", () => {
    expect(refusal(() => createBody(referenceContract.create, intent, false)).details.input).toBe("files");
    expect(refusal(() => createBody(read(documentWith(object({ input: {} }))).create, intent)).details.input).toBe(
      "file-ids",
    );
  });
});

describe("a contract in another valid shape", () => {
  const properties = {
    input: {},
    userId: {},
    resources: { type: "array", items: { $ref: "#/components/schemas/F~1ile" } },
  };
  const components = {
    schemas: {
      "F/ile": object({ type: { enum: ["file"] }, file_id: {} }, ["type", "file_id"]),
      Create: object(properties, ["userId"]),
      UserPart: object({ userId: {} }, ["userId"]),
      Rest: object({ input: {}, resources: properties.resources }),
    },
    requestBodies: { Create: { content: { "application/json": { schema: { $ref: "#/components/schemas/Create" } } } } },
    pathItems: { Threads: { post: { requestBody: { $ref: "#/components/requestBodies/Create" } } } },
  };
  const expected = {
    input,
    userId: "github:octocat",
    resources: [
      { type: "file", file_id: "F1" },
      { type: "file", file_id: "F2" },
    ],
  };
  const create = (schema: unknown): unknown => createBody(read(documentWith(schema, { components })).create, intent);

  it("may be behind a reference with siblings", () => {
    expect(create({ $ref: "#/components/schemas/Create", description: "What it takes." })).toEqual(expected);
  });

  it("may be behind references of the path and of the body", () => {
    const document = {
      components,
      paths: { "/agents/{agent_id}/threads": { $ref: "#/components/pathItems/Threads" } },
    };
    expect(createBody(read(document).create, intent)).toEqual(expected);
  });

  it("may be put together with allOf", () => {
    expect(
      create({ allOf: [{ $ref: "#/components/schemas/UserPart" }, { $ref: "#/components/schemas/Rest" }] }),
    ).toEqual(expected);
    expect(create({ ...object(properties), allOf: [{ required: ["userId"] }] })).toEqual(expected);
  });

  it("may be one of several, of which one that can be filled is taken", () => {
    const stranger = object({ input: {}, blueprint: {} }, ["blueprint"]);
    expect(create({ oneOf: [stranger, { $ref: "#/components/schemas/Create" }] })).toEqual(expected);
    expect(create({ anyOf: [{ type: "null" }, { $ref: "#/components/schemas/Create" }] })).toEqual(expected);
  });

  it("may have a media type with parameters, and be one among others", () => {
    const document = {
      components,
      paths: {
        "/api/v1/agents/{id}/threads/": {
          get: {},
          post: {
            requestBody: {
              content: {
                "multipart/form-data": { schema: object({ nothing: {} }) },
                "application/json; charset=utf-8": { schema: { $ref: "#/components/schemas/Create" } },
              },
            },
          },
        },
      },
    };
    expect(createBody(read(document).create, intent)).toEqual(expected);
  });

  it("may name the file's handle otherwise, or take the bare ID", () => {
    const lists = (items: unknown): unknown =>
      createBody(
        read(documentWith(object({ input: {}, files: { anyOf: [{ type: "array", items }, { type: "null" }] } })))
          .create,
        intent,
      )["files"];
    expect(lists(object({ fileId: {} }))).toEqual([{ fileId: "F1" }, { fileId: "F2" }]);
    expect(lists({ type: "string" })).toEqual(["F1", "F2"]);
  });

  it("may describe the events of a thread by anyOf, const or enum", () => {
    const message = object({ type: { type: "string", enum: ["user_message"] }, text: {}, requestId: {} }, [
      "type",
      "text",
    ]);
    const events = { type: "array", items: { anyOf: [object({ type: { const: "user_interrupt" } }), message] } };
    const document = documentWith(object({ input: {} }));
    Object.assign(document["paths"] as object, {
      "/threads/{id}/events": {
        post: { requestBody: { content: { "application/json": { schema: object({ events }, ["events"]) } } } },
      },
    });
    expect(messageEvent(read(document).message, "Hi", "key", [])).toEqual({
      type: "user_message",
      text: "Hi",
      requestId: "key",
    });
  });
});

describe("a contract that says nothing", () => {
  it.each([
    ["no JSON", "<!doctype html>"],
    ["nothing", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["a text", '"openapi"'],
    ["an empty document", "{}"],
    ["paths that are none", '{"paths":[]}'],
    ["another API", JSON.stringify({ paths: { "/pets": { post: {} } } })],
    ["no body", JSON.stringify({ paths: { "/agents/{a}/threads": { post: {} } } })],
    ["no schema", JSON.stringify(documentWith(undefined))],
    ["a schema that allows everything", JSON.stringify(documentWith(true))],
    ["an object of anything", JSON.stringify(documentWith({ type: "object" }))],
    ["a reference to nowhere", JSON.stringify(documentWith({ $ref: "#/components/schemas/Gone" }))],
    ["a reference to elsewhere", JSON.stringify(documentWith({ $ref: "https://evil.example/schema.json" }))],
  ])("is not read (%s)", (_, text) => {
    expect(readContract(text, isKnownProperty)).toBeUndefined();
  });
});

describe("a hostile contract", () => {
  const within = (ms: number, work: () => unknown): unknown => {
    const since = process.cpuUsage();
    const made = work();
    expect(process.cpuUsage(since).user).toBeLessThan(ms * 1_000);
    return made;
  };
  const circle = (schema: object): string =>
    JSON.stringify(documentWith({ $ref: "#/components/schemas/A" }, { components: { schemas: { A: schema } } }));
  const self = { $ref: "#/components/schemas/A" };

  it.each([
    ["a reference to itself", circle(self)],
    ["a choice among itself", circle({ oneOf: Array(8).fill(self) })],
    ["a part of itself", circle({ allOf: Array(8).fill(self) })],
    ["all of it", circle({ allOf: [self, self], anyOf: [self, self], oneOf: [self], properties: { x: self } })],
    ["items of itself", circle({ ...object({ files: { items: self }, input: {} }), allOf: [{ items: self }] })],
    [
      "choices beyond counting",
      circle({ allOf: Array(40).fill({ oneOf: Array.from({ length: 40 }, (_, i) => object({ [`p${i}`]: {} })) }) }),
    ],
    [
      "a hundred thousand properties in a hundred ways",
      circle({
        ...object(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`p${i}`, {}]))),
        oneOf: Array.from({ length: 100 }, (_, i) => object({ [`q${i}`]: {} })),
      }),
    ],
    ["depth", `${'{"paths":'.repeat(10_000)}1${"}".repeat(10_000)}`],
  ])("ends the reading soon (%s)", (_, text) => {
    within(20_000, () => readContract(text, isKnownProperty));
  });

  it("changes no object's prototype", () => {
    const text = JSON.stringify(documentWith("X")).replace(
      '"X"',
      '{"type":"object","properties":{"__proto__":{"polluted":true},"constructor":{},"input":{}},"required":["input"]}',
    );
    const declared = readContract(text, isKnownProperty);
    expect(declared?.create.properties.has("__proto__")).toBe(true);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(declared && createBody(declared.create, { ...intent, fileIds: [] })).toEqual({ input });
  });

  it("does not take what every object inherits for something declared", () => {
    const text = JSON.stringify(documentWith({ $ref: "#/constructor" }));
    expect(readContract(text, isKnownProperty)).toBeUndefined();
    expect(readContract(JSON.stringify(documentWith({ $ref: "#/paths/__proto__" })), isKnownProperty)).toBeUndefined();
  });
});

describe("the message of an error response", () => {
  it.each([
    ["Human PAT callers cannot set attributed_user_id.", "attributed-user-id"],
    ["Attributed user was not found.", "attributed-user-id"],
    ["client_external_ref must be 255 characters or fewer.", "external-ref"],
    ["userId must be 255 characters or fewer.", "user-id"],
    ["Agent ID must be a valid ULID.", "agent-id"],
    ["Agent not found.", "agent-id"],
    ["Thread not found.", "thread-id"],
    ["Organization Service token callers cannot attach files.", "file-ids"],
    ["Attachment 01J is not a draft attachment.", "file-ids"],
    ["input text must be 32000 characters or fewer.", "message"],
    ["Something else.", undefined],
  ])("names the input where it can: %s", (message, expected) => {
    expect(inferInputFromMessage(message)).toBe(expected);
  });
});
