/**
 * Which files the step may read: those in the workspace after symbolic links, and those written as a path in RUNNER_TEMP.
 * Never under .git/, and no link from the workspace into RUNNER_TEMP: other steps keep credentials in both, and a pull
 * request can bring a link.
 */
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import path, { type PlatformPath, resolve } from "node:path";
import { errorCode } from "../common/format.ts";

export interface Folders {
  workspace: string;
  /** RUNNER_TEMP; undefined or "" where its files may not be read. */
  temp?: string;
}

/** Why a file may not be read, as a predicate: "is not a regular file". */
export class PathError extends Error {}

const NOT_REGULAR = "is not a regular file";
export const OUTSIDE_WORKSPACE = "is outside the workspace (symbolic links resolved)";

/** Whether `inner` is `folder` or below it, by their names alone. Both absolute. */
export function isPathInside(folder: string, inner: string, system: PlatformPath = path): boolean {
  const relative = system.relative(folder, inner);
  return relative !== ".." && !relative.startsWith(`..${system.sep}`) && !system.isAbsolute(relative);
}

/** The path from `folder` to `inner` with slashes, the same on every system. */
export function toPosixRelativePath(folder: string, inner: string, system: PlatformPath = path): string {
  return system.relative(folder, inner).split(system.sep).join("/");
}

/** A glob pattern below `folder`, whose own path is taken literally. Patterns use slashes on every system. */
export function resolveGlobPattern(folder: string, pattern: string, system: PlatformPath = path): string {
  const literal = folder.replace(/[/\\]+$/, "").replace(/[[?*]/g, "[$&]");
  return `${literal}${system.sep}${pattern.replace(/^(\.[/\\])+/, "")}`;
}

/** The real path of a folder or file; undefined where there is none. */
export async function tryRealPath(anyPath: string): Promise<string | undefined> {
  return anyPath === "" ? undefined : realpath(anyPath).catch(() => undefined);
}

/** A failure to read, as a predicate: "does not exist". */
export function describeReadError(error: unknown): string {
  if (error instanceof PathError) return error.message;
  const code = errorCode(error) ?? "unknown error";
  return code === "ENOENT" || code === "ENOTDIR" ? "does not exist" : `cannot be read (${code})`;
}

/** Whether the path itself is one in RUNNER_TEMP, before any link. Where one folder holds the other, the inner one counts. */
function isWrittenInTemp(written: string, workspace: string, temps: readonly string[]): boolean {
  const temp = temps.find((each) => isPathInside(resolve(each), written));
  if (temp === undefined) return false;
  const isWorkspaceBelowTemp = isPathInside(resolve(temp), resolve(workspace));
  return !(isWorkspaceBelowTemp && isPathInside(resolve(workspace), written));
}

/** Whether the path from the workspace to the file leads through .git/. */
function isInGit(file: string, workspace: string): boolean {
  return (
    isPathInside(workspace, file) && toPosixRelativePath(workspace, file).toLowerCase().split("/").includes(".git")
  );
}

/**
 * The real path of a file that the step may read.
 *
 * @param file absolute, or relative to the workspace
 * @throws PathError, and what the file system throws: {@link describeReadError}
 */
export async function resolveReadablePath(file: string, { workspace, temp = "" }: Folders): Promise<string> {
  const written = resolve(workspace, file);
  const [realWorkspace, realTemp, real] = await Promise.all([
    tryRealPath(workspace),
    tryRealPath(temp),
    realpath(written),
  ]);
  const isInTemp = realTemp !== undefined && isPathInside(realTemp, real);
  const isTempBelowWorkspace =
    realWorkspace !== undefined && realTemp !== undefined && isPathInside(realWorkspace, realTemp);
  if (realWorkspace !== undefined && isPathInside(realWorkspace, real) && !(isInTemp && isTempBelowWorkspace)) {
    if (isInGit(real, realWorkspace) || isInGit(written, resolve(workspace)))
      throw new PathError("is under .git/, where credentials are stored");
    return real;
  }
  if (isInTemp && isWrittenInTemp(written, workspace, [temp, realTemp])) return real;
  throw new PathError(OUTSIDE_WORKSPACE);
}

/**
 * Opens a regular file without following a link or waiting for a writer: the path was resolved before, and a FIFO has
 * no end.
 *
 * @throws PathError, and what the file system throws
 */
export async function openRegularFile(real: string): Promise<{ file: FileHandle; size: number }> {
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK || 0) | (constants.O_NOFOLLOW || 0);
  const file = await open(real, flags).catch((error: unknown) => {
    const code = errorCode(error);
    throw code === "ENXIO" || code === "EISDIR" || code === "ELOOP" ? new PathError(NOT_REGULAR) : error;
  });
  try {
    const stat = await file.stat();
    if (stat.isFile()) return { file, size: stat.size };
    throw new PathError(NOT_REGULAR);
  } catch (error) {
    await file.close();
    throw error;
  }
}
