import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { skipUnless } from "./host.ts";
import { events, parseFileCommand, runPost, runStep, startStep } from "./runner.ts";

const folder = mkdtempSync(join(tmpdir(), "runner-test-"));
let scripts = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** In place of the built action. */
function script(text: string): string {
  const path = join(folder, `step-${++scripts}.mjs`);
  writeFileSync(path, text);
  return path;
}

const tellEnvironment = script("console.log(JSON.stringify(process.env));");

async function environmentOf(options: Omit<Parameters<typeof runStep>[0], "script">): Promise<Record<string, string>> {
  const { stdout } = await runStep({ ...options, script: tellEnvironment });
  return JSON.parse(stdout) as Record<string, string>;
}

describe("a step's environment", () => {
  it("holds the inputs under the runner's names, with defaults only for the keys that are absent", async () => {
    const env = await environmentOf({
      with: { "agent-id": "A", wait: "" },
      matrix: { os: "linux" },
      githubToken: "ghs_x",
    });
    expect(env).toMatchObject({
      "INPUT_AGENT-ID": "A",
      INPUT_WAIT: "",
      "INPUT_WAIT-TIMEOUT": "30m",
      INPUT_MATRIX: '{\n  "os": "linux"\n}',
      "INPUT_GITHUB-TOKEN": "ghs_x",
    });
    expect(env).not.toHaveProperty("INPUT_TOKEN");
  });

  it("holds nothing of the host's but PATH, and what the event decides", async () => {
    process.env["HOST_SECRET"] = "x";
    const env = await environmentOf({
      with: {},
      event: events.pullRequest({ number: 31 }),
      env: { GITHUB_JOB: undefined, EXTRA: "1" },
    });
    delete process.env["HOST_SECRET"];
    expect(env).not.toHaveProperty("HOST_SECRET");
    expect(env).not.toHaveProperty("GITHUB_JOB");
    expect(env).toMatchObject({
      EXTRA: "1",
      GITHUB_REF: "refs/pull/31/merge",
      GITHUB_EVENT_NAME: "pull_request",
      INPUT_MATRIX: "null",
    });
  });
});

describe("a step's results", () => {
  it("are read from the files as the runner reads them", () => {
    expect(parseFileCommand("a=1\nb<<E\nx\n\ny=2\nE\n\na=3=4\nc<<E\nE")).toEqual({ a: "3=4", b: "x\n\ny=2", c: "" });
    expect(() => parseFileCommand("nonsense\n")).toThrow("Invalid format 'nonsense'");
    expect(() => parseFileCommand("=1\n")).toThrow("Invalid format");
    expect(() => parseFileCommand("a<<E\nx\n")).toThrow("Matching delimiter not found 'E'");
  });

  it("hold outputs, summary, annotations and the log with its masks", async () => {
    const result = await runStep({
      with: {},
      secrets: ["s3cret-of-workflow"],
      script: script(`
        import { appendFileSync } from "node:fs";
        appendFileSync(process.env.GITHUB_OUTPUT, "thread-id<<D\\nT1\\nD\\n");
        appendFileSync(process.env.GITHUB_STEP_SUMMARY, "# Hi\\n");
        console.log("before hush-hush");
        console.log("::add-mask::hush-hush");
        console.log("after hush-hush and s3cret-of-workflow");
        console.log("::group::Details");
        console.log("::warning title=A%3A B::50%25 done%0Ahere");
        console.log("::endgroup::");
        console.log("::stop-commands::t0ken-t0ken");
        console.log("::error::not a command");
        console.log("::t0ken-t0ken::");
        console.log("text ##[error]an old one");
        process.exit(3);
      `),
    });
    expect(result).toMatchObject({
      exitCode: 3,
      signal: null,
      outputs: { "thread-id": "T1" },
      summary: "# Hi\n",
      masks: ["hush-hush"],
      annotations: [
        { level: "warning", title: "A: B", message: "50% done\nhere" },
        { level: "error", message: "an old one" },
      ],
    });
    expect(result.shown).toBe(
      "before hush-hush\nafter *** and ***\nDetails\nWarning: 50% done\nhere\n::error::not a command\nError: an old one",
    );
  });
});

describe("the post step", () => {
  it("gets the main step's state, inputs and environment, even when main was killed", async () => {
    const running = startStep({
      with: { token: "abc" },
      env: { FLAG: "on" },
      script: script(`
        import { appendFileSync } from "node:fs";
        appendFileSync(process.env.GITHUB_STATE, "run=R1\\n");
        console.log("waiting");
        setInterval(() => {}, 1000);
      `),
    });
    await running.waitForLog("waiting");
    const main = await running.kill();
    expect(main).toMatchObject({ exitCode: null, signal: "SIGKILL", state: { run: "R1" } });
    const post = await runPost(main, { script: tellEnvironment });
    expect(JSON.parse(post.stdout)).toMatchObject({ STATE_run: "R1", INPUT_TOKEN: "abc", FLAG: "on" });
    expect(post.temp).toBe(main.temp);
  });
});

describe("cancelling", () => {
  skipUnless("signals", it)("begins with SIGINT and ends with the step's own exit", async () => {
    const running = startStep({
      with: {},
      script: script(
        `process.once("SIGINT", () => process.exit(5)); console.log("ready"); setInterval(() => {}, 1000);`,
      ),
    });
    await running.waitForLog(/^ready$/m);
    await expect(running.cancel()).resolves.toMatchObject({ exitCode: 5 });
  });

  it("waiting for a line that never comes ends with the step, and shows its log", async () => {
    const running = startStep({ with: {}, script: script(`console.log("only this");`) });
    await expect(running.waitForLog("that")).rejects.toThrow(/The step ended before .*that.*only this/s);
  });
});
