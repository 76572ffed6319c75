/** Summary and comment as Markdown. The texts themselves are in the snapshots: here are the rules behind them. */
import fc from "fast-check";
import { describe, expect, it } from "@jest/globals";
import { type RenderTarget, frameLength, renderReport } from "../../src/report/render.ts";
import type { FailureDetails, Report } from "../../src/report/report.ts";
import { FRAGMENTS, HOSTILE } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";
import { outcomes, page, reportOf } from "./reports.ts";
import { propertyRuns } from "../support/property-runs.ts";

const targets: readonly RenderTarget[] = ["summary", "comment"];

function rendered(given: Partial<Report> = {}, target: RenderTarget = "comment", response?: string): string {
  return renderReport(reportOf(given), response, target);
}

/** What a reader sees. */
function read(markdown: string): string {
  return decoded(render(markdown).html.replace(/<[^>]*>/gu, ""));
}

function linksOf(markdown: string): string[] {
  return [...render(markdown).html.matchAll(/ href="([^"]*)"/gu)].map(([, url = ""]) => url);
}

/** What is unsafe in a report as GitHub renders it; its own tags and relative links are right. */
function problems(markdown: string): string[] {
  return render(markdown, ["details", "summary", "b"]).problems.filter(
    (problem) => problem !== "attribute open in <details open>" && !/^link to \/octo-org\/octo-repo\//.test(problem),
  );
}

const PARTIAL = "Partial response";

const failure: FailureDetails = {
  summary: "The agent run failed.",
  serverMessage: "out of credits",
};

const headlineOf = (given: Partial<Report>): string | undefined => /^### .*$/m.exec(rendered(given))?.[0];
const alertOf = (markdown: string): string | undefined => /^> \[!.*\n(?:>.*\n)*/m.exec(markdown)?.[0];

/** After a reword: `npm test -- __tests__/report/render.test.ts -u`. */
describe("the texts of a report", () => {
  const response = "All **well**.";
  const given: Partial<Record<Report["outcome"], [Partial<Report>, string?]>> = {
    started: [{ status: "queued", durationMs: undefined, tools: undefined }],
    working: [{ status: "running", durationMs: undefined }],
    completed: [{ corrections: 1, tokens: 12_345, files: [{ name: "report.md", size: 1_234 }] }, response],
    invalid: [
      {
        failure: {
          summary: "The response does not match `response-schema` after 1 correction.",
          serverMessage: "/verdict: must be equal to one of the allowed values",
          advice: "Re-run the job to ask the agent for another correction in the same thread.",
        },
      },
      response,
    ],
    failed: [{ status: "failed", failure, response: { text: response, complete: false } }, response],
    waiting: [{ status: "waiting_input", question: "Push to `main`?" }],
    "timed-out": [
      {
        status: "running",
        durationMs: 1_800_000,
        failure: {
          summary: "Timed out after 30 min (`wait-timeout`).",
          advice: "The agent run is still in progress; re-run the job to keep waiting.",
        },
      },
    ],
    stopped: [
      {
        status: "cancelled",
        failure: {
          summary: "The step was stopped: the job was cancelled, or `timeout-minutes` was reached.",
          advice: "The agent run was cancelled. Re-run the job to send the message again in the same thread.",
        },
      },
    ],
    cancelled: [{ status: "cancelled" }],
    expired: [{ status: "expired" }],
    error: [
      {
        threadId: undefined,
        threadUrl: undefined,
        runId: undefined,
        status: undefined,
        durationMs: undefined,
        tools: undefined,
        failure: {
          input: "agent-id",
          summary: "Failed to create the thread: 404 not_found.",
          serverMessage: "Agent not found.",
          advice: "It does not exist at `api-url`, or this token may not see it. Check the ID.",
          consequence: "No thread was created.",
          requestId: "req_123",
        },
      },
    ],
  };

  it.each(outcomes)("say what happened, where to look and what to do next: %s", (outcome) => {
    const [more = {}, text] = given[outcome] ?? [];
    const report = reportOf({ ...more, outcome });
    expect(renderReport(report, text, "summary")).toMatchSnapshot("summary");
    expect(renderReport({ ...report, jobName: "review (de)", subject: undefined }, text, "comment")).toMatchSnapshot(
      "comment",
    );
  });

  it("say what is left where little is known", () => {
    for (const target of targets)
      expect(renderReport({ outcome: "started" }, undefined, target)).toMatchSnapshot(target);
  });

  it("say which step failed to start, or to get its response", () => {
    expect([{ threadUrl: undefined }, {}].map((given) => headlineOf({ outcome: "error", ...given }))).toMatchSnapshot();
  });

  it("say that an earlier attempt's thread is reused", () => {
    expect(rendered({ replayed: true })).toMatchSnapshot();
    expect(rendered({ replayed: true, resumedAfter: "cancelled" })).toMatchSnapshot();
    expect(rendered({ replayed: false })).toBe(rendered());
  });
});

describe("the links of a report", () => {
  it("lead to thread, subject, agent, commit and workflow run from the summary, without any name in plain text", () => {
    const summary = rendered({}, "summary");
    expect(linksOf(summary)).toEqual([
      page,
      "/octo-org/octo-repo/pull/12",
      "https://mosoo.ai/agent/01K7Q2V9M4X8B3N6T1R5W0ZYHC",
      page,
      "/octo-org/octo-repo/commit/5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
      "/octo-org/octo-repo/actions/runs/17000000001/attempts/2",
    ]);
    // The runner masks the text of the summary: where it cannot find a name it cannot break a link.
    expect(summary.replace("github:octo-org/octo-repo#12", "")).not.toMatch(/octo|github\.com/);
  });

  it("are absolute in the comment, which goes out as mail, and say for which commit and when", () => {
    const comment = rendered();
    expect(read(comment)).toMatch(/5a1f0c6 .* 2026-11-09 12:03 UTC/);
    expect(linksOf(comment)).toEqual(
      expect.arrayContaining([
        "https://github.com/octo-org/octo-repo/commit/5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
        "https://github.com/octo-org/octo-repo/actions/runs/17000000001/attempts/2",
      ]),
    );
    expect(linksOf(comment).every((url) => url.startsWith("https://"))).toBe(true);
  });

  it("keep a server's sub-path, and Gitea's own paths", () => {
    const server = "https://git.example.test/gitea/octo-org/octo-repo";
    const report: Partial<Report> = {
      subject: { kind: "pull request", number: 12, title: undefined, url: `${server}/pulls/12` },
      runPage: `${server}/actions/runs/7/attempts/1`,
    };
    expect(linksOf(rendered(report, "summary"))).toEqual(
      expect.arrayContaining([
        "/gitea/octo-org/octo-repo/pulls/12",
        "/gitea/octo-org/octo-repo/actions/runs/7/attempts/1",
      ]),
    );
    expect(rendered(report, "summary").replace("github:octo-org/octo-repo#12", "")).not.toMatch(/octo|gitea/);
    expect(linksOf(rendered(report))).toContain(`${server}/commit/5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0`);
  });

  it("find the repository of an owner called actions", () => {
    const runPage = "https://github.com/actions/runs/actions/runs/17/attempts/1";
    const report = { runPage, sha: "abcdef0123456789" };
    expect(linksOf(rendered(report))).toContain("https://github.com/actions/runs/commit/abcdef0123456789");
    expect(linksOf(rendered(report, "summary"))).toContain("/actions/runs/actions/runs/17/attempts/1");
  });

  it("stay whole where a URL contains brackets", () => {
    expect(linksOf(rendered({ threadUrl: "https://mosoo.ai/threads/a)b(c" }))).toContain(
      "https://mosoo.ai/threads/a%29b%28c",
    );
  });
});

describe("the alert of a report", () => {
  it("is missing where all is well", () => {
    for (const outcome of ["started", "working", "completed"] as const)
      expect(rendered({ outcome })).not.toContain("> [!");
  });

  it("asks for input while the step waits for it", () => {
    const comment = rendered({ outcome: "working", question: "Run `git push`?" });
    expect(read(comment)).toContain("Run `git push`?");
    expect(linksOf(comment).filter((url) => url === page)).toHaveLength(3);
    expect(problems(comment)).toEqual([]);
    const untitled = rendered({ outcome: "working", question: " " });
    expect(alertOf(untitled)).toMatchSnapshot();
    for (const question of ["\u200b\u202e", "\u001b[31m", "\u2800\u3164"])
      expect(rendered({ outcome: "working", question })).toBe(untitled);
  });

  it("has code as code, and the server's message as text", () => {
    const comment = rendered({
      outcome: "failed",
      failure: {
        summary: "Your `agent-id` is wrong.",
        serverMessage: "a_b: <no> *luck*",
        advice: "`a``b` costs $`c`$",
      },
    });
    expect(comment).toContain(
      'Your `agent-id` is wrong: "a&#95;b: &#60;no&#62; &#42;luck&#42;". `a`\u200b`b` costs &#36;\u200b`c`&#36;',
    );
  });

  it.each([undefined, "resume", "create", "replay"] as const)(
    "says what a re-run does after a run that ended badly (on-rerun: %s)",
    (onRerun) => {
      const alerts = (["failed", "cancelled", "expired"] as const).map((outcome) =>
        alertOf(rendered({ outcome, status: outcome, onRerun, failure })),
      );
      expect([...alerts, alertOf(rendered({ outcome: "stopped", status: "cancelled", onRerun }))]).toMatchSnapshot();
    },
  );

  it("says that a re-run waits for a run that is still running, unless the failure has its own advice", () => {
    expect(alertOf(rendered({ outcome: "stopped", status: "running" }))).toMatchSnapshot();
    const advised = { summary: "Timed out.", advice: "Re-run it." };
    const timedOut = read(rendered({ outcome: "timed-out", status: "running", failure: advised }));
    expect(timedOut.match(/re-run/gi)).toHaveLength(1);
    expect(rendered({ outcome: "error", threadUrl: undefined, failure: advised }).match(/re-run/gi)).toHaveLength(1);
  });

  it("is short, however long the server's message", () => {
    const long = { summary: "Failed.", serverMessage: "x".repeat(100_000) };
    expect(rendered({ outcome: "failed", failure: long }).length).toBeLessThan(4_000);
  });
});

describe("the response in a report", () => {
  it("is plain in the comment, and a section in the summary", () => {
    expect(rendered({}, "comment", "All **well**.")).toContain("UTC\n\nAll **well**.\n\n<details>");
    expect(rendered({}, "summary", "All **well**.")).toContain("</summary>\n\nAll **well**.\n\n</details>");
  });

  it("is collapsed where it is long", () => {
    for (const target of targets)
      expect(rendered({}, target, "word ".repeat(4_400))).toMatch(
        /<details><summary>[^\n]*22,000[^\n]*<\/summary>\n\nword word/,
      );
  });

  it.each(outcomes.filter((outcome) => outcome !== "completed"))("is marked as partial (%s)", (outcome) => {
    const response = { text: "So far", complete: false };
    for (const target of targets) expect(rendered({ outcome, response }, target, "So far")).toContain(PARTIAL);
  });
});

describe("the details of a report", () => {
  it("name twenty tools and files at most", () => {
    const tools = new Map(Array.from({ length: 25 }, (_, index) => [`tool_${index}`, index]));
    const files = Array.from({ length: 25 }, (_, index) => ({ name: `file_${index}`, size: index }));
    const text = read(rendered({ tools, files }));
    expect(text.match(/(?:tool|file)_19.* 5 /g)).toHaveLength(2);
    expect(text).not.toMatch(/_20\b/);
  });
});

/** Every text of a report that someone else may have written. */
function hostileReport(text: string, outcome: Report["outcome"]): Report {
  return reportOf({
    outcome,
    agentId: text,
    threadId: text,
    runId: text,
    status: text,
    subject: { kind: "issue", number: 5, title: text, url: "https://github.com/octo-org/octo-repo/issues/5" },
    jobName: text,
    externalRef: text,
    resumedAfter: text,
    tools: new Map([[text, 2]]),
    files: [{ name: text, size: 3 }],
    question: text,
    failure: { summary: text, serverMessage: text, advice: text, consequence: text, requestId: text, threadUrl: page },
    at: text,
  });
}

describe("untrusted text in a report", () => {
  it.each(Object.entries(HOSTILE))("is shown as text: %s", (_, text) => {
    for (const target of targets)
      for (const outcome of ["waiting", "failed"] as const)
        expect(problems(renderReport(hostileReport(text, outcome), "The response.", target))).toEqual([]);
  });

  it("is shown as text in any mixture", () => {
    const untrusted = fc.array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ unit: "binary", maxLength: 4 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(untrusted, fc.constantFrom(...outcomes), fc.constantFrom(...targets), (parts, outcome, target) => {
        expect(problems(renderReport(hostileReport(parts.join(""), outcome), "The response.", target))).toEqual([]);
      }),
      propertyRuns(50),
    );
  });

  it("adds at most 60,000 bytes to the response", () => {
    const report = {
      ...hostileReport("`<&☃".repeat(30_000), "failed"),
      failure: { ...failure, serverMessage: "`<&☃".repeat(30_000) },
    };
    const tools = new Map(Array.from({ length: 100 }, (_, index) => [`${index}${"`☃".repeat(1_000)}`, 1]));
    const ids = {
      agentId: "a".repeat(255),
      threadId: "t".repeat(255),
      runId: "r".repeat(255),
      externalRef: "☃".repeat(255),
    };
    expect(Buffer.byteLength(renderReport({ ...report, ...ids, tools }, "", "summary"))).toBeLessThan(60_000);
  });

  it("takes no more room than frameLength says", () => {
    for (const text of ["", "short", "x".repeat(9_999), "x".repeat(10_001), "x".repeat(99_999)])
      for (const target of targets)
        for (const complete of [true, false]) {
          const report = reportOf({ response: { text, complete } });
          const length = renderReport(report, text, target).length;
          expect(length).toBeLessThanOrEqual(text.length + frameLength(report, target));
        }
  });
});
