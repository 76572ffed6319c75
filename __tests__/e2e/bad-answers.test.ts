/** Responses that are not what the API promises, and good ones in unusual forms. The forms of HTTP itself: mosoo/http/responses.test.ts. */
import { afterEach, describe, expect, it } from "@jest/globals";
import { patientClock } from "../support/clock.ts";
import { type ExpectedFailure, expectFailure, failureOf, traces } from "../support/refusals.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";
import { type Said, type ScriptedServer, startScriptedServer } from "../support/scripted-server.ts";
import { runStepHere } from "../support/step-here.ts";

const thread = "01KEXAMPLETHREAD0000000000";
const run = "01KEXAMPLERUN0000000000000";
const good = {
  links: { thread: `/api/v1/threads/${thread}` },
  run: { id: run, status: "queued" },
  thread: { id: thread },
};
const json = (value: unknown): string => JSON.stringify(value);
const html = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>…</form></body></html>";
const htmlType = { "Content-Type": "text/html" };

const servers: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** One step against a server that gives every request this answer. */
async function ask(
  said: Said | ((origin: string) => Said),
  runner = (options: StepOptions): Promise<StepResult> => runStepHere(options, patientClock()),
): Promise<{ step: StepResult; server: ScriptedServer }> {
  const server = await startScriptedServer(() => (typeof said === "function" ? said(server.origin) : said));
  servers.push(server);
  const options = {
    with: {
      "agent-id": "01KEXAMPLEAGENT00000000000",
      token: "grt_pat_ofNoValue000000000000",
      message: "Look at this, please.",
      "api-url": `${server.origin}/api/v1`,
      "create-timeout": "2m",
      "request-timeout": "30s",
    },
  };
  return { step: await runner(options), server };
}

type BadRow = [title: string, said: Said, status: number, names: (string | RegExp)[]];

/** Successes that are none: three in a row end the step, and a thread may exist. */
const noSuccess: BadRow[] = [
  ["a login page", { status: 200, headers: htmlType, body: html }, 200, ["HTML", "Sign in", "`api-url`"]],
  ["a page under JSON's name", { body: `\n <html>${html}` }, 201, ["HTML"]],
  ["an empty body", { body: "" }, 201, ["empty body", "`api-url`"]],
  ["no content", { status: 204 }, 204, ["empty body"]],
  ["whitespace alone", { body: " \r\n " }, 201, ["empty body"]],
  ...(
    [
      ["no thread", { run: good.run }],
      ["no run, not even null", { thread: good.thread }],
      ["no thread's ID", { ...good, thread: { title: "x" } }],
      ["an ID that is a number", { ...good, thread: { id: 7 } }],
      ["an empty ID", { ...good, thread: { id: "" } }],
      ["an ID with a path in it", { ...good, thread: { id: "../../x" } }],
      ["an ID of two lines", { ...good, thread: { id: "a\nb=c" } }],
      ["a run's ID with a query in it", { ...good, run: { id: "a?b" } }],
      ["a list", [good]],
      ["null", null],
    ] as const
  ).map(([title, value]): BadRow => [title, { body: json(value) }, 201, ["unexpected body"]]),
  ["half of the JSON", { body: json(good).slice(0, 40) }, 201, ["unexpected body"]],
  [
    "an error under a success",
    { status: 200, body: json({ error: { code: "x", message: "Not really." } }) },
    200,
    ["unexpected body", "Not really"],
  ],
  [
    "not compressed as it says",
    { headers: { "Content-Encoding": "gzip" }, body: json(good) },
    201,
    ["not compressed as its headers say"],
  ],
];

/** Errors that are not the API's: one request, and no thread. */
const notFromApi: BadRow[] = [
  ["a path that is not routed", { status: 404, body: json({ error: "Not Found" }) }, 404, ["`api-url`", "/api/v1"]],
  ["another web server's 404", { status: 404, headers: htmlType, body: html }, 404, ["`api-url`"]],
  [
    "a company's refusal",
    { status: 403, headers: htmlType, body: "<h1>Blocked by policy</h1>" },
    403,
    ["Blocked by policy"],
  ],
  ["an error without a body", { status: 400 }, 400, ["`api-url`"]],
  ["an error's code that is none", { status: 400, body: json({ error: { code: "A <b>", message: 5 } }) }, 400, []],
  ["too large a request", { status: 413 }, 413, ["message"]],
  ["nothing new", { status: 304 }, 304, []],
];

/** @returns the error's text */
async function expectBad(
  said: Said,
  requests: number,
  expected: ExpectedFailure,
  runner?: typeof runStepHere,
): Promise<string> {
  const { step, server } = await ask(said, runner);
  const message = expectFailure(step, expected);
  expect(step.outputs).not.toHaveProperty("thread-id");
  expect(server.requests).toHaveLength(requests);
  expect(message.length).toBeLessThan(1_000);
  expect(step.shown).not.toMatch(/: ""/);
  return message;
}

describe("an answer that is not the promised one", () => {
  it.each(noSuccess)(
    "fails the step after three requests, where it says success: %s",
    async (_, said, status, names) => {
      await expectBad(said, 3, { status, exists: "perhaps a thread", names });
    },
  );

  it.each(notFromApi)("fails the step after one request, where it is an error: %s", async (_, said, status, names) => {
    await expectBad(said, 1, { status, exists: "no thread", names });
  });

  it.each<[string, Said, number, ExpectedFailure]>([
    ["of a success", { body: json({ ...good, more: "x".repeat(5_500_000) }) }, 3, { exists: "perhaps a thread" }],
    ["of an error", { status: 400, body: "x".repeat(5_500_000) }, 1, {}],
  ])("fails the step where it is too large, %s", async (_, said, requests, expected) => {
    await expectBad(said, requests, { ...expected, names: ["5 MiB"] }, runStepHere);
  });

  it("fails the step after three requests where it is not HTTP, and names its address and the input", async () => {
    const names = [/127\.0\.0\.1:\d+/, "not HTTP", "`api-url`"];
    await expectBad({ raw: "SSH-2.0-OpenSSH_9.6\r\n" }, 3, { exists: "perhaps a thread", names });
  });

  it("fails the step where it is shorter than it says", async () => {
    const { step } = await ask({ body: json(good).slice(0, 40), length: 1_000 });
    expectFailure(step, { exists: "perhaps a thread", names: ["cut off"] });
  });
});

describe("the server's words in an error", () => {
  const rejection = (status: number, code: string, message?: string): Said => ({
    status,
    body: json({ error: { code, message } }),
  });

  it("are at most 300 characters of one line", async () => {
    const manyLines = Array.from({ length: 500 }, (_, n) => `line ${n} of the server's story`).join("\n");
    const { step } = await ask(rejection(400, "invalid_request", manyLines));
    const said = /: "(.*)"\./s.exec(failureOf(step))?.[1] ?? "";
    expect(said).toMatch(/^line 0 of .*…$/);
    expect(said.length).toBeLessThanOrEqual(300);
    expect(said.length).toBeGreaterThan(250);
    expect(traces(step)).not.toContain("line 99");
  });

  it("are sanitized in the log, the annotation and the summary", async () => {
    const words =
      "::error::canary\n##[error]canary \u001b[31mred\u001b[0m \u202eback <img src=x> @octocat ![x](https://evil.example)";
    const { step } = await ask(rejection(403, "forbidden", words), runStep);
    expect(failureOf(step)).toContain("canary");
    expect(step.stdout).not.toMatch(/[\u001b\u202e]|^::error::canary/m);
    expect(step.summary).not.toMatch(/<img|!\[x\]\(|[\u001b\u202e]/);
  });

  it("are absent where the error has none", async () => {
    expectFailure((await ask(rejection(403, "forbidden"))).step, { status: 403, code: "forbidden" });
  });
});

describe("a good answer", () => {
  const whole = `HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: ${json(good).length}\r\n\r\n${json(good)}`;

  it.each<[string, Said]>([
    ["with 200", { status: 200, body: json(good) }],
    ["with 202", { status: 202, body: json(good) }],
    ["as a page", { headers: htmlType, body: json(good) }],
    ["as nothing in particular", { headers: { "Content-Type": "" }, body: json(good) }],
    ["as an unknown type", { headers: { "Content-Type": 'a/b; c="d"' }, body: json(good) }],
    ["after a byte order mark", { body: `\ufeff${json(good)}` }],
    ["with whitespace around it", { body: `\r\n ${json(good)}\n\n` }],
    ["after one that says to continue", { raw: `HTTP/1.1 100 Continue\r\n\r\n${whole}` }],
    [
      "with more fields, and null or missing ones",
      {
        body: json({
          more: [1],
          links: null,
          run: { id: run, status: null, startedAt: null, trigger: "x" },
          thread: { id: thread, title: null, kind: 7, attributed_user: null },
        }),
      },
    ],
    [
      "with fields of other kinds",
      { body: json({ links: "x", run: { id: run, status: 5, error: "x" }, thread: { id: thread, title: {} } }) },
    ],
    ["with half a character in the title", { body: json(good).replace('"thread":{', '"thread":{"title":"\\ud83e",') }],
  ])("is read %s", async (_, said) => {
    const { step } = await ask(said);
    expect(step.exitCode).toBe(0);
    expect(step.outputs).toMatchObject({ "thread-id": thread, "run-id": run, replayed: "false" });
    expect(JSON.parse(step.outputs["json"] ?? "")).toMatchObject({ thread: { id: thread }, run: { id: run } });
  });

  it.each(["TRUE", " True  "])("is an earlier one's where the header says %j", async (header) => {
    const { step } = await ask({ headers: { "Idempotency-Replayed": header }, body: json(good) });
    expect(step.outputs["replayed"]).toBe("true");
  });

  it("has an empty run ID where the thread has no run", async () => {
    const { step } = await ask({ body: json({ ...good, run: null }) });
    expect(step.outputs).toMatchObject({ "thread-id": thread, "run-id": "", status: "" });
    expect(step.outputs["json"]).toBe(json({ thread: good.thread, run: null }));
  });
});

describe("the answer's link", () => {
  const own = `{origin}/api/v1/threads/${thread}`;

  it.each<[string, unknown, string]>([
    ["a path", `/api/v1/threads/${thread}?x=1`, `{origin}/api/v1/threads/${thread}?x=1`],
    ["a URL of the same origin", `{origin}/elsewhere/${thread}`, `{origin}/elsewhere/${thread}`],
    ["missing", undefined, own],
    ["null", null, own],
    ["empty", "", own],
    ["a number", 5, own],
    ["of another origin", `https://evil.example/threads/${thread}`, own],
    ["of another origin without scheme", "//evil.example/x", own],
    ["of another origin by backslashes", "\\\\evil.example\\x", own],
    ["of another port", "http://127.0.0.1:1/x", own],
    ["a script", "javascript:alert(1)", own],
    ["with a user in it", "{user}/x", own],
    ["not a URL", "http://[", own],
  ])("is used on the API's own origin, else made from the base: %s", async (_, link, expected) => {
    const { step, server } = await ask((origin) => {
      const written =
        typeof link === "string"
          ? link.replace("{origin}", origin).replace("{user}", origin.replace("//", "//me:pw@"))
          : link;
      return { body: json({ ...good, links: { thread: written } }) };
    });
    expect(step.outputs["thread-api-url"]?.replace(server.origin, "{origin}")).toBe(expected);
    expect(step.outputs["thread-url"]).toBe(`${server.origin}/threads/${thread}`);
  });
});
