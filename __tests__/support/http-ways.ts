/** The two ways of a request to a server of a test: directly, or by TLS through a proxy. In this process. */
import { type RequestListener, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { Transport, type TransportOptions } from "../../src/mosoo/http/transport.ts";
import { makeAuthority } from "./certificates.ts";
import { type ConnectProxy, startConnectProxy } from "./connect-proxy.ts";
import { type Said, type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

export const WAYS = ["directly", "through a proxy"] as const;
export type Way = (typeof WAYS)[number];

/** A host that only the proxy knows. */
export const PROXIED_HOST = "api.example.test";
export const TOKEN = "grt_pat_ofNoValue000000000000";

const authority = makeAuthority();
const certificate = authority.issue([PROXIED_HOST, "127.0.0.1"]);

/** A certificate of the authority that this process trusts. */
export const issueCertificate = authority.issue;

/** Makes this process trust the certificates of these servers. */
export function trustTestAuthority(): void {
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), authority.cert]);
}

export interface Connection {
  transport: Transport;
  apiUrl: URL;
  proxy: ConnectProxy | undefined;
  close: () => Promise<void>;
}

/** A transport for the server at the port, which speaks TLS where the way is through a proxy. */
async function connect(way: Way, port: number, options: Partial<TransportOptions>): Promise<Connection> {
  const proxy = way === "directly" ? undefined : await startConnectProxy({ hosts: { [PROXIED_HOST]: port } });
  const apiUrl = new URL(proxy === undefined ? `http://127.0.0.1:${port}/api/v1` : `https://${PROXIED_HOST}/api/v1`);
  const environment = proxy === undefined ? {} : { HTTPS_PROXY: `127.0.0.1:${proxy.port}` };
  const transport = new Transport({ apiUrl, token: TOKEN, userAgent: "test", environment, ...options });
  const close = async (): Promise<void> => {
    await transport.close();
    await proxy?.close();
  };
  return { transport, apiUrl, proxy, close };
}

/** A server that answers byte for byte, and a transport to it. */
export async function connectToScripted(
  way: Way,
  reply: (request: number) => Said,
): Promise<Connection & { server: ScriptedServer }> {
  const server = await startScriptedServer(reply, way === "directly" ? undefined : certificate);
  const connection = await connect(way, Number(new URL(server.origin).port), {});
  const close = async (): Promise<void> => {
    await connection.close();
    await server.close();
  };
  return { ...connection, server, close };
}

/** A web server, and a transport to it. */
export async function connectToServer(
  way: Way,
  listener: RequestListener,
  options: Partial<TransportOptions> = {},
): Promise<Connection & { connections: () => number }> {
  const server = way === "directly" ? createServer(listener) : createSecureServer(certificate, listener);
  let connections = 0;
  server.on(way === "directly" ? "connection" : "secureConnection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = await connect(way, (server.address() as AddressInfo).port, options);
  const close = async (): Promise<void> => {
    await connection.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { ...connection, connections: () => connections, close };
}
