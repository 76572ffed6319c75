import { describe, expect, it } from "@jest/globals";
import { type ConnectionErrorCode, MosooConnectionError } from "../../../src/mosoo/errors.ts";
import { type Peer, describePeer, toBodyError, toConnectionError } from "../../../src/mosoo/http/connection-errors.ts";

const coded = (code: string, message = "secret detail", cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code });

const direct: Peer = { host: "mosoo.ai" };
const proxied: Peer = { host: "mosoo.ai", proxy: { host: "proxy.corp:3128", isTls: false } };
const proxiedByTls: Peer = { host: "mosoo.ai", proxy: { host: "proxy.corp:3128", isTls: true } };
const TLS_CLOSED = "Client network socket disconnected before secure TLS connection was established";

type Row = readonly [cause: string, error: unknown, code: ConnectionErrorCode];

/** The messages are in the snapshot: after a reword, `npm test -- __tests__/mosoo/http/connection-errors.test.ts -u`. */
function expectErrors(rows: readonly Row[], peer: Peer): void {
  const messages = rows.map(([cause, error, code]) => {
    const result = toConnectionError(error, peer);
    expect([cause, result.code]).toEqual([cause, code]);
    expect(result.message + result.advice).not.toContain("secret");
    return `${cause}: ${result.message}`;
  });
  expect(messages).toMatchSnapshot();
}

describe("an error of a direct connection", () => {
  const rows: Row[] = [
    ["a name that does not exist", coded("ENOTFOUND"), "dns_not_found"],
    ["a name server that does not answer", coded("EAI_AGAIN"), "dns_lookup_failed"],
    ["a closed port", coded("ECONNREFUSED"), "connection_refused"],
    ["a host without a route", coded("EHOSTUNREACH"), "connection_refused"],
    ["a connection that times out", coded("ETIMEDOUT"), "timeout"],
    ["a port without TLS", coded("ERR_SSL_WRONG_VERSION_NUMBER"), "tls_protocol_error"],
    ["a TLS alert", coded("EPROTO"), "tls_protocol_error"],
    ["a close before TLS", coded("ECONNRESET", TLS_CLOSED), "tls_handshake_failed"],
    ["an unknown authority", coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "certificate_invalid"],
    ["a self-signed certificate", coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "certificate_invalid"],
    ["a certificate for another name", coded("ERR_TLS_CERT_ALTNAME_INVALID"), "certificate_invalid"],
    ["an expired certificate", coded("CERT_HAS_EXPIRED"), "certificate_invalid"],
    ["a reset", coded("ECONNRESET"), "connection_reset"],
    ["a close without a response", coded("ECONNRESET", "socket hang up"), "connection_reset"],
    ["a broken pipe", coded("EPIPE"), "connection_reset"],
    ["an error without a code", new Error("secret detail"), "connection_reset"],
    ["something that is not an Error", "secret", "connection_reset"],
    ["too large headers", coded("HPE_HEADER_OVERFLOW"), "invalid_http_response"],
    ["bytes that are not HTTP", coded("HPE_INVALID_CONSTANT"), "invalid_http_response"],
    ["two lengths of a response", coded("HPE_UNEXPECTED_CONTENT_LENGTH"), "invalid_http_response"],
    ["an upgrade without a request for it", coded("UNEXPECTED_UPGRADE"), "invalid_http_response"],
  ];

  it("has a code and names the host", () => {
    expectErrors(rows, direct);
  });
});

describe("an error of a connection through a proxy", () => {
  const rows: Row[] = [
    ["a proxy whose name does not exist", coded("ENOTFOUND"), "proxy_unreachable"],
    ["a proxy's closed port", coded("ECONNREFUSED"), "proxy_unreachable"],
    ["a proxy that closes", coded("UND_ERR_PRX_CONN"), "proxy_unreachable"],
    ["a silent proxy", coded("UND_ERR_CONNECT_TIMEOUT"), "proxy_unreachable"],
    ["a proxy that refuses the tunnel", new Error("Proxy response (403) !== 200 when HTTP Tunneling"), "proxy_refused"],
    ["the host's certificate", coded("CERT_HAS_EXPIRED"), "certificate_invalid"],
    [
      "the proxy's certificate",
      coded("UND_ERR_PRX_TLS", "x", coded("ERR_TLS_CERT_ALTNAME_INVALID")),
      "certificate_invalid",
    ],
    ["a reset", coded("ECONNRESET"), "connection_reset"],
    ["a close", coded("UND_ERR_SOCKET"), "connection_reset"],
    ["too large headers", coded("UND_ERR_HEADERS_OVERFLOW"), "invalid_http_response"],
    ["two lengths", coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), "invalid_http_response"],
    ["an upgrade", coded("UND_ERR_SOCKET", "bad upgrade"), "invalid_http_response"],
  ];

  it("has a code and names proxy and host", () => {
    expectErrors(rows, proxied);
  });

  it("names host and proxy where the certificate can be either's", () => {
    expectErrors([["an expired certificate", coded("CERT_HAS_EXPIRED"), "certificate_invalid"]], proxiedByTls);
  });

  it("has the status and advice of its own where the tunnel needs credentials", () => {
    const { status, advice } = toConnectionError(new Error("Proxy response (407) !== 200"), proxied);
    expect({ status, advice }).toMatchSnapshot();
  });
});

describe("a connection error", () => {
  it("is found below other errors, and among the errors of several addresses", () => {
    const perAddress = new AggregateError([coded("EHOSTUNREACH"), coded("ECONNREFUSED")], "all failed");
    const nested = new Error("fetch failed", { cause: new Error("x", { cause: perAddress }) });
    expect(toConnectionError(nested, direct).code).toBe("connection_refused");
  });

  it("is made of an error that is its own cause", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    expect(toConnectionError(circle, direct).code).toBe("connection_reset");
  });

  it("is left alone where it is one already", () => {
    const error = new MosooConnectionError("redirect", "x");
    expect(toConnectionError(error, direct)).toBe(error);
  });

  it("names the proxy in between", () => {
    expect(describePeer(direct)).toBe("mosoo.ai");
    expect(describePeer(proxied)).toContain("proxy.corp:3128");
  });
});

describe("an error while a response is read", () => {
  it.each<[string, Error, ConnectionErrorCode]>([
    ["a reset", coded("ECONNRESET", "aborted"), "body_truncated"],
    ["the end of the connection", coded("ERR_STREAM_PREMATURE_CLOSE"), "body_truncated"],
    ["the end of compressed data", coded("Z_BUF_ERROR"), "body_truncated"],
    ["data that is not compressed", coded("Z_DATA_ERROR"), "invalid_http_response"],
    ["data that is not Brotli", coded("ERR__ERROR_FORMAT_PADDING_1"), "invalid_http_response"],
  ])("keeps the status: %s", (_, error, code) => {
    expect(toBodyError(error, "h", 201)).toMatchObject({ code, status: 201 });
  });

  it("keeps its own code and advice, and gains the status", () => {
    expect(toBodyError(new MosooConnectionError("response_too_large", "Too much.", "Do."), "h", 200)).toMatchObject({
      code: "response_too_large",
      status: 200,
      advice: "Do.",
    });
  });
});
