/** Downloads the files that the agent produced for this step, for later steps. Loaded only with `download-files`. */
import { FileNames, matchesPatterns, toSafeName } from "../actions/file-names.ts";
import { DownloadFolder } from "../actions/download-folder.ts";
import { formatInteger, pluralize } from "../common/format.ts";
import type { ThreadFile } from "../mosoo/artifacts.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import { CancelledError, MosooError } from "../mosoo/errors.ts";
import type { FailureDetails } from "../report/report.ts";
import { redact } from "../sanitize/redact.ts";
import { failureText, toFailureDetails } from "./errors.ts";
import { isTooLongForOutput } from "./response.ts";
import type { StepResult } from "./step-result.ts";
import { type WaitContext, stopRun } from "./follow-run.ts";

const MAX_FILES = 1_000;
const MAX_TOTAL_BYTES = 1_073_741_824;
const DOWNLOAD_CONCURRENCY = 4;
/** In `files-dir`, where the output has no room for the list. */
const LIST_NAME = ".files.json";
/** Files that a warning names. */
const MAX_NAMED = 5;

/** A file to download. */
interface WantedFile {
  file: ThreadFile;
  /** As the service gave it, without secrets. */
  name: string;
  /** Safe, and no other file's. */
  path: string;
}

/** An entry of the output `downloaded-files`. */
interface SavedFile {
  name: string;
  path: string;
  size: number;
  mimeType: string | null;
}

interface Selection {
  wanted: WantedFile[];
  /** More match than may be downloaded. */
  exceeded: MosooError | undefined;
}

function limitError(what: string): MosooError {
  return new MosooError(`${what}, which is more than the step downloads.`, {
    input: "download-files",
    advice: "Narrow the patterns.",
  });
}

/**
 * The files to download, the newest first: of several versions of one file it keeps the name.
 *
 * @param files of this step
 */
function select(files: readonly ThreadFile[], patterns: readonly string[], secrets: readonly string[]): Selection {
  const names = new FileNames([LIST_NAME]);
  const matching = files
    .map((file) => ({ file, name: redact(file.name, secrets) }))
    .map((each) => ({ ...each, safe: toSafeName(each.name) }))
    .filter(({ safe }) => matchesPatterns(safe, patterns))
    .sort((a, b) => Date.parse(b.file.createdAt ?? "") - Date.parse(a.file.createdAt ?? ""));
  const total = matching.reduce((sum, { file }) => sum + file.size, 0);
  let bytes = 0;
  const withinLimits = matching.slice(0, MAX_FILES).filter(({ file }) => (bytes += file.size) <= MAX_TOTAL_BYTES);
  const wanted = withinLimits.map(({ file, name, safe }) => ({ file, name, path: names.add(safe) }));
  const exceeded =
    matching.length > MAX_FILES
      ? limitError(`${pluralize(matching.length, "file")} match (at most ${formatInteger(MAX_FILES)})`)
      : total > MAX_TOTAL_BYTES
        ? limitError(`Matching files have ${formatInteger(total)} bytes (at most ${formatInteger(MAX_TOTAL_BYTES)})`)
        : undefined;
  return { wanted, exceeded };
}

/** `"a.txt", "b.txt" and 3 more` */
function listNames(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => JSON.stringify(name));
  const more = names.length - named.length;
  return named.join(", ") + (more === 0 ? "" : ` and ${more} more`);
}

/** A rejection of this one file; others may be there. */
function isOfOneFile(error: unknown): boolean {
  if (!(error instanceof MosooError)) return false;
  const { status = 0 } = error.details;
  return status >= 400 && status < 500 && status !== 429;
}

class Downloads {
  readonly #wait: WaitContext;
  readonly #folder: DownloadFolder;
  readonly #wanted: readonly WantedFile[];
  readonly #saved = new Map<WantedFile, SavedFile>();
  readonly #errors: unknown[] = [];

  constructor(wait: WaitContext, folder: DownloadFolder, wanted: readonly WantedFile[]) {
    this.#wait = wait;
    this.#folder = folder;
    this.#wanted = wanted;
  }

  /** In the order of the files. */
  get saved(): SavedFile[] {
    return this.#wanted.flatMap((each) => this.#saved.get(each) ?? []);
  }

  /** @returns why files are missing, if any are: the first error */
  async run(): Promise<unknown> {
    const queue = [...this.#wanted];
    let isStopped = false;
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !isStopped; next = queue.shift()) {
        try {
          await this.#download(next);
        } catch (error) {
          this.#errors.push(error);
          isStopped ||= !isOfOneFile(error);
        }
      }
    };
    await Promise.all(Array.from({ length: DOWNLOAD_CONCURRENCY }, work));
    return this.#errors.find((error) => error instanceof CancelledError) ?? this.#errors[0];
  }

  async #download(wanted: WantedFile): Promise<void> {
    const { mosoo, log } = this.#wait;
    const { file, name, path } = wanted;
    try {
      const partial = await mosoo.downloadFile(file, () => this.#folder.open());
      await this.#folder.save(partial, path);
    } catch (error) {
      if (error instanceof MosooError) log.info(`Failed to download ${JSON.stringify(path)}: ${error.summary}`);
      throw error;
    }
    const { size, mimeType = null } = file;
    this.#saved.set(wanted, { name, path, size, mimeType });
    const count = `${this.#saved.size} of ${this.#wanted.length}`;
    log.info(`Downloaded ${JSON.stringify(path)} (${pluralize(size, "byte")}), ${count}`);
  }
}

/** Sets the outputs, and shows the files in the report. */
async function publishFiles(wait: WaitContext, folder: DownloadFolder, saved: readonly SavedFile[]): Promise<void> {
  const { log, outputs, progress, secrets } = wait;
  const bytes = saved.reduce((sum, { size }) => sum + size, 0);
  if (saved.length > 0)
    log.info(`Downloaded ${pluralize(saved.length, "file")} (${pluralize(bytes, "byte")}) to ${folder.path}`);
  progress.updateReport({ files: saved.map(({ path, size }) => ({ name: path, size })) });
  const json = redact(JSON.stringify(saved), secrets);
  if (!isTooLongForOutput(json)) {
    outputs.set({ "downloaded-files": json });
    return;
  }
  await folder.writeText(LIST_NAME, json);
  log.warning(
    `The list of downloaded files is too long for the output \`downloaded-files\`, which is not set: read it from ${LIST_NAME} in \`files-dir\`.`,
  );
}

/** @returns what is missing, as the error to report */
async function findAndDownload(wait: WaitContext, folder: DownloadFolder, threadId: string): Promise<unknown> {
  const { mosoo, inputs, log, progress, secrets } = wait;
  const patterns = inputs.downloadFiles ?? [];
  const isWanted = (name: string): boolean => matchesPatterns(toSafeName(redact(name, secrets)), patterns);
  const { own, unattributed } = await mosoo.readOwnFiles({
    threadId,
    ownRuns: progress.ownRuns,
    listedBefore: progress.handle?.filesBefore,
    isWanted,
  });
  const { wanted, exceeded } = select(own, patterns, secrets);
  const unknown = unattributed.map(({ name }) => toSafeName(redact(name, secrets))).filter(isWanted);
  if (unknown.length > 0) {
    log.warning(`Not downloaded, because the thread does not show which run produced them: ${listNames(unknown)}.`);
  }
  if (wanted.length === 0 && exceeded === undefined) {
    const found =
      own.length === 0
        ? "The agent produced none in this step."
        : `The agent produced ${listNames(own.map(({ name }) => toSafeName(name)))}.`;
    log.warning(`No file matches \`download-files\`. ${found}`);
  }
  const downloads = new Downloads(wait, folder, wanted);
  const error = await downloads.run();
  await publishFiles(wait, folder, downloads.saved);
  return error ?? exceeded;
}

/** Whether the run may have left files, and the thread can be read. */
function mayHaveFiles({ stop, progress }: WaitContext, { outcome }: StepResult): boolean {
  if (stop.cancelSignal.aborted || progress.ownRuns.length === 0) return false;
  return outcome !== "error" || isTerminalStatus(progress.report.status);
}

/**
 * Downloads the step's files that match `download-files`, also of a run that did not complete.
 *
 * @param result of waiting for the run
 * @returns the step's result: a failure to download fails a step that has not failed
 */
export async function downloadFiles(wait: WaitContext, result: StepResult): Promise<StepResult> {
  const { context, log, outputs, progress, secrets } = wait;
  const { threadId, threadUrl } = progress.report;
  if (threadId === undefined || !mayHaveFiles(wait, result)) return result;
  let error: unknown;
  let folder: DownloadFolder | undefined;
  try {
    folder = await DownloadFolder.create(context.temp);
    outputs.set({ "files-dir": folder.path });
    error = await findAndDownload(wait, folder, threadId);
  } catch (thrown) {
    error = thrown;
  } finally {
    await folder?.close();
  }
  if (error === undefined) return result;
  if (error instanceof CancelledError) return stopRun(wait, progress.handle?.run ?? null);
  const details = toFailureDetails(error, { threadUrl });
  const failure: FailureDetails = {
    ...details,
    summary: `Failed to download the agent's files. ${details.summary}`,
    advice: details.advice || "Re-run the job to download them again.",
    consequence: undefined,
  };
  if (result.outcome === "completed" && result.failure === undefined) return { outcome: "files-missing", failure };
  log.warning(failureText(failure, secrets));
  return result;
}
