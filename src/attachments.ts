/** The files that `files` names: found by glob patterns, checked one by one, measured and hashed. Loaded only then. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { basename, isAbsolute, resolve, sep } from "node:path";
import * as glob from "@actions/glob";
import { grouped } from "./mosoo/figures.ts";
import { type LocalFile, mostFileBytes } from "./mosoo/upload.ts";
import { liesIn, patternBelow, slashedWay } from "./paths.ts";
import { type Problem, count } from "./problems.ts";
import { logLine } from "./report/untrusted.ts";

export interface Attachment extends LocalFile {
  /** Relative to the workspace, with slashes: the same on every system. */
  relativePath: string;
}

const mostFiles = 1_000;

const leaveOut = "Leave it out by a pattern with `!`.";
const outside =
  "lies outside the workspace (symbolic links resolved). Copy it into the workspace, or leave it out by a pattern with `!`.";

function refuse(path: string, why: string): Problem {
  return { input: "files", text: `${logLine(JSON.stringify(path), 200)} ${why}` };
}

async function hash(path: string): Promise<{ bytes: number; sha256: string } | "not a file"> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK || 0) | (constants.O_NOFOLLOW || 0));
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return "not a file";
    if (stat.size > mostFileBytes) return { bytes: stat.size, sha256: "" };
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
function shownPath(path: string, workspace: string): string {
  return liesIn(resolve(workspace), path) ? slashedWay(resolve(workspace), path) : path;
}

async function examine(path: string, workspace: string): Promise<Attachment | Problem> {
  const way = slashedWay(resolve(workspace), path);
  const shown = shownPath(path, workspace);
  const realWorkspace = await realpath(workspace);
  const real = await realpath(path);
  if (!liesIn(realWorkspace, real)) return refuse(shown, outside);
  const parts = `${way}/${slashedWay(realWorkspace, real)}`.toLowerCase().split("/");
  if (parts.includes(".git")) {
    return refuse(shown, `lies under .git/, where credentials are kept. ${leaveOut}`);
  }
  const hashed = await hash(real);
  if (hashed === "not a file") return refuse(shown, `is not a regular file. ${leaveOut}`);
  if (hashed.bytes > mostFileBytes)
    return refuse(
      shown,
      `has ${count(hashed.bytes, "byte")}; at most ${grouped(mostFileBytes)} are taken. ${leaveOut}`,
    );
  return { name: basename(path), path: real, relativePath: way, ...hashed };
}

/** A place outside the workspace where a search would begin: the whole disk may lie below it. */
async function startOutside(starts: readonly string[], workspace: string): Promise<string | undefined> {
  const realOf = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined);
  const realWorkspace = await realOf(workspace);
  for (const start of starts) {
    const real = await realOf(start);
    // Below what is not there nothing is found.
    if (real !== undefined && !(realWorkspace !== undefined && liesIn(realWorkspace, real))) return start;
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
    if (found.size > mostFiles) break;
  }
  return { paths: [...found].sort(), inGit };
}

function searchProblem(error: unknown, workspace: string): Problem {
  const { code, path, message }: NodeJS.ErrnoException = error instanceof Error ? error : new Error("unknown");
  if (code === undefined || path === undefined)
    return { input: "files", text: `The patterns cannot be used: ${logLine(message, 200)}` };
  return refuse(shownPath(path, workspace), `cannot be read (${code}). ${leaveOut}`);
}

/** The files that match, in the order of their paths; or all problems with them. No match is a problem. */
export async function findAttachments(
  patterns: readonly string[],
  workspace: string,
): Promise<Attachment[] | Problem[]> {
  const rooted = patterns.map((pattern) => {
    const [mark, rest] = pattern.startsWith("!") ? ["!", pattern.slice(1).trim()] : ["", pattern];
    return isAbsolute(rest) || rest.startsWith("~") ? mark + rest : mark + patternBelow(workspace, rest);
  });
  let matches: Matches;
  try {
    const globber = await glob.create(rooted.join("\n"), {
      matchDirectories: false,
      followSymbolicLinks: true,
      implicitDescendants: true,
      excludeHiddenFiles: false,
    });
    const stray = await startOutside(globber.getSearchPaths(), workspace);
    if (stray !== undefined) return [refuse(shownPath(stray, workspace), outside)];
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
  if (paths.length > mostFiles) {
    const most = grouped(mostFiles);
    return [{ input: "files", text: `More than ${most} files match; at most ${most} are taken. Narrow the patterns.` }];
  }
  const examined: (Attachment | Problem)[] = [];
  for (const path of paths) {
    try {
      examined.push(await examine(path, workspace));
    } catch (error) {
      const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
      examined.push(refuse(shownPath(path, workspace), `cannot be read (${code}). ${leaveOut}`));
    }
  }
  const problems = examined.filter((each) => "input" in each);
  return problems.length > 0 ? problems : examined.filter((each) => "sha256" in each);
}
