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

/** After a reword: `npm test -- __tests__/actions/missing-token.test.ts -u`. */
describe("The error about a missing token", () => {
  it.each<[string, RunnerEvent]>([
    ["a fork's run", fork],
    ["a deleted fork's run", deletedFork],
    ["Dependabot's run", events.dependabot()],
    ["a push", events.push()],
    ["a schedule that Dependabot last changed", scheduledByDependabot],
    ["a fork's run on an event that has secrets", events.pullRequestTarget()],
    ["a run after a fork's run", events.workflowRun({ fork: true })],
  ])("names the likely cause, and how to skip the step: %s", (_, event) => {
    const text = explainMissingToken(contextOf(event));
    expect(text).toContain("on-missing-token: skip-untrusted");
    expect(text).toMatchSnapshot();
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
  ])("follows `on-missing-token: %s` on %s: skipped %j", (policy, _, event, skips) => {
    const notice = skipWithoutToken(policy, contextOf(event));
    if (skips) expect(notice).toContain("`token`");
    else expect(notice).toBeUndefined();
  });
});
