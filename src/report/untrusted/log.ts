/**
 * Foreign text in the step's log and annotations. The runner carries out a line of stdout or stderr that starts, after
 * blanks, with `::command::`, or has the older `##[command]` anywhere in it (actions/runner, ActionCommand.cs). It
 * compares by culture, so that characters without weight (U+200B, U+00AD, controls) do not count: a zero-width space
 * would not part what it parts for the eye. A backslash does, the reader sees it, and it is what the runner itself uses.
 */
import { randomBytes } from "node:crypto";
import { shorten } from "./cut.ts";
import { splitLines, visible } from "./characters.ts";

/** The runner's own limit for an annotation's message, in characters (ExecutionContext.cs). */
const ANNOTATION_LIMIT = 4096;

const COMMAND =
  /^([\s\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*)(?=:[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*:)/u;
const OLD_COMMAND =
  /(#[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*#[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]*)(?=\[)/gu;

function withoutCommand(line: string): string {
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
  return lines.map((line) => withoutCommand(visible(line)));
}

/** The same as one line: terminators become " ⏎ ". At most `max` UTF-16 units, cut between characters. */
export function logLine(text: string, max = Infinity): string {
  const parts = splitLines(text).map((part) => visible(part).trim());
  return shorten(withoutCommand(parts.filter((part) => part !== "").join(" ⏎ ")), max);
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
 * Stops the runner from carrying out any command until `end()`, which is idempotent: call it in a `finally` and on
 * every signal, or the step's own later commands are lost too. `write` prints one line to stdout.
 */
export function guardCommands(write: (line: string) => void): { end(): void } {
  const token = randomBytes(24).toString("hex");
  let ended = false;
  write(`::stop-commands::${token}`);
  return {
    end() {
      if (ended) return;
      ended = true;
      write(`::${token}::`);
    },
  };
}
