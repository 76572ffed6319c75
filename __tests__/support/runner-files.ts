/** The files a step hands to the runner (GITHUB_OUTPUT and its kin), read by the runner's own rules. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";

const names = {
  GITHUB_OUTPUT: "set_output",
  GITHUB_STATE: "save_state",
  GITHUB_ENV: "set_env",
  GITHUB_PATH: "add_path",
  GITHUB_STEP_SUMMARY: "step_summary",
} as const;

export type CommandFiles = Record<keyof typeof names, string>;

/** Makes the empty files, below RUNNER_TEMP as the runner does, and gives the variables that name them. */
export function makeCommandFiles(temp: string): CommandFiles {
  const folder = join(temp, "_runner_file_commands");
  mkdirSync(folder, { recursive: true });
  const id = randomUUID();
  const files: [string, string][] = Object.entries(names).map(([variable, name]) => {
    const path = join(folder, `${name}_${id}`);
    writeFileSync(path, "");
    return [variable, path];
  });
  return Object.fromEntries(files) as CommandFiles;
}

interface FileCommands {
  outputs: Record<string, string>;
  state: Record<string, string>;
  env: Record<string, string>;
  paths: string[];
  summary: string;
}

/** The step summary's limit, in bytes: beyond it the runner reports an error and shows nothing. */
const summaryLimit = 1_048_576;

export function readCommandFiles(files: CommandFiles): FileCommands {
  const text = (name: keyof typeof names): string => readFileSync(files[name], "utf8");
  if (readFileSync(files.GITHUB_STEP_SUMMARY).length > summaryLimit) {
    throw new Error(`$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${summaryLimit / 1024}k`);
  }
  return {
    outputs: parseFileCommand(text("GITHUB_OUTPUT")),
    state: parseFileCommand(text("GITHUB_STATE")),
    env: parseFileCommand(text("GITHUB_ENV")),
    paths: text("GITHUB_PATH")
      .split("\n")
      .filter((line) => line !== ""),
    summary: text("GITHUB_STEP_SUMMARY"),
  };
}

/**
 * `name=value` lines and `name<<DELIMITER` blocks; a later name wins. Anything else throws, as it fails a step.
 * A line ends at "\n" alone, so a carriage return belongs to the value.
 */
export function parseFileCommand(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split("\n");
  const unended = lines.pop() ?? "";
  if (unended !== "") lines.push(unended);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      if (name === "" || delimiter === "") {
        throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
      }
      const end = lines.indexOf(delimiter, at + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      values[name] = lines.slice(at + 1, end).join("\n");
      at = end;
    } else if (equals > 0) {
      values[line.slice(0, equals)] = line.slice(equals + 1);
    } else {
      throw new Error(`Invalid format '${line}'`);
    }
  }
  return values;
}
