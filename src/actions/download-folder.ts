/**
 * A fresh folder in RUNNER_TEMP for files from outside. What is in it is whole: bytes that are still coming are in another
 * folder. Nothing is overwritten, and no link is followed.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../common/format.ts";
import { MosooError } from "../mosoo/errors.ts";

/** New, never through a link. */
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW || 0);
/** No executable bit. */
const FILE_MODE = 0o644;

/** A failure of the file system, which no retry of the download repairs. */
function toDiskError(error: unknown): MosooError {
  return new MosooError(`Failed to write a file to RUNNER_TEMP (${errorCode(error) ?? "unknown error"}).`, {
    input: "download-files",
    advice: "Check the runner's disk.",
  });
}

async function orDiskError<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw toDiskError(error);
  });
}

/** A file that is being downloaded. Every failure is a MosooError. */
class PartialFile {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<PartialFile> {
    return new PartialFile(path, await orDiskError(open(path, CREATE_FLAGS, FILE_MODE)));
  }

  async write(chunk: Uint8Array): Promise<void> {
    // Of a file handle it writes on where the last one ended.
    await orDiskError(this.#file.writeFile(chunk));
  }

  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  /** Gives the file, which is whole, its name. */
  async moveTo(path: string): Promise<void> {
    try {
      // Whatever the umask.
      await this.#file.chmod(FILE_MODE);
      await this.#file.close();
      const isTaken = await lstat(path).then(
        () => true,
        () => false,
      );
      if (isTaken) throw Object.assign(new Error("The name is taken"), { code: "EEXIST" });
      await rename(this.#path, path);
    } catch (error) {
      await this.discard();
      throw toDiskError(error);
    }
  }
}

export class DownloadFolder {
  readonly path: string;
  readonly #partials: string;
  #count = 0;

  private constructor(path: string, partials: string) {
    this.path = path;
    this.#partials = partials;
  }

  /** @param temp RUNNER_TEMP. @throws MosooError */
  static async create(temp: string): Promise<DownloadFolder> {
    if (temp === "") {
      const advice = "Set RUNNER_TEMP, which GitHub's runner does, to a folder.";
      throw new MosooError("There is no folder for the files.", { input: "download-files", advice });
    }
    const make = (name: string): Promise<string> => orDiskError(mkdtemp(join(temp, `mosoo-${name}-`)));
    return new DownloadFolder(await make("files"), await make("partial"));
  }

  /** A new file for the bytes of one attempt. @throws MosooError */
  open(): Promise<PartialFile> {
    this.#count += 1;
    return PartialFile.create(join(this.#partials, String(this.#count)));
  }

  /** @param name safe, and no other file's. @throws MosooError */
  save(file: PartialFile, name: string): Promise<void> {
    return file.moveTo(join(this.path, name));
  }

  /** Writes a file of our own. @throws MosooError */
  async writeText(name: string, text: string): Promise<void> {
    await orDiskError(writeFile(join(this.path, name), text, { flag: CREATE_FLAGS, mode: FILE_MODE }));
  }

  /** Removes what was not saved. */
  async close(): Promise<void> {
    await rm(this.#partials, { recursive: true, force: true }).catch(() => undefined);
  }
}
