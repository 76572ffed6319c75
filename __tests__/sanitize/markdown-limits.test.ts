import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { codeBlock } from "../../src/sanitize/inline.ts";
import { cleanMarkdown } from "../../src/sanitize/markdown.ts";
import { expectSafe, render } from "../support/rendered.ts";
import { untrustedText } from "../support/untrusted-text.ts";
import { propertyRuns } from "../support/property-runs.ts";

const runs = propertyRuns(50);

function clean(source: string): string {
  return cleanMarkdown(source).markdown;
}

describe("a response that is too long", () => {
  const NOTE = "*Cut here: [the rest](https://example.com/rest)*";

  it("is truncated within its limits, with everything closed, and followed by the note", () => {
    fc.assert(
      fc.property(untrustedText, fc.nat({ max: 400 }), fc.nat({ max: 400 }), (source, maxCharacters, maxBytes) => {
        const { markdown, cut } = cleanMarkdown(source, { maxCharacters, maxBytes, note: NOTE });
        expect(markdown.length).toBeLessThanOrEqual(maxCharacters);
        expect(Buffer.byteLength(markdown)).toBeLessThanOrEqual(maxBytes);
        if (cut && Math.min(maxCharacters, maxBytes) >= NOTE.length) expect(markdown.endsWith(NOTE)).toBe(true);
        if (!cut) expect(markdown).toBe(clean(source));
        expectSafe(markdown);
      }),
      runs,
    );
  });

  it("is truncated at a line of a code block, which is closed", () => {
    const { markdown, cut } = cleanMarkdown(`Log:\n\n\`\`\`\n${"line\n".repeat(500)}\`\`\``, {
      maxCharacters: 200,
      note: NOTE,
    });
    expect(cut).toBe(true);
    expect(markdown).toMatch(/^Log:\n\n```\n(?:line\n)+l?i?n?e?\n?```\n\n\*Cut here/u);
    expect(markdown.length).toBeGreaterThan(180);
  });

  it("fills most of the limit", () => {
    const source = "A paragraph with **words**, é, 日本 and `code`.\n\n- item\n- item\n\n".repeat(120);
    for (const limits of [{ maxCharacters: 4_000 }, { maxBytes: 6_000 }]) {
      const { markdown, cut } = cleanMarkdown(source, { ...limits, note: NOTE }, 20_000);
      const size = "maxBytes" in limits ? Buffer.byteLength(markdown) / limits.maxBytes : markdown.length / 4_000;
      expect(cut).toBe(true);
      expect(size).toBeGreaterThan(0.95);
      expect(size).toBeLessThanOrEqual(1);
    }
  });

  it("loses footnotes without making references of their labels", () => {
    const source = `x[^@octocat] ${"y ".repeat(200)}\n\n[^@octocat]: z`;
    const { markdown } = cleanMarkdown(source, { maxCharacters: 100 });
    expect(markdown).toMatch(/^x\\\[\^`@octocat`\] y/u);
    expectSafe(markdown);
  });

  it("is truncated between blocks, where they fill the limit, and else at a line or a space", () => {
    const cut = (source: string, maxCharacters: number) => cleanMarkdown(source, { maxCharacters, note: "…" }).markdown;
    expect(cut(`First **one**.\n\n## Second\n\n${"Third [x](https://example.com). ".repeat(9)}`, 35)).toBe(
      "First **one**.\n\n#### Second\n\n…",
    );
    expect(cut("one two three four five", 14)).toBe("one two\n\n…");
    expect(cut("- alpha\n- beta\n- gamma\n- delta", 22)).toBe("- alpha\n- beta\n\n…");
    expect(cut("| a | b |\n| - | - |\n| c | d |\n| e | f |", 36)).toBe("| a | b |\n| - | - |\n| c | d |\n\n…");
  });

  it("keeps links whose definitions are behind the cut", () => {
    const source = `See [here][r].\n\n${"text ".repeat(60)}\n\n[r]: https://example.com/a`;
    expect(cleanMarkdown(source, { maxCharacters: 200 }).markdown).toMatch(
      /^See \[here\]\(https:\/\/example\.com\/a\)\./u,
    );
  });

  it("has no empty nodes, wherever it is truncated", () => {
    const source =
      "- Add a test\n  - of this\n  - and\n\n    that\n\n#### A heading\n\n[a link](https://example.com/a) and **more**\n\n> quote\n\n1. x\n   1. y";
    const step = propertyRuns(1).numRuns > 1 ? 1 : 3;
    for (let maxCharacters = 0; maxCharacters < source.length; maxCharacters += step) {
      const { html } = render(cleanMarkdown(source, { maxCharacters }).markdown);
      expect(html).not.toMatch(/<(li|h[1-6]|a|strong|p|blockquote|ol|ul)\b[^>]*>\s*<\/\1>/u);
      // A list item cut to `-` would make a heading of the line before.
      expect(html).not.toMatch(/<h[1-3]>/u);
    }
  });
});

describe("a response made to hang or crash the parser", () => {
  const bombs: [string, string][] = [
    ["100,000 quotes", ">".repeat(100_000)],
    ["100,000 quotes with blanks", "> ".repeat(100_000)],
    ["100,000 lists", "- ".repeat(100_000)],
    ["100,000 numbered lists", "1. ".repeat(100_000)],
    ["a megabyte of brackets", "[".repeat(1_000_000)],
    ["a megabyte of closing brackets", "]".repeat(1_000_000)],
    ["open emphasis", "*a ".repeat(100_000)],
    ["two kinds of open emphasis", "*a_ ".repeat(100_000)],
    ["deep emphasis", "*a **b ".repeat(20_000) + "c** d*".repeat(20_000)],
    ["open links", "[a](".repeat(100_000)],
    ["open pictures", "![".repeat(200_000)],
    ["lazy lines in quotes", `${">".repeat(50)}a\n${"b\n".repeat(100_000)}`],
    ["a wide table", `${"|a".repeat(30_000)}\n${"|-".repeat(30_000)}\n${"|x".repeat(30_000)}`],
    ["open comments", "<!--".repeat(100_000)],
    ["open tags", "<a ".repeat(100_000)],
    ["a long address behind many references", `[a]: https://e.org/${"x".repeat(2_000)}\n\n${"[a] ".repeat(30_000)}`],
    ["headings under headings", "a\n-\n".repeat(60_000)],
    ["ticks of every length", Array.from({ length: 700 }, (_, length) => "`".repeat(length + 1)).join(" ")],
    ["one word of a megabyte", "a".repeat(1_000_000)],
    ["one mention of a megabyte", `@${"a.".repeat(500_000)}`],
  ];

  it.each(bombs)("is shown in bounded time: %s", (_, source) => {
    const start = process.cpuUsage();
    const { markdown } = cleanMarkdown(source, { maxCharacters: 60_000, maxBytes: 200_000, note: "rest" }, 120);
    expect(process.cpuUsage(start).user).toBeLessThan(20_000_000);
    expect(markdown.length).toBeGreaterThan(0);
    expect(markdown.length).toBeLessThanOrEqual(60_000);
  });

  it("is shown as a code block where it is nested too deeply", () => {
    const source = `${"> ".repeat(80)}deep @octocat`;
    expect(cleanMarkdown(source)).toEqual({ markdown: codeBlock(source), cut: false });
    const cut = cleanMarkdown("> ".repeat(80) + "x".repeat(2_000), { maxBytes: 1_000, note: "rest" });
    expect(cleanMarkdown(source, { maxCharacters: 5, note: "rest" })).toEqual({ markdown: "rest", cut: true });
    expect(cut.cut).toBe(true);
    expect(cut.markdown).toMatch(/^```text\n(?:> ){80}x+\n```\n\nrest$/u);
  });
});
