/** The pull request's comment: whether there is one, and what it says at each stage. Never fails a step. */
import type { ActionContext } from "../../actions/context.ts";
import type { Inputs } from "../../actions/inputs.ts";
import { canonicalMatrix } from "../../step/idempotency-key.ts";
import { saveReport } from "../saved-report.ts";
import type { CommentOutcome, PullRequestComment } from "./sticky-comment.ts";
import type { Logger } from "../../actions/logger.ts";
import { MAX_MARKER_LENGTH } from "./marker.ts";
import type { Outputs } from "../../actions/outputs.ts";
import type { Report } from "../report.ts";
import { renderComment, withoutSecrets } from "../summary.ts";
import { jobDisplayName } from "./job-display-name.ts";
import * as state from "../../actions/state.ts";

export interface CommentingContext {
  inputs: Inputs;
  context: ActionContext;
  /** Values that the comment must not hold. */
  secrets: readonly string[];
  log: Logger;
  outputs: Outputs;
}

export interface ShowOptions {
  /** Nothing more will come: not even from the post step, unless this could not be said in time. */
  final?: boolean;
  /** Ends the attempt at once. */
  signal?: AbortSignal;
}

export interface CommentPublisher {
  /** Brings the comment to say the report. Never rejects. */
  show(report: Report, options?: ShowOptions): Promise<void>;
}

/** GitHub's limit for a comment, marker included. */
const MAX_COMMENT_LENGTH = 65_536;

const noopPublisher: CommentPublisher = { show: () => Promise.resolve() };

function pullRequestNumber(inputs: Inputs, context: ActionContext): number | undefined {
  return inputs.prNumber ?? (context.subject?.kind === "pull request" ? context.subject.number : undefined);
}

/**
 * Whether the report is for the pull request at all. A failed creation is: it takes the one comment that a success would
 * have taken, and who reads comments reads no logs. A step that was cancelled before it had a thread is not: mostly a
 * newer push took its place, whose run will speak, and an earlier push's answer stays true for its commit.
 */
function shouldPublish(report: Report): boolean {
  return report.outcome !== "stopped" || report.threadUrl !== undefined;
}

async function openComment({ inputs, context }: CommentingContext, place: { number: number; token: string }) {
  const mode = inputs.prComment === "new" ? "new" : "update";
  const [owner = "", repo = ""] = context.repository.split("/");
  const { openComment: open } = await import("./sticky-comment.ts");
  const knownId = Number(state.read(state.commentId)) || undefined;
  return open(
    {
      ...place,
      mode,
      owner,
      repo,
      identity: {
        workflow: context.workflowFile,
        job: context.job,
        step: context.step,
        matrix: canonicalMatrix(inputs.matrix ?? ""),
        agent: inputs.agentId ?? "",
      },
      position: context,
      apiUrl: context.apiUrl,
      graphqlUrl: context.graphqlUrl,
    },
    knownId === undefined ? undefined : { id: knownId },
  );
}

/** The comment's page: what GitHub gives where that is on the run's own GitHub, else made of what is known. */
function commentPage(
  told: { id: number; url: string },
  { serverUrl, repository }: ActionContext,
  number: number,
): string {
  const own = new URL(`/${repository}/pull/${number}#issuecomment-${told.id}`, serverUrl);
  const given = URL.parse(told.url);
  const isOwn = given !== null && given.origin === own.origin && given.username + given.password === "";
  return isOwn ? given.href : own.href;
}

function render({ inputs, context, secrets }: CommentingContext, report: Report): Promise<string> {
  const use = jobDisplayName(context.job, inputs.matrix ?? "");
  const full = { ...report, use, at: new Date().toISOString() };
  return renderComment(full, MAX_COMMENT_LENGTH - MAX_MARKER_LENGTH, secrets);
}

class PullRequestCommentPublisher implements CommentPublisher {
  readonly #commenting: CommentingContext;
  readonly #place: { number: number; token: string };
  #comment: Promise<PullRequestComment> | undefined;
  /** Texts are made and handed over in the order in which they were asked for. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(commenting: CommentingContext, place: { number: number; token: string }) {
    this.#commenting = commenting;
    this.#place = place;
  }

  async show(report: Report, options: ShowOptions = {}): Promise<void> {
    if (!shouldPublish(report)) return;
    const { log } = this.#commenting;
    try {
      await this.#showOrThrow(report, options);
    } catch (error) {
      log.warning(
        "The comment on the pull request was not written, for a reason that was not foreseen. Please report it.",
      );
      log.debug(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  async #showOrThrow(report: Report, { final: last = false, signal }: ShowOptions): Promise<void> {
    const { context, secrets } = this.#commenting;
    state.save(state.commentPending, "true");
    const forget = report.outcome === "working" ? undefined : saveReport(withoutSecrets(report, secrets), context.temp);
    const turn = this.#turn.then(async () => {
      this.#comment ??= openComment(this.#commenting, this.#place);
      const [comment, text] = [await this.#comment, await render(this.#commenting, report)];
      return { outcome: comment.show(text, signal === undefined ? {} : { signal }) };
    });
    this.#turn = turn.catch(() => undefined);
    const told = await (await turn).outcome;
    // What could not be said in time is left to the post step.
    const isOver = last && !(told.kind === "refused" && signal?.aborted === true);
    this.#tell(told, isOver);
    if (!isOver) return;
    state.save(state.commentPending, "");
    forget?.();
  }

  /** A refusal is a warning once: when no other try will come. */
  #tell(told: CommentOutcome, isOver: boolean): void {
    const { context, log, outputs } = this.#commenting;
    if (told.kind === "refused") {
      if (isOver) log.warningMultiline(told.warning);
      else log.debug(told.warning);
      return;
    }
    outputs.set({ "comment-url": commentPage(told, context, this.#place.number) });
    state.save(state.commentId, String(told.id));
    if (told.kind === "superseded" && isOver) log.info(told.note);
  }
}

/** Prepares the comment; nothing is loaded or asked before the first `show`. */
export function prepareComment(commenting: CommentingContext): CommentPublisher {
  const { inputs, context, log } = commenting;
  if (inputs.prComment === "off") return noopPublisher;
  const number = pullRequestNumber(inputs, context);
  if (number === undefined) {
    log.debug("No comment: the event has no pull request, and `pr-number` is not given.");
    return noopPublisher;
  }
  const token = inputs.githubToken;
  if (token === undefined) {
    log.warning(
      "No comment: `github-token` is empty. Leave the input out, or give a token with `pull-requests: write`.",
    );
    return noopPublisher;
  }
  return new PullRequestCommentPublisher(commenting, { number, token });
}
