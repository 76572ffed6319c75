/** `download-files`: which files come, under which names, and what failures leave. */
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { patientClock } from "../support/clock.ts";
import type { AgentFile, RunScript } from "../support/fake-mosoo-server.ts";
import { skipUnless } from "../support/host.ts";
import { HOSTILE } from "../support/hostile.ts";
import { type StepResult, defaultGithubToken, runStep, startStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { unsafeOutput } from "../support/unsafe-output.ts";
import { Agent, annotated, stopped, tool, until } from "../support/waiting.ts";

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

/** What is in the folder, by name. */
function saved({ outputs }: StepResult): Record<string, string> {
  const folder = outputs["files-dir"] ?? "";
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

function names(step: StepResult): string[] {
  return Object.keys(saved(step)).sort();
}

/** Folders of downloads in RUNNER_TEMP. */
function foldersIn({ temp }: StepResult): string[] {
  return readdirSync(temp).filter((name) => /^mosoo-(files|partial)-/.test(name));
}

const ALL = { "download-files": "*" };

describe.each(["2026-07", "2026-08"] as const)("a step with download-files (%s)", (revision) => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ revision });
  });
  afterAll(() => agent.server.close());
  beforeEach(() => {
    agent.reset();
  });

  it("downloads the matching files, dot files too, and lists them in output, log and summary", async () => {
    const createdAt = Date.now() + 60_000;
    agent.script = writing(
      { name: "fix.patch", content: "first\n", createdAt },
      { name: "fix.patch", content: "newest\n", createdAt: createdAt + 1 },
      { name: ".env", mimeType: null, createdAt: createdAt + 2 },
      { name: "notes.md" },
    );
    const step = await agent.run({ "download-files": "*.patch\n.*" });
    expect(step.exitCode).toBe(0);
    expect(saved(step)).toEqual({
      "fix.patch": "newest\n",
      "fix (2).patch": "first\n",
      ".env": "The content of .env.\n",
    });
    expect(listed(step)).toEqual([
      { name: ".env", path: ".env", size: 21, mimeType: null },
      { name: "fix.patch", path: "fix.patch", size: 7, mimeType: "text/plain" },
      { name: "fix.patch", path: "fix (2).patch", size: 6, mimeType: "text/plain" },
    ]);
    expect(step.shown).toMatch(/^Downloaded "fix\.patch" \(7 bytes\), [123] of 3$/m);
    expect(step.shown).toContain("Downloaded 3 files (34 bytes)");
    expect(step.summary).toContain("- Files: `.env` (21 bytes), `fix.patch` (7 bytes), `fix (2).patch` (6 bytes)");
    expect(foldersIn(step)).toHaveLength(1);
    expect(annotated(step, "warning")).toEqual([]);
    expect(agent.asked()).toEqual([
      ...["GET openapi.json", "POST threads", "GET stream", "GET thread"],
      ...["GET files", "GET events", "GET content", "GET content", "GET content"],
    ]);
  });

  it("has the files of its own message alone, in a re-run after somebody else's as well", async () => {
    const { server } = agent;
    const thread = server.createThreadDirectly({ text: "Earlier" });
    server.writeFile(thread.runs[0]?.id ?? "", { name: "earlier.txt" });
    // By its time alone it would be the step's.
    server.writeFile(thread.runs[0]?.id ?? "", { name: "listed-before.txt", createdAt: Date.now() + 60_000 });
    server.endRun(thread.runs[0]?.id ?? "", "completed");
    agent.script = writing({ name: "own.txt" });
    const step = agent.step({ ...ALL, "thread-id": thread.id });
    const first = await runStep(step);
    expect([first.exitCode, names(first)]).toEqual([0, ["own.txt"]]);

    agent.script = writing({ name: "later.txt" });
    server.startRunDirectly(thread.id, "Later");
    await until(() => thread.runs.at(-1)?.status === "completed");
    agent.server.requests.length = 0;
    const second = await runStep({ ...step, runAttempt: 2 });
    expect([second.exitCode, second.outputs["replayed"], names(second)]).toEqual([0, "true", ["own.txt"]]);
    expect(second.outputs["files-dir"]).not.toBe(first.outputs["files-dir"]);
    expect(thread.messages).toHaveLength(3);
  });

  it("has the files of a run that failed, and with them those of the message sent again", async () => {
    const { server } = agent;
    agent.script = [{ status: "running" }, { write: { name: "first.txt" } }, { end: "failed" }];
    const step = agent.step(ALL);
    const first = await runStepHere(step);
    expect([first.exitCode, first.outputs["status"], names(first)]).toEqual([1, "failed", ["first.txt"]]);

    agent.script = writing({ name: "other.txt" });
    const [thread] = server.threads;
    server.startRunDirectly(thread?.id ?? "", "Somebody else's");
    await until(() => thread?.runs.at(-1)?.status === "completed");
    agent.script = writing({ name: "again.txt" });
    const second = await runStepHere({ ...step, runAttempt: 2 });
    expect([second.exitCode, names(second)]).toEqual([0, ["again.txt", "first.txt"]]);
  });

  it("has the files of its corrections", async () => {
    const answers = [["maybe", "draft.txt"] as const, ['{"ok":true}', "final.txt"] as const];
    agent.script = () => {
      const [text = "", name = ""] = answers.shift() ?? [];
      return [{ status: "running" }, { write: { name } }, { end: "completed", text }];
    };
    const schema = JSON.stringify({ type: "object", required: ["ok"] });
    const step = await agent.runHere({ ...ALL, "response-schema": schema });
    expect([step.exitCode, step.outputs["response-json"], names(step)]).toEqual([
      0,
      '{"ok":true}',
      ["draft.txt", "final.txt"],
    ]);
  });

  it("has those that the list names its run for, whatever their time", () =>
    Agent.during({ revision, filesNameRuns: true }, async (named) => {
      named.script = writing({ name: "own.txt", createdAt: 0 });
      const step = await named.runHere(ALL);
      expect([step.exitCode, names(step)]).toEqual([0, ["own.txt"]]);
    }));

  it("reads the list again while an event announces more files than it has", async () => {
    agent.script = writing({ name: "listed.txt" }, { name: "late.txt", listedAfterReads: 1 });
    const step = await agent.runHere(ALL);
    expect([step.exitCode, names(step)]).toEqual([0, ["late.txt", "listed.txt"]]);
    expect(agent.asked().filter((call) => call === "GET files")).toHaveLength(2);
  });

  it("leaves out with a warning what the thread's events no longer attribute", async () => {
    const { server } = agent;
    agent.script = writing({ name: "own.txt" });
    const step = agent.step(ALL);
    await runStepHere(step);
    const [thread] = server.threads;
    agent.script = [{ status: "running" }, { emit: Array.from({ length: 1_100 }, (_, n) => tool(`tool ${n}`)) }];
    server.startRunDirectly(thread?.id ?? "", "Somebody else's");
    await until(() => (thread?.events.length ?? 0) > 1_100);
    const again = await runStepHere({ ...step, runAttempt: 2 }, patientClock());
    expect([again.exitCode, names(again)]).toEqual([0, []]);
    expect(annotated(again, "warning")).toContainEqual(expect.stringMatching(/^Not downloaded.*"own\.txt"/));
  });
});

describe("a step with download-files", () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  afterAll(() => agent.server.close());
  beforeEach(() => {
    agent.reset();
  });

  it("reports the failure of a run before that to list its files, which is a warning then", async () => {
    agent.script = [{ status: "running" }, { end: "failed" }];
    agent.server.fault({ kind: "status", status: 403, on: "file-list" });
    const step = await runStepHere(agent.step(ALL));
    expect([step.exitCode, step.outputs["status"], names(step)]).toEqual([1, "failed", []]);
    expect(annotated(step, "error")).toEqual([expect.stringContaining("The agent run failed")]);
    expect(annotated(step, "warning")).toEqual([expect.stringMatching(/^`download-files`: /)]);
  });

  it("succeeds with a warning and an empty list where nothing matches", async () => {
    agent.script = writing({ name: "notes.md" });
    const step = await agent.runHere({ "download-files": "*.patch" });
    expect([step.exitCode, listed(step), names(step)]).toEqual([0, [], []]);
    expect(annotated(step, "warning")).toEqual([expect.stringContaining('"notes.md"')]);
  });

  it("fails on a server without downloads before it sends anything", () =>
    Agent.during({ revision: "reference" }, async (reference) => {
      const step = await reference.runHere(ALL);
      expect([step.exitCode, reference.asked()]).toEqual([1, ["GET openapi.json"]]);
      expect(annotated(step, "error")).toEqual([expect.stringContaining("`download-files`")]);
    }));

  it("fails at `thread-id` before it sends anything where the thread is not there", async () => {
    const step = await agent.runHere({ ...ALL, "thread-id": agent.server.agents.published });
    expect([step.exitCode, agent.asked()]).toEqual([1, ["GET openapi.json", "GET files"]]);
    expect(annotated(step, "error")).toEqual([expect.stringMatching(/^`thread-id`: .*The message was not sent/)]);
  });

  it("does not take the files that it attached for the agent's", async () => {
    const workspace = mkdtempSync(join(tmpdir(), "attached-"));
    writeFileSync(join(workspace, "attached.txt"), "Read this.");
    agent.script = writing({ name: "own.txt" });
    const step = await agent.runHere({ ...ALL, files: "*.txt" }, { workspace });
    rmSync(workspace, { recursive: true });
    expect([step.exitCode, names(step)]).toEqual([0, ["own.txt"]]);
    expect(agent.asked().filter((call) => call === "GET openapi.json")).toHaveLength(1);
  });

  it("fails where one file cannot be downloaded, and keeps the others", async () => {
    agent.script = writing({ name: "a.txt" }, { name: "b.txt" }, { name: "c.txt" });
    agent.server.fault({ kind: "status", status: 404, on: "file-content" });
    const step = await agent.runHere(ALL);
    expect([step.exitCode, step.outputs["status"], names(step)]).toEqual([
      1,
      "completed",
      listed(step)
        .map((each) => each.path)
        .sort(),
    ]);
    expect(names(step)).toHaveLength(2);
    expect(annotated(step, "error")).toEqual([expect.stringMatching(/^`download-files`: .*1 of 3 files/)]);
    expect(step.summary).toContain("Files missing");
    expect(step.outputs["response"]).toBe("Done.");
  });

  it("fails where files have more than a gibibyte, and keeps what fits", async () => {
    agent.script = writing({ name: "small.txt" }, { name: "large.bin", listedSize: 2 ** 30 });
    const step = await agent.runHere(ALL);
    expect([step.exitCode, names(step)]).toEqual([1, ["small.txt"]]);
    expect(annotated(step, "error")).toEqual([expect.stringContaining("1,073,741,824")]);
  });

  it("leaves a list that is too long for an output in the folder", async () => {
    const long = "x".repeat(240);
    agent.script = writing(...Array.from({ length: 200 }, (_, n) => ({ name: `${n}-${long}` })));
    const step = await agent.runHere(ALL);
    expect([step.exitCode, step.outputs["downloaded-files"]]).toEqual([0, undefined]);
    const { ".files.json": list = "", ...files } = saved(step);
    expect(Object.keys(files)).toHaveLength(200);
    expect((JSON.parse(list) as Downloaded[]).map(({ path }) => path).sort()).toEqual(Object.keys(files).sort());
    expect(annotated(step, "warning")).toEqual([expect.stringContaining(".files.json")]);
  });

  skipUnless("any name", it)("is safe with names of any kind", async () => {
    const { person } = agent.server.tokens;
    const hostile = [
      ...Object.values(HOSTILE).flat(),
      `${person}.txt`,
      "../../outside.txt",
      "/etc/passwd",
      ".files.json",
    ];
    agent.script = writing(...hostile.map((name) => ({ name })));
    const step = await agent.run(ALL);
    expect(step.exitCode).toBe(0);
    const folder = step.outputs["files-dir"] ?? "";
    expect(names(step)).toEqual(expect.arrayContaining(["outside.txt", "passwd", ".files (2).json", "___.txt"]));
    expect(names(step).filter((name) => name !== ".files.json")).toHaveLength(hostile.length);
    for (const name of names(step)) {
      const { mode } = lstatSync(join(folder, name));
      expect([name, mode.toString(8)]).toEqual([name, "100644"]);
    }
    expect(unsafeOutput(step, { secrets: [person, defaultGithubToken], api: agent.server.apiUrl })).toEqual([]);
  });

  it("ends in time when it is cancelled while files are coming, and leaves no part of one", async () => {
    agent.script = writing({ name: "a.txt" }, { name: "large.bin", content: Buffer.alloc(300_000) });
    agent.server.fault({
      kind: "slow-body",
      ms: 60_000,
      on: ({ path }) => path.includes(agent.server.threads[0]?.artifacts[1]?.id ?? "-"),
    });
    const running = startStep(agent.step(ALL));
    await running.waitForLog('Downloaded "a.txt"');
    await until(() => agent.server.pendingFaults === 0);
    const { result, ms } = await stopped(running, "SIGINT");
    expect(ms).toBeLessThan(7_500);
    expect([result.exitCode, names(result), foldersIn(result).length]).toEqual([1, ["a.txt"], 1]);
    expect(agent.interrupts()).toEqual([]);
  });
});
