/** The pull request's comment: whether there is one, and what it says at each stage. Never fails a step. */
import type { RunContext } from "./github.ts";
import type { Settings } from "./inputs.ts";
import { canonicalMatrix } from "./key.ts";
import { keepReport } from "./last-report.ts";
import type { CommentOutcome, PullRequestComment } from "./report/comment.ts";
import type { Log } from "./report/log.ts";
import { longestMarker } from "./report/marker.ts";
import type { Outputs } from "./report/outputs.ts";
import type { Report } from "./report/report.ts";
import { renderComment, withoutSecrets } from "./report/summary.ts";
import { useName } from "./report/use-name.ts";
import * as state from "./state.ts";

export interface CommentingContext {
  settings: Settings;
  context: RunContext;
  /** Values that the comment must not hold. */
  secrets: readonly string[];
  log: Log;
  outputs: Outputs;
}

export interface ShowOptions {
  /** Nothing more will come: not even from the post step, unless this could not be said in time. */
  last?: boolean;
  /** Ends the attempt at once. */
  signal?: AbortSignal;
}

export interface Commenting {
  /** Brings the comment to say the report. Never rejects. */
  show(report: Report, options?: ShowOptions): Promise<void>;
}

/** GitHub's limit for a comment, marker included. */
const mostCommentCharacters = 65_536;

const silent: Commenting = { show: () => Promise.resolve() };

function pullRequestNumber(settings: Settings, context: RunContext): number | undefined {
  return settings["pr-number"] ?? (context.subject?.kind === "pull request" ? context.subject.number : undefined);
}

/**
 * Whether the report is for the pull request at all. A failed creation is: it takes the one comment that a success would
 * have taken, and who reads comments reads no logs. A step that was cancelled before it had a thread is not: mostly a
 * newer push took its place, whose run will speak, and an earlier push's answer stays true for its commit.
 */
function concernsReaders(report: Report): boolean {
  return report.outcome !== "stopped" || report.threadUrl !== undefined;
}

async function openComment({ settings, context }: CommentingContext, place: { number: number; token: string }) {
  const mode = settings["pr-comment"] === "new" ? "new" : "update";
  const [owner = "", repo = ""] = context.repository.split("/");
  const { openComment: open } = await import("./report/comment.ts");
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
        matrix: canonicalMatrix(settings.matrix ?? ""),
        agent: settings["agent-id"] ?? "",
      },
      position: context,
      apiUrl: context.apiUrl,
      graphqlUrl: context.graphqlUrl,
    },
    knownId === undefined ? undefined : { id: knownId },
  );
}

/** The comment's page: what GitHub gives where that is on the run's own GitHub, else made of what is known. */
function commentPage(told: { id: number; url: string }, { serverUrl, repository }: RunContext, number: number): string {
  const own = new URL(`/${repository}/pull/${number}#issuecomment-${told.id}`, serverUrl);
  const given = URL.parse(told.url);
  const isOwn = given !== null && given.origin === own.origin && given.username + given.password === "";
  return isOwn ? given.href : own.href;
}

function render({ settings, context, secrets }: CommentingContext, report: Report): Promise<string> {
  const use = useName(context.job, settings.matrix ?? "");
  const full = { ...report, use, at: new Date().toISOString() };
  return renderComment(full, mostCommentCharacters - longestMarker, secrets);
}

class SpokenComment implements Commenting {
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
    if (!concernsReaders(report)) return;
    const { log } = this.#commenting;
    try {
      await this.#showOrThrow(report, options);
    } catch (error) {
      log.warn(
        "The comment on the pull request was not written, for a reason that was not foreseen. Please report it.",
      );
      log.debug(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  async #showOrThrow(report: Report, { last = false, signal }: ShowOptions): Promise<void> {
    const { context, secrets } = this.#commenting;
    state.save(state.commentOpen, "true");
    const forget = report.outcome === "working" ? undefined : keepReport(withoutSecrets(report, secrets), context.temp);
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
    state.save(state.commentOpen, "");
    forget?.();
  }

  /** A refusal is a warning once: when no other try will come. */
  #tell(told: CommentOutcome, isOver: boolean): void {
    const { context, log, outputs } = this.#commenting;
    if (told.kind === "refused") {
      if (isOver) log.warnLines(told.warning);
      else log.debug(told.warning);
      return;
    }
    outputs.set({ "comment-url": commentPage(told, context, this.#place.number) });
    state.save(state.commentId, String(told.id));
    if (told.kind === "superseded" && isOver) log.line(told.note);
  }
}

/** Prepares the comment; nothing is loaded or asked before the first `show`. */
export function prepareComment(commenting: CommentingContext): Commenting {
  const { settings, context, log } = commenting;
  if (settings["pr-comment"] === "off") return silent;
  const number = pullRequestNumber(settings, context);
  if (number === undefined) {
    log.debug("No comment: the event has no pull request, and `pr-number` is not given.");
    return silent;
  }
  const token = settings.githubToken;
  if (token === undefined) {
    log.warn("No comment: `github-token` is empty. Leave the input out, or give a token with `pull-requests: write`.");
    return silent;
  }
  return new SpokenComment(commenting, { number, token });
}
