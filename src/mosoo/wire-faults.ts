/** Turns what undici and Node throw into a MosooConnectionError: a sentence that says which of many things it was. Pure. */
import { MosooConnectionError } from "./errors.ts";
import type { Proxy } from "./proxy.ts";

const certificateCodes =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|CRL_|ERROR_IN_CERT|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)/;
const unknownAuthorityCodes =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED)$/;

interface Link {
  name: string;
  code: string;
  message: string;
}

/** The error, its causes and, of several addresses tried at once, each one's error. */
function chain(error: unknown, depth = 0): Link[] {
  if (!(error instanceof Error) || depth > 6) return [];
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const several = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return [
    { name: error.name, code, message: error.message },
    ...chain(error.cause, depth + 1),
    ...several.flatMap((each) => chain(each, depth + 1)),
  ];
}

function ofCertificate(code: string, owner: string): MosooConnectionError {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    return new MosooConnectionError(
      "certificate_invalid",
      `The certificate that ${owner} showed is for another host name (${code}).`,
      "Check `api-url`; a proxy that opens TLS connections can cause this, too.",
    );
  }
  if (unknownAuthorityCodes.test(code)) {
    return new MosooConnectionError(
      "certificate_invalid",
      `The certificate of ${owner} comes from an authority that is not known here (${code}).`,
      "If it is your company's own, set NODE_EXTRA_CA_CERTS to a file with its certificate in the runner's environment.",
    );
  }
  return new MosooConnectionError(
    "certificate_invalid",
    `The certificate of ${owner} was not accepted (${code}).`,
    "Check the certificate's dates and chain, and the runner's clock.",
  );
}

function ofTunnel(status: string, host: string, proxy: string): MosooConnectionError {
  const advice =
    status === "407"
      ? "It wants a user and password in the proxy variable."
      : "Check the proxy's rules, or name the host in NO_PROXY.";
  const message = `The proxy ${proxy} refused the connection to ${host} with status ${status}.`;
  return new MosooConnectionError("proxy_refused", message, advice, Number(status));
}

function unreachable(what: string, proxied: boolean): MosooConnectionError {
  return proxied
    ? new MosooConnectionError(
        "proxy_unreachable",
        what,
        "Check the variable HTTPS_PROXY (or HTTP_PROXY) and the proxy itself.",
      )
    : new MosooConnectionError("connection_refused", what, "Check `api-url` and the runner's firewall.");
}

const notFound = ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"];
const noRoute = ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EHOSTDOWN", "ENETDOWN"];
const late = ["ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"];

/** What undici makes of bytes that break HTTP's rules: two lengths, or an upgrade that nobody asked for. */
function isNoHttp({ name, code, message }: Link): boolean {
  if (name === "HTTPParserError") return true;
  if (code === "UND_ERR_SOCKET") return message === "bad response" || message === "bad upgrade";
  return code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH";
}

/** An answer whose body could not be read to its end; its status is known. */
export function bodyError(error: unknown, host: string, status: number): MosooConnectionError {
  if (error instanceof MosooConnectionError)
    return new MosooConnectionError(error.code, error.message, error.advice, status);
  const garbled = chain(error).some(({ code }) => /^(Z_DATA_ERROR|Z_STREAM_ERROR|ERR__ERROR_FORMAT|ZSTD_)/.test(code));
  const [fault, what, advice] = garbled
    ? (["invalid_http_response", "the answer is not compressed as it says", "Check `api-url` and any proxy."] as const)
    : (["body_truncated", "the answer broke off", ""] as const);
  return new MosooConnectionError(fault, `${host} answered ${status}, and ${what}.`, advice, status);
}

/**
 * @param host whom the call was for, `host:port`
 * @param proxy the proxy in between
 */
export function wireError(error: unknown, host: string, proxy?: Proxy): MosooConnectionError {
  if (error instanceof MosooConnectionError) return error;
  const links = chain(error);
  const codes = links.map((link) => link.code);
  const has = (...wanted: string[]): boolean => codes.some((code) => wanted.includes(code));
  const begins = (start: string): boolean => codes.some((code) => code.startsWith(start));
  const proxied = proxy !== undefined;
  // What could not be connected to: with a proxy, that is the proxy.
  const next = proxied ? `The proxy ${proxy.host}` : host;
  const far = proxied ? `${host} (through the proxy ${proxy.host})` : host;

  const certificate = codes.find((code) => certificateCodes.test(code));
  if (certificate !== undefined) {
    const owner = has("UND_ERR_PRX_TLS") ? `the proxy ${proxy?.host ?? ""}` : host;
    return ofCertificate(certificate, proxy?.secure === true && owner === host ? `${host} (or of its proxy)` : owner);
  }
  const tunnel = links.map((link) => /Proxy response \((\d{3})\)/i.exec(link.message)?.[1]).find(Boolean);
  if (tunnel !== undefined) return ofTunnel(tunnel, host, proxy?.host ?? "");
  if (has(...notFound)) {
    return proxied
      ? unreachable(`The host name of the proxy ${proxy.host} was not found.`, true)
      : new MosooConnectionError(
          "dns_not_found",
          `The host name ${host} was not found.`,
          "Check `api-url` and the runner's DNS.",
        );
  }
  if (has("ECONNREFUSED")) return unreachable(`${next} refused the connection.`, proxied);
  if (has(...noRoute)) return unreachable(`${next} cannot be reached.`, proxied);
  if (links.some(({ message }) => message.includes("before secure TLS connection was established"))) {
    return new MosooConnectionError(
      "tls_handshake_failed",
      `${far} closed the connection before TLS was agreed on.`,
      "Check `api-url`, and whether a firewall or proxy lets the runner through to it.",
    );
  }
  if (has("UND_ERR_PRX_CONN")) return unreachable(`${next} closed the connection at once.`, true);
  if (has("UND_ERR_CONNECT_TIMEOUT")) {
    return proxied
      ? unreachable(`${next} does not answer.`, true)
      : new MosooConnectionError(
          "timeout",
          `${host} did not answer in time.`,
          "Check `api-url` and the runner's firewall.",
        );
  }
  if (has("EPROTO") || begins("ERR_SSL")) {
    return new MosooConnectionError(
      "tls_protocol_error",
      `${far} does not speak TLS as expected.`,
      "Check the scheme and port of `api-url` and of the proxy.",
    );
  }
  if (has(...late)) return new MosooConnectionError("timeout", `${far} did not answer in time.`);
  if (has("UND_ERR_HEADERS_OVERFLOW")) {
    return new MosooConnectionError(
      "invalid_http_response",
      `${far} answered with more than 16 KiB of headers.`,
      "Check `api-url`, and any proxy that adds headers.",
    );
  }
  if (links.some(isNoHttp)) {
    return new MosooConnectionError(
      "invalid_http_response",
      `${far} answered with something that is not HTTP.`,
      "Check the port of `api-url`.",
    );
  }
  return new MosooConnectionError("connection_reset", `The connection to ${far} broke.`);
}
