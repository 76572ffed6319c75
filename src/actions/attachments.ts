/** The files that `files` names: found by glob patterns, checked one by one, measured and hashed. Loaded only then. */
import * as glob from "@actions/glob";
import { createHash } from "node:crypto";
import { basename, isAbsolute, matchesGlob, resolve, sep } from "node:path";
import { formatInteger, pluralize } from "../common/format.ts";
import { type LocalFile, MAX_UPLOAD_BYTES } from "../mosoo/files.ts";
import {
  OUTSIDE_WORKSPACE,
  PathError,
  describeReadError,
  isPathInside,
  openRegularFile,
  resolveGlobPattern,
  resolveReadablePath,
  toPosixRelativePath,
  tryRealPath,
} from "./workspace-paths.ts";
import type { InputIssue } from "./parsers.ts";
import { withSanitizedDebugLog } from "./logger.ts";

export interface Attachment extends LocalFile {
  /** Relative to the workspace, with slashes: the same on every system. */
  relativePath: string;
}

interface AttachmentOptions {
  workspace: string;
  /** Also files that only a wildcard matches though a part of their path begins with a dot. */
  includeHidden: boolean;
}

const MAX_FILES = 1_000;
const READ_CHUNK_BYTES = 64 * 1024;
const EXCLUDE_HINT = "To exclude it, add a pattern with `!`.";

function issue(subject: string, reason: string, hint = EXCLUDE_HINT): InputIssue {
  return { input: "files", text: `${JSON.stringify(subject)} ${reason}. ${hint}` };
}

/** A path as people know it: relative to the workspace where it is there. */
function displayPath(path: string, workspace: string): string {
  return isPathInside(resolve(workspace), path) ? toPosixRelativePath(resolve(workspace), path) : path;
}

/** @throws PathError, and what the file system throws */
async function hash(path: string): Promise<{ bytes: number; sha256: string }> {
  const { file, size } = await openRegularFile(path);
  try {
    if (size > MAX_UPLOAD_BYTES) {
      throw new PathError(`has ${pluralize(size, "byte")}; the maximum is ${formatInteger(MAX_UPLOAD_BYTES)}`);
    }
    const digest = createHash("sha256");
    let bytes = 0;
    const content: AsyncIterable<Buffer> = file.createReadStream({ autoClose: false, highWaterMark: READ_CHUNK_BYTES });
    for await (const chunk of content) {
      digest.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: digest.digest("hex") };
  } finally {
    await file.close();
  }
}

async function readAttachment(path: string, workspace: string): Promise<Attachment | InputIssue> {
  try {
    const real = await resolveReadablePath(path, { workspace });
    const relativePath = toPosixRelativePath(resolve(workspace), path);
    return { name: basename(path), path: real, relativePath, ...(await hash(real)) };
  } catch (error) {
    return issue(displayPath(path, workspace), describeReadError(error));
  }
}

function rootPattern(pattern: string, workspace: string): string {
  const [mark, rest] = pattern.startsWith("!") ? ["!", pattern.slice(1).trim()] : ["", pattern];
  return isAbsolute(rest) || rest.startsWith("~") ? mark + rest : mark + resolveGlobPattern(workspace, rest);
}

/** @throws PathError about a place outside the workspace where the search would begin: the whole disk may be below it */
async function createGlobber(patterns: readonly string[], workspace: string): Promise<glob.Globber> {
  const globber = await glob.create(patterns.map((pattern) => rootPattern(pattern, workspace)).join("\n"), {
    matchDirectories: false,
    followSymbolicLinks: true,
    implicitDescendants: true,
    excludeHiddenFiles: false,
  });
  const realWorkspace = await tryRealPath(workspace);
  for (const start of globber.getSearchPaths()) {
    const real = await tryRealPath(start);
    // Nothing is found below a folder that does not exist.
    if (real !== undefined && !(realWorkspace !== undefined && isPathInside(realWorkspace, real)))
      throw new PathError(`${JSON.stringify(displayPath(start, workspace))} ${OUTSIDE_WORKSPACE}. ${EXCLUDE_HINT}`);
  }
  return globber;
}

/** Whether a part of the path begins with a dot that no pattern names: a wildcard does not match it. */
function isHidden(path: string, patterns: readonly string[], workspace: string): boolean {
  const relative = displayPath(path, workspace);
  if (!relative.split("/").some((part) => part.startsWith("."))) return false;
  return !patterns.some((pattern) => {
    const named = pattern.replace(/^(\.[/\\])+|[/\\]+$/g, "");
    return [named, `${named}/**`].some((each) => matchesGlob(isAbsolute(named) ? path : relative, each));
  });
}

/** Why a match is left out without an error of its own. */
type LeftOut = "git" | "hidden";

function leftOut(path: string, patterns: readonly string[], options: AttachmentOptions): LeftOut | undefined {
  // Of a submodule .git is a file.
  if (path.split(sep).includes(".git")) return "git";
  return !options.includeHidden && isHidden(path, patterns, options.workspace) ? "hidden" : undefined;
}

const NO_MATCH: Record<LeftOut | "nothing", [reason: string, hint: string]> = {
  nothing: ["matches no file", "Patterns are relative to the workspace; check that an earlier step creates the file."],
  git: ["only matches files under .git/, where credentials are stored", "Those are not attached."],
  hidden: [
    "only matches hidden files",
    "Set `include-hidden-files: true`, or name them with their dot, such as `.config/**`.",
  ],
};

/** An issue where the pattern, taken alone, matches no file. */
async function findMissingMatch(pattern: string, options: AttachmentOptions): Promise<InputIssue | undefined> {
  let why: LeftOut | "nothing" = "nothing";
  for await (const path of (await createGlobber([pattern], options.workspace)).globGenerator()) {
    const left = leftOut(path, [pattern], options);
    if (left === undefined) return undefined;
    why = left;
  }
  return issue(pattern, ...NO_MATCH[why]);
}

/** All matches, in order; one more than the maximum at most: a link may lead to a folder without end. */
async function search(patterns: readonly string[], options: AttachmentOptions): Promise<string[]> {
  const found = new Set<string>();
  const included = patterns.filter((pattern) => !pattern.startsWith("!"));
  for await (const path of (await createGlobber(patterns, options.workspace)).globGenerator()) {
    if (leftOut(path, included, options) === undefined) found.add(path);
    if (found.size > MAX_FILES) break;
  }
  return [...found].sort();
}

function toSearchIssue(error: unknown, workspace: string): InputIssue {
  if (error instanceof PathError) return { input: "files", text: error.message };
  const path = typeof error === "object" && error !== null && "path" in error ? error.path : undefined;
  if (typeof path === "string") return issue(displayPath(path, workspace), describeReadError(error));
  const reason = error instanceof Error ? error.message : "unknown error";
  return { input: "files", text: `The patterns are invalid: ${reason.replace(/\.?$/, ".")}` };
}

/** The files that match, in the order of their paths; or everything that is wrong. Every pattern has to match. */
export function findAttachments(
  patterns: readonly string[],
  options: AttachmentOptions,
): Promise<Attachment[] | InputIssue[]> {
  // `@actions/glob` prints the names of broken and circular links as they are.
  return withSanitizedDebugLog(() => searchAndRead(patterns, options));
}

async function searchAndRead(
  patterns: readonly string[],
  options: AttachmentOptions,
): Promise<Attachment[] | InputIssue[]> {
  const { workspace } = options;
  try {
    const missing: InputIssue[] = [];
    for (const pattern of patterns.filter((each) => !each.startsWith("!"))) {
      const found = await findMissingMatch(pattern, options);
      if (found !== undefined) missing.push(found);
    }
    if (missing.length > 0) return missing;
    const paths = await search(patterns, options);
    if (paths.length === 0) return [{ input: "files", text: "No file matches: the patterns exclude all of them." }];
    if (paths.length > MAX_FILES) {
      const text = `More than ${formatInteger(MAX_FILES)} files match, which is the maximum. Narrow the patterns.`;
      return [{ input: "files", text }];
    }
    const read: (Attachment | InputIssue)[] = [];
    for (const path of paths) read.push(await readAttachment(path, workspace));
    const issues = read.filter((each) => "input" in each);
    return issues.length > 0 ? issues : read.filter((each) => "sha256" in each);
  } catch (error) {
    return [toSearchIssue(error, workspace)];
  }
}
