/**
 * What the runner makes of the lines an action prints: which commands it executes and what the log shows. Follows
 * actions/runner (ActionCommand.cs, ActionCommandManager.cs, OutputManager.cs): lines as .NET's `ReadLine` gives them,
 * `::command::` after whitespace, the older `##[command]` anywhere, `stop-commands`, masks.
 *
 * .NET compares these prefixes by culture, where characters without weight (U+200B, U+00AD, NUL) do not count, unless
 * the machine runs it in invariant mode; under ja-JP full-width forms are the same as their ASCII, besides. A line is a
 * command here when it is one in any of these modes.
 */

export interface RunnerCommand {
  /** In lower case: the runner ignores case. */
  name: string;
  properties: Record<string, string>;
  message: string;
  /** The line as printed. */
  line: string;
}

interface RunnerLog {
  /** Executed, in order; `stop-commands` among them, the line that ends it not. */
  commands: RunnerCommand[];
  /** As shown to people, masked from the moment a mask is known. */
  lines: string[];
  masks: string[];
  /** Commands are still stopped at the end: a guard was never ended. */
  stopped: boolean;
}

const REGISTERED = [
  "add-mask",
  "add-matcher",
  "add-path",
  "debug",
  "echo",
  "endgroup",
  "error",
  "group",
  "notice",
  "remove-matcher",
  "save-state",
  "set-env",
  "set-output",
  "stop-commands",
  "warning",
];
/** Shown under their own tag; every other command leaves no line. */
const SHOWN = new Set(["debug", "endgroup", "error", "group", "notice", "warning"]);
const MIN_MASKED_TOKEN_LENGTH = 7;

const WHITESPACE = /^[\t-\r \u0085\p{Z}]+/u;
const WEIGHTLESS = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/u;

/** Reads one stream from its start. Call it for stdout and stderr each: the runner looks for commands in both. */
export function parseRunnerLog(output: string): RunnerLog {
  const log: RunnerLog = { commands: [], lines: [], masks: [], stopped: false };
  const registered = new Set(REGISTERED);
  let token: string | undefined;

  const show = (line: string) => log.lines.push(masked(line, log.masks));
  for (const line of readLines(output)) {
    const command = parseCommand(line, registered);
    if (command === undefined) {
      show(line);
    } else if (token !== undefined) {
      show(line);
      if (command.name === token) {
        registered.delete(token);
        token = undefined;
      }
    } else if (command.name === "stop-commands" && !isRefusedToken(command.message, registered)) {
      log.commands.push(command);
      token = command.message.toLowerCase();
      registered.add(token);
      if (command.message.length >= MIN_MASKED_TOKEN_LENGTH) log.masks.push(command.message);
      show(line);
    } else {
      log.commands.push(command);
      if (command.name === "add-mask") log.masks.push(...masksIn(command.message));
      if (SHOWN.has(command.name)) show(`##[${command.name}]${command.name === "endgroup" ? "" : command.message}`);
    }
  }
  return { ...log, stopped: token !== undefined };
}

/** The command on one line, if the runner would see one there. */
export function parseCommand(
  line: string,
  registered: ReadonlySet<string> = new Set(REGISTERED),
): RunnerCommand | undefined {
  for (const indexOf of [ordinalIndexOf, culturalIndexOf, japaneseIndexOf]) {
    const command = parseNew(line, indexOf, registered) ?? parseOld(line, indexOf, registered);
    if (command !== undefined) return command;
  }
  return undefined;
}

type IndexOf = (text: string, wanted: string, from: number) => number;

function parseNew(line: string, indexOf: IndexOf, registered: ReadonlySet<string>): RunnerCommand | undefined {
  const text = line.replace(WHITESPACE, "");
  const start = indexOf(text, "::", 0);
  if (start < 0 || !isWeightless(text.slice(0, start))) return undefined;
  const end = indexOf(text, "::", 2);
  if (end < 0) return undefined;
  return command(line, text.slice(2, end), text.slice(end + 2), NEW, registered);
}

function parseOld(line: string, indexOf: IndexOf, registered: ReadonlySet<string>): RunnerCommand | undefined {
  const start = indexOf(line, "##[", 0);
  if (start < 0) return undefined;
  const end = line.indexOf("]", start);
  if (end < 0) return undefined;
  return command(line, line.slice(start + 3, end), line.slice(end + 1), OLD, registered);
}

interface Notation {
  separator: string;
  property: readonly (readonly [string, string])[];
  data: readonly (readonly [string, string])[];
}

const NEW: Notation = {
  separator: ",",
  property: [
    ["%0D", "\r"],
    ["%0A", "\n"],
    ["%3A", ":"],
    ["%2C", ","],
    ["%25", "%"],
  ],
  data: [
    ["%0D", "\r"],
    ["%0A", "\n"],
    ["%25", "%"],
  ],
};
const OLD_ESCAPES = [
  ["%3B", ";"],
  ["%0D", "\r"],
  ["%0A", "\n"],
  ["%5D", "]"],
  ["%25", "%"],
] as const;
const OLD: Notation = { separator: ";", property: OLD_ESCAPES, data: OLD_ESCAPES };

function command(
  line: string,
  info: string,
  data: string,
  notation: Notation,
  registered: ReadonlySet<string>,
): RunnerCommand | undefined {
  const space = info.indexOf(" ");
  const name = (space < 0 ? info : info.slice(0, space)).toLowerCase();
  if (!registered.has(name)) return undefined;
  const properties: Record<string, string> = {};
  for (const pair of space < 0
    ? []
    : info
        .slice(space + 1)
        .trim()
        .split(notation.separator)) {
    const [key, ...value] = pair.split("=");
    if (key !== undefined && key !== "" && value.join("=") !== "") {
      properties[key] = unescaped(value.join("="), notation.property);
    }
  }
  return { name, properties, message: unescaped(data, notation.data), line };
}

function unescaped(text: string, escapes: readonly (readonly [string, string])[]): string {
  return escapes.reduce((result, [escape, character]) => result.replaceAll(escape, character), text);
}

function ordinalIndexOf(text: string, wanted: string, from: number): number {
  return text.indexOf(wanted, from);
}

function culturalIndexOf(text: string, wanted: string, from: number): number {
  for (let start = from; start < text.length; start += 1) {
    if (matchesAt(text, wanted, start)) return start;
  }
  return -1;
}

/** Character by character, so that indexes stay those of `text`. */
function japaneseIndexOf(text: string, wanted: string, from: number): number {
  const folded = text.replace(/[\uff01-\uff5e\ufe13\ufe47\ufe55\ufe5f]/gu, (character) => character.normalize("NFKC"));
  return culturalIndexOf(folded, wanted, from);
}

function matchesAt(text: string, wanted: string, start: number): boolean {
  let at = start;
  for (const character of wanted) {
    while (at > start && at < text.length && WEIGHTLESS.test(text.charAt(at))) at += 1;
    if (text.charAt(at) !== character) return false;
    at += 1;
  }
  return true;
}

function isWeightless(text: string): boolean {
  return text.replace(new RegExp(WEIGHTLESS, "gu"), "") === "";
}

function isRefusedToken(token: string, registered: ReadonlySet<string>): boolean {
  const name = token.toLowerCase();
  return name === "" || name === "pause-logging" || registered.has(name);
}

function readLines(output: string): string[] {
  const lines = output.replace(/^\ufeff/u, "").split(/\r\n|\r|\n/u);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function masksIn(message: string): string[] {
  return [message, ...message.split(/[\r\n]+/u).map((part) => part.trim())].filter((mask) => mask.trim() !== "");
}

function masked(line: string, masks: readonly string[]): string {
  return masks.reduce((result, mask) => result.replaceAll(mask, "***"), line);
}
