/** Cutting a cleaned tree to a limit, with everything closed. */
import type { PhrasingContent, Root, RootContent } from "mdast";
import { safeCutIndex } from "../truncate.ts";
import { tokenize } from "../references.ts";
import { toMarkdown } from "./syntax.ts";

export interface Limits {
  /** In UTF-16 units, never fewer than the characters GitHub counts. */
  maxCharacters?: number;
  /** Of UTF-8. */
  maxBytes?: number;
  /** Trusted Markdown, put after a cut. */
  note?: string;
}

interface Room {
  maxCharacters: number;
  maxBytes: number;
}

/** How often a cut is tried before the best one found is taken. */
const TRIES = 10;
/** The share of the room that a guess aims at, and the one that is good enough. */
const CLOSELY = 0.99;
const ENOUGH = 0.97;

export function fits(markdown: string, { maxCharacters = Infinity, maxBytes = Infinity }: Limits): boolean {
  return markdown.length <= maxCharacters && Buffer.byteLength(markdown) <= maxBytes;
}

/** What the limits leave for the text when the note follows it. */
export function roomBefore({ maxCharacters = Infinity, maxBytes = Infinity, note = "" }: Limits): Room {
  const separator = note === "" ? 0 : 2;
  return {
    maxCharacters: Math.max(0, maxCharacters - note.length - separator),
    maxBytes: Math.max(0, maxBytes - Buffer.byteLength(note) - separator),
  };
}

/** The cut text and the note as a block after it; a note that the limits have no room for is left out. */
export function joined(markdown: string, limits: Limits): string {
  const { note = "" } = limits;
  if (note === "" || !fits(note, limits)) return markdown;
  return markdown === "" ? note : `${markdown}\n\n${note}`;
}

/** As much from the start of `tree` as fits into `room`, or nearly; `whole` is the tree as written. */
export function truncateTree(tree: Root, whole: string, room: Room): string {
  let best = "";
  let [low, high] = [0, lengthOf(tree.children)];
  let next = Math.floor(high / share(whole, room));
  for (let tries = 0; tries < TRIES && high - low > 1 && share(best, room) < ENOUGH; tries += 1) {
    const length = next > low && next < high ? next : Math.floor((low + high) / 2);
    const markdown = toMarkdown(shortened(tree, length));
    const used = share(markdown, room);
    if (used > 1) {
      high = length;
    } else {
      low = length;
      best = markdown;
    }
    next = Math.floor((length / used) * CLOSELY);
  }
  return best;
}

/** How much of the room the text takes: over 1 it does not fit. */
function share(markdown: string, room: Room): number {
  return markdown === ""
    ? 0
    : Math.max(markdown.length / room.maxCharacters, Buffer.byteLength(markdown) / room.maxBytes);
}

/** How much `shortened` counts for these nodes: their text, and one for each node. */
function lengthOf(nodes: readonly RootContent[]): number {
  return nodes.reduce(
    (sum, node) => sum + 1 + ("children" in node ? lengthOf(node.children) : valueOf(node).length),
    0,
  );
}

function valueOf(node: RootContent): string {
  return "value" in node ? node.value : "";
}

/** The first `length` of the tree's text, counted as in `lengthOf`. */
function shortened(tree: Root, length: number): Root {
  const counter = { left: length };
  const children = firstOf(tree.children, counter);
  return { type: "root", children: withoutLostFootnotes(children, definedIn(children)) };
}

function definedIn(nodes: readonly RootContent[], found = new Set<string>()): Set<string> {
  for (const node of nodes) {
    if (node.type === "footnoteDefinition") found.add(node.identifier);
    if ("children" in node) definedIn(node.children, found);
  }
  return found;
}

function firstOf<T extends RootContent>(nodes: readonly T[], counter: { left: number }): T[] {
  const kept: T[] = [];
  for (const node of nodes) {
    if (counter.left <= 0) break;
    const part = start(node, counter);
    if (part !== undefined) kept.push(part);
  }
  return kept;
}

function start<T extends RootContent>(node: T, counter: { left: number }): T | undefined {
  counter.left -= 1;
  if ("children" in node) {
    const children = firstOf(node.children as RootContent[], counter);
    return children.length === 0 && node.children.length > 0 ? undefined : { ...node, children };
  }
  if (!("value" in node)) return node;
  const length = counter.left;
  counter.left -= node.value.length;
  if (node.value.length <= length) return node;
  const value = node.value.slice(0, safeCutIndex(node.value, length));
  return { ...node, value: node.type === "text" ? dead(value) : value };
}

/** A cut can bring to life what the whole was not: 41 hexadecimal digits are no commit, 40 are. */
function dead(text: string): string {
  const found = tokenize(text);
  const live = found.findIndex((piece) => piece.isReference);
  return (live < 0 ? found : found.slice(0, live)).map((piece) => piece.text).join("");
}

/** A reference whose footnote was cut off becomes its number. */
function withoutLostFootnotes(nodes: RootContent[], defined: ReadonlySet<string>): RootContent[] {
  return nodes.map((node) => {
    if (node.type === "footnoteReference" && !defined.has(node.identifier)) {
      return { type: "text", value: `[${node.identifier}]` };
    }
    if (!("children" in node)) return node;
    const children = withoutLostFootnotes(node.children, defined) as PhrasingContent[];
    return { ...node, children } as RootContent;
  });
}
