/**
 * The report that the comment is to end with, kept where the post step finds it, should this process end before GitHub
 * has taken it. A digest in the state tells whether it is still the same: other steps of the job can write to the folder.
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
 * Keeps the report in `folder` (RUNNER_TEMP), which the runner empties after the job. Where that cannot be, the post step
 * has to do with less.
 *
 * @param report without secrets
 * @returns forgets it: the comment stands
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
  state.save(state.lastReport, path);
  state.save(state.lastReportDigest, digestOf(text));
  return () => {
    rmSync(path, { force: true });
  };
}

/** In the post step: the report as it was kept; undefined where there is none, or another one by now. */
export function loadReport(): Report | undefined {
  const path = state.read(state.lastReport);
  if (path === "") return undefined;
  try {
    const text = readFileSync(path, "utf8");
    if (digestOf(text) !== state.read(state.lastReportDigest)) return undefined;
    // What the digest vouches for has the shape in which it was written.
    const report = JSON.parse(text) as Report & { tools: [string, number][] };
    return { ...report, tools: new Map(report.tools) };
  } catch {
    return undefined;
  }
}
