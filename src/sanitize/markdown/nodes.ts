/** Inline nodes of a tree that is ready to be written, what raw HTML reads as, and where links may lead. */
import type { Html, Link, PhrasingContent } from "mdast";
import { stripControlCharacters } from "../characters.ts";
import { spanFence } from "../inline.ts";
import { tokenize } from "../references.ts";
import { decodeString } from "micromark-util-decode-string";

const ZERO_WIDTH_SPACE = "\u200b";

/** The one piece of HTML that is ever written: a cell of a table has no other line break. */
export const HTML_LINE_BREAK = "<br>";

export function htmlLineBreak(): Html {
  return { type: "html", value: HTML_LINE_BREAK };
}

export function link(url: string, children: PhrasingContent[]): Link {
  return { type: "link", url, title: null, children };
}

/** A link between angle brackets, where GitHub's parser, unlike others, decodes what looks like an entity. */
export function literalLink(url: string): Link {
  const unambiguous = url.replace(/(&#?[0-9a-z]+);/giu, "$1%3B");
  return link(unambiguous, texts(unambiguous.replace(/^mailto:/u, "")));
}

export function texts(value: string): PhrasingContent[] {
  return value === "" ? [] : [{ type: "text", value }];
}

/** A code span; where no number of backticks would hold it, plain text. */
export function code(value: string): PhrasingContent {
  // A line end reads as a space; in a heading it would end the span.
  if (spanFence(value) !== undefined && value !== "") return { type: "inlineCode", value: value.replaceAll("\n", " ") };
  return { type: "text", value: stripControlCharacters(value) };
}

/** Without line breaks and whitespace at either end: there they would be written as themselves. */
export function trimInline(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  const result = [...nodes];
  for (let first = result[0]; first !== undefined; first = result[0]) {
    const value = first.type === "text" ? first.value.trimStart() : "";
    if (!isLineBreak(first) && (first.type !== "text" || value === first.value)) break;
    result.splice(0, 1, ...texts(value));
  }
  for (let last = result.at(-1); last !== undefined; last = result.at(-1)) {
    const value = last.type === "text" ? last.value.trimEnd() : "";
    if (!isLineBreak(last) && (last.type !== "text" || value === last.value)) break;
    result.splice(-1, 1, ...texts(value));
  }
  return result;
}

function isLineBreak(node: PhrasingContent): boolean {
  return node.type === "break" || node.type === "html";
}

export function mergeTextNodes(nodes: readonly PhrasingContent[]): PhrasingContent[] {
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

/** What GitHub would turn into a ping, a reference or a link becomes a code span. */
export function neutralize(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  return nodes.flatMap((node) => {
    if (node.type !== "text") return [node];
    return tokenize(node.value).map((token) =>
      token.isReference ? code(token.text) : { type: "text" as const, value: token.text },
    );
  });
}

/** A zero-width space where two code spans would run into one, and where `$` before one would make it a formula. */
export function separateCodeSpans(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  return mergeTextNodes(
    nodes.flatMap((node, index): PhrasingContent[] => {
      const before = nodes[index - 1];
      const touches = before?.type === "inlineCode" || (before?.type === "text" && before.value.endsWith("$"));
      return node.type === "inlineCode" && touches ? [{ type: "text", value: ZERO_WIDTH_SPACE }, node] : [node];
    }),
  );
}

/** Tags of mere layout, whose loss changes no meaning (`<sup>` and `<del>` would). */
const LAYOUT =
  /<\/?(?:details|summary|p|div|span|center|b|i|em|strong|u|small|big|font|kbd|samp|tt|var)(?:\s[^<>]*)?\/?>/giu;
const LINE_BREAK = /<br(?:\s[^<>]*)?\/?>/giu;

/**
 * The text to show for a piece of HTML: without comments and tags of layout, everything else as it is. Nothing relies on
 * it for safety, for all that remains is escaped.
 */
export function htmlToText(html: string): string {
  return withoutComments(html).replace(LINE_BREAK, "\n").replace(LAYOUT, "");
}

/** `&amp;`, `&#64;` and the like as the characters that they are. The parser does so for all but blocks of HTML. */
export function decodeEntities(text: string): string {
  // A backslash escapes nothing in HTML.
  return decodeString(text.replaceAll("\\", "\\\\"));
}

function withoutComments(html: string): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = html.indexOf("<!--", from);
    const end = start < 0 ? -1 : html.indexOf("-->", start + 2);
    if (end < 0) break;
    parts.push(html.slice(from, start));
    from = end + 3;
  }
  return parts.join("") + html.slice(from);
}

/** In UTF-16 units. Longer addresses are not for people, and each use of a definition repeats its address. */
const MAX_ADDRESS_LENGTH = 2_048;

/** Paths that GitHub (also an Enterprise Server, under any name) answers with a cross-reference. */
const CROSS_REFERENCE = /^\/[^/]+\/[^/]+\/(?:issues|pulls?|discussions|commits?)\/./iu;

/**
 * The address in normal form, when a link may lead there: `http`, `https` (without user info, which disguises the
 * host) or `mailto`. Not to an issue, pull request, discussion or commit: GitHub would notify everybody there.
 */
export function safeAddress(address: string): string | undefined {
  if (address.length > MAX_ADDRESS_LENGTH || !/^(?:https?:\/\/|mailto:)/iu.test(address)) return undefined;
  const url = URL.parse(address);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  if (url.protocol !== "mailto:" && isCrossReference(url)) return undefined;
  return url.href.length > MAX_ADDRESS_LENGTH ? undefined : url.href;
}

function isCrossReference(url: URL): boolean {
  return CROSS_REFERENCE.test(decoded(url.pathname).replace(/\/{2,}/gu, "/"));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
