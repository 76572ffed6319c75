/**
 * The agent's response → Markdown that is safe in a summary and a comment. It is parsed, its tree is sanitized
 * (markdown/sanitizer.ts has the rules), serialized and parsed once more to verify it. A block that cannot be
 * rendered so, or all of it where it takes too long, is shown as a code block. Loaded only when a response is shown: the parser costs start-up time.
 */
import { runWithTimeLimit } from "../common/time-limit.ts";
import { codeBlock } from "./inline.ts";
import {
  fits,
  roomBeforeNote,
  withNote,
  type Limits,
  parseDocument,
  verify,
  writeBlocks,
  cutIndex,
  truncateDocument,
} from "./markdown/render.ts";
import { safeCutIndex } from "./characters.ts";

/** In UTF-16 units: some thirty pages, a second of parsing on a slow machine. */
const MAX_RENDERED_LENGTH = 65_536;
/** Some inputs cost the parser quadratic time, and a cancelled step has four seconds left. */
const RENDER_TIMEOUT_MS = 3_000;

interface CleanMarkdown {
  markdown: string;
  /** The limits had no room for all of it. */
  cut: boolean;
}

/**
 * `source` cleaned, within the limits: `maxCharacters` in UTF-16 units, `maxBytes` of UTF-8. Of a source over 65,536
 * units only the start is rendered. What does not fit is cut at a block boundary, or inside a large block at a line's
 * end or a space, with everything closed, and `note` (trusted Markdown, a link to the rest) follows as a block of its
 * own, inside the limits. The result ends without a line break: a blank line after it ends it. Takes at most `timeoutMs`
 * for rendering; never throws.
 *
 * @param secrets to hide where reading the Markdown puts them together; `source` is redacted already
 */
export function cleanMarkdown(
  source: string,
  limits: Limits = {},
  timeoutMs = RENDER_TIMEOUT_MS,
  secrets: readonly string[] = [],
): CleanMarkdown {
  const text = source.toWellFormed().replace(/\r\n?/gu, "\n");
  try {
    return runWithTimeLimit(() => render(text, limits, secrets), timeoutMs);
  } catch {
    return asCode(text, limits);
  }
}

function render(text: string, limits: Limits, secrets: readonly string[]): CleanMarkdown {
  const source = text.length > MAX_RENDERED_LENGTH ? text.slice(0, cutIndex(text, MAX_RENDERED_LENGTH)) : text;
  const document = parseDocument(source, secrets);
  const whole = writeBlocks(document.blocks);
  if (source === text && fits(whole, limits)) return { markdown: verify(whole, document), cut: false };
  const room = roomBeforeNote(limits);
  const markdown = fits(whole, room) ? verify(whole, document) : truncateDocument(document, room);
  return { markdown: withNote(markdown, limits), cut: true };
}

/** The text in a code block, as much of it as fits. */
function asCode(text: string, limits: Limits): CleanMarkdown {
  const whole = codeBlock(text);
  if (fits(whole, limits)) return { markdown: whole, cut: false };
  const room = roomBeforeNote(limits);
  let kept = Math.min(text.length, room.maxCharacters, room.maxBytes);
  while (kept > 0) {
    const block = codeBlock(text.slice(0, safeCutIndex(text, kept)));
    if (fits(block, room)) return { markdown: withNote(block, limits), cut: true };
    kept = Math.floor(kept * 0.9) - 1;
  }
  return { markdown: withNote("", limits), cut: true };
}
