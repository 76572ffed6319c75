/** A forward proxy that tunnels by CONNECT, and finds the hosts of a test wherever the test says they are. */
import { type IncomingMessage, type Server, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Certificate } from "./certificates.ts";

export interface ProxyOptions {
  /** Host names and the loopback ports that they map to. What is not listed is refused with 502. */
  hosts?: Record<string, number>;
  /** `user:password` that must be given, else 407. */
  credentials?: string;
  /** Refuses every tunnel with this status. */
  refuse?: number;
  /** Takes connections, and then: never answers, or hangs up. */
  play?: "mute" | "hang-up";
  tls?: Certificate;
}

export interface ConnectProxy {
  port: number;
  /** `host:port` of each CONNECT, in order. */
  tunnels: string[];
  /** Every request that was no CONNECT. */
  others: string[];
  /** Proxy-Authorization of each CONNECT, decoded. */
  credentials: string[];
  close(): Promise<void>;
}

export async function startConnectProxy(options: ProxyOptions = {}): Promise<ConnectProxy> {
  const seen: Omit<ConnectProxy, "port" | "close"> = { tunnels: [], others: [], credentials: [] };
  const open = new Set<Duplex>();
  const server: Server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
  server.on("connection", (socket: Duplex) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    if (options.play === "hang-up") socket.destroy();
  });
  server.on("request", (request: IncomingMessage, response) => {
    seen.others.push(`${request.method ?? ""} ${request.url ?? ""}`);
    response.writeHead(405).end();
  });
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    const target = request.url ?? "";
    seen.tunnels.push(target);
    const [, encoded = ""] = (request.headers["proxy-authorization"] ?? "").split(" ");
    const given = Buffer.from(encoded, "base64").toString();
    seen.credentials.push(given);
    if (options.play === "mute") return;
    const refusal = options.refuse ?? (given === (options.credentials ?? given) ? undefined : 407);
    const port = (options.hosts ?? {})[target.replace(/:\d+$/, "")];
    if (refusal !== undefined || port === undefined) {
      socket.end(`HTTP/1.1 ${refusal ?? 502} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    const far = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.pipe(socket).pipe(far);
    });
    open.add(far);
    far.on("error", () => socket.destroy());
    far.on("close", () => {
      open.delete(far);
      socket.destroy();
    });
    socket.on("close", () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    ...seen,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        open.forEach((socket) => socket.destroy());
      }),
  };
}
