/** What access to the repository GitHub says that a person has. Loaded only where the answer decides. */
import type { Access } from "./allowed-actors.ts";
import { createGitHubClient, requestOptions, responseStatus, retryGitHub } from "./github-client.ts";
import { getString } from "./event.ts";

interface AccessQuestion {
  apiUrl: string;
  /** `owner/name`. */
  repository: string;
  login: string;
  /** "" where there is none. */
  githubToken: string;
  /** Ends the attempts. */
  signal?: AbortSignal;
  /** All attempts together, in milliseconds. */
  timeoutMs?: number;
  /** Before the first retry, in milliseconds. */
  retryDelayMs?: number;
}

/** The step waits for the answer before it does anything else. */
const TIMEOUT_MS = 20_000;

function describeFailure(error: unknown): string {
  const status = responseStatus(error);
  if (status === 404) return "GitHub does not know the account or the repository: 404";
  return status === undefined ? "GitHub could not be reached" : `GitHub responded with ${status}`;
}

/**
 * Asks `GET /repos/{owner}/{repo}/collaborators/{username}/permission`, which every GITHUB_TOKEN may, even under
 * `permissions: {}`. Never rejects.
 */
export async function readAccess(question: AccessQuestion): Promise<Access> {
  const { apiUrl, repository, login, githubToken, signal, timeoutMs = TIMEOUT_MS, retryDelayMs } = question;
  if (githubToken === "") return { kind: "unknown", reason: "`github-token` is empty" };
  const [owner = "", repo = ""] = repository.split("/");
  try {
    const client = await createGitHubClient({ token: githubToken, apiUrl });
    const { data } = await retryGitHub<{ data: unknown }>(
      (end) =>
        client.request("GET /repos/{owner}/{repo}/collaborators/{username}/permission", {
          owner,
          repo,
          username: login,
          request: requestOptions(end),
        }),
      { signal, timeoutMs, retryDelayMs },
    );
    const permission = getString(data, "permission");
    return permission === undefined
      ? { kind: "unknown", reason: "GitHub's response has no permission" }
      : { kind: "known", permission };
  } catch (error) {
    return { kind: "unknown", reason: describeFailure(error) };
  }
}
