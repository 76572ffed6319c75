/** Turns what Node and undici throw into a MosooConnectionError: a code, and a sentence that names the cause. Pure. */
import { MosooConnectionError } from "../errors.ts";

/** What a request was sent to, for an error's text. */
export interface Peer {
  /** The API's host, `host:port`. */
  host: string;
  proxy?: { host: string; isTls: boolean } | undefined;
}

const CERTIFICATE_CODES =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|CRL_|ERROR_IN_CERT|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)/;
const UNKNOWN_AUTHORITY_CODES =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED)$/;
const DNS_NOT_FOUND_CODES = ["ENOTFOUND", "EAI_NODATA", "EAI_NONAME"];
const UNREACHABLE_CODES = ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EHOSTDOWN", "ENETDOWN"];
const DECOMPRESSION_CODES = /^(Z_DATA_ERROR|Z_STREAM_ERROR|ERR__ERROR_FORMAT|ZSTD_)/;

/** The code of the direct client for a 101 that was not asked for. */
export const UNEXPECTED_UPGRADE = "UNEXPECTED_UPGRADE";

const MAX_CAUSE_DEPTH = 6;

interface Cause {
  name: unknown;
  code: string;
  message: string;
}

/** The error, its causes and, where several addresses were tried, the error of each. */
function flattenCauses(error: unknown, depth = 0): Cause[] {
  if (typeof error !== "object" || error === null || depth > MAX_CAUSE_DEPTH) return [];
  // By its properties, for `instanceof Error` denies an error of another realm.
  const { name, code, message, cause, errors } = error as Partial<Record<keyof Cause | "cause" | "errors", unknown>>;
  const perAddress: unknown[] = Array.isArray(errors) ? errors : [];
  return [
    { name, code: typeof code === "string" ? code : "", message: typeof message === "string" ? message : "" },
    ...[cause, ...perAddress].flatMap((each) => flattenCauses(each, depth + 1)),
  ];
}

/** @param owner whose certificate it is */
function certificateError(code: string, owner: string): MosooConnectionError {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    return new MosooConnectionError(
      "certificate_invalid",
      `The certificate of ${owner} is for another host name (${code}).`,
      "Check `api-url`; a proxy that inspects TLS connections can cause this, too.",
    );
  }
  if (UNKNOWN_AUTHORITY_CODES.test(code)) {
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

function proxyTunnelError(status: number, { host, proxy }: Peer): MosooConnectionError {
  const advice =
    status === 407
      ? "It requires a user and password in the proxy variable."
      : "Check the proxy's rules, or name the host in NO_PROXY.";
  const message = `The proxy ${proxy?.host ?? ""} refused the connection to ${host} with status ${status}.`;
  return new MosooConnectionError("proxy_refused", message, advice, status);
}

function unreachableError(what: string, { proxy }: Peer): MosooConnectionError {
  return proxy === undefined
    ? new MosooConnectionError("connection_refused", what, "Check `api-url` and the runner's firewall.")
    : new MosooConnectionError(
        "proxy_unreachable",
        what,
        "Check the variable HTTPS_PROXY (or HTTP_PROXY) and the proxy itself.",
      );
}

function dnsError({ host, proxy }: Peer, code: "dns_not_found" | "dns_lookup_failed"): MosooConnectionError {
  const problem = code === "dns_not_found" ? "was not found" : "could not be looked up";
  if (proxy !== undefined) {
    return unreachableError(`The host name of the proxy ${proxy.host} ${problem}.`, { host, proxy });
  }
  return new MosooConnectionError(code, `The host name ${host} ${problem}.`, "Check `api-url` and the runner's DNS.");
}

/** Bytes that break HTTP's rules, such as two lengths of one response, or an upgrade without a request for it. */
function isInvalidHttp({ name, code, message }: Cause): boolean {
  if (code.startsWith("HPE_") || code === UNEXPECTED_UPGRADE || name === "HTTPParserError") return true;
  if (code === "UND_ERR_SOCKET") return message === "bad response" || message === "bad upgrade";
  return code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH";
}

/** The host as an error names it. */
export function describePeer({ host, proxy }: Peer): string {
  return proxy === undefined ? host : `${host} (through the proxy ${proxy.host})`;
}

/** An error while the body of a response was read; the status is known. */
export function toBodyError(error: unknown, host: string, status: number): MosooConnectionError {
  if (error instanceof MosooConnectionError) {
    return new MosooConnectionError(error.code, error.message, error.advice, status);
  }
  const isCorrupt = flattenCauses(error).some(({ code }) => DECOMPRESSION_CODES.test(code));
  const [code, problem, advice] = isCorrupt
    ? ([
        "invalid_http_response",
        "the response is not compressed as its headers say",
        "Check `api-url` and any proxy.",
      ] as const)
    : (["body_truncated", "the response was cut off", ""] as const);
  return new MosooConnectionError(code, `${host} answered ${status}, but ${problem}.`, advice, status);
}

/** An error before the headers of a response were received. */
export function toConnectionError(error: unknown, peer: Peer): MosooConnectionError {
  if (error instanceof MosooConnectionError) return error;
  const causes = flattenCauses(error);
  const codes = causes.map(({ code }) => code);
  const has = (...wanted: string[]): boolean => codes.some((code) => wanted.includes(code));
  const { host, proxy } = peer;
  // What the connection is made to.
  const nextHop = proxy === undefined ? host : `The proxy ${proxy.host}`;
  const target = describePeer(peer);

  const certificateCode = codes.find((code) => CERTIFICATE_CODES.test(code));
  if (certificateCode !== undefined) {
    if (has("UND_ERR_PRX_TLS")) return certificateError(certificateCode, `the proxy ${proxy?.host ?? ""}`);
    return certificateError(certificateCode, proxy?.isTls === true ? `${host} (or of its proxy)` : host);
  }
  const tunnelStatus = causes.map(({ message }) => /Proxy response \((\d{3})\)/i.exec(message)?.[1]).find(Boolean);
  if (tunnelStatus !== undefined) return proxyTunnelError(Number(tunnelStatus), peer);
  if (has(...DNS_NOT_FOUND_CODES)) return dnsError(peer, "dns_not_found");
  if (has("EAI_AGAIN")) return dnsError(peer, "dns_lookup_failed");
  if (has("ECONNREFUSED")) return unreachableError(`${nextHop} refused the connection.`, peer);
  if (has(...UNREACHABLE_CODES)) return unreachableError(`${nextHop} cannot be reached.`, peer);
  if (causes.some(({ message }) => message.includes("before secure TLS connection was established"))) {
    return new MosooConnectionError(
      "tls_handshake_failed",
      `${target} closed the connection before TLS was established.`,
      "Check `api-url`, and whether a firewall or proxy lets the runner through to it.",
    );
  }
  if (has("UND_ERR_PRX_CONN")) return unreachableError(`${nextHop} closed the connection.`, peer);
  if (has("UND_ERR_CONNECT_TIMEOUT")) return unreachableError(`${nextHop} did not answer.`, peer);
  if (has("EPROTO") || codes.some((code) => code.startsWith("ERR_SSL"))) {
    return new MosooConnectionError(
      "tls_protocol_error",
      `${target} does not speak TLS as expected.`,
      "Check the scheme and port of `api-url` and of the proxy.",
    );
  }
  if (has("ETIMEDOUT")) {
    const advice = proxy === undefined ? "Check `api-url` and the runner's firewall." : "";
    return new MosooConnectionError("timeout", `${target} did not answer in time.`, advice);
  }
  if (has("HPE_HEADER_OVERFLOW", "UND_ERR_HEADERS_OVERFLOW")) {
    return new MosooConnectionError(
      "invalid_http_response",
      `${target} answered with more than 16 KiB of headers.`,
      "Check `api-url`, and any proxy that adds headers.",
    );
  }
  if (causes.some(isInvalidHttp)) {
    return new MosooConnectionError(
      "invalid_http_response",
      `${target} answered with something that is not HTTP.`,
      "Check the port of `api-url`.",
    );
  }
  return new MosooConnectionError("connection_reset", `The connection to ${target} was reset.`);
}
