import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { loadReport, saveReport } from "../../src/report/saved-report.ts";
import { parseFileCommand } from "../support/runner-files.ts";
import { reportOf } from "./reports.ts";

let folder: string;
let stateFile: string;
const before = { ...process.env };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "saved-report-"));
  stateFile = join(folder, "state");
  writeFileSync(stateFile, "");
  process.env["GITHUB_STATE"] = stateFile;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  process.env = { ...before };
});

/** What the runner does before the post step. */
function startPostStep(): void {
  for (const [name, value] of Object.entries(parseFileCommand(readFileSync(stateFile, "utf8"))))
    process.env[`STATE_${name}`] = value;
}

const savedFiles = (): string[] => readdirSync(folder).filter((name) => name !== "state");

describe("a saved report", () => {
  it("is read in the post step as it was saved, and only its owner may read the file", () => {
    const report = reportOf({ outcome: "working" });
    const forget = saveReport(report, folder);
    startPostStep();
    expect(loadReport()).toEqual(report);
    const [name = ""] = savedFiles();
    if (process.platform !== "win32") expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    forget();
    expect(savedFiles()).toEqual([]);
  });

  it.each([
    [
      "another step changed it",
      (path: string) => {
        writeFileSync(path, "{}");
      },
    ],
    [
      "it was deleted",
      (path: string) => {
        rmSync(path);
      },
    ],
  ])("is not used where %s", (_, change) => {
    saveReport(reportOf(), folder);
    startPostStep();
    change(join(folder, savedFiles()[0] ?? ""));
    expect(loadReport()).toBeUndefined();
  });

  it.each(["", "/nowhere/at-all"])("is none where the folder is '%s'", (missing) => {
    saveReport(reportOf(), missing)();
    startPostStep();
    expect(loadReport()).toBeUndefined();
  });
});
