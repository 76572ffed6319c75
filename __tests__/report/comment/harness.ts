/** Comments of steps on a fake GitHub server, in process. */
import { afterEach, beforeEach } from "@jest/globals";
import {
  type CommentIdentity,
  formatMarker,
  makeMarker,
  withoutSignature,
} from "../../../src/report/comment/marker.ts";
import { openComment, type CommentSettings, type StickyComment } from "../../../src/report/comment/sticky-comment.ts";
import {
  actionsBot,
  startFakeGitHubServer,
  writeToken,
  type FakeGitHubServer,
  type FakeGitHubServerOptions,
  type GitHubComment,
} from "../../support/fake-github-server.ts";

export const identity: CommentIdentity = {
  workflow: ".github/workflows/review.yml",
  job: "review",
  step: "mosoo",
  matrix: "null",
  agent: "01J00000000000000000000000",
  key: undefined,
};

/** The server of the test that runs. */
export let github: FakeGitHubServer;

/** Each test of the file has a server of its own. */
export function useFakeGitHub(options: FakeGitHubServerOptions = {}): void {
  beforeEach(async () => {
    github = await startFakeGitHubServer(options);
  });
  afterEach(async () => {
    await github.close();
  });
}

/** Another kind of server for one test. */
export async function replaceGitHub(options: FakeGitHubServerOptions): Promise<void> {
  await github.close();
  github = await startFakeGitHubServer(options);
}

export interface Run {
  run?: number;
  attempt?: number;
  runId?: string;
  number?: number;
  /** Idempotency key. */
  key?: string;
}

function settings({
  run = 7,
  attempt = 1,
  runId = String(17_000_000_000 + run),
  number = 12,
  key = `gh-${runId}-abc`,
  ...rest
}: Run & Partial<CommentSettings> = {}): CommentSettings {
  return {
    mode: "update",
    token: writeToken,
    owner: "octo-org",
    repo: "octo-repo",
    repository: "424242",
    target: { kind: "pull request", number },
    identity,
    step: { runId, runNumber: run, runAttempt: attempt, key },
    signingSecret: "mst_token",
    apiUrl: github.apiUrl,
    graphqlUrl: github.graphqlUrl,
    retryDelayMs: 2,
    ...rest,
  };
}

/** The comment of a step of run 7, unless the options say otherwise. */
export const open = (options?: Run & Partial<CommentSettings>, known?: { id: number }): StickyComment =>
  openComment(settings(options), known);
/** The marker of such a step, without a signature. */
export function markerOf(run: number, attempt = 1): string {
  const runId = String(17_000_000_000 + run);
  return formatMarker(
    makeMarker(identity, { runId, runNumber: run, runAttempt: attempt, key: `gh-${runId}-abc` }, "update"),
  );
}
/** The body of our comment without a signature. */
export const unsigned = (comment: GitHubComment | undefined): string => withoutSignature(comment?.body ?? "");
/** Adds a comment of that run's step, without a signature. */
export const addOwn = (run: number, text: string): GitHubComment =>
  github.addComment({ body: `${markerOf(run)}\n${text}`, login: actionsBot.login, type: "Bot" });
/** The comments by GitHub Actions. */
export const own = (): GitHubComment[] => github.comments.filter(({ login }) => login === actionsBot.login);
/** What a reader sees of our comments. */
export const texts = (): string[] => own().map(({ body }) => body.replace(/^<!--.*-->\n/, ""));
/** The paths of the requests with this method. */
export const asked = (method: string): string[] =>
  github.requests.filter((request) => request.method === method).map(({ path }) => path);

/** Something that happens once, just before GitHub answers the first such request. */
export function before(method: string, happens: () => unknown, path = /comments/): void {
  github.onRequest = (request) => {
    if (request.method !== method || !path.test(request.path)) return;
    github.onRequest = undefined;
    happens();
  };
}

/** The warning of a comment that is not written. */
export async function refusal(comment: StickyComment): Promise<string> {
  const outcome = await comment.show("Working");
  if (outcome.kind !== "refused") throw new Error(`The comment was ${outcome.kind}`);
  return outcome.warning;
}
