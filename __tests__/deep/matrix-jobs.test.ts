/** Many matrix jobs that share one token, on a scaled clock: `npm run chaos` prints the figures. */
import { describe, expect, it } from "@jest/globals";
import { simulateMatrixJobs } from "../chaos/matrix-jobs.ts";

describe("256 matrix jobs that share one token", () => {
  it("all get their thread, soon after the rate limit allows it, and are refused a few times at most", async () => {
    const jobs = await simulateMatrixJobs({ jobs: 256, scale: 20, seed: 1, into: 0.5 });
    expect(jobs.failed).toEqual([]);
    expect(jobs.threads).toBe(256);
    expect(jobs.maxRefusals).toBeLessThanOrEqual(4);
    expect(jobs.seconds).toBeLessThan(jobs.idealSeconds + 60);
  });
});
