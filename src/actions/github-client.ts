/** GitHub's client, loaded on the first call: only comments and permission checks need it, and it takes a while. */
import type { GitHubClient } from "./github-package.ts";

export type { GitHubClient };

/** One request to GitHub may take this long, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

const noop = (): void => undefined;
/** Octokit logs deprecations that a server announces in its headers; they do not belong in the step's log. */
const SILENT_LOG = { debug: noop, info: noop, warn: noop, error: noop };

/**
 * @param token not empty
 * @param apiUrl GITHUB_API_URL, such as `https://github.example/api/v3`; a trailing slash is fine
 */
export async function createGitHubClient({ token, apiUrl }: { token: string; apiUrl: string }): Promise<GitHubClient> {
  const { createClient } = await import("./github-package.ts");
  return createClient({ token, baseUrl: apiUrl.replace(/\/+$/, "") });
}

/** The `request` option of one call: without Octokit's log, aborted after ten seconds or by `signal`. */
export function requestOptions(signal: AbortSignal | undefined): { signal: AbortSignal; log: typeof SILENT_LOG } {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return { signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]), log: SILENT_LOG };
}
