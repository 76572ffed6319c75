/** The last check of cleaned Markdown, parsed as any reader would parse it. */
import type { Root, RootContent } from "mdast";
import { hasReference } from "../references.ts";
import { HTML_LINE_BREAK } from "./inline-nodes.ts";
import { safeAddress } from "./links.ts";

/**
 * Whether nothing in the tree is HTML (but for a line break in a cell), a picture, a definition, an unsafe link, or text that GitHub would ping or link.
 */
export function isSafe(root: Root): boolean {
  const open: RootContent[] = [...root.children];
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
