/** A `fetch` for other API clients, which takes the same way out as the requests to Mosoo. */
import { MosooConnectionError } from "../errors.ts";
import { type Environment, resolveProxy } from "./proxy.ts";

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Node's own `fetch`, or undici's where a proxy variable applies to the URL.
 *
 * @returns a function that rejects with an Error, meant for people, where the variable is not a proxy's URL
 */
export function createFetch(environment: Environment): Fetch {
  let proxied: Promise<Fetch> | undefined;
  return async (url, init) => {
    const proxy = resolveProxyOrThrow(environment, new URL(url));
    if (proxy === undefined) return fetch(url, init);
    // The variables do not change, and a client has one API.
    proxied ??= import("./proxy-client.ts").then(({ createProxyFetch }) => createProxyFetch(proxy) as unknown as Fetch);
    return (await proxied)(url, init);
  };
}

function resolveProxyOrThrow(...args: Parameters<typeof resolveProxy>): ReturnType<typeof resolveProxy> {
  try {
    return resolveProxy(...args);
  } catch (error) {
    // Other clients show nothing but the message.
    throw error instanceof MosooConnectionError ? new Error(`${error.message} ${error.advice}`) : error;
  }
}
