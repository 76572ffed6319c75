/** The response's source → a sanitized document → Markdown, verified by parsing it as any reader would. */
import type { Root, RootContent } from "mdast";
import { hasReference } from "../references.ts";
import { HTML_LINE_BREAK } from "./inline-nodes.ts";
import { safeAddress } from "./links.ts";
import { hideSecrets } from "./secrets.ts";
import { sanitizeBlocks } from "./sanitizer.ts";
import { fromMarkdown, toMarkdown } from "./syntax.ts";

/** A parsed source, and what may be shown of each of its blocks. */
export interface Document {
  source: string;
  tree: Root;
  blocks: RootContent[][];
  /** That are not shown. */
  secrets: readonly string[];
}

/** @throws Error where it is nested too deeply */
export function parseDocument(source: string, secrets: readonly string[]): Document {
  const tree = fromMarkdown(source);
  if (secrets.length > 0) hideSecrets(tree, secrets);
  return { source, tree, secrets, blocks: sanitizeBlocks(tree, source) };
}

export function writeBlocks(blocks: RootContent[][]): string {
  return toMarkdown({ type: "root", children: blocks.flat() });
}

/**
 * `markdown`, as written for the document, once it is proven to be safe. Where it is not, the blocks that read as
 * something else by themselves are shown as code.
 *
 * @throws Error where the blocks together still read as something else
 */
export function verify(markdown: string, { source, tree, blocks }: Document): string {
  if (isSafe(markdown)) return markdown;
  const verified = blocks.map((block, at): RootContent[] => {
    if (isSafe(writeBlocks([block]))) return block;
    const { start, end } = tree.children[at]?.position ?? {};
    return [{ type: "code", lang: "text", value: source.slice(start?.offset, end?.offset) }];
  });
  const repaired = writeBlocks(verified);
  if (!isSafe(repaired)) throw new Error("the cleaned Markdown reads as something else");
  return repaired;
}

/**
 * Whether nothing in the Markdown is HTML (but for a line break in a cell), a picture, a definition, an unsafe link, or
 * text that GitHub would ping or link.
 */
function isSafe(markdown: string): boolean {
  const open: RootContent[] = fromMarkdown(markdown).children;
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    switch (node.type) {
      case "html":
        if (node.value !== HTML_LINE_BREAK) return false;
        break;
      case "image":
      case "imageReference":
      case "linkReference":
      case "definition":
        return false;
      case "text":
        if (hasReference(node.value)) return false;
        break;
      case "link":
        if (safeAddress(node.url) === undefined) return false;
        // GitHub searches for names and numbers outside of links only.
        break;
      default:
        if ("children" in node) for (const child of node.children) open.push(child);
    }
  }
  return true;
}
