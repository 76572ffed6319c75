/**
 * The rules for the answer's tree. Each node is replaced by what may be shown of it:
 * - raw HTML is text; comments go, and so do plain tags of layout (`<details>`, `<p>`), whose text stays; `<br>` is a break
 * - links lead to `http`, `https` and `mailto` only, else their address stands behind them as code; images are links
 * - references are resolved and definitions go, so that no label of the answer can catch a bracket of ours
 * - what GitHub would ping or cross-reference is a code span: it stays legible, and copies as it is
 * - headings are two levels smaller, below ours; footnotes are numbered anew
 * - code keeps its text exactly; fences that GitHub would draw (mermaid, math, maps, models) show their source
 */
import type {
  BlockContent,
  DefinitionContent,
  Link,
  ListItem,
  PhrasingContent,
  Root,
  RootContent,
  TableRow,
} from "mdast";
import { stripControlCharacters } from "../characters.ts";
import { spanFence } from "../code-fence.ts";
import { tokenize } from "../references.ts";
import { truncate } from "../truncate.ts";
import { htmlToText } from "./html.ts";
import { safeAddress } from "./links.ts";

/** Nodes inside one another. No answer needs more, and recursion has an end. */
const MAX_DEPTH = 60;
/** All addresses that references repeat, in UTF-16 units. */
const MOST_REPEATED = 262_144;

const HEADINGS_BELOW = 2;
const RENDERED_LANGUAGES = /^(?:mermaid|math|geojson|topojson|stl)$/iu;
const LANGUAGE = /^[\w+#.-]{1,32}$/u;
const ZERO_WIDTH_SPACE = "\u200b";

type Block = BlockContent | DefinitionContent;

/** The cleaned copy of `root`. Throws when it is nested too deeply. */
export function sanitizeTree(root: Root): Root {
  return new Sanitizer(root).root();
}

class Sanitizer {
  readonly #root: Root;
  readonly #addresses = new Map<string, string>();
  readonly #footnotes = new Map<string, string>();
  #repeated = 0;
  #insideLink = false;

  constructor(root: Root) {
    this.#root = root;
    for (const node of flattened(root)) {
      if (node.type === "definition" && !this.#addresses.has(node.identifier)) {
        this.#addresses.set(node.identifier, node.url);
      }
    }
  }

  root(): Root {
    return { type: "root", children: this.#blocks(this.#root.children) };
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
        const depth = Math.min(6, node.depth + HEADINGS_BELOW) as 3 | 4 | 5 | 6;
        return [{ type: "heading", depth, children: trimInline(this.#prose(node.children)) }];
      }
      case "blockquote": {
        const children = this.#blocks(node.children);
        return children.length === 0 ? [] : [{ type: "blockquote", children }];
      }
      case "list":
        return [{ ...node, children: node.children.map((item) => this.#item(item)) }];
      case "table":
        return [{ ...node, children: node.children.map((row) => this.#row(row)) }];
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
    const children = this.#prose(texts(stripControlCharacters(lines.filter((line) => line !== "").join("\n"))));
    return children.length === 0 ? [] : [{ type: "paragraph", children }];
  }

  /** Inline content, ready to be written. */
  #prose(nodes: readonly PhrasingContent[]): PhrasingContent[] {
    return separateCodeSpans(defused(mergeTextNodes(nodes.flatMap((node) => this.#inline(node)))));
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
        return /^<br\b[^>]*>$/iu.test(node.value)
          ? [{ type: "break" }]
          : texts(stripControlCharacters(htmlToText(node.value)));
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
    if (literal) return [link(address, texts(address.replace(/^mailto:/u, "")))];
    this.#insideLink = true;
    const children = this.#prose(label);
    this.#insideLink = false;
    return [link(address, children.length === 0 ? texts(new URL(address).host || "link") : children)];
  }

  /** The address of a link that is none. */
  #shown(url: string): PhrasingContent[] {
    const address = truncate(stripControlCharacters(url).replace(/\s+/gu, " ").trim(), 300);
    return address === "" ? [] : [...texts(" ("), code(address), ...texts(")")];
  }

  #address(identifier: string): string {
    const url = this.#addresses.get(identifier) ?? "";
    this.#repeated += url.length;
    return this.#repeated > MOST_REPEATED ? "" : url;
  }

  #footnote(identifier: string): string {
    const known = this.#footnotes.get(identifier);
    if (known !== undefined) return known;
    const label = String(this.#footnotes.size + 1);
    this.#footnotes.set(identifier, label);
    return label;
  }
}

/** Every node, without recursion, so that its depth can be refused. */
function flattened(root: Root): RootContent[] {
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

/** `https://example.com` and `me@example.com` as they stand in the text, or between angle brackets. */
function isLiteral(url: string, label: readonly PhrasingContent[]): boolean {
  const [only] = label;
  if (label.length !== 1 || only?.type !== "text") return false;
  return [only.value, `mailto:${only.value}`, `http://${only.value}`].includes(url);
}

function link(url: string, children: PhrasingContent[]): Link {
  return { type: "link", url, title: null, children };
}

function texts(value: string): PhrasingContent[] {
  return value === "" ? [] : [{ type: "text", value }];
}

/** A code span; where no number of backticks would hold it (see fence.ts), plain text. */
function code(value: string): PhrasingContent {
  if (spanFence(value) !== undefined && value !== "") return { type: "inlineCode", value };
  return { type: "text", value: stripControlCharacters(value) };
}

/** Without breaks and blanks at either end: there they would be written as themselves. */
function trimInline(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  const result = [...nodes];
  for (let first = result[0]; first !== undefined; first = result[0]) {
    const value = first.type === "text" ? first.value.trimStart() : "";
    if (first.type !== "break" && (first.type !== "text" || value === first.value)) break;
    result.splice(0, 1, ...texts(value));
  }
  for (let last = result.at(-1); last !== undefined; last = result.at(-1)) {
    const value = last.type === "text" ? last.value.trimEnd() : "";
    if (last.type !== "break" && (last.type !== "text" || value === last.value)) break;
    result.splice(-1, 1, ...texts(value));
  }
  return result;
}

function mergeTextNodes(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  const result: PhrasingContent[] = [];
  for (const node of nodes) {
    const last = result.at(-1);
    if (node.type === "text" && last?.type === "text") {
      result[result.length - 1] = { type: "text", value: last.value + node.value };
    } else {
      result.push(node);
    }
  }
  return result;
}

function defused(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  return nodes.flatMap((node) => {
    if (node.type !== "text") return [node];
    return tokenize(node.value).map((piece) =>
      piece.isReference ? code(piece.text) : { type: "text" as const, value: piece.text },
    );
  });
}

/** A zero-width space where two code spans would run into one, and where `$` before one would make it a formula. */
function separateCodeSpans(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  return mergeTextNodes(
    nodes.flatMap((node, index): PhrasingContent[] => {
      const before = nodes[index - 1];
      const touches = before?.type === "inlineCode" || (before?.type === "text" && before.value.endsWith("$"));
      return node.type === "inlineCode" && touches ? [{ type: "text", value: ZERO_WIDTH_SPACE }, node] : [node];
    }),
  );
}
