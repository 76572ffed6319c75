import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { Encoding, FaultHandler } from "./faults.ts";
import { refusalAnswer, Refusal } from "./refusal.ts";
import type { Answer } from "./refusal.ts";
import type { LoggedRequest } from "./types.ts";

/** An answer as bytes for the wire. */
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

/** The answer that a fault makes up without the request being looked at; `undefined` where it leaves that to the server. */
export function madeUpAnswer(mishap: FaultHandler, request: LoggedRequest): Packet | undefined {
  switch (mishap.kind) {
    case "status":
      return mishap.stored === true ? undefined : statusPacket(mishap);
    case "redirect": {
      const location = mishap.location ?? `${mishap.origin ?? ""}${request.path}`;
      return { status: mishap.status ?? 308, headers: { Location: location }, bytes: Buffer.alloc(0) };
    }
    case "rate-limit": {
      const packet = jsonPacket(refusalAnswer(new Refusal(429, "rate_limited", "The request budget is used up.")));
      if (mishap.retryAfter !== null) packet.headers["Retry-After"] = mishap.retryAfter ?? "1";
      return packet;
    }
    case "echo-headers": {
      const message = `Bad request. Headers: authorization: ${request.authorization ?? "none"}`;
      return jsonPacket(refusalAnswer(new Refusal(mishap.status ?? 500, "internal_error", message)));
    }
    case "garbage":
      return mishap.commit === false ? garbagePacket(mishap) : undefined;
    default:
      return undefined;
  }
}

/** A fault's status as an answer that can be stored. */
export function storedFailure(mishap: Extract<FaultHandler, { kind: "status" }>): Answer {
  return refusalAnswer(new Refusal(mishap.status, mishap.code ?? codeOf(mishap.status), mishap.message ?? "A fault."));
}

function statusPacket(mishap: Extract<FaultHandler, { kind: "status" }>): Packet {
  const packet =
    mishap.body === undefined
      ? jsonPacket(storedFailure(mishap))
      : { status: mishap.status, headers: { "Content-Type": "text/html" }, bytes: Buffer.from(mishap.body) };
  return { ...packet, headers: { ...packet.headers, ...mishap.headers } };
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

function garbagePacket(mishap: Extract<FaultHandler, { kind: "garbage" }>): Packet {
  const [contentType, body] = {
    html: ["text/html", HTML],
    array: ["application/json", "[1,2,3]"],
    "no-id": ["application/json", '{"links":{},"run":{"status":"queued"},"thread":{"title":"No ID here"}}'],
    empty: ["application/json", ""],
    broken: ["application/json", '{"thread":{"id":"01'],
  }[mishap.shape ?? "html"] as [string, string];
  return { status: mishap.status ?? 200, headers: { "Content-Type": contentType }, bytes: Buffer.from(body) };
}

/** The right answer as a fault bends it. */
export function bentAnswer(packet: Packet, mishap: FaultHandler | undefined): Packet {
  switch (mishap?.kind) {
    case "garbage":
      return { ...garbagePacket({ status: packet.status, ...mishap }) };
    case "wrong-content-type":
      return { ...packet, headers: { ...packet.headers, "Content-Type": mishap.contentType ?? "text/html" } };
    case "compressed":
      return compressed(packet, mishap.encoding);
    case "huge": {
      const padded = padding(packet, mishap.bytes ?? 6_000_000);
      return mishap.encoding === undefined ? padded : compressed(padded, mishap.encoding);
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

/** Puts an answer on the wire; a fault may tear it or make it slow. */
export async function deliver(
  response: ServerResponse,
  packet: Packet,
  mishap: FaultHandler | undefined,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  response.writeHead(packet.status, { ...packet.headers, "Content-Length": String(packet.bytes.length) });
  if (mishap?.kind === "cut") {
    response.write(packet.bytes.subarray(0, Math.floor(packet.bytes.length * (mishap.part ?? 0.5))));
    hangUp(response);
    return;
  }
  if (mishap?.kind === "slow-body") {
    const half = Math.floor(packet.bytes.length / 2);
    response.write(packet.bytes.subarray(0, half));
    await wait(mishap.ms);
    response.end(packet.bytes.subarray(half));
    return;
  }
  response.end(packet.bytes);
}

/** Destroys the connection once what was written is on its way. */
export function hangUp(response: ServerResponse): void {
  const { socket } = response;
  setImmediate(() => socket?.destroySoon());
}
