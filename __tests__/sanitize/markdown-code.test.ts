import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { cleanMarkdown } from "../../src/sanitize/markdown.ts";
import { decoded, render } from "../support/rendered.ts";
import { propertyRuns } from "../support/property-runs.ts";

const runs = propertyRuns(50);

function clean(source: string): string {
  return cleanMarkdown(source).markdown;
}

describe("code in a response", () => {
  const line = fc.string({
    unit: fc.oneof(fc.constantFrom(..."ab`~ \t\\<>&|$@#/-*_[]!".split("")), fc.constantFrom("é", "日", "\u202e", "👩‍👩‍👧")),
    maxLength: 12,
  });
  const code = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join("\n"));

  it("keeps its text exactly in a fence: in lists and quotes, with tildes and ticks, with any info", () => {
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
          // A tree does not distinguish no line from one empty line.
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

  it("keeps its text in a fence of a footnote", () => {
    const source = "x[^1]\n\n[^1]: ```\n    /a\n\n      b\n    ```";
    expect(clean(source)).toBe(source);
    expect(codeIn(render(clean(source)).html)).toEqual(["/a\n\n  b\n"]);
  });

  it("keeps its text exactly in a span: in lists, tables, headings and links", () => {
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
        // A backslash before a pipe cannot be written in a cell; nobody shows a span of whitespace only as one.
        fc.pre(text.trim() !== "" && !text.includes("\\"));
        const source = wrap(`${"`".repeat(15)} ${text} ${"`".repeat(15)}`);
        const [first] = codeIn(render(source).html);
        expect(codeIn(render(clean(source)).html)).toContain(first);
      }),
      runs,
    );
  });

  it("cannot be closed through fences and spans that GitHub counts differently", () => {
    const ticks = Array.from({ length: 100 }, (_, length) => "`".repeat(length + 1)).join(" ");
    expect(clean(`${"`".repeat(101)} ${ticks} @octocat ${"`".repeat(101)}`)).toContain("`@octocat`");
    expect(clean(`~~~~\n${"`".repeat(300)}\n@octocat\n~~~~`)).toMatch(/^~~~\n`{300}\n@octocat\n~~~$/u);
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
