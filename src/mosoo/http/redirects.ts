/** Which redirects a request follows, and where the token may go with it. Pure. */
import { MosooConnectionError } from "../errors.ts";

/**
 * The service's own hosts. It has moved: the documented base URL may have no API anymore, and its newer hosts serve the
 * newest contract.
 */
export interface ServiceHosts {
  /** The documented base URL, without a trailing slash. */
  readonly defaultBase: string;
  /** Where the API continues. */
  readonly successorBase: string;
  /** Hosts of the service. */
  readonly hosts: ReadonlySet<string>;
  /** Those of them that serve the newest contract. */
  readonly newestContractHosts: ReadonlySet<string>;
}

export const SERVICE_HOSTS: ServiceHosts = {
  defaultBase: "https://mosoo.ai/api/v1",
  successorBase: "https://cloud.mosoo.ai/api/v1",
  hosts: new Set(["mosoo.ai", "cloud.mosoo.ai", "try.mosoo.ai"]),
  newestContractHosts: new Set(["cloud.mosoo.ai", "try.mosoo.ai"]),
};

export const MAX_REDIRECTS = 5;

/** A longer path of a redirect's target is left out of the error. */
const MAX_SHOWN_PATH_LENGTH = 100;

/** `localhost`, 127.0.0.0/8 or ::1, as `URL` writes them; no name that only looks like it. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** Whether the token, meant for `from`, may be sent to `to`. */
export function canForwardAuthorization(from: URL, to: URL): boolean {
  if (to.username !== "" || to.password !== "") return false;
  if (isLoopback(from.hostname)) {
    return to.hostname === from.hostname && (to.protocol === "http:" || to.protocol === "https:");
  }
  if (to.protocol !== "https:") return false;
  if (to.host === from.host) return true;
  return SERVICE_HOSTS.hosts.has(from.host) && SERVICE_HOSTS.hosts.has(to.host);
}

function describeUntrustedTarget(from: URL, to: URL): string {
  if (to.username !== "" || to.password !== "") return `an address with a user or password, ${to.origin}`;
  if (to.hostname !== from.hostname) return `another host, ${to.origin}`;
  return to.protocol === from.protocol ? `another port, ${to.origin}` : `an unencrypted address, ${to.origin}`;
}

/**
 * The URL that a redirect leads to.
 *
 * @param toBaseUrl the API's base URL, if the request had gone to that URL
 * @throws MosooConnectionError `redirect`, which names the new host and `api-url`, where the request must not follow
 */
export function resolveRedirect(
  from: URL,
  method: string,
  status: number,
  location: string | undefined,
  toBaseUrl: (to: URL) => URL | undefined,
): URL {
  const to = location === undefined ? null : URL.parse(location, from.href);
  if (to === null || !/^https?:$/.test(to.protocol)) {
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} without a usable Location.`,
      "Check `api-url`.",
      status,
    );
  }
  const isSafeForTokens = to.protocol === "https:" || isLoopback(to.hostname);
  const address = (isSafeForTokens ? toBaseUrl(to)?.href : undefined) ?? `its https address on ${to.host}`;
  const advice = `If the API lives there now, set \`api-url\` to ${address}.`;
  if (method !== "GET" && status !== 307 && status !== 308) {
    // A truncated path could hold half a secret.
    const target = `${to.origin}${to.pathname.length > MAX_SHOWN_PATH_LENGTH ? "/…" : to.pathname}`;
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} and points to ${target}; a ${method} request cannot follow such a redirect.`,
      advice,
      status,
    );
  }
  if (!canForwardAuthorization(from, to)) {
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} and points to ${describeUntrustedTarget(from, to)}; the token is not sent there.`,
      advice,
      status,
    );
  }
  return to;
}

/**
 * The API's base URL after a move: the URL that answered, without the path of the request.
 *
 * @returns undefined where the path that answered does not end like the requested one
 */
export function deriveBaseUrl(base: URL, requested: URL, answered: URL): URL | undefined {
  const path = requested.pathname.slice(base.pathname.length);
  if (!answered.pathname.endsWith(path)) return undefined;
  const moved = new URL(answered.origin);
  moved.pathname = answered.pathname.slice(0, answered.pathname.length - path.length);
  return moved;
}
