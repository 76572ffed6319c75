/** Downloads the files that the agent produced for this step, for later steps. Loaded only with `download-files`. */
import { matchNames, toSafeName } from "../actions/file-names.ts";
import { DownloadFolder } from "../actions/download-folder.ts";
import { forEachConcurrently } from "../common/concurrency.ts";
import { pluralize } from "../common/format.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import { CancelledError, MosooError } from "../mosoo/errors.ts";
import type { FailureDetails } from "../report/report.ts";
import { redact } from "../sanitize/redact.ts";
import { failureText, toFailureDetails } from "./errors.ts";
import { isTooLongForOutput } from "./response.ts";
import { type WaitContext, stopRun } from "./follow-run.ts";
import type { StepResult } from "./step-result.ts";
import { type WantedFile, LIST_NAME, selectFiles } from "./wanted-files.ts";

const DOWNLOAD_CONCURRENCY = 4;
/** Files that a warning names. */
const MAX_NAMED = 5;

/** An entry of the output `downloaded-files`. */
interface SavedFile {
  name: string;
  path: string;
  size: number;
  mimeType: string | null;
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

  constructor(wait: WaitContext, folder: DownloadFolder, wanted: readonly WantedFile[]) {
    this.#wait = wait;
    this.#folder = folder;
    this.#wanted = wanted;
  }

  /** In the order of the files. */
  get saved(): SavedFile[] {
    return this.#wanted.flatMap((each) => this.#saved.get(each) ?? []);
  }

  /** @returns why files are missing, if any are */
  async run(): Promise<unknown> {
    const errors: unknown[] = [];
    const download = async (wanted: WantedFile): Promise<void> => {
      try {
        await this.#download(wanted);
      } catch (error) {
        errors.push(error);
        if (!isOfOneFile(error)) throw error;
      }
    };
    await forEachConcurrently(this.#wanted, DOWNLOAD_CONCURRENCY, download);
    const error = errors.find((each) => each instanceof CancelledError) ?? errors[0];
    if (!(error instanceof MosooError)) return error;
    const missing = `Missing: ${this.#wanted.length - this.#saved.size} of ${pluralize(this.#wanted.length, "file")}.`;
    return new MosooError(`${missing} First error: ${error.summary}`, error.details);
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
  const safeNames = (given: readonly string[]): string[] => given.map((name) => toSafeName(redact(name, secrets)));
  const wantedOf = (given: readonly string[]): string[] => [...matchNames(safeNames(given), patterns)];
  const { own, unattributed } = await mosoo.readOwnFiles({
    threadId,
    ownRuns: progress.ownRuns,
    listedBefore: progress.handle?.filesBefore,
    isAnyWanted: (given) => wantedOf(given).length > 0,
  });
  const { wanted, exceeded } = selectFiles(own, patterns, secrets);
  const unknown = wantedOf(unattributed.map(({ name }) => name));
  if (unknown.length > 0) {
    log.warning(
      `Not downloaded, because the thread does not show which agent run produced them: ${listNames(unknown)}.`,
    );
  }
  if (wanted.length === 0 && exceeded === undefined) {
    const found =
      own.length === 0
        ? "The agent produced none in this step."
        : `The agent produced ${listNames(safeNames(own.map(({ name }) => name)))}.`;
    log.warning(`No file matches \`download-files\`. ${found}`);
  }
  const downloads = new Downloads(wait, folder, wanted);
  const error = await downloads.run();
  await publishFiles(wait, folder, downloads.saved);
  return error ?? exceeded;
}

/** Whether the run may have left files, and the thread can be read. */
function mayHaveFiles({ progress }: WaitContext, { outcome }: StepResult): boolean {
  if (progress.ownRuns.length === 0) return false;
  return outcome !== "error" || isTerminalStatus(progress.report.status);
}

/**
 * Downloads the step's files that match `download-files`, also of a run that did not complete.
 *
 * @param result of waiting for the run
 * @returns the step's result: a failure to download fails a step that has not failed
 */
export async function downloadFiles(wait: WaitContext, result: StepResult): Promise<StepResult> {
  const { context, stop, log, outputs, progress, secrets } = wait;
  const { threadId, threadUrl } = progress.report;
  const isCompleted = result.outcome === "completed" && result.failure === undefined;
  const stopDownloads = (): Promise<StepResult> => stopRun(wait, progress.handle?.run ?? null);
  if (stop.cancelSignal.aborted) return isCompleted ? stopDownloads() : result;
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
  if (error instanceof CancelledError) return isCompleted ? stopDownloads() : result;
  const details = toFailureDetails(error, { threadUrl });
  const failure: FailureDetails = {
    ...details,
    input: "download-files",
    summary: `Failed to download the agent's files. ${details.summary}`,
    advice: details.advice || "Re-run the job to download them again.",
    consequence: (progress.report.files?.length ?? 0) > 0 ? "What was downloaded is in `files-dir`." : undefined,
  };
  if (isCompleted) return { outcome: "files-missing", failure };
  log.warning(failureText(failure, secrets));
  return result;
}
