/** What a workflow run finds on the disk: the user's repository with the examples in it, and the action. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const root = join(import.meta.dirname, "../..");
export const examples = join(root, "examples");

/** How the examples name the action. */
export const actionReference = "your-org/mosoo-thread-action@v1";
const defaultApiUrl = "https://mosoo.ai/api/v1";

/** Where an example belongs in a user's repository: its first line says so. */
export function placeOf(example: string): string {
  const [first = ""] = readFileSync(join(examples, example), "utf8").split("\n", 1);
  const place = /^# Save as (\.github\/\S+\.yml)$/.exec(first)?.[1];
  if (place === undefined) throw new Error(`examples/${example} does not begin with "# Save as .github/….yml"`);
  return place;
}

/** All example files, relative to examples/. */
export function exampleFiles(): string[] {
  return readdirSync(examples, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yml"))
    .sort();
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    // Scripts among them have to be executable; nothing else minds.
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
}

/** The schemas of examples/schemas/, by where they belong in a user's repository. */
function placedSchemas(): Record<string, string> {
  const names = readdirSync(join(examples, "schemas"));
  return Object.fromEntries(
    names.map((name) => [`.github/schemas/${name}`, readFileSync(join(examples, "schemas", name), "utf8")]),
  );
}

/** Puts every example where its first line says, as a user would; `change` may rewrite the text on the way. */
export function placeExamples(folder: string, change: (text: string) => string = (text) => text): void {
  const workflows = Object.fromEntries(
    exampleFiles().map((name) => [placeOf(name), change(readFileSync(join(examples, name), "utf8"))]),
  );
  writeFiles(folder, { ...workflows, ...placedSchemas() });
}

/** Always the same person and moment, so that the commit has the same hash in every run of one workflow run. */
const commitEnvironment = {
  GIT_AUTHOR_NAME: "octocat",
  GIT_AUTHOR_EMAIL: "octocat@users.noreply.github.com",
  GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z",
  GIT_COMMITTER_NAME: "octocat",
  GIT_COMMITTER_EMAIL: "octocat@users.noreply.github.com",
  GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z",
};

function git(folder: string, ...args: string[]): void {
  const env = { ...process.env, ...commitEnvironment };
  execFileSync("git", ["-C", folder, ...args], { env, stdio: ["ignore", "ignore", "inherit"] });
}

/** A user's repository, one commit old. */
export function makeRepository(folder: string, files: Record<string, string> = {}): void {
  placeExamples(folder);
  writeFiles(folder, { "README.md": "# A user's repository\n", ...files });
  git(folder, "init", "--quiet", "--initial-branch=main");
  git(folder, "remote", "add", "origin", "https://github.com/octo-org/octo-repo");
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message=Begin");
  // As a checkout of all history has it; act's is a copy of this folder.
  git(folder, "update-ref", "refs/remotes/origin/main", "HEAD");
}

/** Tracked files of the working tree that `git archive` would pack: what a runner downloads. */
function shippedFiles(): string[] {
  const tracked = execFileSync("git", ["-C", root, "ls-files", "-z"]);
  const attributes = execFileSync("git", ["-C", root, "check-attr", "-z", "--stdin", "export-ignore"], {
    input: tracked,
  });
  const fields = attributes.toString().split("\0");
  return fields.flatMap((path, index) => (index % 3 === 0 && path !== "" && fields[index + 2] !== "set" ? [path] : []));
}

/**
 * The action as a runner downloads it, except for one line: the default of `api-url` is the fake server's address, so that
 * the example files run unchanged.
 */
export function copyAction(folder: string, apiUrl: string): void {
  for (const path of shippedFiles()) cpSync(join(root, path), join(folder, path));
  const definition = join(folder, "action.yml");
  const text = readFileSync(definition, "utf8");
  const line = `default: ${defaultApiUrl}\n`;
  if (text.split(line).length !== 2) throw new Error(`action.yml should hold "${line.trim()}" once`);
  writeFileSync(definition, text.replace(line, `default: ${apiUrl}\n`));
}
