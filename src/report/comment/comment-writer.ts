/**
 * Writes a text to the one comment of a step: found or created, never a second one, never anybody else's, and never
 * over the text of a newer run. One attempt; sticky-comment.ts retries it. Every attempt reads before it writes, so
 * repeating one does no harm.
 */
import { responseStatus, isTransient } from "../../actions/github-client.ts";
import { type CommentAction, type OwnMarker, type OwnershipProof, type Viewer, decide, isSigned } from "./decide.ts";
import type { Account, IssueComment, IssueCommentsApi } from "./github-api.ts";
import { type MarkerSigner, MAX_TEXT_LENGTH, formatMarker, withoutSignature } from "./marker.ts";
import { safeCutIndex } from "../../sanitize/characters.ts";

/** How often the comment may disappear between two calls before that is a failure. */
const MAX_RELOCATE_ATTEMPTS = 3;
const TRUNCATION_NOTE = "\n\n_The rest is too long for a comment._";

/** The comment that was just read is not there anymore, or not ours anymore: look for it again. */
class CommentGoneError extends Error {
  override name = "CommentGoneError";
}

/** The text as it fits below the marker; what a caller left too long is cut between lines, or at least characters. */
export function fitComment(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  const end = MAX_TEXT_LENGTH - TRUNCATION_NOTE.length;
  const line = text.lastIndexOf("\n", end);
  return text.slice(0, line > end / 2 ? line : safeCutIndex(text, end)) + TRUNCATION_NOTE;
}

/** What is known from one attempt, and one text, to the next. */
interface Memory {
  /** The comment that is ours. */
  id?: number | undefined;
  /** Created by this process, and not yet compared with what other runs created at the same time. */
  createdId?: number | undefined;
  knownIds: ReadonlySet<number>;
  /** The text last written, and the comment as the server returned it. */
  written?: { comment: IssueComment; text: string } | undefined;
  /** A creation without a response: a comment with this body, not among the earlier ones, comes from it. */
  unconfirmed?: { body: string; earlierIds: ReadonlySet<number> } | undefined;
  /** As the server says it. */
  viewer?: Viewer | undefined;
  hasViewerFailed?: boolean;
  /** Who the author of a comment is that this process created. */
  self?: Account | undefined;
}

export class CommentWriter {
  readonly #own: OwnMarker;
  readonly #sign: MarkerSigner;
  #memory: Memory;

  /** @param knownId of the comment that an earlier step of this process's action wrote */
  constructor(own: OwnMarker, sign: MarkerSigner, knownId: number | undefined) {
    this.#own = own;
    this.#sign = sign;
    this.#memory = { id: knownId, knownIds: new Set(knownId === undefined ? [] : [knownId]) };
  }

  get id(): number | undefined {
    return this.#memory.id;
  }

  /** The comment, if this process wrote `text` to it and has seen nothing else there since. */
  lastWritten(text: string): IssueComment | undefined {
    return this.#memory.written?.text === text ? this.#memory.written.comment : undefined;
  }

  /** @throws what Octokit throws; CommentGoneError where the comment keeps disappearing */
  async write(api: IssueCommentsApi, text: string): Promise<Exclude<CommentAction, { kind: "create" }>> {
    for (let gone = 0; ;) {
      try {
        const { action, comments } = await this.#find(api, text);
        if (action.kind === "create") await this.#create(api, text, comments);
        else return await this.#apply(api, action, text);
      } catch (error) {
        if (!(error instanceof CommentGoneError)) throw error;
        if (++gone >= MAX_RELOCATE_ATTEMPTS) throw error.cause instanceof Error ? error.cause : error;
      }
    }
  }

  #decide(comments: readonly IssueComment[]): CommentAction {
    const { viewer = "unknown", self, knownIds } = this.#memory;
    const proof: OwnershipProof = { viewer: self ?? viewer, sign: this.#sign, knownIds };
    return decide(comments, this.#own, proof);
  }

  /** What to do, by the comments as they are right now: the known one, else all of them. */
  async #find(api: IssueCommentsApi, text: string): Promise<{ action: CommentAction; comments: IssueComment[] }> {
    const { id, createdId } = this.#memory;
    if (id !== undefined && createdId === undefined) {
      const known = await api.get(id);
      const comments = known === undefined ? [] : [known];
      const action = this.#decide(comments);
      if (action.kind !== "create") return { action, comments };
      this.#forget(id);
    }
    await this.#findViewer(api);
    const comments = this.#withCreated(await api.list());
    this.#confirm(comments);
    const action = this.#decide(comments);
    if (action.kind === "create" || action.kind === "unproven") return { action, comments };
    if (action.target.id === createdId && this.#isAsWritten(action.target, text)) return { action, comments };
    // The list may be pages old by now, and what the comment says decides whether it is written over.
    const current = await api.get(action.target.id);
    const now = this.#decide(current === undefined ? [] : [current]);
    if (now.kind !== "create") return { action: now, comments };
    this.#forget(action.target.id);
    throw new CommentGoneError("the comment keeps disappearing");
  }

  async #findViewer(api: IssueCommentsApi): Promise<void> {
    const { viewer: known = "unavailable", self } = this.#memory;
    if (known !== "unavailable" || self !== undefined) return;
    const isLastAttempt = this.#memory.hasViewerFailed === true;
    this.#memory = { ...this.#memory, hasViewerFailed: true };
    const viewer = await findViewer(api, isLastAttempt);
    this.#memory = { ...this.#memory, viewer };
  }

  /** A stale list may lack the comment that was just created; that must not lead to one more. */
  #withCreated(list: IssueComment[]): IssueComment[] {
    const { written, createdId } = this.#memory;
    const isMissing = written?.comment.id === createdId && !list.some(({ id }) => id === createdId);
    return isMissing && written !== undefined ? [...list, written.comment] : list;
  }

  /** Recognizes the comment of a creation whose response was lost. */
  #confirm(comments: readonly IssueComment[]): void {
    const { unconfirmed, knownIds } = this.#memory;
    if (unconfirmed === undefined) return;
    const made = comments.find(({ id, body }) => body === unconfirmed.body && !unconfirmed.earlierIds.has(id));
    if (made === undefined) return;
    this.#memory = {
      ...this.#memory,
      unconfirmed: undefined,
      self: made.author,
      knownIds: new Set([...knownIds, made.id]),
    };
  }

  async #create(api: IssueCommentsApi, text: string, comments: readonly IssueComment[]): Promise<void> {
    const { viewer } = this.#memory;
    const body = this.#body(typeof viewer === "object" ? viewer : undefined, text);
    this.#memory = { ...this.#memory, unconfirmed: { body, earlierIds: new Set(comments.map(({ id }) => id)) } };
    const made = await api.create(body);
    this.#remember(made, text);
    // Another run may have created one at the same time: the next look compares them.
    this.#memory = { ...this.#memory, unconfirmed: undefined, createdId: made.id, self: made.author };
  }

  /** Does what was decided, and removes the comment that this process created beside an older one of its own. */
  async #apply<T extends Exclude<CommentAction, { kind: "create" }>>(
    api: IssueCommentsApi,
    action: T,
    text: string,
  ): Promise<T> {
    if (action.kind === "update") await this.#update(api, action.target, text);
    const { createdId } = this.#memory;
    if (createdId !== undefined && createdId !== action.target.id) await this.#removeCreated(api, createdId);
    const isOurs = action.kind === "update" || action.kind === "superseded";
    this.#memory = { ...this.#memory, createdId: undefined, id: isOurs ? action.target.id : undefined };
    return action;
  }

  async #update(api: IssueCommentsApi, target: IssueComment, text: string): Promise<void> {
    if (this.#isUpToDate(target, text)) {
      this.#remember(target, text);
      return;
    }
    try {
      this.#remember(await api.update(target.id, this.#body(target.author, text)), text);
    } catch (error) {
      if (responseStatus(error) !== 404) throw error;
      this.#forget(target.id);
      throw new CommentGoneError("", { cause: error });
    }
  }

  /** A signature alone is written only where later runs have no other proof that the comment is theirs. */
  #isUpToDate(target: IssueComment, text: string): boolean {
    const saysIt =
      withoutSignature(target.body) === withoutSignature(this.#body(undefined, text)) ||
      this.#isAsWritten(target, text);
    const isSignatureNeeded = typeof this.#memory.viewer === "string" && target.author?.id !== undefined;
    return saysIt && (!isSignatureNeeded || isSigned(target, this.#sign));
  }

  /** Some servers change a text when they store it: what they returned is compared, too. */
  #isAsWritten(target: IssueComment, text: string): boolean {
    const last = this.lastWritten(text);
    return last?.id === target.id && last.body === target.body;
  }

  #body(author: Account | undefined, text: string): string {
    const signature = author?.id === undefined ? {} : { signature: this.#sign(author.id) };
    return `${formatMarker({ ...this.#own, ...signature })}\n${text}`;
  }

  /** Deletes the comment that this process created a moment ago, unless another run has written to it since. */
  async #removeCreated(api: IssueCommentsApi, id: number): Promise<void> {
    const current = await api.get(id);
    if (current === undefined || !withoutSignature(current.body).startsWith(`${formatMarker(this.#own)}\n`)) return;
    await api.remove(id);
  }

  #forget(id: number): void {
    const { written, createdId } = this.#memory;
    this.#memory = {
      ...this.#memory,
      ...(this.#memory.id === id ? { id: undefined } : {}),
      ...(createdId === id ? { createdId: undefined } : {}),
      ...(written?.comment.id === id ? { written: undefined } : {}),
    };
  }

  #remember(comment: IssueComment, text: string): void {
    const knownIds = new Set([...this.#memory.knownIds, comment.id]);
    this.#memory = { ...this.#memory, id: comment.id, written: { comment, text }, knownIds };
  }
}

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
 * Whose the token is; never determined by writing something.
 *
 * GraphQL knows every token's account; old Enterprise Servers, Forgejo and Gitea have none. `GET /user` refuses
 * `GITHUB_TOKEN` and the tokens of Apps.
 */
async function findViewer(api: IssueCommentsApi, isLastAttempt: boolean): Promise<Viewer> {
  const byGraphql = await lookUp(() => api.viewer(), isLastAttempt);
  if (typeof byGraphql !== "string") return byGraphql;
  const byRest = await lookUp(() => api.user(), isLastAttempt);
  if (typeof byRest !== "string") return byRest;
  return byGraphql === "unavailable" || byRest === "unavailable" ? "unavailable" : "unknown";
}
