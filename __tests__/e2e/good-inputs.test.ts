/** Inputs that look odd and are right, through the built action: none is refused, and each is sent as it was meant. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf, traces } from "../support/refusals.ts";
import { type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "good-inputs-")));
let server: FakeMosooServer;
let later: FakeMosooServer;
let places = 0;

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

type Setting = Partial<StepOptions> & { on?: FakeMosooServer };

function start(inputs: Record<string, string>, { on = server, ...options }: Setting = {}): Promise<StepResult> {
  return runStep({
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

describe("the API's URL", () => {
  it.each(["/", "///"])("may end in %s", async (end) => {
    const step = await succeeds({ "api-url": `${server.apiUrl}${end}` });
    expect(server.requests[0]?.path).toBe(`/api/v1/agents/${server.agents.published}/threads`);
    expect(step.outputs["thread-api-url"]).toBe(`${server.apiUrl}/threads/${step.outputs["thread-id"] ?? ""}`);
  });

  it("may name loopback in capitals, by name or in short", async () => {
    const { port } = new URL(server.origin);
    for (const host of ["LOCALHOST", "127.1", "127.0.0.1"]) {
      await succeeds({ "api-url": `HTTP://${host}:${port}/api/v1` });
    }
  });
});

describe("the token", () => {
  it.each(["Bearer ", "bearer\t ", "BEARER "])("may begin with %j: that is dropped, with a notice", async (scheme) => {
    const step = await succeeds({ token: `${scheme}${server.tokens.person}` });
    expect(server.requests[0]?.authorization).toBe(`Bearer ${server.tokens.person}`);
    expect(step.annotations).toMatchObject([{ level: "notice", message: expect.stringContaining("`token`") }]);
    expect(step.masks).toContain(server.tokens.person);
    expect(traces(step)).not.toContain(server.tokens.person);
  });

  it("may have blanks and line ends around it", async () => {
    const step = await succeeds({ token: `\n ${server.tokens.person}\r\n` });
    expect(step.annotations).toEqual([]);
  });
});

describe("an empty input", () => {
  const names = [
    ...["message-file", "external-ref", "attributed-user-id", "user-id", "file-ids", "files", "thread-id"],
    ...["idempotency-key", "on-rerun", "create-timeout", "request-timeout", "wait", "wait-timeout"],
    ...["on-wait-timeout", "on-cancel", "on-waiting-input", "fail-on-run-error", "pr-comment", "pr-number"],
    ...["github-token", "summary", "on-missing-token", "matrix"],
  ];

  it("counts as not given: all of them empty or blank are the same as none, down to the key", async () => {
    const none = await succeeds({});
    const empty = await succeeds(Object.fromEntries(names.map((name, index) => [name, " ".repeat(index % 3)])));
    expect(empty.outputs).toEqual({ ...none.outputs, replayed: "true" });
    expect(empty.summary).not.toBe("");
  });

  it("leaves the API's URL at its default", async () => {
    const step = await start({ "api-url": "", "create-timeout": "1s" }, { env: { HTTPS_PROXY: "http://127.0.0.1:9" } });
    expect(step.shown).toMatch(/ at mosoo\.ai$/m);
    expect(failureOf(step)).toContain("The proxy 127.0.0.1:9 refused the connection");
  });
});

describe("an ID that is not like today's", () => {
  it.each(["agt_01KQ-x.y~z", "…", "агент", "a,b", "x:y@z", "$(id)"])(
    "is sent all the same, and the refusal has a hint: %s",
    async (id) => {
      const step = await start({ "agent-id": id });
      const message = failureOf(step);
      expect(server.requests[0]?.path).toBe(`/api/v1/agents/${encodeURIComponent(id)}/threads`);
      expect(message).toContain(': "Agent ID must be a valid ULID".');
      expect(message).toMatch(/`agent-id`.*26 letters and digits/);
      expect(message).toMatch(/No thread was created\.$/);
    },
  );

  it("is taken where the server takes it", async () => {
    const step = await succeeds({ "file-ids": `\n  ${server.addFile().id}\r\n\n${server.addFile().id}  ` });
    expect(sent()["files"]).toHaveLength(2);
    expect(step.shown).toContain("2 files");
  });
});

describe("the message", () => {
  it("may have exactly 32,000 units, emoji counting two", async () => {
    await succeeds({ message: ` ${"x".repeat(31_998)}🦊 ` });
    expect(textSent()).toBe(`${"x".repeat(31_998)}🦊`);
  });

  it("may fill the body to its last byte, and not one more", async () => {
    const reference = { "external-ref": "none" };
    const around = Buffer.byteLength('{"input":{"type":"user.message","content":[{"type":"text","text":""}]}}');
    const filling = "語".repeat(10_000) + "x".repeat(40_192 - around - 30_000);
    await succeeds({ message: filling, ...reference });
    expect(Buffer.byteLength(server.requests[0]?.body ?? "")).toBe(40_192);
    server.reset();
    expect(failureOf(await start({ message: `${filling}x`, ...reference }))).toContain("40,193 bytes");
    expect(server.requests).toHaveLength(0);
  });

  it("keeps what is inside: line ends, tabs, quotes, expressions, commands", async () => {
    const text = 'a\r\n\tb "c" \\ ${{ github.sha }}\n::error::x\n##[error]y \u2028 \u0001';
    const step = await succeeds({ message: `\n${text}\n` });
    expect(textSent()).toBe(text);
    expect(step.annotations).toEqual([]);
  });
});

describe("a message file", () => {
  interface Place {
    workspace: string;
    temp: string;
  }
  function makePlace(): Place {
    const root = join(folder, String(++places));
    const place = { workspace: join(root, "work", "repo"), temp: join(root, "work", "_temp") };
    mkdirSync(place.workspace, { recursive: true });
    mkdirSync(place.temp);
    return place;
  }

  it.each<[string, (place: Place) => string]>([
    ["beside the code", ({ workspace }) => (writeFileSync(join(workspace, "m.txt"), "Hi"), "m.txt")],
    [
      "under a name with blanks and dots",
      ({ workspace }) => (writeFileSync(join(workspace, "..a b…"), "Hi"), "..a b…"),
    ],
    ["by a detour", ({ workspace }) => (writeFileSync(join(workspace, "m.txt"), "Hi"), "docs/.././/m.txt")],
    [
      "by its absolute path",
      ({ workspace }) => (writeFileSync(join(workspace, "m.txt"), "Hi"), join(workspace, "m.txt")),
    ],
    [
      "by a link within the workspace",
      ({ workspace }) => (
        writeFileSync(join(workspace, "m.txt"), "Hi"),
        symlinkSync("m.txt", join(workspace, "l")),
        "l"
      ),
    ],
    ["in RUNNER_TEMP", ({ temp }) => (writeFileSync(join(temp, "m.txt"), "Hi"), join(temp, "m.txt"))],
    [
      "by a link within RUNNER_TEMP",
      ({ temp }) => (writeFileSync(join(temp, "m.txt"), "Hi"), symlinkSync("m.txt", join(temp, "l")), join(temp, "l")),
    ],
    [
      "with a byte order mark and Windows line ends",
      ({ workspace }) => (writeFileSync(join(workspace, "m.txt"), "\ufeffHi\r\n"), "m.txt"),
    ],
  ])("is read %s", async (_, write) => {
    const place = makePlace();
    await succeeds({ message: "", "message-file": write(place) }, place);
    expect(textSent()).toBe("Hi");
  });

  it("is read through a workspace and a RUNNER_TEMP that are links themselves", async () => {
    const { workspace, temp } = makePlace();
    const links = { workspace: `${workspace}-link`, temp: `${temp}-link` };
    symlinkSync(workspace, links.workspace);
    symlinkSync(temp, links.temp);
    writeFileSync(join(workspace, "m.txt"), "Hi");
    writeFileSync(join(temp, "m.txt"), "Hi");
    await succeeds({ message: "", "message-file": "m.txt" }, links);
    await succeeds({ message: "", "message-file": join(links.temp, "m.txt") }, links);
    await succeeds({ message: "", "message-file": join(temp, "m.txt") }, links);
    expect(textSent()).toBe("Hi");
  });

  it("may be larger in bytes than a text of its length", async () => {
    const place = makePlace();
    writeFileSync(join(place.workspace, "m.txt"), `${"\n".repeat(100_000)}Hi`);
    await succeeds({ message: "", "message-file": "m.txt" }, place);
    expect(textSent()).toBe("Hi");
  });
});

describe("references and keys", () => {
  it("`external-ref: none` sends none, and an odd one goes as it is", async () => {
    const step = await succeeds({ "external-ref": "none" });
    expect(Object.keys(sent())).toEqual(["input"]);
    expect(step.outputs["external-ref"]).toBe("");
    server.reset();
    await succeeds({ "external-ref": `  ${"é#".repeat(127)}x ` });
    expect(sent()["client_external_ref"]).toBe(`${"é#".repeat(127)}x`);
  });

  it("a key of 128 odd characters goes as it is", async () => {
    const key = `${'!~"%{}\\'.repeat(18)}ab`;
    expect(key).toHaveLength(128);
    const step = await succeeds({ "idempotency-key": key });
    expect(server.requests[0]?.headers["idempotency-key"]).toBe(key);
    expect(step.outputs["idempotency-key"]).toBe(key);
  });

  it("a user goes where the server asks for one, and is no matter where it does not", async () => {
    await succeeds({ "user-id": "ünï 🦊" }, { on: later });
    expect(sent(later)["userId"]).toBe("ünï 🦊");
    await succeeds({ "user-id": "ünï 🦊" });
    expect(Object.keys(sent())).toEqual(["input", "client_external_ref"]);
  });

  it("without one the actor is told where a user is asked for", async () => {
    await succeeds({}, { on: later, actor: "dependabot[bot]", event: events.push() });
    expect(sent(later)["userId"]).toBe("github:dependabot[bot]");
  });

  it("a service token names the user the work is for", async () => {
    const user = server.users.otherPerson;
    await succeeds({ token: server.tokens.service, "attributed-user-id": user });
    expect(sent()["attributed_user_id"]).toBe(user);
  });
});

describe("durations, booleans and choices", () => {
  it("are taken in every form that the descriptions name", async () => {
    await succeeds({
      "create-timeout": "24h",
      "request-timeout": "90",
      "wait-timeout": "1m",
      wait: "FALSE",
      summary: "True",
    });
    await succeeds({ "create-timeout": "86400", "request-timeout": "007s", "wait-timeout": "1", wait: " false\n" });
  });

  it("`summary: false` writes none", async () => {
    const step = await succeeds({ summary: "False" });
    expect(step.summary).toBe("");
  });

  it("an input that nobody knows is the runner's to warn of", async () => {
    await succeeds({ mesage: "x" });
  });
});

describe("a summary that is there already", () => {
  it("is gone on with: a second use in one job appends", async () => {
    const file = join(folder, "summary.md");
    writeFileSync(file, "# Of an earlier step\n");
    const env = { GITHUB_STEP_SUMMARY: file };
    const steps = [await succeeds({}, { env }), await succeeds({ message: "Another one." }, { env, step: "mosoo_2" })];
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^# Of an earlier step\n/);
    for (const { outputs } of steps) expect(text).toContain(outputs["thread-url"]);
  });
});

describe("what the step cannot write", () => {
  it("is no reason to fail: a summary that is full, and is left as it is", async () => {
    const file = join(folder, "full.md");
    writeFileSync(file, "x".repeat(1_048_000));
    const step = await succeeds({}, { env: { GITHUB_STEP_SUMMARY: file } });
    expect(readFileSync(file, "utf8")).toHaveLength(1_048_000);
    expect(step.annotations).toMatchObject([{ level: "warning", message: expect.stringContaining("leaves no room") }]);
  });

  it("is no reason to fail: a summary's file that is not there", async () => {
    const step = await succeeds({}, { env: { GITHUB_STEP_SUMMARY: "/nowhere/summary.md" } });
    expect(step.outputs["thread-id"]).toBe(server.threads[0]?.id);
    expect(step.annotations).toMatchObject([{ level: "warning", message: expect.stringMatching(/summary/) }]);
  });
});
