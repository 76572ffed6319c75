/** Where a link of a response may lead. */

/** In UTF-16 units. Longer addresses are not for people, and each use of a definition repeats its address. */
const MAX_ADDRESS_LENGTH = 2_048;

/** Paths that GitHub (also an Enterprise Server, under any name) answers with a cross-reference. */
const CROSS_REFERENCE = /^\/[^/]+\/[^/]+\/(?:issues|pulls?|discussions|commits?)\/./iu;

/**
 * The address in normal form, when a link may lead there: `http`, `https` (without user info, which disguises the
 * host) or `mailto`. Not to an issue, pull request, discussion or commit: GitHub would notify everybody there.
 */
export function safeAddress(address: string): string | undefined {
  if (address.length > MAX_ADDRESS_LENGTH || !/^(?:https?:\/\/|mailto:)/iu.test(address)) return undefined;
  const url = URL.parse(address);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  if (url.protocol !== "mailto:" && isCrossReference(url)) return undefined;
  return url.href.length > MAX_ADDRESS_LENGTH ? undefined : url.href;
}

function isCrossReference(url: URL): boolean {
  return CROSS_REFERENCE.test(decoded(url.pathname).replace(/\/{2,}/gu, "/"));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
