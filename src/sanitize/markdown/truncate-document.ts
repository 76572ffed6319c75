/** Cutting Markdown to a limit: its source is cut at a block boundary, and what remains is cleaned like any other. */
import type { Root } from "mdast";
import { safeCutIndex } from "../truncate.ts";
import { fits, type Limits } from "./limits.ts";
import { parseDocument, verify, writeBlocks, type Document } from "./render.ts";

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
