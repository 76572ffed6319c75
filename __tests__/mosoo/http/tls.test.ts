/** TLS that fails, directly and through a proxy: nothing of the request is sent. */
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, type Socket, createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { MosooConnectionError } from "../../../src/mosoo/errors.ts";
import { Transport } from "../../../src/mosoo/http/transport.ts";
import { type Certificate, makeAuthority } from "../../support/certificates.ts";
import { type ConnectProxy, startConnectProxy } from "../../support/connect-proxy.ts";
import { patientClock } from "../../support/clock.ts";
import { PROXIED_HOST, issueCertificate, trustTestAuthority } from "../../support/http-ways.ts";

const NAMES = [PROXIED_HOST, "127.0.0.1"];
const unknownAuthority = makeAuthority("Unknown authority");

const opened: (Server | ConnectProxy)[] = [];
let requests = 0;

beforeAll(trustTestAuthority);
afterAll(async () => {
  for (const each of opened) {
    if ("closeAllConnections" in each) {
      each.closeAllConnections();
      each.close();
    } else await each.close();
  }
});

/** The port of a server with this certificate, or of one without TLS. */
async function serve(certificate?: Certificate): Promise<number> {
  const count = (): void => {
    requests += 1;
  };
  const server = certificate === undefined ? createServer(count) : createSecureServer(certificate, count);
  opened.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function proxyTo(port: number, tls?: Certificate): Promise<ConnectProxy> {
  const proxy = await startConnectProxy({ hosts: { [PROXIED_HOST]: port }, ...(tls === undefined ? {} : { tls }) });
  opened.push(proxy);
  return proxy;
}

async function requestError(apiUrl: string, proxyUrl?: string, timeoutMs?: number): Promise<MosooConnectionError> {
  const environment = proxyUrl === undefined ? {} : { HTTPS_PROXY: proxyUrl };
  const transport = new Transport({
    apiUrl: new URL(apiUrl),
    token: "t",
    userAgent: "test",
    environment,
    clock: patientClock(),
  });
  requests = 0;
  try {
    return await transport.request({ method: "GET", path: "/x", timeoutMs }).then(
      () => Promise.reject(new Error("The request succeeded.")),
      (error: unknown) => error as MosooConnectionError,
    );
  } finally {
    await transport.close();
    expect(requests).toBe(0);
  }
}

describe("a server's certificate", () => {
  it.each<[string, () => Certificate]>([
    ["of an unknown authority", () => unknownAuthority.issue(NAMES)],
    ["for another host", () => issueCertificate(["other.example.test"])],
    ["that has expired", () => issueCertificate(NAMES, { expired: true })],
  ])("is refused, and its owner named: one %s", async (_, certificate) => {
    const port = await serve(certificate());
    const direct = await requestError(`https://127.0.0.1:${port}`);
    expect(direct.code).toBe("certificate_invalid");
    expect(direct.message).toContain(`127.0.0.1:${port} `);

    const proxy = await proxyTo(port);
    const proxied = await requestError(`https://${PROXIED_HOST}`, `127.0.0.1:${proxy.port}`);
    expect(proxied.code).toBe("certificate_invalid");
    expect(proxied.message).toContain(PROXIED_HOST);
    expect(proxied.message).not.toContain(`:${proxy.port}`);
  });
});

describe("a proxy's certificate", () => {
  it("is refused before a tunnel is asked for, and its owner named", async () => {
    const port = await serve(issueCertificate(NAMES));
    const unknown = await proxyTo(port, unknownAuthority.issue(["localhost"]));
    const misnamed = await proxyTo(port, issueCertificate(["proxy.example.test"]));
    expect(await requestError(`https://${PROXIED_HOST}`, `https://localhost:${unknown.port}`)).toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining(PROXIED_HOST),
    });
    expect(await requestError(`https://${PROXIED_HOST}`, `https://localhost:${misnamed.port}`)).toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining(`localhost:${misnamed.port}`),
    });
    expect([...unknown.tunnels, ...misnamed.tunnels]).toEqual([]);
  });
});

describe("a port that does not speak the expected protocol", () => {
  it("is a protocol error: TLS to a port without it", async () => {
    const port = await serve();
    expect((await requestError(`https://127.0.0.1:${port}`)).code).toBe("tls_protocol_error");
  });

  it("is an invalid response or a reset: plain HTTP to a port with TLS", async () => {
    const port = await serve(issueCertificate(NAMES));
    expect(["connection_reset", "invalid_http_response"]).toContain(
      (await requestError(`http://127.0.0.1:${port}`)).code,
    );
  });

  it("is a failed handshake: a connection that is closed before TLS", async () => {
    const server = createServer();
    opened.push(server);
    server.on("connection", (socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expect((await requestError(`https://127.0.0.1:${port}`)).code).toBe("tls_handshake_failed");
  });
});

describe("a TLS handshake that never ends", () => {
  it("is a timeout before anything was sent, directly and in a tunnel", async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const proxy = await proxyTo(port);
    expect(await requestError(`https://127.0.0.1:${port}`, undefined, 30_000)).toMatchObject({
      code: "connect_timeout",
      message: `127.0.0.1:${port} did not answer within 30 s.`,
    });
    expect(await requestError(`https://${PROXIED_HOST}`, `127.0.0.1:${proxy.port}`, 30_000)).toMatchObject({
      code: "connect_timeout",
    });
    sockets.forEach((socket) => socket.destroy());
    silent.close();
  });
});
