import { describe, expect, it } from "@jest/globals";
import type { CommitPullRequest } from "../../../src/report/comment/github-api.ts";
import { findTarget, selectPullRequest } from "../../../src/report/comment/target.ts";

const sha = "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0";
const context = { repository: "octo-org/octo-repo", repositoryId: "424242" };
const here = { id: 424_242, fullName: "octo-org/octo-repo" };
const fork = { id: 424_243, fullName: "stranger/octo-repo" };

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

  it.each(["push", "check_run", "check_suite", "status", "deployment", "deployment_status"])(
    "has to be looked up by the commit on %s",
    (eventName) => {
      expect(findTarget({ prNumber: undefined }, { subject: undefined, eventName, headSha: sha })).toEqual({
        kind: "commit",
        sha,
      });
    },
  );

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
