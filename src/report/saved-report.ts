/**
 * The report that the comment has to end with, saved for the post step, should this process end before GitHub has the
 * text. A digest in the state proves that it is unchanged: other steps of the job can write to the folder.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./report.ts";
import * as state from "../actions/state.ts";

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Saves the report in `folder` (RUNNER_TEMP), which the runner empties after the job. Where that fails, the post step
 * knows less.
 *
 * @param report without secrets
 * @returns deletes it again: the comment is written
 */
export function saveReport(report: Report, folder: string): () => void {
  if (folder === "") return () => undefined;
  const path = join(folder, `mosoo-report-${randomUUID()}.json`);
  const text = JSON.stringify({ ...report, tools: [...(report.tools ?? [])] });
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
  } catch {
    return () => undefined;
  }
  state.save("last_report", path);
  state.save("last_report_digest", digestOf(text));
  return () => {
    rmSync(path, { force: true });
  };
}

/** In the post step: the report as it was saved; undefined where there is none, or it was changed. */
export function loadReport(): Report | undefined {
  const path = state.read("last_report");
  if (path === "") return undefined;
  try {
    const text = readFileSync(path, "utf8");
    if (digestOf(text) !== state.read("last_report_digest")) return undefined;
    // By its digest it is what was saved, so it needs no schema.
    const report = JSON.parse(text) as Report & { tools: [string, number][] };
    return { ...report, tools: new Map(report.tools) };
  } catch {
    return undefined;
  }
}
