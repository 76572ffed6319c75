/** Texts that are in files (a message, a schema that is sent with it), and the limits of a message. */
import { type Body, bodyBytes, MAX_REQUEST_BODY_BYTES, MAX_MESSAGE_LENGTH } from "../mosoo/contract/request-bodies.ts";
import { formatInteger, pluralize } from "../common/format.ts";
import {
  type Folders,
  OUTSIDE_WORKSPACE,
  PathError,
  describeReadError,
  openRegularFile,
  resolveReadablePath,
} from "./workspace-paths.ts";
import type { InputIssue } from "./parsers.ts";

/** No message of this size can be sent; more is not read. */
const MAX_FILE_BYTES = 1024 * 1024;

const MESSAGE_LIMITS = `${formatInteger(MAX_MESSAGE_LENGTH)} characters and ${formatInteger(MAX_REQUEST_BODY_BYTES)} bytes as a JSON body`;

/** UTF-16 without a byte order mark is valid UTF-8 where it is plain English: every other byte is NUL. */
function looksLikeUtf16(bytes: Buffer): boolean {
  return bytes.includes(0) && bytes.filter((byte) => byte === 0).length * 4 >= bytes.length;
}

function decodeUtf8(bytes: Buffer): string {
  try {
    if (!looksLikeUtf16(bytes)) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8: said below.
  }
  throw new PathError("is not UTF-8 text");
}

async function readText(path: string): Promise<string> {
  const { file, size } = await openRegularFile(path);
  try {
    if (size > MAX_FILE_BYTES)
      throw new PathError(`has ${pluralize(size, "byte")}, but a message at most ${MESSAGE_LIMITS}`);
    return decodeUtf8(await file.readFile());
  } finally {
    await file.close();
  }
}

/** What to do about a file that cannot be read. */
function adviceFor(reason: string): string {
  if (reason === "does not exist") {
    return " The path is relative to the workspace; check that an earlier step checks the repository out or creates the file.";
  }
  return reason === OUTSIDE_WORKSPACE ? " Only files written as a path in RUNNER_TEMP may be outside." : "";
}

/** The text of the file that `input` names, trimmed; or what is wrong with it. */
export async function readTextFile(
  input: string,
  path: string,
  folders: Folders,
): Promise<{ text: string } | InputIssue> {
  if (path.includes("\0")) return { input, text: "Must not contain a NUL character." };
  try {
    const text = (await readText(await resolveReadablePath(path, folders))).trim();
    return text === "" ? { input, text: "The file is empty." } : { text };
  } catch (error) {
    const reason = describeReadError(error);
    return { input, text: `The file ${reason}.${adviceFor(reason)}` };
  }
}

interface MessageParts {
  /** The input that the author's text is from. */
  input: string;
  fileIds: number;
  /** How many UTF-16 units of the text the schema and its instruction take. */
  schemaLength: number;
}

/**
 * What is wrong with the length of the message, if anything: both limits, both figures. Names the input that takes most.
 *
 * @param body the request's body with the text and the file IDs in it
 */
export function validateMessageLength(
  text: string,
  body: Body,
  { input, fileIds, schemaLength }: MessageParts,
): InputIssue | undefined {
  const units = text.length;
  const bytes = bodyBytes(body);
  if (units <= MAX_MESSAGE_LENGTH && bytes <= MAX_REQUEST_BODY_BYTES) return undefined;
  const parts = [
    ...(fileIds === 0 ? [] : [pluralize(fileIds, "file ID")]),
    ...(schemaLength === 0 ? [] : [`${formatInteger(schemaLength)} units of schema and instruction`]),
  ];
  const including = parts.length === 0 ? "" : `, including ${parts.join(" and ")}`;
  const got = `(got ${formatInteger(units)} UTF-16 units and ${formatInteger(bytes)} bytes${including})`;
  if (schemaLength > units / 2) {
    const advice = "Shorten the schema, such as its descriptions.";
    return {
      input: "response-schema",
      text: `The message ends with it and must be at most ${MESSAGE_LIMITS} ${got}. ${advice}`,
    };
  }
  const advice = "Shorten it, or attach the long part as a file (`files`).";
  return { input, text: `Must be at most ${MESSAGE_LIMITS} ${got}. ${advice}` };
}
