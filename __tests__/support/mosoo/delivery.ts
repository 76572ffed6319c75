import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { Encoding, FaultHandler } from "./faults.ts";
import { refusalAnswer, Refusal } from "./refusal.ts";
import type { Answer } from "./refusal.ts";
import type { LoggedRequest, StoredArtifact } from "./types.ts";

/** A response as bytes. */
export interface Packet {
  status: number;
  headers: Record<string, string>;
  bytes: Buffer;
}

const HTML = "<!doctype html><html><head><title>Please wait</title></head><body><h1>Please wait…</h1></body></html>";
const SQUEEZE: Record<Encoding, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
};

export function jsonPacket(answer: Answer): Packet {
  return {
    status: answer.status,
    headers: { "Content-Type": "application/json", ...answer.headers },
    bytes: Buffer.from(JSON.stringify(answer.body)),
  };
}

/** A file's bytes. */
export function contentPacket({ name, content, mimeType }: StoredArtifact): Packet {
  const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(name.toWellFormed())}`;
  const headers = { "Content-Type": mimeType ?? "application/octet-stream", "Content-Disposition": disposition };
  return { status: 200, headers, bytes: content };
}

/** The response of a fault that ignores the request; `undefined` where the server responds. */
export function madeUpAnswer(fault: FaultHandler, request: LoggedRequest): Packet | undefined {
  switch (fault.kind) {
    case "status":
      return fault.stored === true ? undefined : statusPacket(fault);
    case "redirect": {
      const location = fault.location ?? `${fault.origin ?? ""}${request.path}`;
      return { status: fault.status ?? 308, headers: { Location: location }, bytes: Buffer.alloc(0) };
    }
    case "rate-limit": {
      const packet = jsonPacket(refusalAnswer(new Refusal(429, "rate_limited", "The request budget is used up.")));
      if (fault.retryAfter !== null) packet.headers["Retry-After"] = fault.retryAfter ?? "1";
      return packet;
    }
    case "echo-headers": {
      const message = `Bad request. Headers: authorization: ${request.authorization ?? "none"}`;
      return jsonPacket(refusalAnswer(new Refusal(fault.status ?? 500, "internal_error", message)));
    }
    case "garbage":
      return fault.commit === false ? garbagePacket(fault) : undefined;
    default:
      return undefined;
  }
}

/** A fault's status as an answer that can be stored. */
export function storedFailure(fault: Extract<FaultHandler, { kind: "status" }>): Answer {
  return refusalAnswer(new Refusal(fault.status, fault.code ?? codeOf(fault.status), fault.message ?? "A fault."));
}

function statusPacket(fault: Extract<FaultHandler, { kind: "status" }>): Packet {
  const packet =
    fault.body === undefined
      ? jsonPacket(storedFailure(fault))
      : { status: fault.status, headers: { "Content-Type": "text/html" }, bytes: Buffer.from(fault.body) };
  return { ...packet, headers: { ...packet.headers, ...fault.headers } };
}

function codeOf(status: number): string {
  const codes: Record<number, string> = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "idempotency_conflict",
    429: "rate_limited",
  };
  return codes[status] ?? "internal_error";
}

function garbagePacket(fault: Extract<FaultHandler, { kind: "garbage" }>): Packet {
  const [contentType, body] = {
    html: ["text/html", HTML],
    array: ["application/json", "[1,2,3]"],
    "no-id": ["application/json", '{"links":{},"run":{"status":"queued"},"thread":{"title":"No ID here"}}'],
    empty: ["application/json", ""],
    broken: ["application/json", '{"thread":{"id":"01'],
  }[fault.shape ?? "html"] as [string, string];
  return { status: fault.status ?? 200, headers: { "Content-Type": contentType }, bytes: Buffer.from(body) };
}

/** The correct response as changed by a fault. */
export function bentAnswer(packet: Packet, fault: FaultHandler | undefined): Packet {
  switch (fault?.kind) {
    case "garbage":
      return { ...garbagePacket({ status: packet.status, ...fault }) };
    case "wrong-content-type":
      return { ...packet, headers: { ...packet.headers, "Content-Type": fault.contentType ?? "text/html" } };
    case "compressed":
      return compressed(packet, fault.encoding);
    case "huge": {
      const padded = padding(packet, fault.bytes ?? 6_000_000);
      return fault.encoding === undefined ? padded : compressed(padded, fault.encoding);
    }
    default:
      return packet;
  }
}

function compressed(packet: Packet, encoding: Encoding): Packet {
  return {
    ...packet,
    headers: { ...packet.headers, "Content-Encoding": encoding },
    bytes: SQUEEZE[encoding](packet.bytes),
  };
}

function padding(packet: Packet, bytes: number): Packet {
  const field = Buffer.from(`,"padding":"${" ".repeat(bytes)}"}`);
  return { ...packet, bytes: Buffer.concat([packet.bytes.subarray(0, -1), field]) };
}

/** Sends a response; a fault may cut or delay it. */
export async function deliver(
  response: ServerResponse,
  packet: Packet,
  fault: FaultHandler | undefined,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  response.writeHead(packet.status, { ...packet.headers, "Content-Length": String(packet.bytes.length) });
  if (fault?.kind === "cut") {
    response.write(packet.bytes.subarray(0, Math.floor(packet.bytes.length * (fault.part ?? 0.5))));
    hangUp(response);
    return;
  }
  if (fault?.kind === "slow-body") {
    const half = Math.floor(packet.bytes.length / 2);
    response.write(packet.bytes.subarray(0, half));
    await wait(fault.ms);
    response.end(packet.bytes.subarray(half));
    return;
  }
  response.end(packet.bytes);
}

/** Destroys the connection once the written bytes are sent. */
export function hangUp(response: ServerResponse): void {
  const { socket } = response;
  setImmediate(() => socket?.destroySoon());
}
