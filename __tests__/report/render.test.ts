import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { frameLength, renderReport } from "../../src/report/render.ts";
import type { RenderTarget } from "../../src/report/links.ts";
import type { FailureDetails, Report } from "../../src/report/report.ts";
import { FRAGMENTS, HOSTILE } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";
import { outcomes, page, reportOf } from "./reports.ts";

const places: readonly RenderTarget[] = ["summary", "comment"];

function card(given: Partial<Report> = {}, place: RenderTarget = "comment", answer?: string): string {
  return renderReport(reportOf(given), answer, place);
}

/** What a reader sees. */
function read(markdown: string): string {
  return decoded(render(markdown).html.replace(/<[^>]*>/gu, ""));
}

function links(markdown: string): string[] {
  return [...render(markdown).html.matchAll(/ href="([^"]*)"/gu)].map(([, address = ""]) => address);
}

/** What is wrong with a card as GitHub renders it; the tags and relative links of the card's own are right. */
function problems(markdown: string): string[] {
  return render(markdown, ["details", "summary", "b"]).problems.filter(
    (problem) => problem !== "attribute open in <details open>" && !/^link to \/octo-org\/octo-repo\//.test(problem),
  );
}

describe("the headline", () => {
  it.each([
    ["started", "🚀 Mosoo agent · started"],
    ["working", "⏳ Mosoo agent · working"],
    ["completed", "✅ Mosoo agent · completed in 4 min 12 s"],
    ["failed", "❌ Mosoo agent · failed after 4 min 12 s"],
    ["cancelled", "🚫 Mosoo agent · cancelled after 4 min 12 s"],
    ["expired", "⏰ Mosoo agent · expired after 4 min 12 s"],
    ["waiting", "✋ Mosoo agent · waiting for a person"],
    ["timed-out", "⏱️ Mosoo agent · not done after 4 min 12 s"],
    ["stopped", "🛑 Mosoo agent · stopped after 4 min 12 s"],
    ["error", "❌ Mosoo agent · no answer"],
  ] as const)("%s has a face of its own, the same in summary and comment", (outcome, headline) => {
    for (const place of places) expect(card({ outcome }, place).split("\n")[0]).toBe(`### ${headline}`);
  });

  it("says that nothing was started where there is no thread", () => {
    expect(card({ outcome: "error", threadUrl: undefined })).toMatch(/^### ❌ Mosoo agent · not started$/m);
  });

  it("does without the time where it is not known", () => {
    expect(card({ durationMs: undefined })).toMatch(/^### ✅ Mosoo agent · completed$/m);
  });
});

describe("the way to more", () => {
  it("leads to the thread, the agent and the pull request from the summary, whoever's name is a secret", () => {
    const summary = card({}, "summary");
    expect(read(summary)).toContain("Open the thread · For #12 Add a lighthouse");
    expect(links(summary)).toEqual([
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

  it("is absolute in the comment, which goes out as mail, and says for which commit and when", () => {
    const comment = card();
    expect(read(comment)).toContain("Open the thread · Commit 5a1f0c6 · Workflow run · 2026-11-09 12:03 UTC");
    expect(links(comment)).toContain(
      "https://github.com/octo-org/octo-repo/commit/5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
    );
    expect(links(comment)).toContain("https://github.com/octo-org/octo-repo/actions/runs/17000000001/attempts/2");
    expect(links(comment).every((address) => address.startsWith("https://"))).toBe(true);
  });

  it("the comment does not tell its own pull request's title, but names the issue that it came from", () => {
    expect(card()).not.toContain("lighthouse");
    const url = "https://github.com/octo-org/octo-repo/issues/5";
    const subject = { kind: "issue" as const, number: 5, title: "It is dark", url };
    expect(card({ subject })).toContain(`For [#5 It is dark](${url})`);
  });

  it("the comment tells several uses apart by job and matrix leg", () => {
    expect(read(card({ use: "review (de)" }))).toContain(" · Job review (de) · ");
  });

  it("finds the repository of an owner called actions", () => {
    const runPage = "https://github.com/actions/runs/actions/runs/17/attempts/1";
    expect(links(card({ runPage, sha: "abcdef0123456789" }))).toContain(
      "https://github.com/actions/runs/commit/abcdef0123456789",
    );
  });

  it("holds in links that have brackets in their address", () => {
    expect(links(card({ threadUrl: "https://mosoo.ai/threads/a)b(c" }))).toContain(
      "https://mosoo.ai/threads/a%29b%28c",
    );
  });

  it("says little where little is known", () => {
    for (const place of places)
      expect(renderReport({ outcome: "started" }, undefined, place)).toBe(
        "### 🚀 Mosoo agent · started\n\nThe answer will be in the thread.",
      );
  });
});

describe("how this attempt came to its run", () => {
  it("is one sentence in a re-run that finds its thread", () => {
    expect(card({ replayed: true })).toContain(
      "An earlier attempt of this step had begun this work: same thread, same run.",
    );
  });

  it.each([
    ["failed", "An earlier attempt's run failed, so the message was sent again in the same thread."],
    ["cancelled", "An earlier attempt's run was cancelled, so the message was sent again in the same thread."],
    ["expired", "An earlier attempt's run expired, so the message was sent again in the same thread."],
  ])("is one sentence after a run that had ended %s", (resumedAfter, sentence) => {
    expect(card({ resumedAfter, replayed: true })).toContain(sentence);
    expect(card({ resumedAfter, replayed: true })).not.toContain("same run");
  });

  it("is nothing otherwise", () => {
    expect(card({ replayed: false })).not.toContain("earlier attempt");
  });
});

describe("what stands out", () => {
  it("is nothing where all is well", () => {
    for (const outcome of ["started", "working", "completed"] as const) expect(card({ outcome })).not.toContain("> [!");
  });

  it("is the question, with the way to its answer, where a person is asked", () => {
    const failure = { summary: "The run requires human input.", serverMessage: "Push?", threadUrl: page };
    const comment = card({ outcome: "waiting", question: "Run `git push`?", failure });
    expect(comment).toContain(
      `> [!IMPORTANT]\n> The agent asks: **Run \`git push\`?**\n>\n> [Decide on the thread's page](${page}); then re-run the job: it picks the same run up.`,
    );
    expect(comment).not.toContain("a person:");
    expect(problems(comment)).toEqual([]);
    for (const question of [" ", "\u200b\u202e", "\u001b[31m", "\u2800\u3164"])
      expect(read(card({ outcome: "waiting", question }))).toContain("The agent asks a person.");
    expect(read(card({ outcome: "working", question: "Push?" }))).toContain("; the agent then goes on.");
  });

  it("is what went wrong, its code as code, its thread as a link, no address laid bare", () => {
    const told = (failure: FailureDetails): string | undefined =>
      /> \[!CAUTION\]\n> (.*)/.exec(card({ outcome: "failed", failure }))?.[1];
    expect(told({ summary: "The run failed.", serverMessage: "a_b: <no> *luck*", threadUrl: page })).toBe(
      "The run failed. “a&#95;b: &#60;no&#62; &#42;luck&#42;”",
    );
    expect(
      told({ input: "agent-id", summary: "Not found.", advice: "Check `api-url`.", consequence: "No thread." }),
    ).toBe("`agent-id`: Not found. Check `api-url`. No thread.");
    expect(told({ summary: "`a``b` costs $`c`$" })).toBe("`a`\u200b`b` costs &#36;\u200b`c`&#36;");
    expect(told({ summary: "Two lines", serverMessage: "are\none" })).toBe("Two lines “are one”");
  });

  it("is said in the card's own words where the report has none", () => {
    expect(read(card({ outcome: "cancelled", status: "cancelled" }))).toContain("The agent's run was cancelled.");
    expect(read(card({ outcome: "stopped", status: "running" }))).toContain(
      "The step was stopped before the agent was done.",
    );
    expect(read(card({ outcome: "error" }))).toContain("Something went wrong; the step's log says more.");
  });

  it.each([
    [undefined, "Re-run the job to send the message again in the same thread."],
    ["resume", "Re-run the job to send the message again in the same thread."],
    ["create", "Re-run the job to try again in a new thread."],
    ["replay", "A re-run of the job only finds the same run again (on-rerun: replay); a new workflow run starts anew."],
  ] as const)("says what to do next after a run that ended badly (on-rerun: %s)", (onRerun, sentence) => {
    for (const outcome of ["failed", "cancelled", "expired"] as const)
      expect(read(card({ outcome, onRerun, failure: { summary: "It failed." } }))).toContain(sentence);
    expect(read(card({ outcome: "stopped", status: "cancelled", onRerun }))).toContain(sentence);
  });

  it("says that a re-run finds a run that goes on, once", () => {
    expect(read(card({ outcome: "stopped", status: "running" }))).toContain(
      "A re-run of the job finds the same run again.",
    );
    const failure = { summary: "Timed out.", advice: "Re-run the job to keep waiting." };
    expect(read(card({ outcome: "timed-out", status: "running", failure })).match(/re-run/gi)).toHaveLength(1);
  });

  it("leaves it to the problem to say what to do where nothing was started", () => {
    expect(card({ outcome: "error", failure: { summary: "Not published." }, threadUrl: undefined })).not.toContain(
      "e-run",
    );
  });

  it("is short, however long the problem", () => {
    expect(
      card({ outcome: "failed", failure: { summary: "Failed.", serverMessage: "x".repeat(100_000) } }).length,
    ).toBeLessThan(4_000);
  });
});

describe("the answer", () => {
  it("stands in the comment as it is, and in a part of the summary that folds", () => {
    expect(card({}, "comment", "All **well**.")).toContain("UTC\n\nAll **well**.\n\n<details>");
    expect(card({}, "summary", "All **well**.")).toContain(
      "<details open><summary><b>Answer</b></summary>\n\nAll **well**.\n\n</details>",
    );
  });

  it("is folded at first where it is long", () => {
    for (const place of places)
      expect(card({}, place, "word ".repeat(4_400))).toContain(
        "<details><summary><b>Answer</b> (some 22,000 characters)</summary>\n\nword word",
      );
  });

  it.each(outcomes.filter((outcome) => outcome !== "completed"))("says that it is unfinished (%s)", (outcome) => {
    const answer = { text: "So far", complete: false };
    expect(card({ outcome, answer }, "comment", "So far")).toContain(
      "_Unfinished: this is what the agent said so far._\n\nSo far",
    );
    expect(card({ outcome, answer }, "summary", "So far")).toContain(
      "<b>Unfinished: what the agent said so far</b></summary>\n\nSo far",
    );
  });

  it("is promised while the agent works, and missed where there is none", () => {
    expect(card({ outcome: "working" })).toContain("The answer will appear here.");
    expect(card({ outcome: "started" })).toContain("The answer will be in the thread.");
    expect(card()).toContain("_The agent has finished without a word._");
  });
});

describe("the details", () => {
  it("hold IDs, status, tools with their counts, reference; in the summary commit and time, too", () => {
    const told = (place: RenderTarget): string[] =>
      read(card({}, place).split("<summary>Details</summary>")[1] ?? "")
        .trim()
        .split(/\n+/);
    const both = [
      "Agent: 01K7Q2V9M4X8B3N6T1R5W0ZYHC",
      "Thread: 01K9NWZ3C2H7D8E4F5G6J1K2M3",
      "Run: 01K9NWZ3D9QK5V7X2B8C4N6P1R, completed",
      "Tools: read_file ×12, grep",
      "Reference: github:octo-org/octo-repo#12",
    ];
    expect(told("comment")).toEqual(both);
    expect(told("summary")).toEqual([...both, "Commit: 5a1f0c6", "When: 2026-11-09 12:03 UTC", "GitHub: Workflow run"]);
  });

  it("name twenty tools at most", () => {
    const tools = new Map(Array.from({ length: 25 }, (_, index) => [`tool_${index}`, index]));
    expect(read(card({ tools }))).toContain("tool_19 ×19 and 5 more");
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
    use: text,
    externalRef: text,
    resumedAfter: text,
    tools: new Map([[text, 2]]),
    question: text,
    failure: { summary: "Failed.", serverMessage: text, threadUrl: page },
    at: text,
  });
}

describe("foreign text in a card", () => {
  it.each(Object.entries(HOSTILE))("does nothing: %s", (_, text) => {
    for (const place of places)
      for (const outcome of ["waiting", "failed"] as const)
        expect(problems(renderReport(hostileReport(text, outcome), "The answer.", place))).toEqual([]);
  });

  it("does nothing, whatever is mixed into it", () => {
    const foreign = fc.array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ unit: "binary", maxLength: 4 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(foreign, fc.constantFrom(...outcomes), fc.constantFrom(...places), (parts, outcome, place) => {
        expect(problems(renderReport(hostileReport(parts.join(""), outcome), "The answer.", place))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("adds at most 40,000 bytes to the answer", () => {
    const report = hostileReport("`<&☃".repeat(30_000), "failed");
    const tools = new Map(Array.from({ length: 100 }, (_, index) => [`${index}${"`☃".repeat(1_000)}`, 1]));
    const ids = {
      agentId: "a".repeat(255),
      threadId: "t".repeat(255),
      runId: "r".repeat(255),
      externalRef: "☃".repeat(255),
    };
    expect(Buffer.byteLength(renderReport({ ...report, ...ids, tools }, "", "summary"))).toBeLessThan(40_000);
  });

  it("takes no more than is said to be taken beside the answer", () => {
    for (const answer of ["", "short", "x".repeat(9_999), "x".repeat(10_001), "x".repeat(99_999)])
      for (const place of places)
        for (const complete of [true, false]) {
          const report = reportOf({ answer: { text: answer, complete } });
          const length = renderReport(report, answer, place).length;
          expect(length).toBeLessThanOrEqual(answer.length + frameLength(report, place));
        }
  });
});
