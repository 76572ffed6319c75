/**
 * Foreign text in the step's log and annotations. The runner carries out a line of stdout or stderr that starts, after
 * blanks, with `::command::`, or has the older `##[command]` anywhere in it (actions/runner, ActionCommand.cs). It
 * compares by culture, so that characters without weight (U+200B, U+00AD, controls) do not count: a zero-width space
 * would not part what it parts for the eye. A backslash does, the reader sees it, and it is what the runner itself uses.
 */
import { randomBytes } from "node:crypto";
import { safeCutIndex, truncate, utf16LengthWithin } from "./truncate.ts";
import { splitLines, escapeControlCharacters } from "./characters.ts";

/** The runner's own limit for an annotation's message, in characters (ExecutionContext.cs). */
const ANNOTATION_LIMIT = 4096;

/** What a pipe takes whole or not at all, in bytes (PIPE_BUF on Linux). */
const LONGEST_BLOCK = 4096;

const COMMAND =
  /^([\s\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*)(?=:[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*:)/u;
const OLD_COMMAND =
  /(#[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*#[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*)(?=\[)/gu;

function escapeWorkflowCommands(line: string): string {
  return line.replace(COMMAND, "$1\\").replace(OLD_COMMAND, "$1\\");
}

/**
 * Foreign text → lines that are each safe to print in the step's log: split at every line terminator (\n, \r, \r\n,
 * U+2028, U+2029, U+0085, VT, FF), ANSI and OSC sequences dropped, other controls and bidirectional overrides made
 * visible, and no line read as a workflow command: `::x::` after blanks becomes `\::x::`, `##[x]` anywhere `##\[x]`.
 * A terminator at the end ends the last line, it does not begin another.
 */
export function logLines(text: string): string[] {
  const lines = splitLines(text);
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => escapeWorkflowCommands(escapeControlCharacters(line)));
}

/** The same as one line: terminators become " ⏎ ". At most `max` UTF-16 units, cut between characters. */
export function logLine(text: string, max = Infinity): string {
  const parts = splitLines(text).map((part) => escapeControlCharacters(part).trim());
  return truncate(escapeWorkflowCommands(parts.filter((part) => part !== "").join(" ⏎ ")), max);
}

/** An annotation's message or title: one line of at most 4,096 characters. `@actions/core` escapes `%`, `:` and `,`. */
export function annotationText(text: string): string {
  return logLine(text, ANNOTATION_LIMIT);
}

/** A short quote of a server's text for an error message: one line, blanks folded, at most `max` characters. */
export function excerpt(text: string, max = 300): string {
  return logLine(text.slice(0, 20 * max).replace(/\s+/gu, " "), max);
}

/**
 * Foreign text → blocks for the step's log: its lines, harmless each by itself, and around them commands stopped besides.
 * Write each block at once: a pipe takes it whole or not at all, so that a guard that begins also ends, even if the
 * process is killed.
 */
export function wrapInStopCommands(text: string): string[] {
  token ??= randomBytes(24).toString("hex");
  const [start, end] = [`::stop-commands::${token}\n`, `::${token}::\n`];
  const room = LONGEST_BLOCK - start.length - end.length;
  const blocks: string[] = [];
  let block = "";
  let bytes = 0;
  for (const line of logLines(text).flatMap((each) => splitByBytes(each, room - 2))) {
    const size = Buffer.byteLength(line) + 1;
    if (bytes + size > room) {
      blocks.push(block);
      [block, bytes] = ["", 0];
    }
    block += `${line}\n`;
    bytes += size;
  }
  if (block !== "") blocks.push(block);
  return blocks.map((each) => start + each + end);
}

/** One for all blocks of a process: the runner masks each token it hears of, for the rest of the job, at a cost for every line. */
let token: string | undefined;

/** A harmless line as lines of at most `maxBytes` of UTF-8 (and one more for a backslash, where a part begins like a command). */
function splitByBytes(line: string, maxBytes: number): string[] {
  const parts: string[] = [];
  for (let from = 0; from < line.length || parts.length === 0;) {
    const ahead = line.slice(from, from + maxBytes);
    const fitting = ahead.slice(0, utf16LengthWithin(ahead, maxBytes));
    const length =
      from + fitting.length < line.length ? safeCutIndex(ahead, fitting.length) || fitting.length : fitting.length;
    parts.push(escapeWorkflowCommands(ahead.slice(0, length)));
    from += length;
  }
  return parts;
}
