/** Reads a server's own OpenAPI document into a contract. Pure; loaded only when a server has refused a body. */
import { type Contract, type ObjectShape, referenceContract } from "./contract.ts";
import * as z from "./zod.ts";

const Schema = z.looseObject({
  $ref: z.optional(z.string()),
  properties: z.optional(z.record(z.string(), z.unknown())),
  required: z.optional(z.array(z.string())),
  items: z.optional(z.unknown()),
  const: z.optional(z.unknown()),
  enum: z.optional(z.array(z.unknown())),
  oneOf: z.optional(z.array(z.unknown())),
  anyOf: z.optional(z.array(z.unknown())),
  allOf: z.optional(z.array(z.unknown())),
});
type Schema = z.infer<typeof Schema>;

const Operation = z.looseObject({
  requestBody: z.optional(
    z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.optional(z.unknown()) })) }),
  ),
});

const Document = z.looseObject({
  paths: z.record(z.string(), z.looseObject({ post: z.catch(z.optional(Operation), undefined) })),
  components: z.catch(z.optional(z.looseObject({ schemas: z.optional(z.record(z.string(), z.unknown())) })), undefined),
});
type Document = z.infer<typeof Document>;

/** Follows `$ref` within the document, and folds `allOf` into one. */
function resolve(document: Document, value: unknown, depth = 0): Schema | undefined {
  const parsed = Schema.safeParse(value);
  if (!parsed.success || depth > 8) return undefined;
  const schema = parsed.data;
  const name = schema.$ref?.split("/").pop();
  if (name !== undefined) return resolve(document, document.components?.schemas?.[name], depth + 1);
  const parts: Schema[] = (schema.allOf ?? []).flatMap((part): Schema[] => {
    const resolved = resolve(document, part, depth + 1);
    return resolved === undefined ? [] : [resolved];
  });
  if (parts.length === 0) return schema;
  const all = [schema, ...parts];
  return {
    ...schema,
    properties: Object.assign({}, ...all.map((part) => part.properties ?? {})) as Record<string, unknown>,
    required: all.flatMap((part) => part.required ?? []),
  };
}

function variants(document: Document, schema: Schema): Schema[] {
  const listed = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  if (listed.length === 0) return [schema];
  return listed.flatMap((each) => {
    const resolved = resolve(document, each);
    return resolved === undefined ? [] : variants(document, resolved);
  });
}

function bodySchema(document: Document, path: RegExp): Schema | undefined {
  const entry = Object.entries(document.paths).find(([name, item]) => path.test(name) && item.post !== undefined);
  const content = entry?.[1].post?.requestBody?.content ?? {};
  return resolve(document, (content["application/json"] ?? Object.values(content)[0])?.schema);
}

function shapeOf(document: Document, schema: Schema): ObjectShape {
  const properties = new Map(
    Object.entries(schema.properties ?? {}).map(([name, value]) => {
      const resolved = resolve(document, value);
      const items = resolved?.items === undefined ? undefined : resolve(document, resolved.items);
      return [name, items === undefined ? (resolved ?? {}) : { ...resolved, items }];
    }),
  );
  return { properties, required: schema.required ?? [] };
}

function isUserMessage(document: Document, schema: Schema): boolean {
  const type = resolve(document, schema.properties?.["type"]);
  return type?.const === "user_message" || type?.enum?.includes("user_message") === true;
}

/**
 * Reads a server's OpenAPI document.
 *
 * @returns undefined where it does not describe what is needed
 */
export function readContract(text: string): Contract | undefined {
  let parsed;
  try {
    parsed = Document.safeParse(JSON.parse(text));
  } catch {
    return undefined;
  }
  if (!parsed.success) return undefined;
  const document = parsed.data;
  const create = bodySchema(document, /\/agents\/\{[^/]+\}\/threads$/);
  if (create?.properties === undefined) return undefined;

  const sent = bodySchema(document, /\/threads\/\{[^/]+\}\/events$/);
  const events = resolve(document, sent?.properties?.["events"]);
  const event = events === undefined ? undefined : resolve(document, events.items);
  const message = event && variants(document, event).find((each) => isUserMessage(document, each));
  const uploads = Object.entries(document.paths).some(
    ([name, item]) => /\/agents\/\{[^/]+\}\/files$/.test(name) && item.post !== undefined,
  );
  return {
    create: shapeOf(document, create),
    message: message === undefined ? referenceContract.message : shapeOf(document, message),
    takesUploads: uploads,
  };
}
