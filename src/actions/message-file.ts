/** The message's text: given, or read from a file that the step may read. */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { type Body, bodyBytes, MAX_REQUEST_BODY_BYTES, MAX_MESSAGE_LENGTH } from "../mosoo/contract/request-bodies.ts";
import { formatInteger, pluralize } from "../common/format.ts";
import { isPathInside, toPosixRelativePath } from "./workspace-paths.ts";
import type { InputIssue } from "./input-errors.ts";

/** No message of this size can be sent; more is not read. */
const MAX_MESSAGE_FILE_BYTES = 1024 * 1024;

const notRegular = "It is not a regular file. Give the path of a text file.";

function unreadable(code: string): string {
  return `It cannot be read (${code}). Check the path, and who may read the file.`;
}

async function realFolder(folder: string): Promise<string | undefined> {
  if (folder === "") return undefined;
  return realpath(folder).catch(() => undefined);
}

/** Whether the path names a place in RUNNER_TEMP by itself, before any link: where one folder holds the other, the inner one counts. */
function isWrittenInTemp(written: string, workspace: string, temps: readonly string[]): boolean {
  const folder = temps.find((temp) => isPathInside(resolve(temp), written));
  if (folder === undefined) return false;
  const workspaceBelowTemp = isPathInside(resolve(folder), resolve(workspace));
  return !(workspaceBelowTemp && isPathInside(resolve(workspace), written));
}

/** Whether the way to the file, from the workspace on, leads through .git/. */
function isInGit(path: string, workspace: string): boolean {
  return (
    isPathInside(workspace, path) && toPosixRelativePath(workspace, path).toLowerCase().split("/").includes(".git")
  );
}

/**
 * The real path of a file that was written as `path`, where the step may read it: in the workspace, or written as a
 * path in RUNNER_TEMP and lying there. What lies under .git/, and a link from the workspace into RUNNER_TEMP, is refused:
 * other steps keep credentials there, and a pull request can bring a link.
 *
 * @throws a sentence
 */
async function allowedPath(path: string, workspace: string, temp: string): Promise<string> {
  const written = resolve(workspace, path);
  const [realWorkspace, realTemp] = await Promise.all([realFolder(workspace), realFolder(temp)]);
  const real = await realpath(written).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new Error("There is no such file. The path is relative to the workspace; is the repository checked out?");
    throw new Error(unreadable(String(code)));
  });
  const inWorkspace = realWorkspace !== undefined && isPathInside(realWorkspace, real);
  const inTemp = realTemp !== undefined && isPathInside(realTemp, real);
  const tempBelowWorkspace =
    realWorkspace !== undefined && realTemp !== undefined && isPathInside(realWorkspace, realTemp);
  if (inWorkspace && !(inTemp && tempBelowWorkspace)) {
    if (isInGit(real, realWorkspace) || isInGit(written, resolve(workspace)))
      throw new Error("The file lies under .git/, where credentials are kept. Copy what you need of it elsewhere.");
    return real;
  }
  if (inTemp && isWrittenInTemp(written, workspace, [temp, realTemp])) return real;
  throw new Error(
    "The file lies outside the workspace (symbolic links resolved). Give a file in the workspace, or one written as a path in RUNNER_TEMP.",
  );
}

/** UTF-16 that does not say so is valid UTF-8 where it is plain English: every other byte is NUL. */
function looksLikeUtf16(bytes: Buffer): boolean {
  return bytes.includes(0) && bytes.filter((byte) => byte === 0).length * 4 >= bytes.length;
}

/** The text that the bytes are in UTF-8; undefined where they are none. */
function textOf(bytes: Buffer): string | undefined {
  if (looksLikeUtf16(bytes)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function readTextFile(path: string): Promise<string> {
  // Without blocking: a FIFO has no end. The link was resolved before; a new one in its place is not followed.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK || 0) | (constants.O_NOFOLLOW || 0));
  try {
    const { size, isFile } = await file.stat().then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
    if (!isFile) throw new Error(notRegular);
    if (size > MAX_MESSAGE_FILE_BYTES)
      throw new Error(
        `The file has ${pluralize(size, "byte")}; a message has at most ${formatInteger(MAX_MESSAGE_LENGTH)} characters, ` +
          `and ${formatInteger(MAX_REQUEST_BODY_BYTES)} bytes as a JSON body. Shorten it.`,
      );
    const text = textOf(await file.readFile());
    if (text === undefined) throw new Error("The file is not UTF-8 text. Save it as UTF-8.");
    return text;
  } finally {
    await file.close();
  }
}

/** The text of `message-file`, trimmed; or the problem with it. */
export async function readMessageFile(
  path: string,
  workspace: string,
  temp: string,
): Promise<{ text: string } | InputIssue> {
  const input = "message-file";
  if (path.includes("\0")) return { input, text: "The path has a NUL character inside." };
  try {
    const text = (await readTextFile(await allowedPath(path, workspace, temp))).trim();
    if (text === "") return { input, text: "The file is empty. Write the message into it before this step." };
    return { text };
  } catch (error) {
    const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
    if (code === "ENXIO" || code === "EISDIR" || code === "ELOOP") return { input, text: notRegular };
    if (code !== undefined) return { input, text: unreadable(code) };
    return { input, text: error instanceof Error ? error.message : "It cannot be read." };
  }
}

/**
 * What is wrong with the length of the text, if anything: both limits, both figures.
 *
 * @param body the request's body with the text and the file IDs in it
 */
export function validateMessageLength(
  text: string,
  body: Body,
  input: string,
  fileIds: number,
): InputIssue | undefined {
  const units = text.length;
  const bytes = bodyBytes(body);
  if (units <= MAX_MESSAGE_LENGTH && bytes <= MAX_REQUEST_BODY_BYTES) return undefined;
  const ids = fileIds === 0 ? "" : `, ${pluralize(fileIds, "file ID")} included`;
  return {
    input,
    text:
      `It is too long: ${formatInteger(units)} characters (UTF-16 units; at most ${formatInteger(MAX_MESSAGE_LENGTH)}) ` +
      `and ${formatInteger(bytes)} bytes as a JSON body${ids} (at most ${formatInteger(MAX_REQUEST_BODY_BYTES)}). ` +
      "Shorten it, or attach the long part as a file (`files`).",
  };
}
