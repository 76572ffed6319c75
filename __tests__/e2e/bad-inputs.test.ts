/** Every rule of the inputs, broken one at a time, through the built action: one clear error, and nothing is sent. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf, traces } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
import {
  type Inputs,
  type Place,
  type Row,
  files,
  ids,
  messages,
  others,
  references,
  secret,
  tokens,
  urls,
} from "./bad-inputs-table.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "bad-inputs-")));
let server: FakeMosooServer;
let places = 0;

function makePlace(): Place {
  const root = join(folder, String(++places));
  const place = { root, workspace: join(root, "work", "repo", "repo"), temp: join(root, "work", "_temp") };
  mkdirSync(place.workspace, { recursive: true });
  mkdirSync(place.temp);
  writeFileSync(join(root, "outside.txt"), "Somebody else's.");
  return place;
}

const rows = [...ids, ...tokens, ...messages, ...files, ...references, ...urls, ...others];
const results = new Map<Row, { step: StepResult; token: string }>();

beforeAll(async () => {
  server = await startFakeMosooServer();
  await runConcurrently(rows, async (row) => {
    const place = makePlace();
    const [, , , given, prepare] = row;
    prepare?.(place);
    const inputs: Inputs = {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Please review this.",
      "api-url": server.apiUrl,
      "create-timeout": "3s",
      "request-timeout": "1s",
      ...(typeof given === "function" ? given(place) : given),
    };
    const step = await runStep({
      with: inputs,
      workspace: place.workspace,
      temp: place.temp,
      env: { RUNNER_DEBUG: "1" },
    });
    results.set(row, { step, token: inputs["token"] ?? "" });
  });
}, 120_000);

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

describe.each([
  ["an ID", ids],
  ["the token", tokens],
  ["the message", messages],
  ["a file", files],
  ["a reference or key", references],
  ["the API's URL", urls],
  ["a duration, boolean, choice or number", others],
] as const)("what is wrong with %s", (_, group) => {
  it.each(group)("%s: an error about `%s`, and nothing is sent", (title, input, says) => {
    const row = group.find((each) => each[0] === title);
    const { step, token } = (row && results.get(row)) ?? {};
    if (step === undefined || token === undefined) throw new Error("The row was not run.");
    const message = failureOf({ ...step, shown: step.shown.replace(/^##\[debug\].*$/gm, "") });
    expect(message).toMatch(says);
    expect(message.startsWith(`\`${input}\`: `)).toBe(true);
    expect(message).toMatch(/ Nothing was sent\.$/);
    expect(step.outputs).toEqual({ skipped: "false" });
    expect(server.requests).toHaveLength(0);
    const left = traces(step);
    for (const part of token.split(/\s/)) {
      if (part.length >= 8 && !part.includes("{{")) expect(left).not.toContain(part);
    }
    expect(left).not.toContain(secret);
  });
});

describe("several problems", () => {
  it("are all in one report, each with its input, in the log and in one annotation", async () => {
    const place = makePlace();
    const step = await runStep({
      with: {
        "agent-id": "../x",
        token: `${secret} x`,
        "message-file": "missing.txt",
        "external-ref": "a\nb",
        "file-ids": "a b",
        files: "*.none",
        "api-url": "ftp://x",
        "idempotency-key": "a b",
        "on-rerun": "again",
        "create-timeout": "0",
        wait: "maybe",
        "pr-number": "x",
        "on-missing-token": "ignore",
      },
      workspace: place.workspace,
      temp: place.temp,
    });
    const message = failureOf(step);
    const named = [
      ...["agent-id", "token", "message-file", "external-ref", "file-ids", "files", "api-url", "idempotency-key"],
      ...["on-rerun", "create-timeout", "wait", "pr-number", "on-missing-token"],
    ];
    expect(message).toMatch(/^13 inputs .*\(1\)/);
    for (const input of named) {
      expect(message).toContain(`\`${input}\`: `);
      expect(step.shown).toMatch(new RegExp(`^${input}: `, "m"));
    }
    expect(traces(step)).not.toContain(secret);
    expect(server.requests).toHaveLength(0);
  });

  it("that are more than an annotation holds are counted in it, and all of them are in the log", async () => {
    const { root, workspace, temp } = makePlace();
    for (let n = 0; n < 300; n += 1) symlinkSync(join(root, "outside.txt"), join(workspace, `link-${n}`));
    const step = await runStep({
      with: { "agent-id": "01K", token: secret, message: "Hi", files: "*" },
      workspace,
      temp,
    });
    const message = failureOf(step);
    expect(message).toMatch(/^300 problems .*\(1\) `files`: "link-0" lies outside/);
    const [, shown, more] =
      /\((\d+)\) [^(]+\(symbolic links resolved\)[^(]+ … and (\d+) more: .* log has them all\. Nothing was sent\.$/.exec(
        message,
      ) ?? [];
    expect(Number(shown) + Number(more)).toBe(300);
    expect(step.shown.match(/^files: "link-\d+" lies outside the workspace/gm)).toHaveLength(300);
  });

  it("of what is not given: agent, token and message in one report", async () => {
    const step = await runStep({ with: { "agent-id": "", token: "", message: "" } });
    expect(failureOf(step)).toMatch(/^3 inputs .*`token`.*`agent-id`.*`message`/);
  });
});
