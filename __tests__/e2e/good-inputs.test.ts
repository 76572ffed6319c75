/** Unusual inputs that are valid, through the built action: each is sent as it was meant. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { expectFailure, traces } from "../support/refusals.ts";
import { type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "good-inputs-")));
let server: FakeMosooServer;
let later: FakeMosooServer;

beforeAll(async () => {
  server = await startFakeMosooServer();
  later = await startFakeMosooServer({ revision: "2026-08" });
});
afterEach(() => {
  server.reset();
  later.reset();
});
afterAll(async () => {
  await Promise.all([server.close(), later.close()]);
  rmSync(folder, { recursive: true });
});

type Setting = Partial<StepOptions> & { on?: FakeMosooServer; runner?: typeof runStep };

function start(
  inputs: Record<string, string>,
  { on = server, runner = runStepHere, ...options }: Setting = {},
): Promise<StepResult> {
  return runner({
    ...options,
    with: {
      "agent-id": on.agents.published,
      token: on.tokens.person,
      message: "Look at this, please.",
      "api-url": on.apiUrl,
      "create-timeout": "3s",
      ...inputs,
    },
  });
}

/** The body of the one create request that was taken. */
function sent(on = server): Record<string, unknown> {
  expect(on.threads).toHaveLength(1);
  return on.threads[0]?.body as Record<string, unknown>;
}

const textSent = (on = server): unknown => (sent(on)["input"] as { content: { text: unknown }[] }).content[0]?.text;

async function succeeds(inputs: Record<string, string>, options: Setting = {}): Promise<StepResult> {
  const step = await start(inputs, options);
  expect({ exit: step.exitCode, errors: step.annotations.filter(({ level }) => level === "error") }).toEqual({
    exit: 0,
    errors: [],
  });
  return step;
}

describe("Unusual inputs that are valid", () => {
  it("are sent as they were meant: the API's URL, an ID, a reference, a key", async () => {
    const { port } = new URL(server.origin);
    const key = `${'!~"%{}\\'.repeat(18)}ab`;
    const step = await succeeds({
      ...{ "api-url": `HTTP://LOCALHOST:${port}/api/v1//`, "idempotency-key": key, "external-ref": "é#🦊" },
      ...{ "file-ids": `\n  ${server.addFile().id}\r\n\n${server.addFile().id}  `, summary: "False" },
    });
    expect(server.requests[0]).toMatchObject({ path: `/api/v1/agents/${server.agents.published}/threads` });
    expect(server.requests[0]?.headers["idempotency-key"]).toBe(key);
    expect(sent()).toMatchObject({ client_external_ref: "é#🦊", files: [{}, {}] });
    expect(step.outputs).toMatchObject({ "idempotency-key": key, "external-ref": "é#🦊" });
    expect(step.summary).toBe("");
  });

  it("include a message of the largest body, byte for byte", async () => {
    const around = Buffer.byteLength('{"input":{"type":"user.message","content":[{"type":"text","text":""}]}}');
    const message = "語".repeat(10_000) + "x".repeat(40_192 - around - 30_000);
    await succeeds({ message, "external-ref": "none" });
    expect(Buffer.byteLength(server.requests[0]?.body ?? "")).toBe(40_192);
    expect(Object.keys(sent())).toEqual(["input"]);
  });

  it("include a message file with commands and expressions inside", async () => {
    const workspace = join(folder, "workspace");
    mkdirSync(workspace);
    const text = 'a\r\n\tb "c" \\ ${{ github.sha }}\n::error::x\n##[error]y \u2028 \u0001';
    writeFileSync(join(workspace, "m.txt"), `\ufeff${text}\r\n`);
    const step = await succeeds({ message: "", "message-file": "m.txt" }, { workspace, runner: runStep });
    expect(textSent()).toBe(text);
    expect(step.annotations).toEqual([]);
  });

  it("include a token after `Bearer `, which is removed with a notice", async () => {
    const step = await succeeds({ token: `bearer\t ${server.tokens.person}` });
    expect(server.requests[0]?.authorization).toBe(`Bearer ${server.tokens.person}`);
    expect(step.annotations).toMatchObject([{ level: "notice", message: expect.stringContaining("`token`") }]);
    expect(step.masks).toContain(server.tokens.person);
    expect(traces(step)).not.toContain(server.tokens.person);
  });

  it("include an ID that is not like the service's, whose rejection comes with a hint", async () => {
    const step = await start({ "agent-id": "агент:y@z" });
    expect(server.requests[0]?.path).toBe(`/api/v1/agents/${encodeURIComponent("агент:y@z")}/threads`);
    expectFailure(step, { names: ["Agent ID must be a valid ULID", /`agent-id`.*26-character/] });
  });

  it("leave the API's URL at its default where they are empty", async () => {
    const step = await start({ "api-url": "", "create-timeout": "1s" }, { env: { HTTPS_PROXY: "http://127.0.0.1:9" } });
    expect(step.shown).toMatch(/ at mosoo\.ai$/m);
    expectFailure(step, { names: ["127.0.0.1:9"] });
  });
});

describe("The user that the work is for", () => {
  it("is sent where the server asks for one: as given, else the actor", async () => {
    await succeeds({ "user-id": "ünï 🦊" }, { on: later });
    expect(sent(later)["userId"]).toBe("ünï 🦊");
    later.reset();
    await succeeds({}, { on: later, actor: "dependabot[bot]", event: events.push() });
    expect(sent(later)["userId"]).toBe("github:dependabot[bot]");
  });

  it("is not sent where the server does not ask for one", async () => {
    await succeeds({ "user-id": "ünï 🦊" });
    expect(Object.keys(sent())).toEqual(["input", "client_external_ref"]);
  });

  it("is named by a service token", async () => {
    const user = server.users.otherPerson;
    await succeeds({ token: server.tokens.service, "attributed-user-id": user });
    expect(sent()["attributed_user_id"]).toBe(user);
  });
});

describe("A summary that exists already", () => {
  it("is appended to by a second use in one job", async () => {
    const file = join(folder, "summary.md");
    writeFileSync(file, "# Of an earlier step\n");
    const both = { env: { GITHUB_STEP_SUMMARY: file }, runner: runStep };
    const steps = [await succeeds({}, both), await succeeds({ message: "Another one." }, { ...both, step: "mosoo_2" })];
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^# Of an earlier step\n/);
    for (const { outputs } of steps) expect(text).toContain(outputs["thread-url"]);
  });
});

describe("A summary that cannot be written", () => {
  it("does not fail the step where it is full, and is left as it is", async () => {
    const file = join(folder, "full.md");
    writeFileSync(file, "x".repeat(1_048_000));
    const step = await succeeds({}, { env: { GITHUB_STEP_SUMMARY: file }, runner: runStep });
    expect(readFileSync(file, "utf8")).toHaveLength(1_048_000);
    expect(step.annotations).toMatchObject([{ level: "warning", message: expect.stringContaining("summary") }]);
  });

  it("does not fail the step where its file does not exist", async () => {
    const step = await succeeds({}, { env: { GITHUB_STEP_SUMMARY: "/nowhere/summary.md" }, runner: runStep });
    expect(step.outputs["thread-id"]).toBe(server.threads[0]?.id);
    expect(step.annotations).toMatchObject([{ level: "warning", message: expect.stringContaining("summary") }]);
  });
});
