/** GitHub's own Markdown parser judges sanitized responses: of the CommonMark specification, of GFM, and generated. */
import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { codeBlock, codeSpan, markdownText, tableCell } from "../../src/sanitize/inline.ts";
import { cleanMarkdown } from "../../src/sanitize/markdown.ts";
import { availableParsers, type MarkdownParser } from "../support/cmark-gfm.ts";
import { GFM_EXAMPLES } from "../support/gfm-examples.ts";
import { HOSTILE } from "../support/hostile.ts";
import { decoded, problemsIn, render } from "../support/rendered.ts";
import { untrustedText } from "../support/untrusted-text.ts";

const { tests } = createRequire(import.meta.url)("commonmark-spec") as { tests: { markdown: string }[] };
const EXAMPLES = [...tests.map(({ markdown }) => markdown.replaceAll("→", "\t")), ...GFM_EXAMPLES];
const GENERATED_TEXTS = 2_000;
const NOTE = "*Cut here: [the rest](https://example.com/rest)*";
const EMPTY_NODE = /<(li|h[1-6]|strong|em|del|a|p|blockquote)\b[^>]*>\s*<\/\1>/u;

const parsers = availableParsers();
if (parsers.length === 0)
  console.warn("Skipped: cmark-gfm is not available (`apt-get install cmark-gfm` or `pip install cmarkgfm`).");

interface Case {
  source: string;
  cleaned: string;
}

/** What the parser finds wrong with the cleaned text of each case, as part of a report. */
function judge(parser: MarkdownParser, cases: readonly Case[]): object[] {
  const reports = cases.map(({ cleaned }) => `<details><summary>Response</summary>\n\n${cleaned}\n\n</details>\n\nEND`);
  return parser.renderAll(reports).flatMap((html, at) => {
    const { source = "", cleaned = "" } = cases[at] ?? {};
    const problems = problemsIn(html, ["details", "summary"]);
    if (!/\n<\/details>\n<p>END<\/p>/u.test(html)) problems.push("the report after it is not what it was");
    if (EMPTY_NODE.test(html)) problems.push("an empty node");
    const byMicromark = render(reports[at] ?? "").html;
    if (visibleText(html) !== visibleText(byMicromark)) problems.push("another text than micromark's");
    if (linksIn(html).join("\n") !== linksIn(byMicromark).join("\n")) problems.push("other links than micromark's");
    return problems.length === 0 ? [] : [{ source, cleaned, html, problems }];
  });
}

/**
 * What a reader sees: without tags, whitespace, zero-width spaces and each renderer's own marks of footnotes. cmark-gfm
 * shows the brackets of a task in a quote.
 */
function visibleText(html: string): string {
  const body = html.replace(/<section[^]*$/u, "").replace(/<sup[^]*?<\/sup>/gu, "");
  return decoded(body.replace(/<[^>]*>/gu, ""))
    .replace(/\[[ x]\]/giu, "")
    .replace(/[\s\u200b]+/gu, "");
}

/** Where links lead, without those of footnotes, which differ, and of e-mail addresses, which only cmark-gfm finds in any text. */
function linksIn(html: string): string[] {
  const found = html.replace(/<section[^]*$/u, "").matchAll(/ href="(?!mailto:)([^"#][^"]*)"/gu);
  return Array.from(found, ([, href = ""]) => decoded(href).replace(/%[0-9a-f]{2}/giu, (hex) => hex.toUpperCase()));
}

const whole = (source: string): Case => ({ source, cleaned: cleanMarkdown(source).markdown });

(parsers.length === 0 ? describe.skip : describe).each(parsers)("a sanitized response, judged by $name", (parser) => {
  it("of each example of the CommonMark and GFM specifications is safe", () => {
    expect(EXAMPLES.length).toBeGreaterThan(600);
    expect(judge(parser, EXAMPLES.map(whole))).toEqual([]);
  });

  it("would be unsafe if it were not sanitized", () => {
    const asWritten = EXAMPLES.map((source) => ({ source, cleaned: source }));
    expect(judge(parser, asWritten).length).toBeGreaterThan(100);
  });

  it("of each example is rendered, not shown as a code block", () => {
    const shown = EXAMPLES.filter((source) => source.trim() !== "" && whole(source).cleaned === codeBlock(source));
    expect(shown).toEqual([]);
  });

  it("of each example, truncated anywhere, is safe and has no empty nodes", () => {
    const text = EXAMPLES.join("\n\n");
    const cases = Array.from({ length: 400 }, (_, at): Case => {
      const source = text.slice(Math.floor((text.length * at) / 400)).slice(0, 1_500);
      return { source, cleaned: cleanMarkdown(source, { maxCharacters: 100 + 3 * at, note: NOTE }).markdown };
    });
    expect(judge(parser, cases)).toEqual([]);
  });

  it("of the corpus of hostile texts is safe, whole and truncated", () => {
    const cases = Object.values(HOSTILE).flatMap((source) => [
      whole(source),
      ...[20, 60, 100].map((maxCharacters) => ({ source, cleaned: cleanMarkdown(source, { maxCharacters }).markdown })),
    ]);
    expect(judge(parser, cases)).toEqual([]);
  });

  it("of generated hostile texts is safe", () => {
    const seed = Date.now() % 2 ** 31;
    const sources = fc.sample(untrustedText, { numRuns: GENERATED_TEXTS, seed });
    expect({ seed, found: judge(parser, sources.map(whole)).slice(0, 5) }).toEqual({ seed, found: [] });
  });
});

(parsers.length === 0 ? describe.skip : describe).each(parsers)("inline text, judged by $name", (parser) => {
  it("is text in a paragraph, bold, a link, a table cell and a summary", () => {
    const seed = Date.now() % 2 ** 31;
    const texts = [
      ...Object.values(HOSTILE),
      ...EXAMPLES,
      ...fc.sample(untrustedText, { numRuns: GENERATED_TEXTS / 2, seed }),
    ].filter((text) => markdownText(text) !== "");
    const reports = texts.map((text) => {
      const inline = markdownText(text);
      const cells = `| a | b | c |\n| - | - | - |\n| ${inline} | ${tableCell(codeSpan(text))} | END |`;
      const summary = `<details><summary>${inline}</summary>\n\nEND\n\n</details>`;
      return [inline, `**x ${inline} x** [${inline}](https://example.com/)`, cells, summary].join("\n\n");
    });
    const found = parser.renderAll(reports).flatMap((html, at) => {
      const problems = problemsIn(html, ["details", "summary"]);
      if ((html.match(/<a /gu) ?? []).length !== 1) problems.push("not one link");
      if ((html.match(/<strong>/gu) ?? []).length !== 1) problems.push("not one bold text");
      if (!html.includes("<td>END</td>")) problems.push("another table");
      return problems.length === 0 ? [] : [{ text: texts[at], report: reports[at], html, problems }];
    });
    expect({ seed, found: found.slice(0, 3) }).toEqual({ seed, found: [] });
  });
});
