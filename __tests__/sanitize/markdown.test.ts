import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { cleanMarkdown } from "../../src/sanitize/markdown.ts";
import { codeBlock } from "../../src/sanitize/inline.ts";
import { FRAGMENTS, HOSTILE, MARKDOWN } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";

const fragment = fc.constantFrom(...FRAGMENTS);
const anything = fc.string({ unit: "binary", maxLength: 4 });
/** An answer: fragments of attacks in any order, with anything at all in between. */
const answer = fc
  .array(fc.oneof({ weight: 5, arbitrary: fragment }, { weight: 1, arbitrary: anything }), { maxLength: 30 })
  .map((parts) => parts.join(""));
const runs = { numRuns: 150 };

function clean(source: string): string {
  return cleanMarkdown(source).markdown;
}

/** The cleaned answer stands between these two, as in a report. */
function inReport(markdown: string): string {
  return `<details><summary>Answer</summary>\n\n${markdown}\n\n</details>\n\nEND`;
}

function expectHarmless(markdown: string): void {
  const { html, problems } = render(inReport(markdown), ["details", "summary"]);
  expect(problems).toEqual([]);
  expect(html).toMatch(/\n<\/details>\n<p>END<\/p>/u);
  expect(markdown).not.toMatch(/(?:^|\n)\//u);
  expect(markdown.isWellFormed()).toBe(true);
}

describe("an answer's Markdown", () => {
  it.each(Object.entries(HOSTILE))("is harmless when rendered: %s", (_, source) => {
    expectHarmless(clean(source));
  });

  it("is hostile in the corpus: as it came it would do harm", () => {
    const harmful = Object.values(MARKDOWN).filter((source) => render(`${source}\n\nEND`).problems.length > 0);
    expect(harmful.length).toBeGreaterThan(35);
  });

  it("is harmless when rendered, whatever is mixed", () => {
    fc.assert(
      fc.property(answer, (source) => {
        expectHarmless(clean(source));
      }),
      runs,
    );
  });

  it("is rendered, not shown as code, unless it cannot be", () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), (parts) => {
        const source = parts.join("");
        fc.pre(source.trim() !== "");
        expect(clean(source)).not.toBe(codeBlock(source));
      }),
      runs,
    );
  });

  it("keeps what people write", () => {
    const source = [
      "Text with *emphasis*, **strong**, ~~struck~~, `code` and a [link](https://example.com/a?b=c).",
      "- one\n- two\n  1. nested\n  2. list",
      "Tasks:",
      "- [ ] open\n- [x] done",
      "> [!WARNING]\n> Mind the gap.",
      "| left | right |\n| :- | -: |\n| a \\| b | `c \\| d` |",
      "Line one\\\nline two, 3 < 4 & 5 > 2, snake_case, me\\@home",
      "A note.[^1]\n\n[^1]: Its text.",
      "***",
      "```ts\nconst a = `b`;\n```",
    ].join("\n\n");
    expect(clean(source)).toBe(source);
  });

  it("shows mentions, references and hashes as code that copies as it is", () => {
    expect(clean("Thanks @octocat, see o/r#1 (GH-2) and 0123abc.")).toBe(
      "Thanks `@octocat`, see `o/r#1` (`GH-2`) and `0123abc`.",
    );
    expect(clean("&#64;octocat")).toBe("`@octocat`");
    expect(clean("&amp;lt; &#106;avascript:")).toBe("\\&lt; javascript:");
  });

  it("links to http, https and mailto alone, and never to what GitHub would tell everybody", () => {
    expect(clean("[a](javascript:x) [b](/c) [d](mailto:e@f.org) <https://g.org>")).toBe(
      "a (`javascript:x`) b (`/c`) [d](mailto:e@f.org) <https://g.org/>",
    );
    expect(clean("https://github.com/o/r/pull/1 [x](https://ghe.example/o/r/issues/2)")).toBe(
      "`https://github.com/o/r/pull/1` x (`https://ghe.example/o/r/issues/2`)",
    );
    expect(clean("https://github.com/o/r/blob/main/a.ts")).toBe("<https://github.com/o/r/blob/main/a.ts>");
    expect(clean("[x](https://user:pw@example.com) [![b](https://i.example/)](https://example.com)")).toBe(
      "x (`https://user:pw@example.com`) [b](https://example.com/)",
    );
  });

  it("links pictures instead of loading them", () => {
    expect(clean('![A plan](https://i.example/p.png "t") ![](data:image/png;base64,AA)')).toBe(
      "[image: A plan](https://i.example/p.png) image (`data:image/png;base64,AA`)",
    );
  });

  it("resolves references, so that no label of its own is left for our brackets", () => {
    const markdown = clean("[here][r] and [r] and ![p][r]\n\n[r]: https://example.com\n[thread]: https://evil.example");
    const link = "(https://example.com/)";
    expect(markdown).toBe(`[here]${link} and [r]${link} and [image: p]${link}`);
    expect(render(`[thread]\n\n${markdown}`).html).toContain("<p>[thread]</p>");
  });

  it("shows HTML as text, without comments and tags of layout", () => {
    expect(clean("a <b>bold</b> <!-- hidden --> 10<sup>6</sup><br>c <Foo bar>")).toBe(
      "a bold  10\\<sup>6\\</sup>\\\nc \\<Foo bar>",
    );
    expect(clean("<details>\n<summary>More</summary>\n\n*text*\n\n</details>")).toBe("More\n\n*text*");
    expect(clean('<a href="x">\ny</a>')).toBe('```html\n<a href="x">\ny</a>\n```');
    expect(clean("<!-- mosoo-thread-action: x -->\n\ntext")).toBe("text");
  });

  it("makes headings smaller than ours, and numbers footnotes anew", () => {
    expect(clean("# A\n\nB\n-\n\n###### C")).toBe("### A\n\n#### B\n\n###### C");
    expect(clean("x[^@octocat]\n\n[^@octocat]: y")).toBe("x[^1]\n\n[^1]: y");
  });

  it("leaves no line that a bot takes for a command", () => {
    expect(clean("/lgtm\n/approve")).toBe("\\/lgtm\n\\/approve");
    expect(clean("```\n/lgtm\n```")).toBe(" ```\n /lgtm\n ```");
  });

  it("shows the source of what GitHub would draw", () => {
    expect(clean("```Mermaid\ngraph TD\n```")).toBe("```text\ngraph TD\n```");
    expect(clean("~~~math\nx\n~~~")).toBe("```text\nx\n```");
    expect(clean("$a$ and $`b`$")).toBe("\\$a\\$ and \\$\u200b`b`\\$");
  });
});

describe("code in an answer", () => {
  const line = fc.string({
    unit: fc.oneof(fc.constantFrom(..."ab`~ \t\\<>&|$@#/-*_[]!".split("")), fc.constantFrom("é", "日", "\u202e", "👩‍👩‍👧")),
    maxLength: 12,
  });
  const code = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join("\n"));

  it("in a fence keeps its text exactly: in lists and quotes, with tildes and ticks, with any info", () => {
    const wraps: ((block: string) => string)[] = [
      (block) => block,
      (block) => `text\n\n${indented(block, "- ", "  ")}`,
      (block) => `1. a\n\n${indented(block, "2. ", "   ")}`,
      (block) => indented(block, "> ", "> "),
      (block) => indented(indented(block, "- ", "  "), "> ", "> "),
    ];
    fc.assert(
      fc.property(
        code,
        fc.constantFrom(...wraps),
        fc.constantFrom("`", "~"),
        fc.constantFrom("", "js", "js `x`"),
        (...drawn) => {
          const [text, wrap, marker, info] = drawn;
          // A tree cannot tell no line from one empty line.
          fc.pre(text !== "");
          const fence = marker.repeat(20);
          const source = wrap(`${fence}${marker === "`" ? info.replaceAll("`", "") : info}\n${text}\n${fence}`);
          const before = render(source).html;
          const after = render(clean(source)).html;
          expect(codeIn(before)).toEqual([`${text}\n`]);
          expect(codeIn(after)).toEqual([`${text}\n`]);
        },
      ),
      runs,
    );
  });

  it("in a fence of a footnote keeps its text", () => {
    const source = "x[^1]\n\n[^1]: ```\n    /a\n\n      b\n    ```";
    expect(clean(source)).toBe(source);
    expect(codeIn(render(clean(source)).html)).toEqual(["/a\n\n  b\n"]);
  });

  it("in a span keeps its text exactly: in lists, tables, headings and links", () => {
    const wraps: ((span: string) => string)[] = [
      (span) => `a ${span} b`,
      (span) => `- ${span}`,
      (span) => `# ${span}`,
      (span) => `*${span}*`,
      (span) => `[${span}](https://example.com)`,
      (span) => `${span}#12 @octocat${span}`,
      (span) => `| a |\n| - |\n| ${span.replaceAll("|", "\\|")} |`,
    ];
    fc.assert(
      fc.property(line, fc.constantFrom(...wraps), (text, wrap) => {
        // A backslash before a pipe cannot be written in a cell; a span of nothing but blanks is shown as one by nobody.
        fc.pre(text.trim() !== "" && !text.includes("\\"));
        const source = wrap(`${"`".repeat(15)} ${text} ${"`".repeat(15)}`);
        const [first] = codeIn(render(source).html);
        expect(codeIn(render(clean(source)).html)).toContain(first);
      }),
      runs,
    );
  });

  it("cannot be left through fences and spans that GitHub counts otherwise", () => {
    const ticks = Array.from({ length: 100 }, (_, length) => "`".repeat(length + 1)).join(" ");
    expect(clean(`${"`".repeat(101)} ${ticks} @octocat ${"`".repeat(101)}`)).toContain("`@octocat`");
    expect(clean(`~~~~\n${"`".repeat(300)}\n@octocat\n~~~~`)).toMatch(/^~~~\n`{300}\n@octocat\n~~~$/u);
  });
});

describe("a long answer", () => {
  const NOTE = "*Cut here: [the rest](https://example.com/rest)*";

  it("is cut within its limits, closed, and followed by the note", () => {
    fc.assert(
      fc.property(answer, fc.nat({ max: 400 }), fc.nat({ max: 400 }), (source, maxCharacters, maxBytes) => {
        const { markdown, cut } = cleanMarkdown(source, { maxCharacters, maxBytes, note: NOTE });
        expect(markdown.length).toBeLessThanOrEqual(maxCharacters);
        expect(Buffer.byteLength(markdown)).toBeLessThanOrEqual(maxBytes);
        if (cut && Math.min(maxCharacters, maxBytes) >= NOTE.length) expect(markdown.endsWith(NOTE)).toBe(true);
        if (!cut) expect(markdown).toBe(clean(source));
        expectHarmless(markdown);
      }),
      runs,
    );
  });

  it("is cut inside a fence with the fence closed", () => {
    const { markdown, cut } = cleanMarkdown(`Log:\n\n\`\`\`\n${"line\n".repeat(500)}\`\`\``, {
      maxCharacters: 200,
      note: NOTE,
    });
    expect(cut).toBe(true);
    expect(markdown).toMatch(/^Log:\n\n```\n(?:line\n)+l?i?n?e?\n?```\n\n\*Cut here/u);
    expect(markdown.length).toBeGreaterThan(180);
  });

  it("fills most of the limit", () => {
    const source = "A paragraph with **words**, é, 日本 and `code`.\n\n- item\n- item\n\n".repeat(1_100);
    for (const limits of [{ maxCharacters: 20_000 }, { maxBytes: 30_000 }]) {
      const { markdown, cut } = cleanMarkdown(source, { ...limits, note: NOTE }, 20_000);
      const size = "maxBytes" in limits ? Buffer.byteLength(markdown) / limits.maxBytes : markdown.length / 20_000;
      expect(cut).toBe(true);
      expect(size).toBeGreaterThan(0.95);
      expect(size).toBeLessThanOrEqual(1);
    }
  });

  it("loses footnotes without bringing their labels to life", () => {
    const source = `x[^@octocat] ${"y ".repeat(200)}\n\n[^@octocat]: z`;
    const { markdown } = cleanMarkdown(source, { maxCharacters: 100 });
    expect(markdown).toMatch(/^x\\\[\^`@octocat`\] y/u);
    expectHarmless(markdown);
  });
});

describe("an answer made to hang or crash the parser", () => {
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

  it.each(bombs)("is shown all the same, in bounded time: %s", (_, source) => {
    const start = performance.now();
    const { markdown } = cleanMarkdown(source, { maxCharacters: 60_000, maxBytes: 200_000, note: "rest" }, 120);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(markdown.length).toBeGreaterThan(0);
    expect(markdown.length).toBeLessThanOrEqual(60_000);
  });

  it("is shown as a code block where it is nested too deeply", () => {
    const source = `${"> ".repeat(80)}deep @octocat`;
    expect(cleanMarkdown(source)).toEqual({ markdown: codeBlock(source), cut: false });
    const cut = cleanMarkdown("> ".repeat(80) + "x".repeat(2_000), { maxBytes: 1_000, note: "rest" });
    expect(cut.cut).toBe(true);
    expect(cut.markdown).toMatch(/^```text\n(?:> ){80}x+\n```\n\nrest$/u);
  });
});

function indented(block: string, first: string, rest: string): string {
  return block
    .split("\n")
    .map((line, index) => (line === "" ? rest.trimEnd() : (index === 0 ? first : rest) + line))
    .join("\n");
}

/** The text of every piece of code in the HTML, as read. */
function codeIn(html: string): string[] {
  return Array.from(html.matchAll(/<code[^>]*>([^<]*)<\/code>/gu), ([, text = ""]) => decoded(text));
}
