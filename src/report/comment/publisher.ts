/** The comment: whether there is one, where, and what it says at each stage. Never fails a step. */
import * as state from "../../actions/state.ts";
import { createHash } from "node:crypto";
import { type ActionContext, subjectUrl } from "../../actions/context.ts";
import { createGitHubClient, retryGitHub } from "../../actions/github-client.ts";
import type { Inputs } from "../../actions/inputs.ts";
import type { Logger } from "../../actions/logger.ts";
import type { Outputs } from "../../actions/outputs.ts";
import type { Report } from "../report.ts";
import { saveReport } from "../saved-report.ts";
import { renderComment, redactReport } from "../summary.ts";
import { commentIdentity, jobDisplayName, MAX_TEXT_LENGTH } from "./marker.ts";
import type { CommentOutcome, StickyComment } from "./sticky-comment.ts";
import { type CommentTarget, type SettledTarget, type TargetResult, findTarget, selectPullRequest } from "./target.ts";

interface CommentOptions {
  inputs: Inputs;
  context: ActionContext;
  /** Values that the comment must not hold. */
  secrets: readonly string[];
  log: Logger;
  outputs: Outputs;
  /** Of the step; undefined in the post step, which has it from the main step's state. */
  idempotencyKey: string | undefined;
}

interface ShowOptions {
  /** The last text: the post step writes none, unless this one could not be written. */
  final?: boolean;
  /** Ends the attempt at once. */
  signal?: AbortSignal;
}

export interface CommentPublisher {
  /** Makes the comment say the report. Never rejects. */
  show(report: Report, options?: ShowOptions): Promise<void>;
}

/** `none`: there is nothing to comment on, which is logged already. */
type Shown = CommentOutcome | { kind: "none" };

/**
 * Whether the report is for readers of comments at all. A failed creation is: it takes the one comment that a success
 * would have taken, and who reads comments reads no logs. A step that was cancelled before it had a thread is not:
 * mostly a newer push took its place, whose run will comment, and an earlier push's response stays true for its commit.
 */
function shouldPublish(report: Report): boolean {
  return report.outcome !== "stopped" || report.threadUrl !== undefined;
}

/** A key may be given as an input: state and marker hold a digest of it. */
function digestKey(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

function repositoryOf({ repository }: ActionContext): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

/** The comment's page: what the server gives where that is on the run's own server, else made of what is known. */
export function commentUrl(
  comment: { id: number; url: string },
  context: ActionContext,
  target: CommentTarget,
): string {
  const own = new URL(subjectUrl(context, { ...target, title: undefined }));
  own.hash = `issuecomment-${comment.id}`;
  const given = URL.parse(comment.url);
  const isOwn = given !== null && given.origin === own.origin && given.username + given.password === "";
  return isOwn ? given.href : own.href;
}

class IssueCommentPublisher implements CommentPublisher {
  readonly #options: CommentOptions;
  readonly #token: string;
  #target: TargetResult;
  #comment: StickyComment | undefined;
  /** Texts are rendered and handed over in the order in which they were asked for. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: CommentOptions, token: string, target: TargetResult) {
    this.#options = options;
    this.#token = token;
    this.#target = target;
  }

  async show(report: Report, options: ShowOptions = {}): Promise<void> {
    if (!shouldPublish(report) || this.#target.kind === "none") return;
    const { log } = this.#options;
    try {
      await this.#showOrThrow(report, options);
    } catch (error) {
      log.warning("Failed to comment because of an unexpected error. Please open an issue.");
      log.debug(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  async #showOrThrow(report: Report, { final = false, signal }: ShowOptions): Promise<void> {
    const { context, secrets, idempotencyKey } = this.#options;
    state.save("comment_pending", "true");
    if (idempotencyKey !== undefined) state.save("comment_key", digestKey(idempotencyKey));
    const deleteSavedReport =
      report.outcome === "working" ? undefined : saveReport(redactReport(report, secrets), context.temp);
    const turn = this.#queue.then(() => this.#begin(report, signal));
    this.#queue = turn.catch(() => undefined);
    const shown = await (await turn).shown;
    const isOver = shown.kind === "none" || (final && !this.#isLeftToPostStep(shown, signal));
    this.#logResult(shown, isOver);
    if (!isOver) return;
    state.save("comment_pending", "");
    deleteSavedReport?.();
  }

  /** Ends as soon as the text is handed over; `shown` is what becomes of it. */
  async #begin(report: Report, signal: AbortSignal | undefined): Promise<{ shown: Promise<Shown> | Shown }> {
    const target = await this.#findTarget(signal);
    if (target.kind !== "target") return { shown: target };
    this.#comment ??= await this.#open(report, target.target);
    const text = await this.#render(report, target.target);
    return { shown: this.#comment.show(text, signal === undefined ? {} : { signal }) };
  }

  async #findTarget(signal: AbortSignal | undefined): Promise<SettledTarget | { kind: "refused"; warning: string }> {
    if (this.#target.kind !== "commit") return this.#target;
    const { sha } = this.#target;
    const { context } = this.#options;
    const place = { ...repositoryOf(context), token: this.#token, target: { sha } };
    const { formatCommentError, isNotFound } = await import("./errors.ts");
    try {
      const client = await createGitHubClient({ token: this.#token, apiUrl: context.apiUrl });
      const { listPullRequestsOfCommit } = await import("./github-api.ts");
      const list = await retryGitHub((end) => listPullRequestsOfCommit(client, place, sha, end), { signal });
      return this.#setTarget(selectPullRequest(list, sha, context));
    } catch (error) {
      // The commit is not known there, or the server has no such endpoint.
      if (isNotFound(error)) return this.#setTarget(selectPullRequest([], sha, context));
      return { kind: "refused", warning: formatCommentError(error, place) };
    }
  }

  #setTarget(target: SettledTarget): SettledTarget {
    this.#target = target;
    if (target.kind === "none") this.#options.log.notice(target.notice);
    return target;
  }

  async #open(report: Report, target: CommentTarget): Promise<StickyComment> {
    const { inputs, context, idempotencyKey } = this.#options;
    const knownId = Number(state.read("comment_id")) || undefined;
    // The post step need not look the number up again: by then the commit may not be the head anymore.
    state.save("comment_target", `${target.kind} ${target.number}`);
    const { openComment } = await import("./sticky-comment.ts");
    return openComment(
      {
        ...repositoryOf(context),
        token: this.#token,
        repository: context.repositoryId || context.repository,
        target,
        mode: inputs.prComment === "new" ? "new" : "update",
        identity: commentIdentity(inputs, context),
        step: {
          ...context,
          key: idempotencyKey === undefined ? state.read("comment_key") : digestKey(idempotencyKey),
        },
        isKeyReplayed: report.replayed === true && context.runAttempt > 1,
        signingSecret: inputs.token,
        apiUrl: context.apiUrl,
        graphqlUrl: context.graphqlUrl,
      },
      knownId === undefined ? undefined : { id: knownId },
    );
  }

  #render(report: Report, target: CommentTarget): Promise<string> {
    const { inputs, context, secrets } = this.#options;
    const full: Report = {
      ...report,
      // A comment need not name what it is on.
      subject: report.subject?.number === target.number ? undefined : report.subject,
      jobName: jobDisplayName(context.job, inputs.matrix ?? ""),
      at: new Date().toISOString(),
    };
    return renderComment(full, MAX_TEXT_LENGTH, secrets);
  }

  /** What could not be written in time, and a comment that would say "working" forever, is left to the post step. */
  #isLeftToPostStep(shown: Shown, signal: AbortSignal | undefined): boolean {
    if (shown.kind !== "refused") return false;
    const isPostStep = this.#options.idempotencyKey === undefined;
    return signal?.aborted === true || (this.#comment?.id !== undefined && !isPostStep);
  }

  /** A failure is a warning once: when no other attempt will come. */
  #logResult(shown: Shown, isOver: boolean): void {
    const { context, log, outputs } = this.#options;
    if (shown.kind === "refused") {
      if (isOver) log.warningMultiline(shown.warning);
      else log.debug(shown.warning);
      return;
    }
    if (shown.kind === "none" || this.#target.kind !== "target") return;
    outputs.set({ "comment-url": commentUrl(shown, context, this.#target.target) });
    state.save("comment_id", String(shown.id));
    if (shown.kind === "superseded" && isOver) log.info(shown.note);
  }
}

/** The target that the main step found, in the post step. */
function savedTarget(): TargetResult | undefined {
  const [, kind, number] = /^(pull request|issue) (\d+)$/.exec(state.read("comment_target")) ?? [];
  if (kind === undefined) return undefined;
  return { kind: "target", target: { kind: kind === "issue" ? "issue" : "pull request", number: Number(number) } };
}

/**
 * Prepares the comment; nothing is loaded or requested before the first `show`.
 *
 * @returns undefined where there is nothing to comment on, or no token; the log says so
 */
export function prepareComment(options: CommentOptions): CommentPublisher | undefined {
  const { inputs, context, log } = options;
  const target = savedTarget() ?? findTarget(inputs, context);
  if (target.kind === "none") {
    log.notice(target.notice);
    return undefined;
  }
  const token = inputs.githubToken;
  if (token === undefined) {
    log.warning("No comment: `github-token` is empty. Remove the input to use the job's own token.");
    return undefined;
  }
  return new IssueCommentPublisher(options, token, target);
}
