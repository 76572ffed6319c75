/**
 * The comment's last text, kept where the post step finds it, should this process end before GitHub has taken it. A
 * digest in the state tells whether it is still the same: later steps of the job can write to the folder.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as state from "./state.ts";

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Keeps the text in `folder` (RUNNER_TEMP), which the runner empties after the job. Where that cannot be, the post step
 * has to find its own words.
 *
 * @returns forgets the text: it stands
 */
export function keepLastWords(text: string, folder: string): () => void {
  if (folder === "") return () => undefined;
  const path = join(folder, `mosoo-comment-${randomUUID()}.md`);
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
  } catch {
    return () => undefined;
  }
  state.save(state.lastWords, path);
  state.save(state.lastWordsDigest, digestOf(text));
  return () => {
    rmSync(path, { force: true });
  };
}

/** In the post step: the text as it was kept; undefined where there is none, or another one by now. */
export function keptLastWords(): string | undefined {
  const path = state.read(state.lastWords);
  if (path === "") return undefined;
  try {
    const text = readFileSync(path, "utf8");
    return digestOf(text) === state.read(state.lastWordsDigest) ? text : undefined;
  } catch {
    return undefined;
  }
}
