import { describe, expect, it } from "@jest/globals";
import { renderComment, renderSummary } from "../../src/report/summary.ts";
import { leakIn } from "../support/leaks.ts";

const token = "grt_pat_PlainTokenOfNoValue0123456789";
const [start, end] = [token.slice(0, 20), token.slice(20)];
const named = token.replaceAll("_", "&lowbar;");
const escaped = token.replaceAll("_", "\\_");

describe("a secret that only the reading of the response's Markdown puts together", () => {
  it.each([
    ["by backslashes", escaped],
    ["by named entities", named],
    ["over a comment", `${start}<!-- -->${end}`],
    ["over tags", `${start}<b></b><span>${end}</span>`],
    ["over emphasis", `${start}**${end.slice(0, 5)}**_${end.slice(5)}_`],
    ["over code", `${start}\`${end}\``],
    ["over an empty link", `${start}[](https://example.com)${end}`],
    ["in a heading", `# ${start}**${end}**`],
    ["in a cell", `| a |\n| - |\n| ${named} |`],
    ["in a block of HTML", `<div>${start}<!-- x -->${end}</div>`],
    ["in an address", `[x](https://example.com/?t=${named})`],
    ["in an address with a tab", `[x](https://example.com/?t=${start}&#9;${end})`],
    ["in a definition", `[x][r]\n\n[r]: https://example.com/${named}`],
    ["in a picture's name", `![${named}](https://example.com/p.png)`],
    ["in a footnote", `x[^1]\n\n[^1]: ${start}**${end}**`],
    ["between invisible characters", `${start}\u200b${end.slice(0, 4)}\u001b[31m${end.slice(4)}`],
  ])("%s: neither comment nor summary has it", async (_, text) => {
    const report = { outcome: "completed", response: { text: `Look:\n\n${text}\n\nDone.`, complete: true } } as const;
    for (const markdown of [await renderComment(report, 60_000, [token]), await renderComment(report, 600, [token])]) {
      expect(leakIn(markdown, token)).toBeUndefined();
      expect(markdown).toMatch(/\*|host/);
    }
    expect(leakIn(await renderComment(report, 60_000, [token]), token)).toBeUndefined();
    expect(await renderSummary(report, 0, [token])).toContain("Done.");
  });

  it("leaves the text around it, and texts without it, as they are", async () => {
    const response = { text: `Use **${start}**${end}, *please*.`, complete: true };
    const markdown = await renderComment({ outcome: "completed", response }, 60_000, [token]);
    expect(markdown).toMatch(/Use \*\*\\\*\\\*\\\*\*\*, \*please\*\./);
    expect(await renderComment({ outcome: "completed", response }, 60_000, ["other"])).toContain(`**${start}**${end}`);
  });
});
