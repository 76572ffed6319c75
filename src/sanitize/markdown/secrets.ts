/** Secrets that only the reading of the Markdown puts together: over a comment, a tag or emphasis, or by a named entity. */
import type { Heading, Nodes, Paragraph, Root, TableCell } from "mdast";
import { findSecrets, redact } from "../redact.ts";
import { decodeEntities, htmlToText } from "./nodes.ts";

const MASK = "***";

interface Leaf {
  value: string;
}

/** Replaces each secret in the tree with `***`, in place. */
export function hideSecrets(root: Root, secrets: readonly string[]): void {
  const open: Nodes[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    hideInFields(node, secrets);
    if (!("children" in node)) continue;
    if (node.type === "paragraph" || node.type === "heading" || node.type === "tableCell") hideInText(node, secrets);
    for (const child of node.children) open.push(child);
  }
}

function hideInFields(node: Nodes, secrets: readonly string[]): void {
  // `URL` ignores tabs and line ends.
  if ("url" in node) node.url = redact(node.url.replace(/[\t\n\r]/gu, ""), secrets);
  if ("alt" in node && typeof node.alt === "string") node.alt = redact(node.alt, secrets);
  if (node.type === "code" && typeof node.lang === "string") node.lang = redact(node.lang, secrets);
  if (node.type === "html" && findSecrets(decodeEntities(htmlToText(node.value)), secrets).length > 0)
    node.value = MASK;
}

/** The block's text as a reader copies it, whatever formats its parts. */
function hideInText(block: Paragraph | Heading | TableCell, secrets: readonly string[]): void {
  const leaves = textsOf(block);
  const ranges = findSecrets(leaves.map(({ value }) => value).join(""), secrets);
  if (ranges.length === 0) return;
  let offset = 0;
  for (const leaf of leaves) {
    const [from, to] = [offset, offset + leaf.value.length];
    offset = to;
    let shown = "";
    let at = from;
    for (const [start, end] of ranges.filter((range) => range[0] < to && range[1] > from)) {
      shown += leaf.value.slice(at - from, Math.max(0, start - from)) + (start >= from ? MASK : "");
      at = Math.min(end, to);
    }
    leaf.value = shown + leaf.value.slice(at - from);
  }
}

/** In the order of reading, without recursion. */
function textsOf(block: Paragraph | Heading | TableCell): Leaf[] {
  const found: Leaf[] = [];
  const open: Nodes[] = [block];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.type === "text" || node.type === "inlineCode") found.push(node);
    else if ("children" in node) for (const child of [...node.children].reverse()) open.push(child);
  }
  return found;
}
