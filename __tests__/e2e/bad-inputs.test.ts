/** Invalid inputs through the built action, one per kind: one error annotation, and nothing is sent. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { CONSEQUENCES, failureOf, traces } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

/** A token that may appear nowhere. */
const secret = "grt_pat_notAnyBodysToken0123456789";
const folder = realpathSync(mkdtempSync(join(tmpdir(), "bad-inputs-")));
let server: FakeMosooServer;
let places = 0;

beforeAll(async () => {
  server = await startFakeMosooServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

type Inputs = Record<string, string>;

/** Runs the step in a workspace of its own, with another user's file beside it. */
function start(
  inputs: Inputs,
  prepare?: (workspace: string, outside: string) => void,
  runner = runStepHere,
): Promise<StepResult> {
  const root = join(folder, String(++places));
  const workspace = join(root, "work", "repo", "repo");
  const temp = join(root, "work", "_temp");
  const outside = join(root, "outside.txt");
  for (const each of [workspace, temp]) mkdirSync(each, { recursive: true });
  writeFileSync(outside, "Somebody else's.");
  prepare?.(workspace, outside);
  const valid = { "agent-id": server.agents.published, token: secret, message: "Hi", "api-url": server.apiUrl };
  return runner({ with: { ...valid, ...inputs }, workspace, temp, env: { RUNNER_DEBUG: "1" } });
}

/** The error annotation of a step that has sent nothing. */
function rejection(step: StepResult): string {
  const message = failureOf({ ...step, shown: step.shown.replace(/^##\[debug\].*$/gm, "") });
  expect(message).toContain(CONSEQUENCES["nothing sent"]);
  expect(step.outputs).toEqual({ skipped: "false" });
  expect(server.requests).toHaveLength(0);
  expect(traces(step)).not.toContain(secret);
  return message;
}

describe("An invalid input fails the step before anything is sent", () => {
  it.each<[title: string, input: string, given: Inputs]>([
    ["an ID with a path", "agent-id", { "agent-id": "../../users" }],
    ["a token with whitespace", "token", { token: `${secret} ${secret}` }],
    ["a token of several lines", "token", { token: `data\n${secret}` }],
    ["a token in quotes", "token", { token: `"${secret}"` }],
    ["a message that is too long", "message", { message: "語".repeat(14_000) }],
    ["a pattern that matches nothing", "files", { files: "*.pdf" }],
    ["a URL without encryption", "api-url", { "api-url": "http://mosoo.ai/api/v1" }],
    ["an unevaluated expression", "wait", { wait: "${{ inputs.wait }}" }],
    [
      "a schema with names that a log could execute",
      "response-schema",
      { wait: "true", "response-schema": JSON.stringify({ properties: { "x\n::error::y": { type: "text" } } }) },
    ],
  ])("where it is %s", async (_, input, given) => {
    const message = rejection(await start(given));
    expect(message.startsWith(`\`${input}\`: `)).toBe(true);
  });

  it("where it is a message file that is a link out of the workspace", async () => {
    const step = await start({ message: "", "message-file": "message.txt" }, (workspace, outside) => {
      symlinkSync(outside, join(workspace, "message.txt"));
    });
    expect(rejection(step)).toMatch(/^`message-file`: .*RUNNER_TEMP/);
  });

  it("does not mask the lines of a token of several lines", async () => {
    const step = await start({ token: `data\n${secret}` });
    expect(step.masks).toEqual([expect.stringMatching(/^ghs_/)]);
    expect(rejection(step)).toMatch(/^`token`: /);
  });
});

describe("Several problems", () => {
  it("are all in one annotation, each on a line of its own with its input", async () => {
    const given = { "agent-id": "../x", message: "", "message-file": "missing.txt", wait: "maybe" };
    const step = await start({ ...given, "response-schema": "[]" }, undefined, runStep);
    const message = rejection(step);
    for (const input of ["agent-id", "message-file", "response-schema", "wait"]) {
      expect(message).toMatch(new RegExp(`^- \`${input}\`: `, "m"));
    }
  });

  it("are counted in an annotation that cannot hold them, and all of them are in the log", async () => {
    const step = await start({ files: "*" }, (workspace, outside) => {
      for (let n = 0; n < 300; n += 1) symlinkSync(outside, join(workspace, `link-${n}`));
    });
    const message = rejection(step);
    const shown = message.match(/`files`: "link-\d+"/g)?.length ?? 0;
    const more = / (\d+) more\b/.exec(message)?.[1];
    expect(shown + Number(more)).toBe(300);
    expect(step.shown.match(/^- `files`: "link-\d+"/gm)).toHaveLength(300);
  });

  it("include everything that is missing: agent, token and message", async () => {
    const message = rejection(await start({ "agent-id": "", token: "", message: "" }));
    expect(message).toMatch(/`token`.*`agent-id`.*`message`/s);
  });
});

describe("A misspelled input", () => {
  it("is a warning, and named in the error about the input that is missing", async () => {
    const step = await start({ "agent-id": "", agent_id: server.agents.published, mesage: "Hi" }, undefined, runStep);
    expect(rejection(step)).toMatch(/^`agent-id`: .*`agent_id`/);
    const warnings = step.annotations.filter(({ level }) => level === "warning").map(({ message }) => message);
    expect(warnings).toEqual([
      expect.stringMatching(/`agent_id`.*`agent-id`/),
      expect.stringMatching(/`mesage`.*`message`/),
    ]);
  });
});
