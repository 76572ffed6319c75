import { describe, expect, it } from "@jest/globals";
import type { RootContent } from "mdast";
import { parseDocument, verify, writeBlocks } from "../../src/sanitize/markdown/render.ts";

const text = (value: string): RootContent => ({ type: "paragraph", children: [{ type: "text", value }] });
const link: RootContent = {
  type: "paragraph",
  children: [{ type: "link", url: "javascript:x", children: [{ type: "text", value: "x" }] }],
};
const definition: RootContent = { type: "definition", identifier: "a", url: "https://example.com" };

/** A document whose second block would have been sanitized wrongly. */
function documentWith(wrong: RootContent): ReturnType<typeof parseDocument> {
  return { ...parseDocument("One\n\n<b>", []), blocks: [[text("One")], [wrong]] };
}

describe("the proof that sanitized Markdown is safe", () => {
  it.each([link, definition])("shows the source of a block that reads as something else as code: $type", (wrong) => {
    const document = documentWith(wrong);
    expect(verify(writeBlocks(document.blocks), document)).toBe("One\n\n```text\n<b>\n```");
  });

  it("leaves safe Markdown as it is", () => {
    const document = documentWith(text("Two"));
    expect(verify(writeBlocks(document.blocks), document)).toBe(writeBlocks(document.blocks));
  });
});
