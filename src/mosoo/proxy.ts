/** Which proxy a call takes. undici's environment agent does the work, and is loaded only where it has some. */
import type { Dispatcher } from "undici";
import { WireError } from "./errors.ts";
import { isLoopback } from "./redirect.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

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

/**
 * The proxy variables, checked.
 *
 * @throws WireError `proxy-refused` that names the variable (never its value: it may hold a password)
 */
function proxyUrl(found: Variable | undefined): string | undefined {
  if (found === undefined) return undefined;
  const parsed = URL.canParse(found.value) ? new URL(found.value) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.hostname !== "") return found.value;
  throw new WireError(
    "proxy-refused",
    `The environment variable ${found.name} is not a proxy's URL with http:// or https:// in front.`,
    `Write it as http://host:port, or unset it.`,
  );
}

/**
 * The dispatcher for calls to `target`, where the environment names a proxy for it. Loopback is never proxied.
 *
 * An https target takes `HTTPS_PROXY`, and `HTTP_PROXY` where that is not set (as undici does).
 *
 * @returns undefined where the call goes out directly
 */
export async function proxyDispatcher(
  target: URL,
  environment: Environment,
  options: object,
): Promise<{ dispatcher: Dispatcher; host: string } | undefined> {
  if (isLoopback(target.hostname)) return undefined;
  const httpsVariable = variable(environment, "https_proxy", "HTTPS_PROXY");
  const httpVariable = variable(environment, "http_proxy", "HTTP_PROXY");
  const used = httpsVariable ?? httpVariable;
  if (used === undefined) return undefined;
  const httpsProxy = proxyUrl(used) ?? "";
  const noProxy = variable(environment, "no_proxy", "NO_PROXY")?.value ?? "";
  const { default: EnvHttpProxyAgent } = await import("undici/lib/dispatcher/env-http-proxy-agent.js");
  const dispatcher = new EnvHttpProxyAgent({ ...options, httpProxy: httpsProxy, httpsProxy, noProxy });
  return { dispatcher, host: new URL(httpsProxy).host };
}
