/** A server that sends exactly the bytes that a test gives it. */
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificates.ts";

export interface Said {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Bytes in place of an HTTP answer; "": hang up at once. */
  raw?: string | Buffer;
  /** The Content-Length to claim; false: none, the connection's end ends the body. Default: the truth. */
  length?: number | false;
}

export interface ScriptedServer {
  origin: string;
  /** Requests so far, each as the bytes of its head. */
  requests: string[];
  close(): Promise<void>;
}

function bytesOf({ status = 201, headers = {}, body = "", length, raw }: Said): Buffer {
  if (raw !== undefined) return Buffer.from(raw);
  const content = Buffer.from(body);
  const claimed = length ?? content.length;
  const lines = [
    `HTTP/1.1 ${status} Said`,
    ...Object.entries({ "Content-Type": "application/json", ...headers })
      .filter(([, value]) => value !== "")
      .map(([name, value]) => `${name}: ${value}`),
    ...(claimed === false ? [] : [`Content-Length: ${claimed}`]),
    "Connection: close",
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), content]);
}

/** @param answer what each request gets, by its place in the order and its head */
export async function startScriptedServer(
  answer: (request: number, head: string) => Said,
  tls?: Certificate,
): Promise<ScriptedServer> {
  const requests: string[] = [];
  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    open.add(socket);
    let got = Buffer.alloc(0);
    let answered = false;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, chunk]);
      const end = got.indexOf("\r\n\r\n");
      if (end < 0 || answered) return;
      const head = got.subarray(0, end).toString();
      const wanted = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (got.length < end + 4 + wanted) return;
      answered = true;
      requests.push(head);
      socket.end(bytesOf(answer(requests.length, head)));
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        open.forEach((socket) => socket.destroy());
      }),
  };
}
