/** `download-files`: which files come, under which names, and what failures leave. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { AgentFile, RunScript } from "../support/fake-mosoo-server.ts";
import { type StepResult } from "../support/runner.ts";
import { Agent, annotated } from "../support/waiting.ts";

/** The run writes these files, and completes. */
function writing(...files: AgentFile[]): RunScript {
  return [{ status: "running" }, { write: files }, { end: "completed", text: "Done." }];
}

interface Downloaded {
  name: string;
  path: string;
  size: number;
  mimeType: string | null;
}

function listed({ outputs }: StepResult): Downloaded[] {
  return JSON.parse(outputs["downloaded-files"] ?? "") as Downloaded[];
}

/** Name → content of what is in the folder. */
function saved({ outputs }: StepResult): Record<string, string> {
  const folder = outputs["files-dir"] ?? "";
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

describe.each(["2026-07", "2026-08"] as const)("a step with download-files (%s)", (revision) => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ revision });
  });
  afterAll(() => agent.server.close());

  it("downloads what matches", async () => {
    agent.reset();
    agent.script = writing(
      { name: "fix.patch", content: "diff\n" },
      { name: "notes.md" },
      { name: ".env", mimeType: null },
    );
    const step = await agent.run({ "download-files": "*.patch\n.*" });
    expect(step.exitCode).toBe(0);
    expect(saved(step)).toEqual({ "fix.patch": "diff\n", ".env": "The content of .env.\n" });
    expect(listed(step)).toEqual(
      expect.arrayContaining([
        { name: "fix.patch", path: "fix.patch", size: 5, mimeType: "text/plain" },
        { name: ".env", path: ".env", size: 21, mimeType: null },
      ]),
    );
    expect(statSync(join(step.outputs["files-dir"] ?? "", ".env")).mode & 0o777).toBe(0o644);
    expect(annotated(step, "warning")).toEqual([]);
  });
});
