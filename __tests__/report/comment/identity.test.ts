import { describe, expect, it } from "@jest/globals";
import { jobDisplayName } from "../../../src/report/comment/identity.ts";

describe("a job's display name", () => {
  it.each([
    ["review", "null", "review"],
    ["review", "", "review"],
    ["review", "{}", "review"],
    ["review", "{ no JSON", "review"],
    ["review", '{"os":"linux","node":24,"beta":false}', "review (linux, 24, false)"],
    ["review", '{"target":{"os":"linux","tags":["a","b"]},"none":null}', "review (linux, a, b)"],
    ["", "null", undefined],
  ])("of job %j with matrix %j is %j", (job, matrix, name) => {
    expect(jobDisplayName(job, matrix)).toBe(name);
  });
});
