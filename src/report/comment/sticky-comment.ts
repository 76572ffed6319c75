/**
 * The one comment of this use of the action on a pull request: found or created, brought up to date, never a second
 * one, never anybody else's, and never over the words of a newer run. It takes finished Markdown and never throws.
 *
 * Loaded only when a comment is asked for, and the only place that loads Octokit.
 */
import { raceWithAbort } from "../../common/abort.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { Octokit } from "@octokit/core";
import { createFetch } from "../../mosoo/http/fetch.ts";
import {
  createIssueCommentsApi,
  type Account,
  type IssueCommentsApi,
  type GitHubClient,
  type IssueComment,
} from "./github-api.ts";
import { answeredStatus, formatCommentError, getRetryDelay, CommentCancelledError } from "./errors.ts";
import {
  isNewer,
  isSameComment,
  makeMarker,
  readMarker,
  type CommentIdentity,
  type CommentMarker,
  type CommentMode,
  type RunPosition,
} from "./marker.ts";
import { safeCutIndex } from "../../sanitize/truncate.ts";

export interface CommentSettings {
  mode: CommentMode;
  token: string;
  owner: string;
  repo: string;
  /** The pull request's number. */
  number: number;
  identity: CommentIdentity;
  position: RunPosition;
  /** GITHUB_API_URL, such as `https://github.example/api/v3`. */
  apiUrl: string;
  /** GITHUB_GRAPHQL_URL. */
  graphqlUrl: string;
  /** The pause after a first failed try, in milliseconds (1,000); it doubles with each. */
  retryDelayMs?: number;
  /** Longest time for one `show`, all tries together, in milliseconds (30,000). */
  patienceMs?: number;
}

export type CommentOutcome =
  | { kind: "written"; id: number; url: string }
  /** A newer run has written the comment, and its words stand; `note` says so for the log. */
  | { kind: "superseded"; id: number; url: string; note: string }
  /** Nothing was written; `warning` is the complete text of one annotation. */
  | { kind: "refused"; warning: string };

export interface PullRequestComment {
  /**
   * Makes the comment say `body` (Markdown, without a marker). Calls queue up. A later one ends the tries of the one
   * before, whose outcome then is the later one's: the last word never waits for an outdated one. `signal` stops it
   * at once.
   */
  show(body: string, options?: { signal?: AbortSignal }): Promise<CommentOutcome>;
  /** The comment's ID once known: what a post step needs to go on with it. */
  readonly id: number | undefined;
}

/** GitHub's limit for a comment, marker included, in characters. */
export const commentLimit = 65_536;

const mostTries = 5;
/** How often the comment may vanish between two calls before this is taken for a refusal. */
const mostVanishings = 3;
const cutNote = "\n\n_The rest is too long for a comment._";

/** Whose comments are taken for the token's own where GitHub does not say whom the token speaks for. */
const actionsAccount: Account = { login: "github-actions[bot]", bot: true };

function createClient({ token, apiUrl }: CommentSettings): GitHubClient {
  if (token.trim() === "") throw new Error("`github-token` is empty");
  const baseUrl = apiUrl.replace(/\/+$/, "");
  return new Octokit({ auth: token, baseUrl, request: { fetch: createFetch(process.env) } });
}

function withoutBot(login: string): string {
  return login.toLowerCase().replace(/\[bot\]$/, "");
}

/** GraphQL and REST write a bot's login with and without `[bot]`; a person of that name is still somebody else. */
function isSameAccount(author: Account | undefined, own: Account): boolean {
  if (author === undefined || withoutBot(author.login) !== withoutBot(own.login)) return false;
  return own.bot === undefined || author.bot === undefined || author.bot === own.bot;
}

/** The text with its marker; what a caller left too long is cut between lines, or at least between characters. */
function markedBody(marker: string, body: string): string {
  const whole = `${marker}\n${body}`;
  if (whole.length <= commentLimit) return whole;
  const room = commentLimit - cutNote.length;
  const line = whole.lastIndexOf("\n", room);
  return whole.slice(0, line > room / 2 ? line : safeCutIndex(whole, room)) + cutNote;
}

/** Ends with `work` or as soon as `signal` fires, whichever comes first. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? work : raceWithAbort(work, signal, () => new CommentCancelledError());
}

/** The comment that was just read is not there any more, or not ours any more: look for it again. */
class Vanished extends Error {
  override name = "Vanished";
}

/** What is known of the comment from one try, and one call of `show`, to the next. */
class StickyComment implements PullRequestComment {
  id: number | undefined;
  readonly #settings: CommentSettings;
  readonly #marker: string;
  readonly #own: CommentMarker | undefined;
  #client: GitHubClient | undefined;
  #account: Account | undefined;
  #viewerFailed = false;
  /** The comment this process created and has not yet compared with what other runs created meanwhile. */
  #created: number | undefined;
  #written: { comment: IssueComment; text: string } | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #latest: Promise<CommentOutcome> | undefined;
  #outdated = new AbortController();

  constructor(settings: CommentSettings, known: { id: number } | undefined) {
    this.#settings = settings;
    this.#marker = makeMarker(settings.identity, settings.position, settings.mode);
    this.#own = readMarker(this.#marker);
    this.id = known?.id;
  }

  show(body: string, { signal }: { signal?: AbortSignal } = {}): Promise<CommentOutcome> {
    this.#outdated.abort();
    const outdated = new AbortController();
    this.#outdated = outdated;
    const text = markedBody(this.#marker, body);
    const work = this.#queue.then(() => this.#persist(text, signal, outdated.signal));
    this.#queue = work.catch(() => undefined);
    this.#latest = orStopped(work, signal).catch((error: unknown) => {
      // The text may stand although what came after it failed, such as the search for a second comment.
      const comment = this.#standing(text);
      if (comment !== undefined) return { kind: "written", id: comment.id, url: comment.url };
      if (outdated.signal.aborted && signal?.aborted !== true && this.#latest !== undefined) return this.#latest;
      return { kind: "refused", warning: formatCommentError(error, this.#settings) };
    });
    return this.#latest;
  }

  /** Tries until the text stands or GitHub's answer is final. Every try reads before it writes, so none does harm. */
  async #persist(text: string, signal: AbortSignal | undefined, outdated: AbortSignal): Promise<CommentOutcome> {
    const { retryDelayMs = 1_000, patienceMs = 30_000 } = this.#settings;
    const caller = signal === undefined ? [] : [signal];
    const end = AbortSignal.any([AbortSignal.timeout(patienceMs), ...caller]);
    const deadline = Date.now() + patienceMs;
    for (let tried = 1; ; tried++) {
      if (signal?.aborted === true || (tried === 1 && outdated.aborted)) throw new CommentCancelledError();
      try {
        return await this.#attempt(text, end);
      } catch (error) {
        const pause = tried < mostTries ? getRetryDelay(error, tried, retryDelayMs, Date.now()) : undefined;
        if (pause === undefined || Date.now() + pause >= deadline || outdated.aborted) throw error;
        const waited = sleep(pause, true, { signal: AbortSignal.any([outdated, ...caller]) });
        if (!(await waited.catch(() => false))) throw error;
      }
    }
  }

  async #attempt(text: string, signal: AbortSignal): Promise<CommentOutcome> {
    this.#client ??= createClient(this.#settings);
    const calls = createIssueCommentsApi(this.#client, this.#settings, signal);
    for (let vanished = 0; ;) {
      const account = await this.#whoAmI(calls);
      try {
        const target = await this.#locate(calls, account, text);
        if (target !== undefined) return await this.#bring(calls, target, text);
      } catch (error) {
        if (!(error instanceof Vanished)) throw error;
        if (++vanished >= mostVanishings) throw error.cause instanceof Error ? error.cause : error;
        continue;
      }
      const made = await calls.create(text);
      this.#remember(made, text);
      // Another run may have created one at the same time: look again, as the account that wrote this one.
      this.#created = made.id;
      this.#account = made.author ?? account;
    }
  }

  /** The login comments are compared with. A failure of GraphQL is tried again once; then the default has to do. */
  async #whoAmI(calls: IssueCommentsApi): Promise<Account> {
    if (this.#account !== undefined) return this.#account;
    try {
      this.#account = (await calls.viewer()) ?? actionsAccount;
      return this.#account;
    } catch (error) {
      if (this.#viewerFailed || getRetryDelay(error, 1, 0, Date.now()) === undefined) return actionsAccount;
      this.#viewerFailed = true;
      throw error;
    }
  }

  #isOwn(comment: IssueComment, account: Account): boolean {
    const marker = readMarker(comment.body);
    const same = marker !== undefined && this.#own !== undefined && isSameComment(marker, this.#own);
    return same && isSameAccount(comment.author, account);
  }

  /** The comment, if this process wrote `text` to it and has seen nothing else there since. */
  #standing(text: string): IssueComment | undefined {
    return this.#written?.text === text ? this.#written.comment : undefined;
  }

  /** The comment to write to, as it is right now: the known one, else the oldest of ours on any page. */
  async #locate(calls: IssueCommentsApi, account: Account, text: string): Promise<IssueComment | undefined> {
    if (this.id !== undefined && this.#created === undefined) {
      const known = await calls.get(this.id);
      if (known !== undefined && this.#isOwn(known, account)) return known;
      this.#forget();
    }
    const found = (await calls.list()).find((comment) => this.#isOwn(comment, account));
    // A list that lags behind may lack the comment just created; that must not lead to one more.
    const id = found?.id ?? this.#created;
    if (id === undefined) return undefined;
    const standing = this.#standing(text);
    if (standing !== undefined && id === this.#created && id === standing.id) return standing;
    // The list may be pages old by now, and what stands in the comment decides whether it is written over.
    const now = await calls.get(id);
    if (now !== undefined && this.#isOwn(now, account)) return now;
    this.#forget(id);
    throw new Vanished("the comment keeps vanishing");
  }

  /** Writes the text over `target`, unless a newer run was there, and removes what this process created beside it. */
  async #bring(calls: IssueCommentsApi, target: IssueComment, text: string): Promise<CommentOutcome> {
    const marker = readMarker(target.body);
    const newer = marker !== undefined && this.#own !== undefined && isNewer(marker, this.#own) ? marker : undefined;
    if (newer === undefined) await this.#write(calls, target, text);
    if (this.#created !== undefined && this.#created !== target.id) await this.#removeCreated(calls, this.#created);
    this.#created = undefined;
    this.id = target.id;
    if (newer === undefined) return { kind: "written", id: target.id, url: target.url };
    const run = `run #${newer.runNumber}${newer.runAttempt > 1 ? ` (attempt ${newer.runAttempt})` : ""}`;
    const note = `The pull request comment was left as it is: the newer ${run} has already written to it.`;
    return { kind: "superseded", id: target.id, url: target.url, note };
  }

  /** Deletes the comment this process created a moment ago, unless another run has made it its own since. */
  async #removeCreated(calls: IssueCommentsApi, id: number): Promise<void> {
    const now = await calls.get(id);
    if (now?.body.startsWith(`${this.#marker}\n`) === true) await calls.remove(id);
  }

  async #write(calls: IssueCommentsApi, target: IssueComment, text: string): Promise<void> {
    if (target.body === text || this.#standing(text) === target) {
      this.#remember(target, text);
      return;
    }
    try {
      this.#remember(await calls.update(target.id, text), text);
    } catch (error) {
      if (answeredStatus(error) !== 404) throw error;
      this.#forget(target.id);
      throw new Vanished("", { cause: error });
    }
  }

  /** Without an ID: the comment that was known. */
  #forget(id = this.id): void {
    if (this.id === id) this.id = undefined;
    if (this.#created === id) this.#created = undefined;
    if (this.#written?.comment.id === id) this.#written = undefined;
  }

  #remember(comment: IssueComment, text: string): void {
    this.id = comment.id;
    this.#written = { comment, text };
  }
}

/** Prepares the comment; GitHub is not asked before the first `show`. `known` is what an earlier step left as its ID. */
export function openComment(settings: CommentSettings, known?: { id: number }): PullRequestComment {
  return new StickyComment(settings, known);
}
