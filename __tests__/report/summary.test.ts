import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ResponseText, Report } from "../../src/report/report.ts";
import { MAX_TEXT_LENGTH } from "../../src/report/comment/marker.ts";
import { renderComment, renderSummary, writeSummary } from "../../src/report/summary.ts";
import { FRAGMENTS, MARKDOWN } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";
import { outcomes, reportOf } from "./reports.ts";
import { propertyRuns } from "../support/property-runs.ts";

const token = "mst_a_secret_of_some_length";
const IS_DEEP = propertyRuns(1).numRuns > 1;
const TRUNCATED = "_The response is truncated._";

const folder = mkdtempSync(join(tmpdir(), "summary-"));

/** The step's summary file, empty. One for all tests: the toolkit looks for it once. */
function emptySummary(): string {
  const path = join(folder, "summary.md");
  process.env["GITHUB_STEP_SUMMARY"] = path;
  writeFileSync(path, "");
  return path;
}

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function saying(text: string, given: Partial<Report> = {}, complete = true): Report {
  return reportOf({ ...given, response: { text, complete } });
}

/** Whether the report's last part, its collapsed details, is inside nothing else, with nothing left open. */
function isWhole(markdown: string): boolean {
  const { html, problems } = render(markdown, ["details", "summary", "b"]);
  const tags =
    (html.split("<summary>Details</summary>")[0] ?? "").match(/<\/?(?:details|blockquote|ul|ol|li|pre|table)\b/gu) ??
    [];
  const depth = tags.reduce((sum, tag) => sum + (tag.startsWith("</") ? -1 : 1), 0);
  const untrusted = problems.filter(
    (problem) => problem !== "attribute open in <details open>" && !/^link to \/octo-org\/octo-repo\//.test(problem),
  );
  if (untrusted.length > 0) throw new Error(untrusted.join("\n"));
  // Footnotes are shown at the end of everything.
  return depth === 1 && /<\/ul>\n<\/details>\s*(?:<section data-footnotes[\s\S]*<\/section>\s*)?$/u.test(html);
}

describe("the response in summary and comment", () => {
  it("is Markdown, with its headings below the report's", async () => {
    const report = saying("# Findings\n\n- **none**");
    for (const markdown of [await renderSummary(report), await renderComment(report, MAX_TEXT_LENGTH)])
      expect(markdown).toContain("### Findings\n\n- **none**");
  });

  it("counts as empty where it is blank", async () => {
    expect(await renderSummary(saying(" \n"))).toBe(await renderSummary(saying("")));
    expect(await renderComment(saying(" \n"), MAX_TEXT_LENGTH)).toBe(await renderComment(saying(""), MAX_TEXT_LENGTH));
  });

  it.each(Object.entries(MARKDOWN))("cannot break out of its section: %s", async (_, text) => {
    expect(isWhole(await renderSummary(saying(text)))).toBe(true);
    // Long ones are collapsed, and truncated.
    const long = text.repeat(1 + Math.ceil((IS_DEEP ? 10_000 : 1_000) / text.length));
    expect(isWhole(await renderComment(saying(long), IS_DEEP ? MAX_TEXT_LENGTH : 1_500))).toBe(true);
  });

  it("cannot break out of its section in any mixture, wherever it is truncated", async () => {
    const untrusted = fc.array(
      fc.oneof(
        fc.constantFrom(
          ...FRAGMENTS,
          "</details>",
          "<details>",
          "<summary>",
          "```\n",
          "~~~",
          "<!--",
          "-->",
          "\n\n",
          "> ",
        ),
        fc.string({ unit: "binary", maxLength: 4 }),
      ),
      { maxLength: 16 },
    );
    await fc.assert(
      fc.asyncProperty(
        untrusted,
        fc.integer({ min: 1_500, max: 3_000 }),
        fc.boolean(),
        async (parts, room, complete) => {
          const report = saying(`Good.\n\n${parts.join("").repeat(4)}`, {}, complete);
          const comment = await renderComment(report, room);
          expect(comment.length).toBeLessThanOrEqual(room);
          expect(isWhole(comment)).toBe(true);
          expect(isWhole(await renderSummary(report))).toBe(true);
        },
      ),
      propertyRuns(10),
    );
  });
});

describe("the limits", () => {
  const paragraph = "Für jede Zeile 日本語 👩‍👩‍👧 `code` und *mehr*.\n\n";

  it("a comment keeps within its room, and says that it is truncated and where the rest is", async () => {
    const comment = await renderComment(saying(paragraph.repeat(1_600)), MAX_TEXT_LENGTH);
    expect(comment.length).toBeLessThanOrEqual(MAX_TEXT_LENGTH);
    expect(comment.length).toBeGreaterThan(MAX_TEXT_LENGTH * 0.8);
    expect(comment).toContain(`\n\n${TRUNCATED} [`);
    expect(comment).toMatch(/ \[[^\]]*\]\(https:\/\/mosoo\.ai\/threads\/\w+\)\n\n<\/details>/);
    expect(isWhole(comment)).toBe(true);
  });

  it("a comment without room for a response refers to the thread", async () => {
    const comment = await renderComment(saying("Something"), 900);
    expect(comment).not.toContain("Something");
    expect(comment).toMatch(/UTC\n\n.+\n\n<details>/);
    expect(isWhole(comment)).toBe(true);
  });

  it.each([
    ["that grows when it is escaped", "<&*_`|~\\[]".repeat(105_000)],
    ["in one code block", `\`\`\`\n${"☃\n".repeat(260_000)}\n\`\`\``],
  ])("a summary stays below the runner's limit in bytes with a long response %s", async (_, text) => {
    const summary = await renderSummary(saying(text));
    expect(Buffer.byteLength(summary)).toBeLessThan(1_000_000);
    expect(summary).toContain(TRUNCATED);
    expect(isWhole(summary)).toBe(true);
  });

  it("a response takes half a second at most where the step is cancelled", async () => {
    const report = saying("[a](b".repeat(30_000), { outcome: "stopped" }, false);
    const started = process.cpuUsage();
    expect(isWhole(await renderSummary(report))).toBe(true);
    expect(process.cpuUsage(started).user).toBeLessThan(10_000_000);
  });
});

describe("secrets", () => {
  const report: Report = reportOf({
    outcome: "failed",
    response: { text: `The token is ${token}, in code \`${token}\`.`, complete: false },
    subject: { kind: "issue", number: 5, title: token, url: "https://github.com/octo-org/octo-repo/issues/5" },
    tools: new Map([[token, 2]]),
    failure: { summary: "Failed.", serverMessage: token },
    question: token,
    jobName: token,
    files: [{ name: token, size: 1 }],
    status: token,
    externalRef: token,
    resumedAfter: token,
  });

  it("are nowhere in summary and comment, escaped or not", async () => {
    const path = emptySummary();
    for (const outcome of outcomes) {
      const comment = await renderComment({ ...report, outcome }, MAX_TEXT_LENGTH, [token]);
      expect(decoded(comment).replaceAll("\\", "")).not.toContain(token);
      expect(decoded(render(comment).html)).toContain("The token is ***, in code <code>***</code>.");
    }
    await writeSummary(report, [token]);
    expect(decoded(readFileSync(path, "utf8")).replaceAll("\\", "")).not.toContain(token);
    writeFileSync(path, "");
  });
});

describe("writing the summary", () => {
  let path = "";
  beforeEach(() => {
    path = emptySummary();
  });

  it("appends each report as a block of its own", async () => {
    await writeSummary(reportOf({ at: undefined }), []);
    await writeSummary(reportOf({ outcome: "started" }), []);
    const written = readFileSync(path, "utf8");
    expect(written.match(/^### /gm)).toHaveLength(2);
    expect(written).toMatch(/<\/details>\n{2,}### 🚀/);
    expect(written.match(/^- Time: \d{4}-\d\d-\d\d \d\d:\d\d UTC$/gm)).toHaveLength(2);
  });

  it.each([
    ["truncates the response", 860_000, true],
    ["refers to the thread", 950_000, false],
  ])("%s where other text leaves less than it needs of a mebibyte", async (_, before, hasResponse) => {
    writeFileSync(path, "x".repeat(before));
    await writeSummary(saying("One word after another. ".repeat(2_500)), []);
    const written = readFileSync(path, "utf8");
    expect(Buffer.byteLength(written)).toBeLessThan(1_048_576);
    const ours = written.slice(before);
    expect(ours.startsWith("\n\n### ✅ Mosoo agent")).toBe(true);
    expect([ours.includes("One word after another."), ours.includes(TRUNCATED)]).toEqual([hasResponse, hasResponse]);
    expect(ours).toContain("<summary>Details<");
  });

  it("leaves a full summary unchanged, of which the runner would show nothing, and rejects", async () => {
    writeFileSync(path, "x".repeat(1_048_000));
    await expect(writeSummary(reportOf(), [])).rejects.toThrow();
    expect(readFileSync(path, "utf8")).toHaveLength(1_048_000);
  });

  it("rejects where the file cannot be written", async () => {
    rmSync(folder, { recursive: true });
    await expect(writeSummary(reportOf(), [])).rejects.toThrow();
  });
});

describe("every outcome", () => {
  const responses: (ResponseText | undefined)[] = [undefined, { text: "Some words.", complete: false }];

  it.each(outcomes)("%s has a well-formed report, with and without a response", async (outcome) => {
    for (const response of responses) {
      const report = reportOf({ outcome, response });
      expect(isWhole(await renderSummary(report))).toBe(true);
      expect(isWhole(await renderComment(report, MAX_TEXT_LENGTH))).toBe(true);
    }
  });
});
