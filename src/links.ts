/** Links to a thread, made by URL, never by joining foreign text. Pure. */

/** No address of a thread is longer, in characters. */
const longestLink = 2_048;

/** The page for people, on the API's origin. */
export function threadPage(apiBase: URL, threadId: string): string {
  return new URL(`/threads/${encodeURIComponent(threadId)}`, apiBase.origin).href;
}

/** The agent's page for people. */
export function agentPage(apiBase: URL, agentId: string): string {
  return new URL(`/agent/${encodeURIComponent(agentId)}`, apiBase.origin).href;
}

/**
 * The thread's API resource: the answer's `links.thread` (in practice a path) on the API's origin; without one, or with
 * one of another origin or scheme (`blob:` borrows the origin of what follows), `{base}/threads/{id}`.
 */
export function threadResource(apiBase: URL, threadId: string, link: string | undefined): string {
  const own = `${apiBase.href.replace(/\/$/, "")}/threads/${encodeURIComponent(threadId)}`;
  if (link === undefined || link === "" || !URL.canParse(link, apiBase.origin)) return own;
  const resolved = new URL(link, apiBase.origin);
  const isAtHome = resolved.origin === apiBase.origin && resolved.protocol === apiBase.protocol;
  const isPlain = resolved.username === "" && resolved.password === "" && resolved.href.length <= longestLink;
  return isAtHome && isPlain ? resolved.href : own;
}
