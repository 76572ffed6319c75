/** The files that `files` names: found by glob patterns, checked one by one, measured and hashed. Loaded only then. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { basename, isAbsolute, resolve, sep } from "node:path";
import * as glob from "@actions/glob";
import { formatInteger, pluralize } from "../common/format.ts";
import { type LocalFile, MAX_UPLOAD_BYTES } from "../mosoo/files.ts";
import { isPathInside, resolveGlobPattern, toPosixRelativePath } from "./workspace-paths.ts";
import type { InputIssue } from "./input-errors.ts";
import { logLine } from "../sanitize/log-text.ts";

export interface Attachment extends LocalFile {
  /** Relative to the workspace, with slashes: the same on every system. */
  relativePath: string;
}

const MAX_FILES = 1_000;

const EXCLUDE_HINT = "Leave it out by a pattern with `!`.";
const OUTSIDE_WORKSPACE =
  "lies outside the workspace (symbolic links resolved). Copy it into the workspace, or leave it out by a pattern with `!`.";

function refuse(path: string, why: string): InputIssue {
  return { input: "files", text: `${logLine(JSON.stringify(path), 200)} ${why}` };
}

async function hash(path: string): Promise<{ bytes: number; sha256: string } | "not a file"> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK || 0) | (constants.O_NOFOLLOW || 0));
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return "not a file";
    if (stat.size > MAX_UPLOAD_BYTES) return { bytes: stat.size, sha256: "" };
    const digest = createHash("sha256");
    let bytes = 0;
    for await (const chunk of file.createReadStream({
      autoClose: false,
      highWaterMark: 64 * 1024,
    }) as AsyncIterable<Buffer>) {
      digest.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: digest.digest("hex") };
  } finally {
    await file.close();
  }
}

/** A path as people know it: from the workspace on, where it lies there. */
function displayPath(path: string, workspace: string): string {
  return isPathInside(resolve(workspace), path) ? toPosixRelativePath(resolve(workspace), path) : path;
}

async function validateFile(path: string, workspace: string): Promise<Attachment | InputIssue> {
  const way = toPosixRelativePath(resolve(workspace), path);
  const shown = displayPath(path, workspace);
  const realWorkspace = await realpath(workspace);
  const real = await realpath(path);
  if (!isPathInside(realWorkspace, real)) return refuse(shown, OUTSIDE_WORKSPACE);
  const parts = `${way}/${toPosixRelativePath(realWorkspace, real)}`.toLowerCase().split("/");
  if (parts.includes(".git")) {
    return refuse(shown, `lies under .git/, where credentials are kept. ${EXCLUDE_HINT}`);
  }
  const hashed = await hash(real);
  if (hashed === "not a file") return refuse(shown, `is not a regular file. ${EXCLUDE_HINT}`);
  if (hashed.bytes > MAX_UPLOAD_BYTES)
    return refuse(
      shown,
      `has ${pluralize(hashed.bytes, "byte")}; at most ${formatInteger(MAX_UPLOAD_BYTES)} are taken. ${EXCLUDE_HINT}`,
    );
  return { name: basename(path), path: real, relativePath: way, ...hashed };
}

/** A place outside the workspace where a search would begin: the whole disk may lie below it. */
async function findSearchPathOutsideWorkspace(
  starts: readonly string[],
  workspace: string,
): Promise<string | undefined> {
  const realOf = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined);
  const realWorkspace = await realOf(workspace);
  for (const start of starts) {
    const real = await realOf(start);
    // Below what is not there nothing is found.
    if (real !== undefined && !(realWorkspace !== undefined && isPathInside(realWorkspace, real))) return start;
  }
  return undefined;
}

interface Matches {
  /** In order; one more than are taken at most. */
  paths: string[];
  /** There are some under .git/, where nothing is taken from: that of a submodule is a file. */
  inGit: boolean;
}

/** Looks no further than it must: a link, which a pull request can bring, may lead to a folder without end. */
async function search(globber: glob.Globber): Promise<Matches> {
  const found = new Set<string>();
  let inGit = false;
  for await (const path of globber.globGenerator()) {
    if (path.split(sep).includes(".git")) inGit = true;
    else found.add(path);
    if (found.size > MAX_FILES) break;
  }
  return { paths: [...found].sort(), inGit };
}

function searchProblem(error: unknown, workspace: string): InputIssue {
  const { code, path, message }: NodeJS.ErrnoException = error instanceof Error ? error : new Error("unknown");
  if (code === undefined || path === undefined)
    return { input: "files", text: `The patterns cannot be used: ${logLine(message, 200)}` };
  return refuse(displayPath(path, workspace), `cannot be read (${code}). ${EXCLUDE_HINT}`);
}

/** The files that match, in the order of their paths; or all problems with them. No match is a problem. */
export async function findAttachments(
  patterns: readonly string[],
  workspace: string,
): Promise<Attachment[] | InputIssue[]> {
  const rooted = patterns.map((pattern) => {
    const [mark, rest] = pattern.startsWith("!") ? ["!", pattern.slice(1).trim()] : ["", pattern];
    return isAbsolute(rest) || rest.startsWith("~") ? mark + rest : mark + resolveGlobPattern(workspace, rest);
  });
  let matches: Matches;
  try {
    const globber = await glob.create(rooted.join("\n"), {
      matchDirectories: false,
      followSymbolicLinks: true,
      implicitDescendants: true,
      excludeHiddenFiles: false,
    });
    const stray = await findSearchPathOutsideWorkspace(globber.getSearchPaths(), workspace);
    if (stray !== undefined) return [refuse(displayPath(stray, workspace), OUTSIDE_WORKSPACE)];
    matches = await search(globber);
  } catch (error) {
    return [searchProblem(error, workspace)];
  }
  const { paths, inGit } = matches;
  if (paths.length === 0) {
    const text = inGit
      ? "No file matches but those under .git/, where credentials are kept: none of them is taken."
      : "No file matches. Patterns are relative to the workspace; is the file made before this step?";
    return [{ input: "files", text }];
  }
  if (paths.length > MAX_FILES) {
    const most = formatInteger(MAX_FILES);
    return [{ input: "files", text: `More than ${most} files match; at most ${most} are taken. Narrow the patterns.` }];
  }
  const examined: (Attachment | InputIssue)[] = [];
  for (const path of paths) {
    try {
      examined.push(await validateFile(path, workspace));
    } catch (error) {
      const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
      examined.push(refuse(displayPath(path, workspace), `cannot be read (${code}). ${EXCLUDE_HINT}`));
    }
  }
  const problems = examined.filter((each) => "input" in each);
  return problems.length > 0 ? problems : examined.filter((each) => "sha256" in each);
}
