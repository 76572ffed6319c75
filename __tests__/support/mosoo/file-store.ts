import type { Caller } from "./accounts.ts";
import { invalidRequest } from "./refusal.ts";
import type { StoredFile } from "./types.ts";
import { newUlid } from "./ulid.ts";

/** Uploaded files: drafts of their owner until one thread claims them, once. */
export class FileStore {
  readonly files: StoredFile[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(owner: Caller, file: Pick<StoredFile, "name" | "size" | "sha256" | "mimeType">): StoredFile {
    const at = this.#now();
    const stored = { ...file, id: newUlid(at), createdAt: at, ownerAccount: owner.account, threadId: null };
    this.files.push(stored);
    return stored;
  }

  /**
   * The drafts behind some IDs.
   * @throws Refusal 400 for one that is unknown, somebody else's, or attached already
   */
  drafts(caller: Caller, fileIds: readonly string[]): StoredFile[] {
    return fileIds.map((fileId) => {
      const file = this.files.find((one) => one.id === fileId);
      if (file?.ownerAccount !== caller.account) throw invalidRequest(`Attachment ${fileId} was not found.`);
      if (file.threadId !== null) throw invalidRequest(`Attachment ${fileId} is not a draft attachment.`);
      return file;
    });
  }

  claim(caller: Caller, fileIds: readonly string[], threadId: string): void {
    for (const file of this.drafts(caller, fileIds)) file.threadId = threadId;
  }

  /** What the reference revision does with a message's attachments: unknown ones are dropped silently. */
  claimKnown(caller: Caller, fileIds: readonly string[], threadId: string): string[] {
    const known = fileIds.filter((fileId) => {
      const file = this.files.find((one) => one.id === fileId && one.ownerAccount === caller.account);
      return file !== undefined && (file.threadId === null || file.threadId === threadId);
    });
    for (const file of this.files) if (known.includes(file.id)) file.threadId = threadId;
    return known;
  }
}
