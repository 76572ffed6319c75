import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { codeBlock, codeSpan, markdownText, tableCell } from "../../src/sanitize/inline.ts";
import { HOSTILE } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";
import { LINE_END, untrustedText } from "../support/untrusted-text.ts";
import { propertyRuns } from "../support/property-runs.ts";

const runs = propertyRuns(100);
const textOf = (html: string) => decoded(html.replace(/<[^>]*>/gu, ""));

describe("untrusted text inside Markdown of the action", () => {
  it.each(Object.entries(HOSTILE))("renders as text: %s", (_, text) => {
    expect(render(markdownText(text)).problems).toEqual([]);
    expect(render(`| a | b |\n| - | - |\n| ${markdownText(text)} | ${tableCell(codeSpan(text))} |`).problems).toEqual(
      [],
    );
    expect(render(`[${markdownText(text)}](https://example.com)`).problems).toEqual([]);
  });

  it("renders as text in any mixture: at a line's start, in a cell, in a link, in bold, in HTML", () => {
    fc.assert(
      fc.property(untrustedText, (text) => {
        const inline = markdownText(text);
        expect(inline).not.toMatch(LINE_END);
        expect(inline).not.toMatch(/^\//u);
        const plain = render(inline);
        expect(plain.problems).toEqual([]);
        expect(plain.html.replace(/<\/?p>/gu, "")).not.toContain("<");
        expect(render(`**x ${inline} x** | x [${inline}](https://example.com)`).problems).toEqual([]);
        const table = render(`| a | b |\n| - | - |\n| ${inline} | END |`);
        expect(table.problems).toEqual([]);
        expect(table.html).toContain("<td>END</td>");
        const folded = render(`<details><summary>${inline}</summary>\n\nEND\n\n</details>`, ["details", "summary"]);
        expect(folded.problems).toEqual([]);
      }),
      runs,
    );
  });

  it("reads exactly as it was, apart from whitespace and zero-width spaces", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab1 *_`#<>&;|~[](){}!\\/@.:-+=$^\"'é".split("")) }), (text) => {
        const line = text.trim().replace(/ +/gu, " ");
        const { html } = render(markdownText(line));
        expect(textOf(html).replaceAll("\u200b", "").trim()).toBe(line);
      }),
      runs,
    );
  });

  it("keeps plain words and numbers plain", () => {
    expect(markdownText("Fix the parser, again (part 2)")).toBe("Fix the parser, again (part 2)");
    expect(markdownText("# @octocat: 1 < 2")).toBe("&#35; @\u200boctocat: 1 &#60; 2");
    expect(markdownText("1. first")).toBe("1&#46; first");
    expect(markdownText("a\nb", 2)).toBe("a…");
    expect(markdownText("1234567 of 12345678901")).toBe("1234567 of 12345678901");
  });

  it("is empty where a reader would see nothing", () => {
    for (const text of ["", " \t\n", "\u200b\u2060\ufeff", "\u202e\u2066", "\u3164\u115f\u00ad", "\u2800", "\u{e0041}"])
      expect(markdownText(text)).toBe("");
  });

  it("is exact in a code span and cannot close it", () => {
    fc.assert(
      fc.property(untrustedText, (text) => {
        const { html, problems } = render(`x ${codeSpan(text)} END`);
        expect(problems).toEqual([]);
        expect(html).toMatch(/^<p>x <code>[^<]*<\/code> END<\/p>$/u);
      }),
      runs,
    );
    expect(codeSpan("a`b")).toBe("``a`b``");
    expect(codeSpan("`")).toBe("`` ` ``");
    expect(codeSpan("")).toBe("` `");
  });

  it("is exact in a code block and cannot close it", () => {
    fc.assert(
      fc.property(untrustedText, (text) => {
        const { html, problems } = render(`before\n\n${codeBlock(text)}\n\nEND`);
        expect(problems).toEqual([]);
        expect(html).toMatch(/^<p>before<\/p>\n<pre><code class="language-text">[^<]*<\/code><\/pre>\n<p>END<\/p>$/u);
        const code = /text">([^<]*)</u.exec(html)?.[1] ?? "";
        const expected = text.toWellFormed().replace(/\r\n?/gu, "\n").replaceAll("\0", "\ufffd").replace(/\n$/u, "");
        expect(textOf(code).replace(/\n$/u, "")).toBe(expected);
      }),
      runs,
    );
    expect(codeBlock("/lgtm\nx")).toBe(" ```text\n /lgtm\n x\n ```");
  });

  it("does not close fences in a code block that GitHub counts in one byte", () => {
    expect(codeBlock("`".repeat(300))).toMatch(/^~~~text\n`{300}\n~~~$/u);
    const both = codeBlock(`${"`".repeat(300)}\n${"~".repeat(300)}`);
    expect(both.split("\n").slice(1, -1)).toEqual([`${"`".repeat(200)}\u200b${"`".repeat(100)}`, "~".repeat(300)]);
  });
});
