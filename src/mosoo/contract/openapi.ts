/**
 * Reads from a server's OpenAPI document what its calls take. Pure.
 *
 * The document is untrusted: references may be circular, and parts may be combined without end. Every traversal is
 * bounded, and what is not understood is left out.
 */
import type { ObjectSchema, PropertySchema } from "./request-bodies.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Parts of the document that are looked at; the service's own documents need a few hundred. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 24;
/** Of the ways in which a body may be combined from `oneOf`, `anyOf` and `allOf`. */
const MAX_COMBINATIONS = 32;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listAt(fields: Fields, name: string): unknown[] {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function fieldsAt(fields: Fields, name: string): Fields {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return isFields(value) ? value : {};
}

/** Both at once: what either declares, what both require. */
function mergeSchemas(a: ObjectSchema, b: ObjectSchema): ObjectSchema {
  return {
    properties: new Map([...a.properties, ...b.properties]),
    required: [...new Set([...a.required, ...b.required])],
  };
}

/** A document, and how much of it may still be looked at. */
class DocumentReader {
  readonly #document: Fields;
  #nodes = 0;

  constructor(document: Fields) {
    this.#document = document;
  }

  /** The operation `method` of the first path that matches. */
  operation(path: RegExp, method: string): Fields | undefined {
    for (const [name, item] of Object.entries(fieldsAt(this.#document, "paths"))) {
      if (!path.test(name)) continue;
      const operation = this.resolve(this.resolve(item)?.[method]);
      if (operation !== undefined) return operation;
    }
    return undefined;
  }

  /** The schema of an operation's JSON body. */
  bodySchema(operation: Fields | undefined): unknown {
    const content = fieldsAt(this.resolve(operation?.["requestBody"]) ?? {}, "content");
    const names = Object.keys(content);
    const json = names.find((name) => /^application\/json\b/i.test(name)) ?? names.find((name) => /json/i.test(name));
    return json === undefined ? undefined : this.resolve(content[json])?.["schema"];
  }

  /** The object with its references resolved. Siblings of a `$ref` are merged. */
  resolve(value: unknown, depth = 0): Fields | undefined {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES || depth > MAX_DEPTH || !isFields(value)) return undefined;
    const reference = Object.hasOwn(value, "$ref") ? value["$ref"] : undefined;
    if (typeof reference !== "string") return value;
    const target = this.resolve(this.#at(reference), depth + 1);
    return target && { ...target, ...value, $ref: undefined };
  }

  /** The shapes that an object may have by its schema; none where it is no object's. */
  shapes(schema: unknown, depth = 0): ObjectSchema[] {
    const node = this.resolve(schema);
    if (node === undefined || depth > MAX_DEPTH) return [];
    let shapes: ObjectSchema[] = [this.#ownShape(node, depth)];
    for (const part of listAt(node, "allOf")) {
      shapes = this.#combine(shapes, this.shapes(part, depth + 1));
    }
    const choices = [...listAt(node, "oneOf"), ...listAt(node, "anyOf")];
    shapes = this.#combine(
      shapes,
      choices.flatMap((choice) => this.shapes(choice, depth + 1)),
    );
    return shapes.filter((shape) => shape.properties.size > 0 || shape.required.length > 0);
  }

  #combine(shapes: ObjectSchema[], more: ObjectSchema[]): ObjectSchema[] {
    if (more.length === 0) return shapes;
    const ways = shapes
      .flatMap((a) => more.slice(0, MAX_COMBINATIONS).map((b) => [a, b] as const))
      .slice(0, MAX_COMBINATIONS);
    this.#nodes += ways.reduce((sum, [a, b]) => sum + a.properties.size + b.properties.size, 0);
    return this.#nodes > MAX_NODES ? shapes : ways.map(([a, b]) => mergeSchemas(a, b));
  }

  #ownShape(node: Fields, depth: number): ObjectSchema {
    const properties = Object.entries(fieldsAt(node, "properties")).map(([name, schema]): [string, PropertySchema] => [
      name,
      this.#property(schema, depth + 1),
    ]);
    const required = listAt(node, "required").filter((name): name is string => typeof name === "string");
    return { properties: new Map(properties), required };
  }

  /** A property, as far as anybody needs to know it: the values it is confined to, and what its items are. */
  #property(schema: unknown, depth: number): PropertySchema {
    const nodes = this.#variants(schema, depth);
    const items = nodes.map((node) => node["items"]).find((each) => each !== undefined);
    const values = nodes.flatMap((node) => [
      ...(Object.hasOwn(node, "const") ? [node["const"]] : []),
      ...listAt(node, "enum"),
    ]);
    return { values, items: items === undefined ? [] : this.shapes(items, depth + 1) };
  }

  /** A schema and all that it is put together from. */
  #variants(schema: unknown, depth: number): Fields[] {
    const node = this.resolve(schema);
    if (node === undefined || depth > MAX_DEPTH) return [];
    const parts = [...listAt(node, "allOf"), ...listAt(node, "oneOf"), ...listAt(node, "anyOf")];
    return [node, ...parts.flatMap((part) => this.#variants(part, depth + 1))];
  }

  /** What a reference within the document names (RFC 6901, as a URI's fragment). */
  #at(reference: string): unknown {
    if (!reference.startsWith("#/")) return undefined;
    return reference
      .slice(2)
      .split("/")
      .reduce<unknown>((value, part) => {
        const name = unescaped(part);
        return (isFields(value) || Array.isArray(value)) && Object.hasOwn(value, name)
          ? (value as Fields)[name]
          : undefined;
      }, this.#document);
  }
}

function unescaped(part: string): string {
  let name = part;
  try {
    name = decodeURIComponent(part);
  } catch {
    // Kept as it is.
  }
  return name.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** What a document says about the calls of this client. */
interface ParsedContract {
  create: ObjectSchema;
  /** The `user_message` event, where it is described. */
  message: ObjectSchema | undefined;
  takesUploads: boolean;
  servesDownloads: boolean;
}

/**
 * Reads a server's OpenAPI document.
 *
 * @param isKnown whether a body's property is one that can be filled: of several shapes the first is taken that requires
 *   nothing else
 * @returns undefined where it does not describe how a thread is created
 */
export function readContract(text: string, isKnown: (property: string) => boolean): ParsedContract | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
  if (!isFields(parsed)) return undefined;
  const reader = new DocumentReader(parsed);
  const fitting = (shapes: ObjectSchema[]): ObjectSchema | undefined =>
    shapes.find((shape) => shape.required.every(isKnown)) ?? shapes[0];

  const create = fitting(
    reader.shapes(reader.bodySchema(reader.operation(/\/agents\/\{[^/]+\}\/threads\/?$/, "post"))),
  );
  if (create === undefined || create.properties.size === 0) return undefined;
  const events = reader
    .shapes(reader.bodySchema(reader.operation(/\/threads\/\{[^/]+\}\/events\/?$/, "post")))
    .flatMap((shape) => shape.properties.get("events")?.items ?? []);
  const message = fitting(
    events.filter((shape) => shape.properties.get("type")?.values.includes("user_message") === true),
  );
  return {
    create,
    message,
    takesUploads: reader.operation(/\/agents\/\{[^/]+\}\/files\/?$/, "post") !== undefined,
    servesDownloads: reader.operation(/\/files\/\{[^/]+\}\/content\/?$/, "get") !== undefined,
  };
}
