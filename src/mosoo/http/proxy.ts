/** Reads the proxy variables: which proxy, if any, a request goes through. Pure; for Mosoo's and GitHub's API alike. */
import { BlockList, isIP } from "node:net";
import { MosooConnectionError } from "../errors.ts";
import { isLoopback } from "./redirects.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ResolvedProxy {
  /** Without credentials and path. */
  url: URL;
  /** `Proxy-Authorization` of the tunnel request, where the variable has a user or password. */
  authorization: string | undefined;
}

interface Variable {
  name: string;
  value: string;
}

/** The first of the variables that is set and not empty. */
function readVariable(environment: Environment, names: readonly string[]): Variable | undefined {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

/** The error never shows the value, which may hold a password. */
function invalidProxyVariable({ name }: Variable, problem: string, advice: string): MosooConnectionError {
  return new MosooConnectionError("proxy_refused", `The environment variable ${name} ${problem}.`, advice);
}

/**
 * The part before the last `@`, as it was written: `URL` would end a host at a raw `#`, `/`, `?` or `\` of a
 * password, and a part of the password would be looked up as a host.
 */
function assertCredentialsEncoded(variable: Variable): void {
  const [, credentials = ""] = /^(?:[a-z][a-z\d+.-]*:\/\/)?([^]*)@/i.exec(variable.value) ?? [];
  const isEncoded = !/[#/?\\]/.test(credentials) && isPercentEncoded(credentials);
  if (isEncoded) return;
  throw invalidProxyVariable(
    variable,
    "has a user or password with characters that are not percent-encoded",
    "Write # as %23, / as %2F, ? as %3F, \\ as %5C and % as %25 in the user and password.",
  );
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws MosooConnectionError `proxy_refused` that names the variable */
function parseProxyUrl(variable: Variable): ResolvedProxy {
  assertCredentialsEncoded(variable);
  const { value } = variable;
  // As curl, undici and the Actions toolkit: without a scheme it is http.
  const url = URL.parse(value.includes("://") ? value : `http://${value}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw invalidProxyVariable(
      variable,
      "is not the URL of an HTTP proxy",
      "Write it as http://host:port or https://host:port, or unset it.",
    );
  }
  const { username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    url: new URL(url.origin),
    authorization:
      username === "" && password === "" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
}

const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, "");
const withoutTrailingDot = (host: string): string => host.replace(/(.)\.$/, "$1");

/** Whether the address is the one of the entry (`192.0.2.1`), or in its range (`10.0.0.0/8`, `fd00::/8`). */
function matchesAddress(entry: string, address: string): boolean {
  const [, network = entry, prefix] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(network);
  const bits = version === 4 ? 32 : 128;
  if (version === 0 || Number(prefix ?? bits) > bits) return false;
  const range = new BlockList();
  range.addSubnet(network, Number(prefix ?? bits), version === 4 ? "ipv4" : "ipv6");
  return range.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** `example.com` and `.example.com` match the domain and all below it, `*.example.com` only what is below it. */
function matchesDomain(entry: string, host: string): boolean {
  const domain = withoutTrailingDot(entry.replace(/^\*?\./, ""));
  return domain !== "" && ((host === domain && !entry.startsWith("*")) || host.endsWith(`.${domain}`));
}

/**
 * Whether `NO_PROXY` names the target. Its entries are separated by commas or whitespace: `*`, a domain, an IP address
 * or a CIDR range; all but the range may have a port.
 */
export function matchesNoProxy(noProxy: string, target: URL): boolean {
  const host = withoutTrailingDot(withoutBrackets(target.hostname));
  const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
  const entries = noProxy.toLowerCase().split(/[,\s]+/);
  return entries.some((entry) => {
    const withPort = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry);
    if (withPort !== null && withPort[2] !== port) return false;
    const pattern = withoutBrackets(withPort?.[1] ?? entry);
    if (pattern === "*") return true;
    return isIP(host) === 0 ? matchesDomain(pattern, host) : matchesAddress(withoutTrailingDot(pattern), host);
  });
}

/**
 * The proxy for a request, by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; the lower-case name of a variable wins. An
 * https request falls back to `HTTP_PROXY`, as in undici. Loopback is never proxied.
 *
 * @returns undefined where the request goes out directly
 * @throws MosooConnectionError `proxy_refused` where the variable is not a proxy's URL
 */
export function resolveProxy(environment: Environment, target: URL): ResolvedProxy | undefined {
  if (isLoopback(target.hostname)) return undefined;
  const names = target.protocol === "https:" ? ["https_proxy", "HTTPS_PROXY"] : [];
  const variable = readVariable(environment, [...names, "http_proxy", "HTTP_PROXY"]);
  if (variable === undefined) return undefined;
  const noProxy = readVariable(environment, ["no_proxy", "NO_PROXY"])?.value ?? "";
  return matchesNoProxy(noProxy, target) ? undefined : parseProxyUrl(variable);
}
