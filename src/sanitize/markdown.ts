/**
 * The agent's answer → Markdown that is safe in a summary and a comment. It is parsed, its tree is cleaned
 * (markdown/clean.ts has the rules), written anew and parsed once more for proof. What cannot be rendered so, or not
 * in time, is shown as a code block. Loaded only when an answer is shown: the parser costs start-up time.
 */
import { createContext, Script } from "node:vm";
import { sanitizeTree } from "./markdown/sanitizer.ts";
import { truncateTree, fits, joined, roomBefore, type Limits } from "./markdown/truncate-tree.ts";
import { isSafe } from "./markdown/verify.ts";
import { fromMarkdown, toMarkdown } from "./markdown/syntax.ts";
import { safeCutIndex } from "./truncate.ts";
import { codeBlock } from "./inline.ts";

/** What is rendered at most, in UTF-16 units: some thirty pages, a second of parsing on a slow machine. */
const LONGEST_SOURCE = 65_536;
/** For it all, in milliseconds. Some inputs cost the parser quadratic time, and a cancelled step has four seconds left. */
const TIME_LIMIT = 3_000;

export type { Limits };

/**
 * `source` cleaned, within the limits: `maxCharacters` in UTF-16 units, `maxBytes` of UTF-8. Of a source over 65,536
 * units only the start is rendered. Whatever is cut is cut between characters with everything closed, and `note`
 * (trusted Markdown, a link to the rest) follows as a block of its own, inside the limits. The result ends without a
 * line break: a blank line after it ends it. Takes at most `timeLimit` milliseconds for rendering; never throws.
 */
export function cleanMarkdown(
  source: string,
  limits: Limits = {},
  timeLimit = TIME_LIMIT,
): { markdown: string; cut: boolean } {
  const text = source.toWellFormed().replace(/\r\n?/gu, "\n");
  try {
    return runWithTimeout(timeLimit, () => rendered(text, limits));
  } catch {
    return asCode(text, limits);
  }
}

function rendered(text: string, limits: Limits): { markdown: string; cut: boolean } {
  const source = text.length > LONGEST_SOURCE ? text.slice(0, safeCutIndex(text, LONGEST_SOURCE)) : text;
  const tree = sanitizeTree(fromMarkdown(source));
  const whole = toMarkdown(tree);
  const complete = source === text && fits(whole, limits);
  const room = roomBefore(limits);
  const markdown = complete || fits(whole, room) ? whole : truncateTree(tree, whole, room);
  if (!isSafe(fromMarkdown(markdown))) throw new Error("the cleaned Markdown reads as something else");
  return { markdown: complete ? markdown : joined(markdown, limits), cut: !complete };
}

/** The text in a code block, as much of it as fits. */
function asCode(text: string, limits: Limits): { markdown: string; cut: boolean } {
  const whole = codeBlock(text);
  if (fits(whole, limits)) return { markdown: whole, cut: false };
  const room = roomBefore(limits);
  let kept = Math.min(text.length, room.maxCharacters, room.maxBytes);
  while (kept > 0) {
    const block = codeBlock(text.slice(0, safeCutIndex(text, kept)));
    if (fits(block, room)) return { markdown: joined(block, limits), cut: true };
    kept = Math.floor(kept * 0.9) - 1;
  }
  return { markdown: joined("", limits), cut: true };
}

/** Runs `task`, and throws when it takes longer than `limit` milliseconds: only the engine can stop a busy parser. */
function runWithTimeout<T>(limit: number, task: () => T): T {
  const outcome: { value?: T } = {};
  const context = createContext({ task: () => void (outcome.value = task()) });
  new Script("task()").runInContext(context, { timeout: limit });
  return outcome.value as T;
}
