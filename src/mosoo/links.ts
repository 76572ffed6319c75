/** Links to a thread, made by URL, never by joining untrusted text. Pure. */

/** What a path and a query may hold that other people's scripts pass on. */
const plainPath = /^[\w.~@/=%+-]{1,2048}(\?[\w.~@/=%+-]{0,2048})?$/;

/** The page for people, on the API's origin. */
export function threadUrl(apiBase: URL, threadId: string): string {
  return new URL(`/threads/${encodeURIComponent(threadId)}`, apiBase.origin).href;
}

/** The agent's page for people. */
export function agentUrl(apiBase: URL, agentId: string): string {
  return new URL(`/agent/${encodeURIComponent(agentId)}`, apiBase.origin).href;
}

/**
 * The thread's API resource: the answer's `links.thread` (in practice a path) on the API's origin; without one, or with
 * one that is more than a plain path there (`blob:` borrows the origin of what follows), `{base}/threads/{id}`.
 */
export function threadApiUrl(apiBase: URL, threadId: string, link: string | undefined): string {
  const own = `${apiBase.href.replace(/\/$/, "")}/threads/${encodeURIComponent(threadId)}`;
  if (link === undefined || link === "" || !URL.canParse(link, apiBase.origin)) return own;
  const resolved = new URL(link, apiBase.origin);
  const { origin, pathname, search } = resolved;
  const path = pathname + search;
  // So it has neither user nor fragment.
  const isPath = origin === apiBase.origin && resolved.href === origin + path && plainPath.test(path);
  return isPath ? resolved.href : own;
}
