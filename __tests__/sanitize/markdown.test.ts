import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { codeBlock } from "../../src/sanitize/inline.ts";
import { cleanMarkdown } from "../../src/sanitize/markdown.ts";
import { FRAGMENTS, HOSTILE, MARKDOWN } from "../support/hostile.ts";
import { expectSafe, render } from "../support/rendered.ts";
import { untrustedText } from "../support/untrusted-text.ts";
import { propertyRuns } from "../support/property-runs.ts";

const fragment = fc.constantFrom(...FRAGMENTS);
const runs = propertyRuns(50);

function clean(source: string): string {
  return cleanMarkdown(source).markdown;
}

describe("a response's Markdown", () => {
  it.each(Object.entries(HOSTILE))("is safe when rendered: %s", (_, source) => {
    expectSafe(clean(source));
  });

  it("would be unsafe if it were not sanitized", () => {
    const harmful = Object.values(MARKDOWN).filter((source) => render(`${source}\n\nEND`).problems.length > 0);
    expect(harmful.length).toBeGreaterThan(35);
  });

  it("is safe when rendered, in any mixture", () => {
    fc.assert(
      fc.property(untrustedText, (source) => {
        expectSafe(clean(source));
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

  it("links to http, https and mailto only, and never to what GitHub would cross-reference", () => {
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

  it("links images instead of loading them", () => {
    expect(clean('![A plan](https://i.example/p.png "t") ![](data:image/png;base64,AA)')).toBe(
      "[image: A plan](https://i.example/p.png) image (`data:image/png;base64,AA`)",
    );
  });

  it("resolves references, so that none of its labels matches a bracket of the report", () => {
    const markdown = clean("[here][r] and [r] and ![p][r]\n\n[r]: https://example.com\n[thread]: https://evil.example");
    const link = "(https://example.com/)";
    expect(markdown).toBe(`[here]${link} and [r]${link} and [image: p]${link}`);
    expect(render(`[thread]\n\n${markdown}`).html).toContain("<p>[thread]</p>");
  });

  it("shows HTML as text, without comments and layout tags", () => {
    expect(clean("a <b>bold</b> <!-- hidden --> 10<sup>6</sup><br>c <Foo bar>")).toBe(
      "a bold  10\\<sup>6\\</sup>\\\nc \\<Foo bar>",
    );
    expect(clean("<details>\n<summary>More</summary>\n\n*text*\n\n</details>")).toBe("More\n\n*text*");
    expect(clean('<a href="x">\ny</a>')).toBe('```html\n<a href="x">\ny</a>\n```');
    expect(clean("<!-- mosoo-thread-action: x -->\n\ntext")).toBe("text");
  });

  it("makes headings smaller than ours, and renumbers footnotes", () => {
    expect(clean("# A\n\nB\n-\n\n###### C")).toBe("### A\n\n#### B\n\n###### C");
    expect(clean("x[^@octocat]\n\n[^@octocat]: y")).toBe("x[^1]\n\n[^1]: y");
  });

  it("has no line that a bot takes for a command", () => {
    expect(clean("/lgtm\n/approve")).toBe("\\/lgtm\n\\/approve");
    expect(clean("```\n/lgtm\n```")).toBe(" ```\n /lgtm\n ```");
  });

  it("shows the source of diagrams and formulas", () => {
    expect(clean("```Mermaid\ngraph TD\n```")).toBe("```text\ngraph TD\n```");
    expect(clean("~~~math\nx\n~~~")).toBe("```text\nx\n```");
    expect(clean("$a$ and $`b`$")).toBe("\\$a\\$ and \\$\u200b`b`\\$");
  });

  it("has no link of another scheme, also where GitHub finds one in text after escapes are resolved", () => {
    expect(clean("<xmpp:a@b.cc> a.b@<xmpp:foo@bar.baz>")).toBe("`xmpp:a@b.cc` `a.b@xmpp:foo@bar.baz`");
    expect(clean("xmpp\\:a\\@b.cc ftp\\://a.example")).toBe("`xmpp:a@b.cc` `ftp://a.example`");
    expect(clean("xmpp:<b></b>a@b.cc")).not.toMatch(/xmpp:(?:<b><\/b>)?a\\?@/u);
    expect(clean("me@example.com <mailto:me@example.com> www.example.com")).toBe(
      "<me@example.com> <me@example.com> <http://www.example.com/>",
    );
  });

  it("is rendered in full beside an autolink that becomes text", () => {
    expect(clean("# Done\n\nAsk <xmpp:a@b.cc> or a.b@<xmpp:foo@bar.baz>\n\n- **one**")).toBe(
      "### Done\n\nAsk `xmpp:a@b.cc` or `a.b@xmpp:foo@bar.baz`\n\n- **one**",
    );
  });

  it("leaves out items, headings, links and lists that have no content", () => {
    expect(clean("- Add a test\n  - <!-- hidden -->\n- b")).toBe("- Add a test\n- b");
    expect(clean("#### <!-- x -->\n\ntext\n\n- <!-- x -->")).toBe("text");
    expect(clean("[](https://example.com/a) [\u200b](https://example.com/b)")).toBe(
      "[example.com](https://example.com/a) [example.com](https://example.com/b)",
    );
  });

  it("keeps line breaks in table cells", () => {
    const table = "| a | b |\n| - | - |\n| one<br>two | three |";
    expect(clean(table)).toBe(table);
    expect(clean("| a |\n| - |\n| <br/>x<BR class=y>y<br> |")).toBe("| a |\n| - |\n| x<br>y |");
  });

  it("decodes entities in HTML once", () => {
    expect(clean("<p>Tom &amp; Jerry &lt;3 &#64;octocat \\&amp;</p>")).toBe("Tom & Jerry <3 `@octocat` \\\\&");
    expect(render(clean("<div>\n&amp;lt;\n</div>")).html).toBe("<p>&amp;lt;</p>");
  });

  it("keeps an alert, and an escaped one as text", () => {
    expect(clean("> [!NOTE]\n> a")).toBe("> [!NOTE]\n> a");
    expect(clean("> \\[!NOTE]\n> a")).toBe("> \\[!NOTE]\n> a");
    expect(clean("> &#91;!NOTE]\n> a")).toBe("> \\[!NOTE]\n> a");
  });

  it("takes hexadecimal digits with a letter, and 40 digits, for a commit hash, and other numbers for numbers", () => {
    const digits = "1234567890".repeat(4);
    expect(clean(`1234567 12345678901 abcdef1 ${digits} ${digits}1`)).toBe(
      `1234567 12345678901 \`abcdef1\` \`${digits}\` ${digits}1`,
    );
  });

  it("does not cross-reference an address that cannot be decoded", () => {
    expect(clean("[x](https://github.com/o/r/%zz/issues/2)")).toBe("[x](https://github.com/o/r/%zz/issues/2)");
  });

  it("keeps a code span with a line end inside a heading", () => {
    expect(clean("`a\n@octocat` b\n===")).toBe("### `a @octocat` b");
  });
});
