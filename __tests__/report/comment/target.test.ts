import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type ActionContext, readContext } from "../../../src/actions/context.ts";
import type { CommitPullRequest } from "../../../src/report/comment/github-api.ts";
import { findTarget, selectPullRequest } from "../../../src/report/comment/target.ts";
import { events, type RunnerEvent } from "../../support/runner-events.ts";

const sha = "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0";
const context = { repository: "octo-org/octo-repo", repositoryId: "424242" };
const here = { id: 424_242, fullName: "octo-org/octo-repo" };
const fork = { id: 424_243, fullName: "stranger/octo-repo" };

/** As the step reads it. */
function contextOf(event: RunnerEvent): ActionContext {
  const folder = mkdtempSync(join(tmpdir(), "event-"));
  const path = join(folder, "event.json");
  try {
    if (event.payload !== undefined) writeFileSync(path, JSON.stringify(event.payload));
    return readContext({
      GITHUB_EVENT_NAME: event.name,
      GITHUB_EVENT_PATH: path,
      GITHUB_REPOSITORY: context.repository,
      GITHUB_REPOSITORY_ID: context.repositoryId,
      GITHUB_SHA: sha,
      ...event.env,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("an event", () => {
  const commit = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567";
  const payload = { repository: { id: 424_242 } };
  it.each<[string, RunnerEvent, number | undefined, string]>([
    ["issue_comment on an issue", events.issueComment({ number: 31, onPullRequest: false }), undefined, "issue 31"],
    ["merge_group", events.mergeGroup({ number: 31 }), undefined, "pull request 31"],
    ["workflow_run of a fork", events.workflowRun({ fork: true }), undefined, "none"],
    ["workflow_run of a fork with `pr-number`", events.workflowRun({ fork: true }), 31, "pull request 31"],
    ["workflow_dispatch", events.workflowDispatch(), undefined, "none"],
    ["workflow_dispatch with `pr-number`", events.workflowDispatch(), 31, "pull request 31"],
    ["schedule", events.schedule(), undefined, "none"],
    ["push", events.push({ sha: commit }), undefined, `commit ${commit}`],
    [
      "check_run",
      { name: "check_run", payload: { ...payload, check_run: { head_sha: commit } } },
      undefined,
      `commit ${commit}`,
    ],
    [
      "check_suite",
      { name: "check_suite", payload: { ...payload, check_suite: { head_sha: commit } } },
      undefined,
      `commit ${commit}`,
    ],
    ["status", { name: "status", payload: { ...payload, sha: commit } }, undefined, `commit ${commit}`],
    [
      "deployment_status",
      { name: "deployment_status", payload: { ...payload, deployment: { sha: commit } } },
      undefined,
      `commit ${commit}`,
    ],
    [
      "deployment",
      { name: "deployment", payload: { ...payload, deployment: { sha: commit } } },
      undefined,
      `commit ${commit}`,
    ],
  ])("%s leads to its pull request, issue or commit", (_, event, prNumber, expected) => {
    const found = findTarget({ prNumber }, contextOf(event));
    const shown =
      found.kind === "target"
        ? `${found.target.kind} ${found.target.number}`
        : found.kind === "commit"
          ? `commit ${found.sha}`
          : "none";
    expect(shown).toBe(expected);
  });
});

describe("what a step comments on", () => {
  const pull = { kind: "pull request", number: 12, title: undefined } as const;
  const issue = { kind: "issue", number: 5, title: undefined } as const;

  it.each([
    ["the event's pull request", { subject: pull }, undefined, "pull request 12"],
    ["the event's issue", { subject: issue }, undefined, "issue 5"],
    ["`pr-number` rather than the event's", { subject: pull }, 31, "pull request 31"],
    ["the event's issue, named by `pr-number` too", { subject: issue }, 5, "issue 5"],
  ])("is %s", (_, { subject }, prNumber, expected) => {
    const found = findTarget({ prNumber }, { subject, eventName: "issue_comment", headSha: sha });
    expect(found.kind === "target" && `${found.target.kind} ${found.target.number}`).toBe(expected);
  });

  it.each([
    ["schedule", sha],
    ["workflow_dispatch", sha],
    ["workflow_run", sha],
    ["push", ""],
    ["", sha],
  ])("is nothing on %j with commit %j, which a notice says with the way out", (eventName, headSha) => {
    const found = findTarget({ prNumber: undefined }, { subject: undefined, eventName, headSha });
    expect(found).toMatchObject({ kind: "none", notice: expect.stringContaining("`pr-number`") });
  });
});

describe("the pull request of a commit", () => {
  const match: CommitPullRequest = {
    number: 12,
    isOpen: true,
    headSha: sha,
    headRepository: here,
    baseRepository: here,
  };

  it.each<[string, Partial<CommitPullRequest>]>([
    ["is closed or merged", { isOpen: false }],
    ["contains the commit below its head", { headSha: "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567" }],
    ["comes from a fork", { headRepository: fork }],
    ["comes from a deleted fork", { headRepository: undefined }],
    ["goes into another repository", { baseRepository: fork }],
  ])("is not one that %s", (_, difference) => {
    const different = { ...match, number: 13, ...difference };
    expect(selectPullRequest([different], sha, context)).toMatchObject({ kind: "none" });
    expect(selectPullRequest([different, match], sha, context)).toEqual({
      kind: "target",
      target: { kind: "pull request", number: 12 },
    });
  });

  it("is none of several, and a notice names them", () => {
    expect(selectPullRequest([match, { ...match, number: 13 }], sha, context)).toMatchObject({
      kind: "none",
      notice: expect.stringContaining("#12, #13"),
    });
  });

  it("is found by the repository's name where the runner gives no ID", () => {
    const found = selectPullRequest([match], sha, { repository: "Octo-Org/octo-repo", repositoryId: "" });
    expect(found.kind).toBe("target");
  });
});
