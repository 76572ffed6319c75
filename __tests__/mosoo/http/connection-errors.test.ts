import { describe, expect, it } from "@jest/globals";
import { type ConnectionErrorCode, MosooConnectionError } from "../../../src/mosoo/errors.ts";
import { type Peer, describePeer, toBodyError, toConnectionError } from "../../../src/mosoo/http/connection-errors.ts";

const coded = (code: string, message = "secret detail", cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code });

const direct: Peer = { host: "mosoo.ai" };
const proxied: Peer = { host: "mosoo.ai", proxy: { host: "proxy.corp:3128", isTls: false } };
const proxiedByTls: Peer = { host: "mosoo.ai", proxy: { host: "proxy.corp:3128", isTls: true } };
const TLS_CLOSED = "Client network socket disconnected before secure TLS connection was established";

type Row = readonly [cause: string, error: unknown, code: ConnectionErrorCode, facts: RegExp];

function expectError(error: unknown, peer: Peer, code: ConnectionErrorCode, facts: RegExp): void {
  const result = toConnectionError(error, peer);
  expect(result.code).toBe(code);
  expect(result.message).toMatch(facts);
  expect(result.message + result.advice).not.toContain("secret");
}

describe("an error of a direct connection", () => {
  it.each<Row>([
    ["a name that does not exist", coded("ENOTFOUND"), "dns_not_found", /mosoo\.ai was not found/],
    ["a name server that does not answer", coded("EAI_AGAIN"), "dns_lookup_failed", /mosoo\.ai could not be looked up/],
    ["a closed port", coded("ECONNREFUSED"), "connection_refused", /^mosoo\.ai refused/],
    ["a host without a route", coded("EHOSTUNREACH"), "connection_refused", /^mosoo\.ai cannot be reached/],
    ["a connection that times out", coded("ETIMEDOUT"), "timeout", /^mosoo\.ai did not answer/],
    ["a port without TLS", coded("ERR_SSL_WRONG_VERSION_NUMBER"), "tls_protocol_error", /^mosoo\.ai .*TLS/],
    ["a TLS alert", coded("EPROTO"), "tls_protocol_error", /^mosoo\.ai .*TLS/],
    ["a close before TLS", coded("ECONNRESET", TLS_CLOSED), "tls_handshake_failed", /^mosoo\.ai closed .*TLS/],
    [
      "an unknown authority",
      coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
      "certificate_invalid",
      /certificate of mosoo\.ai .*authority.*\(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/,
    ],
    [
      "a self-signed certificate",
      coded("DEPTH_ZERO_SELF_SIGNED_CERT"),
      "certificate_invalid",
      /authority.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    ],
    [
      "a certificate for another name",
      coded("ERR_TLS_CERT_ALTNAME_INVALID"),
      "certificate_invalid",
      /mosoo\.ai .*another host name \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
    ["an expired certificate", coded("CERT_HAS_EXPIRED"), "certificate_invalid", /mosoo\.ai .*\(CERT_HAS_EXPIRED\)/],
    ["a reset", coded("ECONNRESET"), "connection_reset", /mosoo\.ai was reset/],
    ["a close without a response", coded("ECONNRESET", "socket hang up"), "connection_reset", /mosoo\.ai was reset/],
    ["a broken pipe", coded("EPIPE"), "connection_reset", /mosoo\.ai was reset/],
    ["an error without a code", new Error("secret detail"), "connection_reset", /mosoo\.ai was reset/],
    ["something that is not an Error", "secret", "connection_reset", /mosoo\.ai was reset/],
    ["too large headers", coded("HPE_HEADER_OVERFLOW"), "invalid_http_response", /16 KiB of headers/],
    ["bytes that are not HTTP", coded("HPE_INVALID_CONSTANT"), "invalid_http_response", /not HTTP/],
    ["two lengths of a response", coded("HPE_UNEXPECTED_CONTENT_LENGTH"), "invalid_http_response", /not HTTP/],
    ["an upgrade without a request for it", coded("UNEXPECTED_UPGRADE"), "invalid_http_response", /not HTTP/],
  ])("has a code and names the host: %s", (_, error, code, facts) => {
    expectError(error, direct, code, facts);
  });
});

describe("an error of a connection through a proxy", () => {
  it.each<Row>([
    [
      "a proxy whose name does not exist",
      coded("ENOTFOUND"),
      "proxy_unreachable",
      /proxy proxy\.corp:3128 .*not found/,
    ],
    ["a proxy's closed port", coded("ECONNREFUSED"), "proxy_unreachable", /proxy proxy\.corp:3128 refused/],
    ["a proxy that closes", coded("UND_ERR_PRX_CONN"), "proxy_unreachable", /proxy proxy\.corp:3128 closed/],
    ["a silent proxy", coded("UND_ERR_CONNECT_TIMEOUT"), "proxy_unreachable", /proxy proxy\.corp:3128 did not answer/],
    [
      "a proxy that refuses the tunnel",
      new Error("Proxy response (403) !== 200 when HTTP Tunneling"),
      "proxy_refused",
      /proxy proxy\.corp:3128 refused .* mosoo\.ai .*403/,
    ],
    ["the host's certificate", coded("CERT_HAS_EXPIRED"), "certificate_invalid", /certificate of mosoo\.ai was/],
    [
      "the proxy's certificate",
      coded("UND_ERR_PRX_TLS", "x", coded("ERR_TLS_CERT_ALTNAME_INVALID")),
      "certificate_invalid",
      /certificate of the proxy proxy\.corp:3128 .*another host name/,
    ],
    ["a reset", coded("ECONNRESET"), "connection_reset", /mosoo\.ai \(through the proxy proxy\.corp:3128\)/],
    ["a close", coded("UND_ERR_SOCKET"), "connection_reset", /mosoo\.ai \(through the proxy proxy\.corp:3128\)/],
    ["too large headers", coded("UND_ERR_HEADERS_OVERFLOW"), "invalid_http_response", /16 KiB of headers/],
    ["two lengths", coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), "invalid_http_response", /not HTTP/],
    ["an upgrade", coded("UND_ERR_SOCKET", "bad upgrade"), "invalid_http_response", /not HTTP/],
  ])("has a code and names proxy and host: %s", (_, error, code, facts) => {
    expectError(error, proxied, code, facts);
  });

  it("names host and proxy where the certificate can be either's", () => {
    expectError(coded("CERT_HAS_EXPIRED"), proxiedByTls, "certificate_invalid", /mosoo\.ai \(or of its proxy\)/);
  });

  it("says what to do about a tunnel that needs credentials", () => {
    const { status, advice } = toConnectionError(new Error("Proxy response (407) !== 200"), proxied);
    expect(status).toBe(407);
    expect(advice).toContain("user and password");
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
    expect([describePeer(direct), describePeer(proxied)]).toEqual([
      "mosoo.ai",
      "mosoo.ai (through the proxy proxy.corp:3128)",
    ]);
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
    expect(toBodyError(error, "h", 201)).toMatchObject({
      code,
      status: 201,
      message: expect.stringMatching(/^h .*201/),
    });
  });

  it("keeps its own code and advice, and gains the status", () => {
    expect(toBodyError(new MosooConnectionError("response_too_large", "Too much.", "Do."), "h", 200)).toMatchObject({
      code: "response_too_large",
      status: 200,
      advice: "Do.",
    });
  });
});
