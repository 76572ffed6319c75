/**
 * The response's source → a sanitized document → Markdown, verified by parsing it as any reader would. To fit into a limit
 * the source is cut at a block boundary, and what remains is cleaned like any other.
 */
import type { Root, RootContent, Blockquote, Code, Html, Parents } from "mdast";
import { hasReference } from "../references.ts";
import { HTML_LINE_BREAK, safeAddress } from "./nodes.ts";
import { hideSecrets } from "./secrets.ts";
import { sanitizeBlocks } from "./sanitizer.ts";
import { fromMarkdown as parse } from "mdast-util-from-markdown";
import { gfmFromMarkdown, gfmToMarkdown } from "mdast-util-gfm";
import { defaultHandlers, toMarkdown as serialize, type Info, type Options, type State } from "mdast-util-to-markdown";
import { gfm } from "micromark-extension-gfm";
import { fenced, fencedAtRoot } from "../inline.ts";
import { safeCutIndex } from "../characters.ts";

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

function fromMarkdown(markdown: string): Root {
  return parse(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

/** Without a line break at the end. */
function toMarkdown(tree: Root): string {
  return serialize(tree, OPTIONS).trimEnd();
}

/** A parsed source, and what may be shown of each of its blocks. */
interface Document {
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

/** Whole blocks that fill less of the room than this are followed by a part of the next block. */
const MIN_FILL = 0.75;
/** The share of the room that the part of a block aims at; the next one is tried where it turns out too large. */
const FILL_TARGETS = [0.95, 0.75, 0.5, 0.25];

interface Size {
  characters: number;
  bytes: number;
}

/** Clean Markdown for as many of the document's first blocks as fit into `room`. */
export function truncateDocument({ source, tree, blocks, secrets }: Document, room: Required<Limits>): string {
  const sizes = blocks.map((block) => sizeOf(writeBlocks([block])));
  const starts = [...tree.children.map((block) => block.position?.start.offset ?? 0), source.length];
  let kept = 0;
  let used: Size = { characters: 0, bytes: 0 };
  for (const size of sizes) {
    const next = add(used, size);
    if (fillRatio(next, room) > 1) break;
    used = next;
    kept += 1;
  }
  const boundaries = starts.slice(0, kept + 1).reverse();
  const [from = 0] = boundaries;
  const next = sizes[kept];
  const share = next === undefined ? 0 : (1 - fillRatio(used, room)) / fillRatio(next, room);
  const length = (starts[kept + 1] ?? from) - from;
  const parts =
    fillRatio(used, room) < MIN_FILL ? FILL_TARGETS.map((target) => from + Math.floor(length * share * target)) : [];
  const definitions = definitionsOf(tree, source);
  for (const end of [...parts.map((at) => cutIndex(source, at, from)), ...boundaries]) {
    const start = parseDocument(definitions + source.slice(0, end), secrets);
    const markdown = writeBlocks(start.blocks);
    if (fits(markdown, room)) return verify(markdown, start);
  }
  return "";
}

/** The place at or before `at` where the source may be cut: a line's end, else whitespace, else between characters. */
export function cutIndex(source: string, at: number, from = 0): number {
  const earliest = from + (at - from) / 2;
  for (const separator of ["\n", " "]) {
    const index = source.lastIndexOf(separator, at - 1);
    if (index > earliest) return index;
  }
  return Math.max(from, safeCutIndex(source, at));
}

/** The definitions anywhere between the blocks, to put first: links before a cut need those behind it. */
function definitionsOf(tree: Root, source: string): string {
  const found = tree.children.filter((node) => node.type === "definition");
  return found.map(({ position }) => `${source.slice(position?.start.offset, position?.end.offset)}\n\n`).join("");
}

function sizeOf(markdown: string): Size {
  return { characters: markdown.length, bytes: Buffer.byteLength(markdown) };
}

/** With the blank line between the two. */
function add(a: Size, b: Size): Size {
  const separator = a.characters === 0 || b.characters === 0 ? 0 : 2;
  return { characters: a.characters + b.characters + separator, bytes: a.bytes + b.bytes + separator };
}

/** How much of the room is taken: over 1 it does not fit. */
function fillRatio({ characters, bytes }: Size, { maxCharacters, maxBytes }: Required<Limits>): number {
  return characters === 0 ? 0 : Math.max(characters / maxCharacters, bytes / maxBytes);
}

export interface Limits {
  /** In UTF-16 units, never fewer than the characters GitHub counts. */
  maxCharacters?: number;
  /** Of UTF-8. */
  maxBytes?: number;
  /** Trusted Markdown, put after a cut. */
  note?: string;
}

export function fits(markdown: string, { maxCharacters = Infinity, maxBytes = Infinity }: Limits): boolean {
  return markdown.length <= maxCharacters && Buffer.byteLength(markdown) <= maxBytes;
}

/** What the limits leave for the text when the note follows it. */
export function roomBeforeNote({ maxCharacters = Infinity, maxBytes = Infinity, note = "" }: Limits): Required<Limits> {
  const separator = note === "" ? 0 : 2;
  return {
    maxCharacters: Math.max(0, maxCharacters - note.length - separator),
    maxBytes: Math.max(0, maxBytes - Buffer.byteLength(note) - separator),
    note: "",
  };
}

/** The cut text and the note as a block after it; a note that the limits have no room for is left out. */
export function withNote(markdown: string, limits: Limits): string {
  const { note = "" } = limits;
  if (note === "" || !fits(note, limits)) return markdown;
  return markdown === "" ? note : `${markdown}\n\n${note}`;
}
