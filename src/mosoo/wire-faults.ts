/** Turns what undici and Node throw into a WireError: a sentence that says which of many things it was. Pure. */
import { WireError } from "./errors.ts";

const certificateCodes =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|CRL_|ERROR_IN_CERT|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)/;
const unknownAuthorityCodes =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED)$/;

interface Link {
  code: string;
  message: string;
}

/** The error, its causes and, of several addresses tried at once, each one's error. */
function chain(error: unknown, depth = 0): Link[] {
  if (!(error instanceof Error) || depth > 6) return [];
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const several = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return [
    { code, message: error.message },
    ...chain(error.cause, depth + 1),
    ...several.flatMap((each) => chain(each, depth + 1)),
  ];
}

function ofCertificate(code: string, host: string): WireError {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    return new WireError(
      "certificate",
      `The certificate that ${host} showed is for another host name (${code}).`,
      "Check `api-url`; a proxy that opens TLS connections can cause this, too.",
    );
  }
  if (unknownAuthorityCodes.test(code)) {
    return new WireError(
      "certificate",
      `The certificate of ${host} comes from an authority that is not known here (${code}).`,
      "If it is your company's own, set NODE_EXTRA_CA_CERTS to a file with its certificate in the runner's environment.",
    );
  }
  return new WireError(
    "certificate",
    `The certificate of ${host} was not accepted (${code}).`,
    "Check the certificate's dates and chain.",
  );
}

/**
 * @param host whom the call was for, `host:port`
 * @param proxy the proxy in between, `host:port`, without credentials
 */
export function wireError(error: unknown, host: string, proxy?: string): WireError {
  if (error instanceof WireError) return error;
  const links = chain(error);
  const codes = links.map((link) => link.code);
  const has = (...wanted: string[]): boolean => codes.some((code) => wanted.includes(code));
  const peer = proxy === undefined ? host : `the proxy ${proxy}`;

  const certificate = codes.find((code) => certificateCodes.test(code));
  if (certificate !== undefined) return ofCertificate(certificate, host);

  const tunnel = links.map((link) => /Proxy response \((\d{3})\)/i.exec(link.message)?.[1]).find(Boolean);
  if (tunnel !== undefined) {
    const advice =
      tunnel === "407"
        ? "It wants a user and password in the proxy variable."
        : "Check the proxy's rules, or name the host in NO_PROXY.";
    return new WireError(
      "proxy-refused",
      `The proxy ${proxy ?? ""} refused the connection to ${host} with status ${tunnel}.`,
      advice,
      Number(tunnel),
    );
  }
  if (has("ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME")) {
    return proxy === undefined
      ? new WireError("name-not-found", `The host name ${host} was not found.`, "Check `api-url` and the runner's DNS.")
      : new WireError("proxy-unreachable", `The host name of ${peer} was not found.`, "Check the proxy variables.");
  }
  if (has("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL")) {
    return proxy === undefined
      ? new WireError("refused", `${host} refused the connection.`, "Check `api-url` and the runner's firewall.")
      : new WireError("proxy-unreachable", `The proxy ${proxy} cannot be reached.`, "Check the proxy variables.");
  }
  if (codes.some((code) => code === "EPROTO" || code.startsWith("ERR_SSL"))) {
    return new WireError(
      "not-tls",
      `${peer} does not speak TLS as expected.`,
      "Check the scheme and port of `api-url` and of the proxy.",
    );
  }
  if (has("UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT")) {
    return new WireError("timeout", `${peer} did not answer in time.`);
  }
  return new WireError("reset", `The connection to ${peer} broke.`);
}
