import { describe, expect, it } from "@jest/globals";
import { readContext } from "../../../src/actions/context.ts";
import type { Inputs } from "../../../src/actions/inputs.ts";
import { commentIdentity, jobDisplayName } from "../../../src/report/comment/marker.ts";

describe("a job's display name", () => {
  it.each([
    ["review", "null", "review"],
    ["review", "", "review"],
    ["review", "{}", "review"],
    ["review", "{ no JSON", "review"],
    ["review", '{"os":"linux","node":24,"beta":false}', "review (linux, 24, false)"],
    ["review", '{"target":{"os":"linux","tags":["a","b"]},"none":null}', "review (linux, a, b)"],
    ["", "null", undefined],
  ])("consists of the job and the values of the matrix: %j, %j → %j", (job, matrix, name) => {
    expect(jobDisplayName(job, matrix)).toBe(name);
  });
});

describe("a comment's identity", () => {
  it("consists of workflow file, job, step, matrix and agent, without ref, run or order", () => {
    const context = (ref: string, runId: string): ReturnType<typeof readContext> =>
      readContext({
        GITHUB_REPOSITORY: "octo-org/octo-repo",
        GITHUB_WORKFLOW_REF: `octo-org/octo-repo/.github/workflows/review.yml@${ref}`,
        GITHUB_RUN_ID: runId,
        GITHUB_JOB: "review",
        GITHUB_ACTION: "mosoo",
      });
    const inputs = (matrix: string): Inputs => ({ agentId: "A", matrix }) as Inputs;
    const identity = commentIdentity(inputs('{"os":"linux","node":24}'), context("refs/heads/main", "1"));
    expect(identity).toEqual({
      workflow: ".github/workflows/review.yml",
      job: "review",
      step: "mosoo",
      matrix: '{"node":24,"os":"linux"}',
      agent: "A",
      key: undefined,
    });
    const other = commentIdentity(inputs('{"node":24, "os":"linux"}'), context("refs/pull/12/merge", "2"));
    expect(other).toEqual(identity);
  });
});
