import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { internalError, invalidRequest } from "./refusal.ts";
import type { MultipartFile } from "./types.ts";

/** A file may hold so many bytes. */
export const FILE_BYTES = 67_108_864;
const BREAK = "\r\n";
const HEADER_BYTES = 16_384;

/**
 * Reads a multipart upload as it comes, hashing its `file` and keeping none of it.
 * @throws Refusal 500 where it is no multipart body, as the service does; 400 without the field or over the limit
 */
export async function readUpload(request: IncomingMessage): Promise<MultipartFile> {
  const boundary = boundaryOf(request.headers["content-type"]);
  if (boundary === undefined) {
    await drain(request);
    throw internalError();
  }
  const reader = new MultipartReader(boundary);
  for await (const chunk of request as AsyncIterable<Buffer>) reader.push(chunk);
  if (!reader.complete) throw internalError();
  if (reader.file === undefined) throw invalidRequest("multipart/form-data field `file` is required.");
  if (reader.file.size > FILE_BYTES) throw invalidRequest(`A file must be ${FILE_BYTES} bytes or fewer.`);
  return reader.file;
}

function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const found = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}

async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  await once(request, "end");
}

interface Part {
  name: string;
  filename: string | undefined;
  mimeType: string | null;
}

/** Takes the bytes of a multipart body one after the other and keeps what its `file` is. */
class MultipartReader {
  file: MultipartFile | undefined;
  complete = false;
  readonly #delimiter: Buffer;
  #rest: Buffer = Buffer.from(BREAK);
  #state: "outside" | "headers" | "inside" = "outside";
  #part: Part | undefined;
  #size = 0;
  #hash = createHash("sha256");

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`${BREAK}--${boundary}`);
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.complete && this.#step());
  }

  /** One step forward; false where more bytes are needed. */
  #step(): boolean {
    return this.#state === "headers" ? this.#readHeaders() : this.#readToDelimiter();
  }

  #readToDelimiter(): boolean {
    const found = this.#rest.indexOf(this.#delimiter);
    if (found === -1) {
      // The tail may be the beginning of a delimiter.
      this.#consume(Math.max(0, this.#rest.length - this.#delimiter.length + 1));
      return false;
    }
    const after = found + this.#delimiter.length;
    if (this.#rest.length < after + 2) return false;
    this.#consume(found);
    this.#endPart();
    this.complete = this.#rest.subarray(this.#delimiter.length, this.#delimiter.length + 2).toString() === "--";
    this.#rest = this.#rest.subarray(this.#delimiter.length + 2);
    this.#state = "headers";
    return true;
  }

  #consume(length: number): void {
    if (length === 0) return;
    if (this.#state === "inside") {
      this.#hash.update(this.#rest.subarray(0, length));
      this.#size += length;
    }
    this.#rest = this.#rest.subarray(length);
  }

  #readHeaders(): boolean {
    const end = this.#rest.indexOf(`${BREAK}${BREAK}`);
    if (end === -1) {
      if (this.#rest.length > HEADER_BYTES) throw internalError();
      return false;
    }
    this.#part = readPart(this.#rest.subarray(0, end).toString("utf8"));
    this.#rest = this.#rest.subarray(end + 4);
    this.#state = "inside";
    this.#size = 0;
    this.#hash = createHash("sha256");
    // An empty part's delimiter begins with the break that ends its headers.
    if (this.#rest.indexOf(this.#delimiter.subarray(2)) === 0)
      this.#rest = Buffer.concat([Buffer.from(BREAK), this.#rest]);
    return true;
  }

  #endPart(): void {
    const part = this.#part;
    this.#part = undefined;
    if (this.#state !== "inside" || part?.name !== "file" || part.filename === undefined) return;
    const { name, filename, mimeType } = part;
    this.file = { name, filename, mimeType, size: this.#size, sha256: this.#hash.digest("hex") };
  }
}

function readPart(headers: string): Part {
  const lines = headers.split(BREAK);
  // Regular expressions know more line ends than headers do.
  const header = (name: string): string | undefined =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const disposition = header("content-disposition") ?? "";
  return {
    name: parameter(disposition, "name") ?? "",
    filename: parameter(disposition, "filename"),
    mimeType: header("content-type") ?? null,
  };
}

/** A quoted parameter; quotes and line breaks in it are escaped as browsers do. */
function parameter(disposition: string, name: string): string | undefined {
  const value = new RegExp(`;\\s*${name}="([^"]*)"`, "i").exec(disposition)?.[1];
  return value?.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n");
}
