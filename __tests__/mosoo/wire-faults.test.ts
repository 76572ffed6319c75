import { describe, expect, it } from "@jest/globals";
import { MosooConnectionError } from "../../src/mosoo/errors.ts";
import { bodyError, wireError } from "../../src/mosoo/wire-faults.ts";

const coded = (code: string, message = "secret detail", cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code });
const proxy = { host: "proxy.corp:3128", secure: false };

describe("an error of the wire", () => {
  it.each<[string, Error, string, string]>([
    ["no such name", coded("ENOTFOUND"), "dns_not_found", "The host name mosoo.ai was not found."],
    ["no name server", coded("EAI_AGAIN"), "dns_not_found", "The host name mosoo.ai was not found."],
    ["a closed port", coded("ECONNREFUSED"), "connection_refused", "mosoo.ai refused the connection."],
    ["no way there", coded("EHOSTUNREACH"), "connection_refused", "mosoo.ai cannot be reached."],
    ["a slow connection", coded("UND_ERR_CONNECT_TIMEOUT"), "timeout", "mosoo.ai did not answer in time."],
    ["a lost connection", coded("ETIMEDOUT"), "timeout", "mosoo.ai did not answer in time."],
    ["no TLS", coded("ERR_SSL_WRONG_VERSION_NUMBER"), "tls_protocol_error", "mosoo.ai does not speak TLS as expected."],
    ["broken TLS", coded("EPROTO"), "tls_protocol_error", "mosoo.ai does not speak TLS as expected."],
    [
      "an unknown authority",
      coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
      "certificate_invalid",
      "The certificate of mosoo.ai comes from an authority that is not known here (UNABLE_TO_VERIFY_LEAF_SIGNATURE).",
    ],
    [
      "a certificate that signed itself",
      coded("DEPTH_ZERO_SELF_SIGNED_CERT"),
      "certificate_invalid",
      "The certificate of mosoo.ai comes from an authority that is not known here (DEPTH_ZERO_SELF_SIGNED_CERT).",
    ],
    [
      "another's certificate",
      coded("ERR_TLS_CERT_ALTNAME_INVALID"),
      "certificate_invalid",
      "The certificate that mosoo.ai showed is for another host name (ERR_TLS_CERT_ALTNAME_INVALID).",
    ],
    [
      "an old certificate",
      coded("CERT_HAS_EXPIRED"),
      "certificate_invalid",
      "The certificate of mosoo.ai was not accepted (CERT_HAS_EXPIRED).",
    ],
    ["a reset", coded("ECONNRESET"), "connection_reset", "The connection to mosoo.ai broke."],
    ["an end", coded("UND_ERR_SOCKET"), "connection_reset", "The connection to mosoo.ai broke."],
    ["anything", new Error("secret detail"), "connection_reset", "The connection to mosoo.ai broke."],
    [
      "too many headers",
      coded("UND_ERR_HEADERS_OVERFLOW"),
      "invalid_http_response",
      "mosoo.ai answered with more than 16 KiB of headers.",
    ],
    [
      "two lengths of one answer",
      coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"),
      "invalid_http_response",
      "mosoo.ai answered with something that is not HTTP.",
    ],
    [
      "a protocol that nobody asked for",
      coded("UND_ERR_SOCKET", "bad upgrade"),
      "invalid_http_response",
      "mosoo.ai answered with something that is not HTTP.",
    ],
    [
      "an end before TLS",
      coded("ECONNRESET", "Client network socket disconnected before secure TLS connection was established"),
      "tls_handshake_failed",
      "mosoo.ai closed the connection before TLS was agreed on.",
    ],
  ])("is told as %s", (_, error, fault, message) => {
    const told = wireError(error, "mosoo.ai");
    expect([told.code, told.message]).toEqual([fault, message]);
    expect(told.advice).not.toContain("secret");
  });

  it.each<[string, Error, string, string]>([
    [
      "a proxy that is not there",
      coded("ENOTFOUND"),
      "proxy_unreachable",
      "The host name of the proxy proxy.corp:3128 was not found.",
    ],
    [
      "a proxy that is down",
      coded("ECONNREFUSED"),
      "proxy_unreachable",
      "The proxy proxy.corp:3128 refused the connection.",
    ],
    [
      "a proxy that hangs up",
      coded("UND_ERR_PRX_CONN"),
      "proxy_unreachable",
      "The proxy proxy.corp:3128 closed the connection at once.",
    ],
    [
      "a proxy that is silent",
      coded("UND_ERR_CONNECT_TIMEOUT"),
      "proxy_unreachable",
      "The proxy proxy.corp:3128 does not answer.",
    ],
    [
      "a proxy that refuses",
      new Error("Proxy response (403) !== 200 when HTTP Tunneling"),
      "proxy_refused",
      "The proxy proxy.corp:3128 refused the connection to mosoo.ai with status 403.",
    ],
    [
      "the host's certificate",
      coded("CERT_HAS_EXPIRED"),
      "certificate_invalid",
      "The certificate of mosoo.ai was not accepted (CERT_HAS_EXPIRED).",
    ],
    [
      "the proxy's certificate",
      coded("UND_ERR_PRX_TLS", "x", coded("ERR_TLS_CERT_ALTNAME_INVALID")),
      "certificate_invalid",
      "The certificate that the proxy proxy.corp:3128 showed is for another host name (ERR_TLS_CERT_ALTNAME_INVALID).",
    ],
    [
      "a reset on the way",
      coded("ECONNRESET"),
      "connection_reset",
      "The connection to mosoo.ai (through the proxy proxy.corp:3128) broke.",
    ],
  ])("with a proxy between is told as %s", (_, error, fault, message) => {
    const told = wireError(error, "mosoo.ai", proxy);
    expect([told.code, told.message]).toEqual([fault, message]);
  });

  it("is found at the bottom of causes, and among the errors of several addresses", () => {
    const several = new AggregateError([coded("EHOSTUNREACH"), coded("ECONNREFUSED")], "all failed");
    expect(wireError(new Error("fetch failed", { cause: new Error("x", { cause: several }) }), "h").code).toBe(
      "connection_refused",
    );
    const ring = new Error("ring");
    ring.cause = ring;
    expect(wireError(ring, "h").code).toBe("connection_reset");
    expect(wireError("no error at all", "h").code).toBe("connection_reset");
  });

  it("says of a proxy that refuses for want of a password what it wants", () => {
    const told = wireError(new Error("Proxy response (407) !== 200"), "h", proxy);
    expect([told.status, told.advice]).toEqual([407, "It wants a user and password in the proxy variable."]);
  });

  it("stays what it is where it is one already", () => {
    const error = new MosooConnectionError("redirect", "x");
    expect(wireError(error, "h")).toBe(error);
  });
});

describe("an answer that cannot be read to its end", () => {
  it("is cut, not compressed as it says, or too large; its status is kept", () => {
    expect(bodyError(coded("ECONNRESET"), "h", 201)).toMatchObject({
      code: "body_truncated",
      status: 201,
      message: "h answered 201, and the answer broke off.",
    });
    expect(bodyError(coded("Z_BUF_ERROR"), "h", 201).code).toBe("body_truncated");
    expect(bodyError(coded("Z_DATA_ERROR"), "h", 201).code).toBe("invalid_http_response");
    expect(bodyError(new MosooConnectionError("response_too_large", "Too much.", "Do."), "h", 200)).toMatchObject({
      code: "response_too_large",
      status: 200,
      advice: "Do.",
    });
  });
});
