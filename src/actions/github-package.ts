/**
 * `@actions/github`, and the `fetch` that it sends requests with. Only this file imports the package, and this file is
 * loaded on demand: by comments and permission checks.
 *
 * `lib/utils` is one of the two entries that the package publishes. The other one reads the event file once more.
 */
// The order matters: the variables are hidden while the package is evaluated.
import { restoreEnvironment } from "./hidden-environment.ts";
import { MosooConnectionError } from "../mosoo/errors.ts";
import { type Environment, resolveProxy } from "../mosoo/http/proxy.ts";
import { GitHub, getOctokitOptions } from "@actions/github/lib/utils";

restoreEnvironment();

export type GitHubClient = InstanceType<typeof GitHub>;

interface ClientOptions {
  token: string;
  baseUrl: string;
}

/** A client whose requests take the same way out as those to Mosoo. */
export function createClient({ token, baseUrl }: ClientOptions): GitHubClient {
  const fetch = createFetch(process.env);
  return new GitHub(getOctokitOptions(token, { baseUrl, request: { fetch } }));
}

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
    proxied ??= import("../mosoo/http/proxy-client.ts").then(
      ({ createProxyFetch }) => createProxyFetch(proxy) as unknown as Fetch,
    );
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
