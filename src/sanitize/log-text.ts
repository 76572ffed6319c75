/**
 * Untrusted text in the step's log and annotations. The runner executes a line of stdout or stderr that starts, after
 * whitespace, with `::command::`, or has the older `##[command]` anywhere in it (actions/runner, ActionCommand.cs). It
 * compares by the culture of the job: characters without weight (U+200B, U+00AD, controls) do not count, so that a
 * zero-width space separates nothing, and under ja-JP full-width forms (`：：`, `＃＃［`) are the same as their ASCII. A
 * backslash separates in every culture, the reader sees it, and it is what the runner itself uses.
 */
import { truncate, splitLines, escapeControlCharacters } from "./characters.ts";

/** The runner's own limit for an annotation's message, in characters (ExecutionContext.cs). */
const MAX_ANNOTATION_LENGTH = 4096;

/** What a culture may ignore in comparisons; also unassigned characters and marks, since a superset is safe. */
const WEIGHTLESS = String.raw`\p{Default_Ignorable_Code_Point}\p{C}\p{M}`;
// With the small and the vertical forms; U+2A74 is `::=` in one character.
const COLON = String.raw`[:\uff1a\ufe55\ufe13]`;
const HASH = String.raw`[#\uff03\ufe5f]`;
const BRACKET = String.raw`[[\uff3b\ufe47]`;

const COMMAND = new RegExp(`^([\\s${WEIGHTLESS}]*)(?=${COLON}[${WEIGHTLESS}]*${COLON}|\u2a74)`, "u");
const OLD_COMMAND = new RegExp(`(${HASH}[${WEIGHTLESS}]*${HASH}[${WEIGHTLESS}]*)(?=${BRACKET})`, "gu");

/**
 * A line that no rule changes. Most lines of a step are one, and to compile the other regular expressions, with their
 * Unicode properties, takes longer than the rest of its log.
 */
const UNCHANGED = /^(?!\s*::)(?!.*##\[)[ -~]*$/;

function escapeWorkflowCommands(line: string): string {
  return line.replace(COMMAND, "$1\\").replace(OLD_COMMAND, "$1\\");
}

/**
 * Untrusted text → lines that are each safe to print in the step's log: split at every line terminator (\n, \r, \r\n,
 * U+2028, U+2029, U+0085, VT, FF), ANSI and OSC sequences dropped, other controls and bidirectional overrides made
 * visible, and no line read as a workflow command: `::x::` after whitespace becomes `\::x::`, `##[x]` anywhere `##\[x]`.
 * A terminator at the end ends the last line, it does not begin another.
 */
export function logLines(text: string): string[] {
  const lines = splitLines(text);
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => escapeWorkflowCommands(escapeControlCharacters(line)));
}

/** The same as one line: terminators become " ⏎ ". At most `max` UTF-16 units, cut between characters. */
export function logLine(text: string, max = Infinity): string {
  if (UNCHANGED.test(text)) return truncate(text.trim(), max);
  const parts = splitLines(text).map((part) => escapeControlCharacters(part).trim());
  return truncate(escapeWorkflowCommands(parts.filter((part) => part !== "").join(" ⏎ ")), max);
}

/** An annotation's message or title: one line of at most 4,096 characters. `@actions/core` escapes `%`, `:` and `,`. */
export function annotationText(text: string): string {
  return logLine(text, MAX_ANNOTATION_LENGTH);
}

/** The same, of several lines. */
export function annotationLines(text: string): string {
  return truncate(logLines(text).join("\n"), MAX_ANNOTATION_LENGTH);
}

/** A short quote of a server's text for an error message: one line, whitespace collapsed, at most `max` characters. */
export function excerpt(text: string, max = 300): string {
  return logLine(text.slice(0, 20 * max).replace(/\s+/gu, " "), max);
}
