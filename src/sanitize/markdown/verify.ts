/** The last look at cleaned Markdown, read as any reader would read it. */
import type { Root, RootContent } from "mdast";
import { tokenize } from "../references.ts";
import { safeAddress } from "./links.ts";

/** Whether nothing in the tree is HTML, a picture, a definition, an unsafe link, or text that GitHub would make live. */
export function isSafe(root: Root): boolean {
  const open: RootContent[] = [...root.children];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    switch (node.type) {
      case "html":
      case "image":
      case "imageReference":
      case "linkReference":
      case "definition":
        return false;
      case "text":
        if (tokenize(node.value).some((piece) => piece.isReference)) return false;
        break;
      case "link":
        if (safeAddress(node.url) === undefined) return false;
        // GitHub looks for names and numbers outside of links only.
        break;
      default:
        if ("children" in node) for (const child of node.children) open.push(child);
    }
  }
  return true;
}
