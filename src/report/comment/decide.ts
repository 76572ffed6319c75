/** What to do about the comment, given the comments that are there. Pure: no request is made here. */
import type { Account, IssueComment } from "./github-api.ts";
import { type CommentMarker, type MarkerSigner, isNewer, isSameComment, parseMarker } from "./marker.ts";

/**
 * Whom the token belongs to. `unknown`: the server does not say, so a signature has to prove the author.
 * `unavailable`: the server could not say this time.
 */
export type Viewer = Account | "unknown" | "unavailable";

/** What proves that a comment with our marker is ours. */
export interface OwnershipProof {
  viewer: Viewer;
  sign: MarkerSigner;
  /** Comments that this step is known to have written: by this process, or by the main step before the post step. */
  knownIds: ReadonlySet<number>;
}

export type CommentAction =
  | { kind: "create" }
  /** Write to `target`. */
  | { kind: "update"; target: IssueComment }
  /** A newer run wrote `target`: leave it alone. */
  | { kind: "superseded"; target: IssueComment; by: CommentMarker }
  /** Another step of this run with the same identity wrote `target`: leave it alone. */
  | { kind: "conflict"; target: IssueComment }
  /** `target` may be this step's, which cannot be proven: neither write to it nor post another one. */
  | { kind: "unproven"; target: IssueComment };

/** What the writing step knows of itself. */
export interface OwnMarker extends CommentMarker {
  /** Several steps share the comment on purpose (`pr-comment-key`). */
  isShared: boolean;
  /** An earlier attempt of the run sent a request with the same idempotency key. */
  isKeyReplayed: boolean;
}

function withoutBotSuffix(login: string): string {
  return login.toLowerCase().replace(/\[bot\]$/, "");
}

/** GraphQL and REST write a bot's login with and without `[bot]`; a person of that name is still somebody else. */
function isSameAccount(author: Account | undefined, viewer: Account): boolean {
  if (author === undefined) return false;
  if (author.id !== undefined && viewer.id !== undefined) return author.id === viewer.id;
  if (withoutBotSuffix(author.login) !== withoutBotSuffix(viewer.login)) return false;
  return viewer.isBot === undefined || author.isBot === undefined || author.isBot === viewer.isBot;
}

/** Whether the marker of a comment carries the signature for the comment's own author. */
export function isSigned({ author, body }: IssueComment, sign: MarkerSigner): boolean {
  return author?.id !== undefined && parseMarker(body)?.signature === sign(author.id);
}

function isProven(comment: IssueComment, { viewer, sign, knownIds }: OwnershipProof): boolean {
  if (knownIds.has(comment.id)) return true;
  return typeof viewer === "string" ? isSigned(comment, sign) : isSameAccount(comment.author, viewer);
}

/** Whether the comment was written by this very step in this very attempt, if its marker is right. */
function hasSameWriter(marker: CommentMarker, own: OwnMarker): boolean {
  return own.key !== "" && marker.key === own.key && marker.runId === own.runId && marker.runAttempt === own.runAttempt;
}

/**
 * Whether another step of the same run wrote the marker: one that GitHub does not distinguish from it. An earlier
 * attempt may have had another key because the message changed, but not if it already used this key.
 */
function isConflict(marker: CommentMarker, own: OwnMarker): boolean {
  // Some runners number every run 1: there, the ID does not prove that it is the same run.
  if (own.isShared || marker.runId !== own.runId || own.runId === "1") return false;
  if (marker.key === "" || own.key === "" || marker.key === own.key) return false;
  return marker.runAttempt === own.runAttempt || own.isKeyReplayed;
}

/**
 * @param comments of the pull request or issue
 * @param own the marker that this step writes
 */
export function decide(comments: readonly IssueComment[], own: OwnMarker, proof: OwnershipProof): CommentAction {
  const candidates = comments
    .flatMap((comment) => {
      const marker = parseMarker(comment.body);
      return marker !== undefined && isSameComment(marker, own) ? [{ comment, marker }] : [];
    })
    .sort((a, b) => a.comment.id - b.comment.id);

  const found = candidates.find(({ comment }) => isProven(comment, proof));
  if (found === undefined) {
    const doubtful = candidates.find(
      ({ marker }) => proof.viewer === "unavailable" || (proof.viewer === "unknown" && hasSameWriter(marker, own)),
    );
    return doubtful === undefined ? { kind: "create" } : { kind: "unproven", target: doubtful.comment };
  }
  const { comment: target, marker } = found;
  if (isNewer(marker, own)) return { kind: "superseded", target, by: marker };
  return isConflict(marker, own) ? { kind: "conflict", target } : { kind: "update", target };
}
