/**
 * Names for files whose names come from outside: one name in one folder on every system, never twice. Pure.
 *
 * Windows' rules are kept everywhere, since an artifact of a Linux job is unpacked on Windows:
 * https://learn.microsoft.com/windows/win32/fileio/naming-a-file
 */
import { posix } from "node:path";
import { runWithTimeLimit } from "../common/time-limit.ts";
import { MosooError } from "../mosoo/errors.ts";
import { truncateUtf8 } from "../sanitize/characters.ts";

/** What file systems take, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
/** A longer one is no extension, in bytes. */
const MAX_EXTENSION_BYTES = 32;
/** For matching all names: a pattern with five wildcards can take minutes for one hostile name. */
const MATCH_TIMEOUT_MS = 2_000;
/** The name of a file whose own name has nothing that may stay. */
const DEFAULT_NAME = "file";

/** Control, bidirectional and other invisible characters, and those that Windows reserves: `a.txt:stream`, `C:a.txt`. */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}<>:"|?*]/gu;
/** Devices of Windows, with any extension. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i;

/**
 * A safe base name: no folder, no drive, nothing hidden, at most 255 bytes. A safe name stays as it is.
 *
 * @param name any text
 */
export function toSafeName(name: string): string {
  const parts = name.toWellFormed().normalize("NFC").split(/[/\\]/);
  const base = parts.findLast((part) => part !== "") ?? "";
  const [stem, extension] = splitExtension(trim(base.replace(FORBIDDEN, "_").replace(/\p{Zs}/gu, " ")));
  const safe = trim(fit(stem, extension));
  if (safe === "") return DEFAULT_NAME;
  return RESERVED.test(safe) ? toSafeName(`_${safe}`) : safe;
}

/** Windows drops trailing dots and blanks, so that two names would be one. */
function trim(name: string): string {
  return name.replace(/^ +|[. ]+$/g, "");
}

function splitExtension(name: string): [stem: string, extension: string] {
  const extension = posix.extname(name);
  if (Buffer.byteLength(extension) > MAX_EXTENSION_BYTES) return [name, ""];
  return [name.slice(0, name.length - extension.length), extension];
}

/** As much of the stem as there is room for before the ending. */
function fit(stem: string, ending: string): string {
  return truncateUtf8(stem, MAX_NAME_BYTES - Buffer.byteLength(ending), "").text + ending;
}

/** Equal for names that some file system takes for the same: by case, composition, width, or invisible characters. */
function collisionKey(name: string): string {
  const folded = name.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKC");
  return folded.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
}

/** Names of the files of one folder. */
export class FileNames {
  /** How many names have this key. */
  readonly #taken = new Map<string, number>();

  /** @param reserved names that no file gets */
  constructor(reserved: readonly string[] = []) {
    for (const name of reserved) this.#taken.set(collisionKey(name), 1);
  }

  /** A name that no other file has: ` (2)` is added to the second `a.txt`, which becomes `a (2).txt`. @param safe {@link toSafeName} */
  add(safe: string): string {
    const [stem, extension] = splitExtension(safe);
    const key = collisionKey(safe);
    for (let count = (this.#taken.get(key) ?? 0) + 1; ; count += 1) {
      const name = count === 1 ? safe : fit(stem, ` (${count})${extension}`);
      const nameKey = collisionKey(name);
      if (count > 1 && this.#taken.has(nameKey)) continue;
      this.#taken.set(key, count);
      if (nameKey !== key) this.#taken.set(nameKey, 1);
      return name;
    }
  }
}

/**
 * The safe names that match glob patterns: the last one that matches decides, and one with `!` excludes. Dot files match as
 * any other name.
 *
 * @throws MosooError where it takes too long
 */
export function matchNames(
  names: readonly string[],
  patterns: readonly string[],
  timeoutMs = MATCH_TIMEOUT_MS,
): ReadonlySet<string> {
  const match = (): string[] => names.filter((name) => matchesPatterns(name, patterns));
  try {
    return new Set(runWithTimeLimit(match, timeoutMs));
  } catch {
    throw new MosooError("Matching the names of the agent's files takes too long.", {
      input: "download-files",
      advice: "Use fewer wildcards in each pattern.",
    });
  }
}

function matchesPatterns(name: string, patterns: readonly string[]): boolean {
  const last = patterns.findLast((pattern) => {
    // The letter before both hides a leading dot, which a wildcard would not match.
    return posix.matchesGlob(`x${name}`, `x${pattern.replace(/^!\s*/, "")}`);
  });
  return last !== undefined && !last.startsWith("!");
}
