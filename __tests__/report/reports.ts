/** Reports as the step makes them. */
import type { Outcome, Report } from "../../src/report/report.ts";

export const page = "https://mosoo.ai/threads/01K9NWZ3C2H7D8E4F5G6J1K2M3";

export const outcomes: readonly Outcome[] = [
  "started",
  "working",
  "completed",
  "invalid",
  "failed",
  "cancelled",
  "expired",
  "waiting",
  "timed-out",
  "stopped",
  "error",
];

/** A run for pull request 12 that completed, without a response; what is given overrides that. */
export function reportOf(given: Partial<Report> = {}): Report {
  return {
    outcome: "completed",
    agentId: "01K7Q2V9M4X8B3N6T1R5W0ZYHC",
    agentUrl: "https://mosoo.ai/agent/01K7Q2V9M4X8B3N6T1R5W0ZYHC",
    threadId: "01K9NWZ3C2H7D8E4F5G6J1K2M3",
    threadUrl: page,
    runId: "01K9NWZ3D9QK5V7X2B8C4N6P1R",
    status: "completed",
    subject: {
      kind: "pull request",
      number: 12,
      title: "Add a lighthouse",
      url: "https://github.com/octo-org/octo-repo/pull/12",
    },
    sha: "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
    runPage: "https://github.com/octo-org/octo-repo/actions/runs/17000000001/attempts/2",
    externalRef: "github:octo-org/octo-repo#12",
    durationMs: 252_000,
    tools: new Map([
      ["read_file", 12],
      ["grep", 1],
    ]),
    at: "2026-11-09T12:03:44.123Z",
    ...given,
  };
}
