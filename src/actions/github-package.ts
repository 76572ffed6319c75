/**
 * `@actions/github`. Only this file imports it, and this file is loaded on demand: by comments and permission checks.
 *
 * `lib/utils` is one of the two entries that the package publishes. The other one reads the event file once more.
 */
// The order matters: the variables are hidden while the package is evaluated.
import { restoreEnvironment } from "./hidden-environment.ts";
import { GitHub, getOctokitOptions } from "@actions/github/lib/utils";

restoreEnvironment();

export type GitHubClient = InstanceType<typeof GitHub>;

interface ClientOptions {
  token: string;
  baseUrl: string;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** @param options `fetch` sends every request, in the place of the package's own */
export function createClient({ token, baseUrl, fetch }: ClientOptions): GitHubClient {
  return new GitHub(getOctokitOptions(token, { baseUrl, request: { fetch } }));
}
