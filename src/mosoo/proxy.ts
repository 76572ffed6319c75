/** Which proxy a call takes. undici's environment agent does the work, and is loaded only where it has some. */
import type { Dispatcher } from "undici";
import { MosooConnectionError } from "./errors.ts";
import { isLoopback } from "./redirect.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy between us and the host. */
export interface Proxy {
  /** `host:port`, without credentials. */
  host: string;
  /** It is spoken to by TLS itself, so a certificate that fails may be its own. */
  secure: boolean;
}

export interface ProxyWay extends Proxy {
  dispatcher: Dispatcher;
}

interface Variable {
  name: string;
  value: string;
}

/** The first of the names that is set and not empty; the lower-case one goes first, as everywhere. */
function variable(environment: Environment, ...names: string[]): Variable | undefined {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

function misfit({ name }: Variable, what: string, advice: string): MosooConnectionError {
  // Its value may hold a password, and is never shown.
  return new MosooConnectionError("proxy_refused", `The environment variable ${name} ${what}.`, advice);
}

/** @throws MosooConnectionError `proxy-refused` that names the variable */
function proxyUrl(found: Variable): URL {
  const url = URL.canParse(found.value) ? new URL(found.value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw misfit(
      found,
      "is not a proxy's URL with http:// or https:// in front",
      "Write it as http://host:port, or unset it.",
    );
  }
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
  } catch {
    throw misfit(
      found,
      "has a user or password with a % that begins no escape",
      "Write a % in a user or password as %25.",
    );
  }
  // A proxy has no path, and undici takes none; other programs pass over what stands there.
  url.pathname = "/";
  url.search = "";
  url.hash = "";
  return url;
}

/** Whether NO_PROXY names the target: a host, a domain with all below it (`.x`, `*.x`), each with a port or not, or `*`. */
export function isExempt(noProxy: string, target: URL): boolean {
  const host = target.hostname.replace(/^\[|\]$/g, "").replace(/(.)\.$/, "$1");
  const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const withPort = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry);
      const written = (withPort?.[1] ?? entry).replace(/^\[|\]$/g, "");
      if (withPort !== null && withPort[2] !== port) return false;
      if (written === "*") return true;
      const name = written.replace(/^\*?\./, "").replace(/(.)\.$/, "$1");
      return (host === name && !written.startsWith("*")) || host.endsWith(`.${name}`);
    });
}

/**
 * The ways out that the environment's proxy variables ask for. An https target takes `HTTPS_PROXY`, and `HTTP_PROXY`
 * where that is not set (as undici does); http is for loopback alone, and loopback is never proxied.
 */
export class ProxyResolver {
  readonly #environment: Environment;
  readonly #options: object;
  #way: Promise<ProxyWay> | undefined;

  /** @param options for undici's agents */
  constructor(environment: Environment, options: object) {
    this.#environment = environment;
    this.#options = options;
  }

  /**
   * The way to `target`; undefined where the call goes out directly.
   *
   * @throws MosooConnectionError `proxy-refused` where the variable is no proxy's URL
   */
  async wayTo(target: URL): Promise<ProxyWay | undefined> {
    if (isLoopback(target.hostname)) return undefined;
    const found = variable(this.#environment, "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY");
    if (found === undefined) return undefined;
    const noProxy = variable(this.#environment, "no_proxy", "NO_PROXY")?.value ?? "";
    if (isExempt(noProxy, target)) return undefined;
    const url = proxyUrl(found);
    this.#way ??= this.#open(url, noProxy);
    return this.#way;
  }

  async destroy(): Promise<void> {
    await (await this.#way)?.dispatcher.destroy();
  }

  async #open(url: URL, noProxy: string): Promise<ProxyWay> {
    const [{ default: EnvHttpProxyAgent }, { default: Dispatcher }, { default: connect }] = await Promise.all([
      import("undici/lib/dispatcher/env-http-proxy-agent.js"),
      import("undici/lib/dispatcher/dispatcher.js"),
      import("undici/lib/api/api-connect.js"),
    ]);
    // The agent's tunnels need this method, which undici's index lends to every dispatcher.
    Dispatcher.prototype.connect = connect;
    const proxy = url.href;
    const dispatcher = new EnvHttpProxyAgent({ ...this.#options, httpProxy: proxy, httpsProxy: proxy, noProxy });
    return { dispatcher, host: url.host, secure: url.protocol === "https:" };
  }
}
