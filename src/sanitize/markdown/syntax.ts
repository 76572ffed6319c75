/** Markdown text ↔ its tree, both ways as GitHub writes Markdown. */
import type { Blockquote, Code, Html, Parents, Root } from "mdast";
import { fromMarkdown as parse } from "mdast-util-from-markdown";
import { gfmFromMarkdown, gfmToMarkdown } from "mdast-util-gfm";
import { defaultHandlers, toMarkdown as serialize, type Info, type Options, type State } from "mdast-util-to-markdown";
import { gfm } from "micromark-extension-gfm";
import { fenced, fencedAtRoot } from "../code-fence.ts";
import { HTML_LINE_BREAK } from "./inline-nodes.ts";

const ALERT = /^> \\\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\](?=\n)/u;

const NOT_IN_PROSE = ["autolink", "destinationLiteral", "destinationRaw", "reference", "titleQuote"] as const;

const OPTIONS: Options = {
  bullet: "-",
  extensions: [gfmToMarkdown({ tablePipeAlign: false })],
  unsafe: [
    // A line that starts with a slash is a command to bots that read the raw text.
    { atBreak: true, character: "/" },
    // GitHub renders text between dollar signs as a formula.
    { character: "$", inConstruct: "phrasing", notInConstruct: [...NOT_IN_PROSE] },
  ],
  handlers: {
    // A sanitized tree holds no other raw HTML; should one, it is left out.
    html: (node: Html) => (node.value === HTML_LINE_BREAK ? HTML_LINE_BREAK : ""),
    code: (node: Code, parent: Parents | undefined) =>
      (parent?.type === "root" ? fencedAtRoot : fenced)(node.value, node.lang ?? ""),
    // The writer escapes what looks like a link, but `> [!NOTE]` is GitHub's alert.
    blockquote: (node: Blockquote, parent: Parents | undefined, state: State, info: Info) => {
      const quote = defaultHandlers.blockquote(node, parent, state, info);
      return node.data?.isAlert === true ? quote.replace(ALERT, "> [!$1]") : quote;
    },
  },
};

export function fromMarkdown(markdown: string): Root {
  return parse(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

/** Without a line break at the end. */
export function toMarkdown(tree: Root): string {
  return serialize(tree, OPTIONS).trimEnd();
}
