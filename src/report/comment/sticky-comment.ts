/**
 * The comment of a step, shown one text after the other, with retries. It takes finished Markdown and never throws.
 * Loaded only when a comment is asked for.
 */
import {
  type GitHubClient,
  createGitHubClient,
  GitHubCancelledError,
  retryGitHub,
} from "../../actions/github-client.ts";
import { raceWithAbort } from "../../common/clock.ts";
import { CommentWriter, fitComment } from "./comment-writer.ts";
import type { CommentAction } from "./decide.ts";
import { formatCommentError, formatConflict, formatUnproven } from "./errors.ts";
import { createIssueCommentsApi } from "./github-api.ts";
import { type CommentIdentity, type CommentMode, type WritingStep, createMarkerSigner, makeMarker } from "./marker.ts";
import type { CommentTarget } from "./target.ts";

export interface CommentSettings {
  mode: CommentMode;
  /** `github-token`. */
  token: string;
  owner: string;
  repo: string;
  /** The repository's ID, or its name where it has none. */
  repository: string;
  target: CommentTarget;
  identity: CommentIdentity;
  step: WritingStep;
  /** An earlier attempt of the run sent a request with the same idempotency key. */
  isKeyReplayed?: boolean;
  /** Signs the marker: the Mosoo token. */
  signingSecret: string;
  /** GITHUB_API_URL, such as `https://github.example/api/v3`. */
  apiUrl: string;
  /** GITHUB_GRAPHQL_URL. */
  graphqlUrl: string;
  /** The delay after a first failed attempt, in milliseconds (1,000); it doubles with each. */
  retryDelayMs?: number;
  /** For one `show`, all attempts together, in milliseconds (30,000). */
  timeoutMs?: number;
}

export type CommentOutcome =
  | { kind: "written"; id: number; url: string }
  /** A newer run wrote the comment, and it is left as it is; `note` says so for the log. */
  | { kind: "superseded"; id: number; url: string; note: string }
  /** Nothing was written; `warning` is the complete text of one annotation. */
  | { kind: "refused"; warning: string };

export interface StickyComment {
  /**
   * Makes the comment say `body` (Markdown, without a marker). Calls queue up. A later one ends the retries of the one
   * before, whose outcome then is the later one's: the final text never waits for an outdated one. `signal` stops it
   * at once.
   */
  show(body: string, options?: { signal?: AbortSignal }): Promise<CommentOutcome>;
  /** The comment's ID once known: what a post step needs to go on with it. */
  readonly id: number | undefined;
}

function toOutcome(action: Exclude<CommentAction, { kind: "create" }>, settings: CommentSettings): CommentOutcome {
  const { id, url } = action.target;
  switch (action.kind) {
    case "update":
      return { kind: "written", id, url };
    case "superseded": {
      const { runNumber, runAttempt } = action.by;
      const run = `run #${runNumber}${runAttempt > 1 ? ` (attempt ${runAttempt})` : ""}`;
      return { kind: "superseded", id, url, note: `Left the comment unchanged: the newer ${run} has written to it` };
    }
    case "conflict":
      return { kind: "refused", warning: formatConflict(settings) };
    case "unproven":
      return { kind: "refused", warning: formatUnproven(settings) };
  }
}

class QueuedComment implements StickyComment {
  readonly #settings: CommentSettings;
  readonly #writer: CommentWriter;
  #client: Promise<GitHubClient> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #latest: Promise<CommentOutcome> | undefined;
  /** Aborted by the next text. */
  #outdated = new AbortController();

  constructor(settings: CommentSettings, knownId: number | undefined) {
    const { identity, step, mode, isKeyReplayed = false, repository, target, signingSecret } = settings;
    const marker = makeMarker(identity, step, mode);
    const own = { ...marker, isShared: identity.key !== undefined, isKeyReplayed };
    const scope = { repository, number: target.number, identity: marker.identity };
    this.#settings = settings;
    this.#writer = new CommentWriter(own, createMarkerSigner(signingSecret, scope), knownId);
  }

  get id(): number | undefined {
    return this.#writer.id;
  }

  show(body: string, { signal }: { signal?: AbortSignal } = {}): Promise<CommentOutcome> {
    this.#outdated.abort();
    const outdated = new AbortController();
    this.#outdated = outdated;
    const text = fitComment(body);
    const work = this.#queue.then(() => this.#writeWithRetry(text, signal, outdated.signal));
    this.#queue = work.catch(() => undefined);
    const result = signal === undefined ? work : raceWithAbort(work, signal, () => new GitHubCancelledError());
    this.#latest = result.catch((error: unknown) => {
      // The text may be there although what came after it failed, such as the search for a second comment.
      const comment = this.#writer.lastWritten(text);
      if (comment !== undefined) return { kind: "written", id: comment.id, url: comment.url };
      if (outdated.signal.aborted && signal?.aborted !== true && this.#latest !== undefined) return this.#latest;
      return { kind: "refused", warning: formatCommentError(error, this.#settings) };
    });
    return this.#latest;
  }

  #writeWithRetry(text: string, signal: AbortSignal | undefined, noRetrySignal: AbortSignal): Promise<CommentOutcome> {
    const settings = this.#settings;
    const { retryDelayMs, timeoutMs } = settings;
    return retryGitHub(
      async (end) => {
        this.#client ??= createGitHubClient(settings);
        const { number } = settings.target;
        const api = createIssueCommentsApi(await this.#client, { ...settings, number }, end);
        return toOutcome(await this.#writer.write(api, text), settings);
      },
      { signal, noRetrySignal, timeoutMs, retryDelayMs },
    );
  }
}

/** Prepares the comment; GitHub is not asked before the first `show`. `known` is what an earlier step left as its ID. */
export function openComment(settings: CommentSettings, known?: { id: number }): StickyComment {
  return new QueuedComment(settings, known?.id);
}
