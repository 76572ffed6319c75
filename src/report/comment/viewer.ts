/** Whose the token is: asked of GraphQL, then of REST, and never determined by writing something. */
import { isTransient, responseStatus } from "../../actions/github-retry.ts";
import type { Viewer } from "./decide.ts";
import type { Account, IssueCommentsApi } from "./github-api.ts";

type Lookup = Account | "unknown" | "unavailable";

/** @param isLastAttempt false: a failure that may pass is thrown, so that the caller asks again */
async function lookUp(ask: () => Promise<Account | undefined>, isLastAttempt: boolean): Promise<Lookup> {
  try {
    return (await ask()) ?? "unknown";
  } catch (error) {
    const mayPass = responseStatus(error) === undefined || isTransient(error);
    if (mayPass && !isLastAttempt) throw error;
    return mayPass ? "unavailable" : "unknown";
  }
}

/**
 * GraphQL knows every token's account; old Enterprise Servers, Forgejo and Gitea have none. `GET /user` refuses
 * `GITHUB_TOKEN` and the tokens of Apps.
 */
export async function findViewer(api: IssueCommentsApi, isLastAttempt: boolean): Promise<Viewer> {
  const byGraphql = await lookUp(() => api.viewer(), isLastAttempt);
  if (typeof byGraphql !== "string") return byGraphql;
  const byRest = await lookUp(() => api.user(), isLastAttempt);
  if (typeof byRest !== "string") return byRest;
  return byGraphql === "unavailable" || byRest === "unavailable" ? "unavailable" : "unknown";
}
