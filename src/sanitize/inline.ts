/** Untrusted text inside Markdown of ours: lines (titles, names of tools, error messages, questions) and code. */
import { isInvisible, stripControlCharacters, splitLines, truncate } from "./characters.ts";
import { neutralizeReferences } from "./references.ts";

/*
 * cmark-gfm (GitHub's parser) counts a block's fence in one byte, so that 255 backticks close any longer fence, and takes
 * no code span with more than 80 backticks on a side.
 */
const MAX_FENCE_LENGTH = 200;
const MAX_SPAN_FENCE_LENGTH = 20;

/** A fenced code block that holds `code` exactly and cannot be closed from inside. */
export function fenced(code: string, language: string): string {
  const marker = maxRunLength(code, "`") < MAX_FENCE_LENGTH || maxRunLength(code, "~") >= MAX_FENCE_LENGTH ? "`" : "~";
  const content = code.replace(new RegExp(`${marker}{${MAX_FENCE_LENGTH}}`, "gu"), "$&\u200b");
  const fence = marker.repeat(Math.max(3, maxRunLength(content, marker) + 1));
  return [fence + language, ...(content === "" ? [] : [content]), fence].join("\n");
}

/**
 * The same outside of lists and quotes, where the fence starts its line. A line of code that starts with `/` would be a
 * command to bots that read the raw text: the fence is then indented by one space, and so is the code, which renders
 * the same.
 */
export function fencedAtRoot(code: string, language: string): string {
  const lines = fenced(code, language).split("\n");
  if (!lines.some((line) => line.startsWith("/"))) return lines.join("\n");
  return lines.map((line) => (line === "" ? "" : ` ${line}`)).join("\n");
}

/** How many backticks a code span around `code` needs: the shortest run that it does not contain. */
export function spanFence(code: string): number | undefined {
  const runs = new Set((code.match(/`+/gu) ?? []).map((run) => run.length));
  for (let length = 1; length <= MAX_SPAN_FENCE_LENGTH; length += 1) {
    if (!runs.has(length)) return length;
  }
  return undefined;
}

function maxRunLength(text: string, character: string): number {
  let max = 0;
  let run = 0;
  for (const unit of text) {
    run = unit === character ? run + 1 : 0;
    if (run > max) max = run;
  }
  return max;
}

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
