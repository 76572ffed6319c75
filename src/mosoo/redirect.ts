/** Where a call may go, and where the token may follow. Pure. */
import { MosooConnectionError } from "./errors.ts";

/** The service's own hosts: it moved between them in July 2026, and answers 308 from the old ones. */
const serviceHosts = new Set(["mosoo.ai", "cloud.mosoo.ai", "try.mosoo.ai"]);

export const mostRedirects = 5;

/** `localhost`, 127.0.0.0/8 or ::1, as `URL` writes them: nothing that merely looks so. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** Whether the token may go to `to`, having been meant for `from`. */
export function canForwardAuthorization(from: URL, to: URL): boolean {
  if (to.username !== "" || to.password !== "") return false;
  if (isLoopback(from.hostname)) {
    return to.hostname === from.hostname && (to.protocol === "http:" || to.protocol === "https:");
  }
  if (to.protocol !== "https:") return false;
  if (to.host === from.host) return true;
  return serviceHosts.has(from.host) && serviceHosts.has(to.host);
}

/** Why the token stays away from `to`. */
function strangeTarget(from: URL, to: URL): string {
  if (to.username !== "" || to.password !== "") return `an address with a user or password, ${to.origin}`;
  if (to.hostname !== from.hostname) return `another host, ${to.origin}`;
  return to.protocol === from.protocol ? `another port, ${to.origin}` : `an unencrypted address, ${to.origin}`;
}

/**
 * The address that a redirect leads to.
 *
 * @param baseOf the API's base, if the call had gone to that address
 * @throws MosooConnectionError `redirect` that names the new host and `api-url`, where the call must not follow
 */
export function resolveRedirect(
  from: URL,
  method: string,
  status: number,
  location: string | undefined,
  baseOf: (to: URL) => URL | undefined,
): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol)) {
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} without a usable Location.`,
      "Check `api-url`.",
      status,
    );
  }
  const carriesTokens = to.protocol === "https:" || isLoopback(to.hostname);
  const address = (carriesTokens ? baseOf(to)?.href : undefined) ?? `its https address on ${to.host}`;
  const advice = `If the API lives there now, set \`api-url\` to ${address}.`;
  if (method !== "GET" && status !== 307 && status !== 308) {
    // A long path says nothing more, and cut in the middle it could hold half a secret.
    const target = `${to.origin}${to.pathname.length > 100 ? "/…" : to.pathname}`;
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} and points to ${target}; a ${method} does not survive such a redirect.`,
      advice,
      status,
    );
  }
  if (!canForwardAuthorization(from, to)) {
    throw new MosooConnectionError(
      "redirect",
      `${from.host} answered ${status} and points to ${strangeTarget(from, to)}; the token does not follow there.`,
      advice,
      status,
    );
  }
  return to;
}

/**
 * The API's base after a move: the address that answered, less the path that was asked.
 *
 * @returns undefined where the path that answered does not end like the one asked
 */
export function deriveBaseUrl(base: URL, asked: URL, answered: URL): URL | undefined {
  const path = asked.pathname.slice(base.pathname.length);
  if (!answered.pathname.endsWith(path)) return undefined;
  const moved = new URL(answered.origin);
  moved.pathname = answered.pathname.slice(0, answered.pathname.length - path.length);
  return moved;
}
