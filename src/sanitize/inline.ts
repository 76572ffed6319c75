/** Untrusted text of one line inside Markdown of ours: titles, names of tools, error messages, questions. */
import { isInvisible, stripControlCharacters, splitLines } from "./characters.ts";
import { truncate } from "./truncate.ts";
import { fencedAtRoot, spanFence } from "./code-fence.ts";
import { neutralizeReferences } from "./references.ts";

/** What Markdown or HTML could interpret anywhere in a line. */
const ACTIVE = /[\\`*_[\]<>&|~!$^]/gu;
/** What begins a block, or a bot's `/command`, at the start of a line. */
const LEADING = /^(?:[#+\-=:/]|[0-9]{1,9}[.)])/u;

function oneLine(text: string, max: number): string {
  const line = splitLines(text)
    .map((part) => stripControlCharacters(part).trim())
    .filter((part) => part !== "")
    .join(" ");
  return isInvisible(line) ? "" : truncate(line.replaceAll("\t", " "), max);
}

function reference(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}

/**
 * Untrusted text as inline text that renders exactly as it is, in Markdown (line start, link text, table cell) and in
 * HTML (`<summary>`): everything active is a character reference, and what GitHub would ping, link or cross-reference
 * gets zero-width spaces inside. Empty where a reader would see nothing. `max` counts UTF-16 units of the text as read.
 */
export function markdownText(text: string, max = Infinity): string {
  return neutralizeReferences(oneLine(text, max))
    .replace(LEADING, (start) => start.slice(0, -1) + "\u0000" + start.slice(-1))
    .replace(ACTIVE, reference)
    .replace(/\u0000(.)/u, (_, character: string) => reference(character));
}

/**
 * Untrusted text as a Markdown code span that cannot be broken out of (with ' for ` where no fence would hold it). For
 * Markdown only, never inside HTML tags, where backticks mean nothing; in a table pass the result through `tableCell`.
 */
export function codeSpan(text: string, max = Infinity): string {
  const line = oneLine(text, max) || " ";
  const ticks = spanFence(line);
  const code = ticks === undefined ? line.replaceAll("`", "'") : line;
  const fence = "`".repeat(ticks ?? 1);
  const padding = code.startsWith("`") || code.endsWith("`") ? " " : "";
  return `${fence}${padding}${code}${padding}${fence}`;
}

/** Untrusted text as a fenced code block, shown exactly (line ends become \n). A block of its own: blank lines around it. */
export function codeBlock(text: string): string {
  const code = text.toWellFormed().replace(/\r\n?/gu, "\n").replaceAll("\0", "\ufffd");
  return fencedAtRoot(code.endsWith("\n") ? code.slice(0, -1) : code, "text");
}

/** Inline Markdown as one cell of a GFM table: a `|` would end the cell, even inside a code span. */
export function tableCell(markdown: string): string {
  return markdown.replace(/\\?\|/gu, "\\|");
}
