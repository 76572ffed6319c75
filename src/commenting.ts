/** The pull request's comment: whether there is one, and what it says at each stage. Never fails a step. */
import type { RunContext } from "./github.ts";
import type { Settings } from "./inputs.ts";
import { canonicalMatrix } from "./key.ts";
import type { PullRequestComment } from "./report/comment.ts";
import type { Log } from "./report/log.ts";
import { longestMarker } from "./report/marker.ts";
import type { Outputs } from "./report/outputs.ts";
import type { Report } from "./report/report.ts";
import * as state from "./state.ts";

export interface CommentingContext {
  settings: Settings;
  context: RunContext;
  log: Log;
  outputs: Outputs;
}

export interface Commenting {
  /** Brings the comment to say the report. `last`: nothing more will come. */
  show(report: Report, options?: { last?: boolean; signal?: AbortSignal }): Promise<void>;
}

/** GitHub's limit for a comment, marker included. */
const mostCommentCharacters = 65_536;

const silent: Commenting = { show: () => Promise.resolve() };

function pullRequestNumber(settings: Settings, context: RunContext): number | undefined {
  return settings["pr-number"] ?? (context.subject?.kind === "pull request" ? context.subject.number : undefined);
}

/** Prepares the comment; nothing is loaded or asked before the first `show`. `knownId` is what the main step left. */
export function prepareComment({ settings, context, log, outputs }: CommentingContext, knownId?: number): Commenting {
  const mode = settings["pr-comment"];
  if (mode === "off") return silent;
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
  const [owner = "", repo = ""] = context.repository.split("/");
  let comment: Promise<PullRequestComment> | undefined;
  const open = async (): Promise<PullRequestComment> => {
    const { openComment } = await import("./report/comment.ts");
    return openComment(
      {
        mode,
        token,
        owner,
        repo,
        number,
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
  };

  return {
    show: async (report, options = {}) => {
      comment ??= open();
      state.save(state.commentOpen, "true");
      const { renderComment } = await import("./report/summary.ts");
      const opened = await comment;
      const body = await renderComment(
        { ...report, at: new Date().toISOString() },
        mostCommentCharacters - longestMarker,
      );
      const outcome = await opened.show(body, options.signal === undefined ? {} : { signal: options.signal });
      const givenUp = options.signal?.aborted === true && outcome.kind === "refused";
      if (outcome.kind === "refused") {
        if (!givenUp) log.warnLines(outcome.warning);
      } else {
        outputs.set({ "comment-url": outcome.url });
        state.save(state.commentId, String(outcome.id));
        if (outcome.kind === "superseded") log.line(outcome.note);
      }
      // What could not be told in time is left to the post step.
      if (options.last === true && !givenUp) state.save(state.commentOpen, "");
    },
  };
}
