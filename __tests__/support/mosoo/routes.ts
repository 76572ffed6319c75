import type { Endpoint } from "./faults.ts";
import type { RevisionFacts } from "./revision.ts";

export interface Route {
  endpoint: Endpoint;
  /** The agent, thread or file ID of the path, decoded; empty where the path has none. */
  id: string;
}

const ROUTES: readonly {
  method: string;
  path: RegExp;
  endpoint: Endpoint;
  needs?: "uploads" | "downloads" | "streams";
}[] = [
  { method: "GET", path: /^\/openapi\.json$/, endpoint: "openapi" },
  { method: "POST", path: /^\/agents\/([^/]+)\/threads$/, endpoint: "create" },
  { method: "GET", path: /^\/agents\/([^/]+)\/threads$/, endpoint: "agent-threads" },
  { method: "POST", path: /^\/agents\/([^/]+)\/files$/, endpoint: "upload", needs: "uploads" },
  { method: "GET", path: /^\/files\/([^/]+)\/content$/, endpoint: "file-content", needs: "downloads" },
  { method: "GET", path: /^\/threads\/([^/]+)\/files$/, endpoint: "file-list" },
  { method: "GET", path: /^\/threads\/([^/]+)$/, endpoint: "thread" },
  { method: "GET", path: /^\/threads\/([^/]+)\/events$/, endpoint: "event-list" },
  { method: "POST", path: /^\/threads\/([^/]+)\/events$/, endpoint: "events" },
  { method: "GET", path: /^\/threads\/([^/]+)\/events\/stream$/, endpoint: "stream", needs: "streams" },
  { method: "POST", path: /^\/threads\/([^/]+)\/archive$/, endpoint: "archive" },
  { method: "POST", path: /^\/threads\/([^/]+)\/unarchive$/, endpoint: "unarchive" },
];

const PREFIX = "/api/v1";

/** The endpoint behind a method and path; `undefined` where nothing is routed: a trailing slash, another prefix. */
export function routeOf(method: string, pathname: string, facts: RevisionFacts): Route | undefined {
  if (!pathname.startsWith(`${PREFIX}/`)) return undefined;
  const path = pathname.slice(PREFIX.length);
  for (const route of ROUTES) {
    if (route.method !== method || (route.needs !== undefined && !facts[route.needs])) continue;
    const found = route.path.exec(path);
    if (found !== null) return { endpoint: route.endpoint, id: decoded(found[1] ?? "") };
  }
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
