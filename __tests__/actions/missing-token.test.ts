import { describe, expect, it } from "@jest/globals";
import { type ActionContext, parseContext } from "../../src/actions/context.ts";
import { explainMissingToken, skipWithoutToken } from "../../src/actions/missing-token.ts";
import { type RunnerEvent, events } from "../support/runner-events.ts";

function contextOf({ name, payload, env }: RunnerEvent): ActionContext {
  return parseContext({ GITHUB_EVENT_NAME: name, GITHUB_ACTOR: "octocat", ...env }, payload);
}

const fork = events.pullRequestFromFork();
const deletedFork = events.pullRequestFromFork({ headRepository: null });
const scheduledByDependabot = { ...events.schedule(), env: { GITHUB_ACTOR: "dependabot[bot]" } };
const pushByDependabot = { ...events.push(), env: { GITHUB_ACTOR: "dependabot[bot]" } };
const pullRequestCondition = "if: github.event.pull_request.head.repo.full_name == github.repository";
const workflowRunCondition = "if: github.event.workflow_run.head_repository.full_name == github.repository";

describe("A missing token is explained", () => {
  it.each<[string, RunnerEvent, RegExp, string]>([
    ["by a fork", fork, /from a fork, and GitHub does not pass secrets/, pullRequestCondition],
    ["by a deleted fork", deletedFork, /from a fork, and GitHub does not pass secrets/, pullRequestCondition],
    ["by Dependabot", events.dependabot(), /Dependabot started the run.* › Dependabot/, ""],
    ["by its usual causes on a push", events.push(), /misspelled/, pullRequestCondition],
    ["by its usual causes on a schedule of Dependabot's", scheduledByDependabot, /misspelled/, pullRequestCondition],
    [
      "by its name where forks get secrets",
      events.pullRequestTarget(),
      /passes secrets on pull_request_target/,
      pullRequestCondition,
    ],
    [
      "by its name after a fork's run",
      events.workflowRun({ fork: true }),
      /passes secrets on workflow_run/,
      workflowRunCondition,
    ],
  ])("%s", (_, event, cause, condition) => {
    const text = explainMissingToken(contextOf(event));
    expect(text).toMatch(cause);
    expect(text).toContain(condition);
    expect(text).toContain("on-missing-token: skip-untrusted");
  });
});

describe("A step without a token", () => {
  it.each<["fail" | "skip" | "skip-untrusted", string, RunnerEvent, boolean]>([
    ["skip-untrusted", "a fork's run", fork, true],
    ["skip-untrusted", "a deleted fork's run", deletedFork, true],
    ["skip-untrusted", "Dependabot's run", events.dependabot(), true],
    ["skip-untrusted", "Dependabot's push", pushByDependabot, true],
    ["skip-untrusted", "a run on a branch of the same repository", events.pullRequest(), false],
    ["skip-untrusted", "a push", events.push(), false],
    ["skip-untrusted", "a comment, which proves nothing", events.issueComment({ author: "stranger" }), false],
    ["skip-untrusted", "a schedule that Dependabot last changed", scheduledByDependabot, false],
    ["skip", "a push", events.push(), true],
    ["skip", "a fork's run", fork, true],
    ["fail", "a fork's run", fork, false],
  ])("with `on-missing-token: %s` on %s: skipped %j", (policy, _, event, skips) => {
    const notice = skipWithoutToken(policy, contextOf(event));
    if (skips) expect(notice).toMatch(/^Skipped: `token` is empty.*No thread was created\.$/);
    else expect(notice).toBeUndefined();
  });
});
