/**
 * The rules for the response's tree. Each node is replaced by what may be shown of it:
 * - raw HTML is text; comments go, and so do plain tags of layout (`<details>`, `<p>`), whose text stays; `<br>` is a break
 * - links lead to `http`, `https` and `mailto` only, else their address follows them as code; images are links
 * - references are resolved and definitions go, so that no label of the response can match a bracket of ours
 * - what GitHub would ping or cross-reference is a code span: it stays legible, and copies as it is
 * - headings are two levels smaller, below ours; footnotes are renumbered
 * - code keeps its text exactly; fences that GitHub would draw (mermaid, math, maps, models) show their source
 * - what is left without content is left out: an empty item or heading reads as something else in its place
 */
import type {
  BlockContent,
  Blockquote,
  DefinitionContent,
  ListItem,
  PhrasingContent,
  Root,
  RootContent,
  TableRow,
} from "mdast";
import { isInvisible, stripControlCharacters, truncate } from "../characters.ts";
import {
  decodeEntities,
  htmlToText,
  code,
  htmlLineBreak,
  link,
  literalLink,
  mergeTextNodes,
  neutralize,
  separateCodeSpans,
  texts,
  trimInline,
  safeAddress,
} from "./nodes.ts";

/** Nodes inside one another. No response needs more, and recursion has an end. */
const MAX_DEPTH = 60;
/** All addresses that references repeat, in UTF-16 units. */
const MAX_REPEATED_LENGTH = 262_144;

const HEADING_LEVEL_OFFSET = 2;
const RENDERED_LANGUAGES = /^(?:mermaid|math|geojson|topojson|stl)$/iu;
const LANGUAGE = /^[\w+#.-]{1,32}$/u;
const LINE_BREAK_TAG = /^<br\b[^>]*>$/iu;

type Block = BlockContent | DefinitionContent;

declare module "mdast" {
  interface BlockquoteData {
    /** The source begins with `[!NOTE]` or its like, unescaped. */
    isAlert?: boolean;
  }
}

/**
 * What may be shown of each block of `root`, parsed from `source`: in order, an array for each.
 *
 * @throws Error where it is nested too deeply
 */
export function sanitizeBlocks(root: Root, source: string): Block[][] {
  return new Sanitizer(root, source).blocks();
}

class Sanitizer {
  readonly #root: Root;
  readonly #source: string;
  readonly #addresses = new Map<string, string>();
  readonly #footnotes = new Map<string, string>();
  #repeatedLength = 0;
  #insideLink = false;
  #insideTable = false;

  constructor(root: Root, source: string) {
    this.#root = root;
    this.#source = source;
    for (const node of flatten(root)) {
      if (node.type === "definition" && !this.#addresses.has(node.identifier)) {
        this.#addresses.set(node.identifier, node.url);
      }
    }
  }

  blocks(): Block[][] {
    return this.#root.children.map((node) => this.#block(node));
  }

  #blocks(nodes: readonly RootContent[]): Block[] {
    return nodes.flatMap((node) => this.#block(node));
  }

  #block(node: RootContent): Block[] {
    switch (node.type) {
      case "paragraph": {
        const children = trimInline(this.#prose(node.children));
        return children.length === 0 ? [] : [{ type: "paragraph", children }];
      }
      case "heading": {
        const depth = Math.min(6, node.depth + HEADING_LEVEL_OFFSET) as 3 | 4 | 5 | 6;
        const children = trimInline(this.#prose(node.children));
        return children.length === 0 ? [] : [{ type: "heading", depth, children }];
      }
      case "blockquote": {
        const children = this.#blocks(node.children);
        if (children.length === 0) return [];
        return [{ type: "blockquote", children, data: { isAlert: this.#isAlert(node) } }];
      }
      case "list": {
        const children = node.children.map((item) => this.#item(item)).filter((item) => item.children.length > 0);
        return children.length === 0 ? [] : [{ ...node, children }];
      }
      case "table": {
        this.#insideTable = true;
        const children = node.children.map((row) => this.#row(row));
        this.#insideTable = false;
        return [{ ...node, children }];
      }
      case "code":
        return [{ type: "code", lang: language(node.lang), value: node.value }];
      case "html":
        return this.#htmlBlock(node.value);
      case "thematicBreak":
        return [{ type: "thematicBreak" }];
      case "footnoteDefinition": {
        const label = this.#footnote(node.identifier);
        return [{ type: "footnoteDefinition", identifier: label, label, children: this.#blocks(node.children) }];
      }
      default:
        return [];
    }
  }

  /** Whether the source itself has the alert's brackets: escaped, or as entities, they are text. */
  #isAlert({ children: [first] }: Blockquote): boolean {
    const text = first?.type === "paragraph" ? first.children[0] : undefined;
    return this.#source.startsWith("[!", text?.position?.start.offset ?? Infinity);
  }

  #item(item: ListItem): ListItem {
    return { ...item, children: this.#blocks(item.children) };
  }

  #row(row: TableRow): TableRow {
    const cells = row.children.map((cell) => ({ ...cell, children: trimInline(this.#prose(cell.children)) }));
    return { ...row, children: cells };
  }

  #htmlBlock(html: string): Block[] {
    const text = htmlToText(html);
    if (text.trim() === "") return [];
    if (/<[a-z!?/]/iu.test(text)) return [{ type: "code", lang: "html", value: text.trim() }];
    const lines = text.split("\n").map((line) => line.trim());
    const prose = decodeEntities(lines.filter((line) => line !== "").join("\n"));
    const children = trimInline(this.#prose(texts(stripControlCharacters(prose))));
    return children.length === 0 ? [] : [{ type: "paragraph", children }];
  }

  /** Inline content, ready to be written. */
  #prose(nodes: readonly PhrasingContent[]): PhrasingContent[] {
    return separateCodeSpans(neutralize(mergeTextNodes(nodes.flatMap((node) => this.#inline(node)))));
  }

  /** Inline content whose text is still as it was: parts of it may have to be read together. */
  #inline(node: PhrasingContent): PhrasingContent[] {
    switch (node.type) {
      case "text":
        return [{ type: "text", value: stripControlCharacters(node.value) }];
      case "inlineCode":
        return [code(node.value)];
      case "break":
        return [{ type: "break" }];
      case "emphasis":
      case "strong":
      case "delete": {
        const children = this.#prose(node.children);
        return children.length === 0 ? [] : [{ type: node.type, children }];
      }
      case "html":
        if (!LINE_BREAK_TAG.test(node.value)) return texts(stripControlCharacters(htmlToText(node.value)));
        return [this.#insideTable ? htmlLineBreak() : { type: "break" }];
      case "link":
        return this.#link(node.url, node.children);
      case "linkReference":
        return this.#link(this.#address(node.identifier), node.children);
      case "image":
        return this.#image(node.url, node.alt);
      case "imageReference":
        return this.#image(this.#address(node.identifier), node.alt);
      case "footnoteReference": {
        const label = this.#footnote(node.identifier);
        return [{ type: "footnoteReference", identifier: label, label }];
      }
    }
  }

  #image(url: string, alt: string | null | undefined): PhrasingContent[] {
    const name = stripControlCharacters(alt ?? "").trim();
    if (this.#insideLink) return texts(name === "" ? "image" : name);
    return this.#link(url, texts(name === "" ? "image" : `image: ${name}`));
  }

  #link(url: string, label: readonly PhrasingContent[]): PhrasingContent[] {
    if (this.#insideLink) return label.flatMap((node) => this.#inline(node));
    const address = safeAddress(url);
    const literal = isLiteral(url, label);
    if (address === undefined) {
      if (literal) return texts(stripControlCharacters(url));
      return [...label.flatMap((node) => this.#inline(node)), ...this.#shown(url)];
    }
    if (literal) return [literalLink(address)];
    this.#insideLink = true;
    const children = this.#prose(label);
    this.#insideLink = false;
    const isEmpty = children.every((child) => child.type === "text" && isInvisible(child.value));
    return [link(address, isEmpty ? texts(new URL(address).host || "link") : children)];
  }

  /** The address of a link that is none. */
  #shown(url: string): PhrasingContent[] {
    const address = truncate(stripControlCharacters(url).replace(/\s+/gu, " ").trim(), 300);
    return address === "" ? [] : [...texts(" ("), code(address), ...texts(")")];
  }

  #address(identifier: string): string {
    const url = this.#addresses.get(identifier) ?? "";
    this.#repeatedLength += url.length;
    return this.#repeatedLength > MAX_REPEATED_LENGTH ? "" : url;
  }

  #footnote(identifier: string): string {
    const known = this.#footnotes.get(identifier);
    if (known !== undefined) return known;
    const label = String(this.#footnotes.size + 1);
    this.#footnotes.set(identifier, label);
    return label;
  }
}

/**
 * Every node, without recursion.
 *
 * @throws Error where they are nested too deeply
 */
function flatten(root: Root): RootContent[] {
  const found: RootContent[] = [];
  let level: RootContent[] = root.children;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw new Error("nested too deeply");
    for (const node of level) found.push(node);
    level = level.flatMap((node): RootContent[] => ("children" in node ? node.children : []));
  }
  return found;
}

function language(lang: string | null | undefined): string {
  if (lang === null || lang === undefined || !LANGUAGE.test(lang)) return "";
  return RENDERED_LANGUAGES.test(lang) ? "text" : lang;
}

/** `https://example.com` and `me@example.com` as the text has them, or between angle brackets. */
function isLiteral(url: string, label: readonly PhrasingContent[]): boolean {
  const [only] = label;
  if (label.length !== 1 || only?.type !== "text") return false;
  return [only.value, `mailto:${only.value}`, `http://${only.value}`].includes(url);
}
