/** Where the JSON of a response may be, in the order in which it is tried. */
import { type JsonScan, type JsonSpan, scanJson } from "./json-spans.ts";

interface Candidates {
  spans: JsonSpan[];
  /** Of the whole text: why there is no JSON in it, if so. */
  scan: Omit<JsonScan, "found">;
}

const FENCE = /^[ \t]*(?:(`{3,})([^`]*)|(~{3,}).*)$/s;

interface Block {
  start: number;
  end: number;
  isClosed: boolean;
}

/** The contents of the fenced blocks. One that is not closed reaches to the end of the text, as in CommonMark. */
function findBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let fence = "";
  let start = 0;
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf("\n", at);
    const next = lineEnd < 0 ? text.length : lineEnd + 1;
    if (/[ \t`~]/.test(text.charAt(at))) {
      const line = text.slice(at, next).trimEnd();
      if (fence === "") {
        const [, ticks, , tildes] = FENCE.exec(line) ?? [];
        fence = ticks ?? tildes ?? "";
        start = next;
      } else if (isClosingFence(line, fence)) {
        blocks.push({ start, end: at, isClosed: true });
        fence = "";
      }
    }
    at = next;
  }
  if (fence !== "") blocks.push({ start, end: text.length, isClosed: false });
  return blocks;
}

/** A closing fence is at least as long as the opening one, and nothing follows it. */
function isClosingFence(line: string, fence: string): boolean {
  const marks = line.trimStart();
  return marks.length >= fence.length && marks === fence.charAt(0).repeat(marks.length);
}

/** The value that the text from `start` to `end` is, whitespace and a byte order mark around it aside. */
function wholeValue(text: string, start: number, end: number): JsonSpan | undefined {
  const content = text.slice(start, end);
  const first = start + content.length - content.trimStart().length;
  const last = start + content.trimEnd().length;
  if (first >= last) return undefined;
  if (/[{[]/.test(text.charAt(first))) {
    const span = scanJson(text, first, last).found[0];
    return span?.start === first && span.end === last ? span : undefined;
  }
  // Prose is no scalar: it is not worth an exception.
  if (!/["\-\dtfn]/.test(text.charAt(first))) return undefined;
  try {
    JSON.parse(text.slice(first, last));
    return { start: first, end: last, levels: 0 };
  } catch {
    return undefined;
  }
}

/**
 * The whole response; each fenced block, last first; each outermost object or array in the text, last first, those
 * inside of something in brackets only where that is no JSON. Drafts come before the answer.
 *
 * A bracket or fenced block that is not closed and is no JSON ends the search, so that neither a part of a truncated
 * answer nor a draft before it passes for the answer.
 */
export function findCandidates(text: string): Candidates {
  const { found, ...scan } = scanJson(text);
  const whole = wholeValue(text, 0, text.length);
  if (whole !== undefined) return { spans: [whole], scan };
  const spans: JsonSpan[] = [];
  for (const { start, end, isClosed } of findBlocks(text).reverse()) {
    const value = wholeValue(text, start, end);
    if (value !== undefined) spans.push(value);
    else if (!isClosed) return { spans, scan };
  }
  const starts = new Set(spans.map(({ start }) => start));
  return { spans: spans.concat(found.reverse().filter(({ start }) => !starts.has(start))), scan };
}
