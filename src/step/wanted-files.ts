/** Which of the step's files are downloaded, and under which names. Pure. */
import { FileNames, matchNames, toSafeName } from "../actions/file-names.ts";
import { formatInteger, pluralize } from "../common/format.ts";
import type { ThreadFile } from "../mosoo/artifacts.ts";
import { MosooError } from "../mosoo/errors.ts";
import { redact } from "../sanitize/redact.ts";

const MAX_FILES = 1_000;
const MAX_TOTAL_BYTES = 1_073_741_824;
/** In `files-dir`, where the output has no room for the list. */
export const LIST_NAME = ".files.json";

/** A file to download. */
export interface WantedFile {
  file: ThreadFile;
  /** As the service gave it, without secrets. */
  name: string;
  /** Safe, and no other file's. */
  path: string;
}

interface Selection {
  wanted: WantedFile[];
  /** More match than may be downloaded. */
  exceeded: MosooError | undefined;
}

function limitError(summary: string): MosooError {
  return new MosooError(summary, {
    input: "download-files",
    advice: "Narrow the patterns.",
  });
}

function createdAt(file: ThreadFile): number {
  return Date.parse(file.createdAt ?? "") || 0;
}

/**
 * The files to download, the newest first: of several versions of one file it keeps the name.
 *
 * @param files of this step
 * @throws MosooError where matching takes too long
 */
export function selectFiles(
  files: readonly ThreadFile[],
  patterns: readonly string[],
  secrets: readonly string[],
): Selection {
  const names = new FileNames([LIST_NAME]);
  const named = files
    .map((file) => ({ file, name: redact(file.name, secrets) }))
    .map((each) => ({ ...each, safe: toSafeName(each.name) }));
  const matches = matchNames(
    named.map(({ safe }) => safe),
    patterns,
  );
  const matching = named.filter(({ safe }) => matches.has(safe)).sort((a, b) => createdAt(b.file) - createdAt(a.file));
  const total = matching.reduce((sum, { file }) => sum + file.size, 0);
  let bytes = 0;
  const withinLimits = matching.slice(0, MAX_FILES).filter(({ file }) => (bytes += file.size) <= MAX_TOTAL_BYTES);
  const wanted = withinLimits.map(({ file, name, safe }) => ({ file, name, path: names.add(safe) }));
  const exceeded =
    matching.length > MAX_FILES
      ? limitError(`${pluralize(matching.length, "file")} match; a step downloads at most ${formatInteger(MAX_FILES)}.`)
      : total > MAX_TOTAL_BYTES
        ? limitError(
            `The matching files have ${formatInteger(total)} bytes; a step downloads at most ${formatInteger(MAX_TOTAL_BYTES)}.`,
          )
        : undefined;
  return { wanted, exceeded };
}
