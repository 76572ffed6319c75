/** Responses that are not what the API promises, and good ones in unusual forms, through the built action. The forms of HTTP itself: mosoo/http/responses.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { failureOf, traces } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { type Said, type ScriptedServer, startScriptedServer } from "../support/scripted-server.ts";
import { runConcurrently } from "../support/run-concurrently.ts";

const thread = "01KEXAMPLETHREAD0000000000";
const run = "01KEXAMPLERUN0000000000000";
const good = {
  links: { thread: `/api/v1/threads/${thread}` },
  run: { id: run, status: "queued" },
  thread: { id: thread },
};
const json = (value: unknown): string => JSON.stringify(value);
const http = (value: unknown): string =>
  `HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: ${json(value).length}\r\n\r\n${json(value)}`;
const html = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>…</form></body></html>";

const servers: ScriptedServer[] = [];

async function ask(said: Said, createTimeout = "3s"): Promise<{ step: StepResult; server: ScriptedServer }> {
  const server = await startScriptedServer(() => said);
  servers.push(server);
  const step = await runStep({
    with: {
      "agent-id": "01KEXAMPLEAGENT00000000000",
      token: "grt_pat_ofNoValue000000000000",
      message: "Look at this, please.",
      "api-url": `${server.origin}/api/v1`,
      "create-timeout": createTimeout,
      "request-timeout": "2s",
    },
  });
  return { step, server };
}

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

type BadRow = readonly [title: string, said: Said, message: RegExp, tries?: number];
const perhaps = /A thread may exist; a re-run of this workflow run finds it\.$/;
const none = /No thread was created\.$/;
const notPromised = /\b201\b.*unexpected body/;
const manyLines = Array.from({ length: 500 }, (_, n) => `line ${n} of the server's story`).join("\n");

const bad: BadRow[] = [
  [
    "a login page",
    { status: 200, headers: { "Content-Type": "text/html" }, body: html },
    /after 3 attempts\. .* 200 .*HTML page.*Sign in.*`api-url`/,
    3,
  ],
  ["a page under JSON's name", { body: `\n <html>${html}` }, /\b201\b.*HTML page/, 3],
  ["an empty body", { body: "" }, /\b201\b.*empty body.*`api-url`/, 3],
  ["no content", { status: 204 }, /\b204\b.*empty body/, 3],
  ["blanks alone", { body: " \r\n " }, /\b201\b.*empty body/, 3],
  ["no thread", { body: json({ run: good.run }) }, notPromised, 3],
  ["no run, not even null", { body: json({ thread: good.thread }) }, notPromised, 3],
  ["no thread's ID", { body: json({ ...good, thread: { title: "x" } }) }, notPromised, 3],
  ["an ID that is a number", { body: json({ ...good, thread: { id: 7 } }) }, notPromised, 3],
  ["an empty ID", { body: json({ ...good, thread: { id: "" } }) }, notPromised, 3],
  ["an ID with a path in it", { body: json({ ...good, thread: { id: "../../x" } }) }, notPromised, 3],
  ["an ID of two lines", { body: json({ ...good, thread: { id: "a\nb=c" } }) }, notPromised, 3],
  ["a run's ID with a query in it", { body: json({ ...good, run: { id: "a?b" } }) }, notPromised, 3],
  ["a list", { body: json([good]) }, notPromised, 3],
  ["null", { body: "null" }, notPromised, 3],
  ["half of the JSON", { body: json(good).slice(0, 40) }, notPromised, 3],
  [
    "an error under a success",
    { status: 200, body: json({ error: { code: "x", message: "Not really." } }) },
    /\b200\b.*unexpected body.*Not really/,
    3,
  ],
  [
    "a path that is not routed",
    { status: 404, body: json({ error: "Not Found" }) },
    /\b404: "Not Found"\. .*`api-url` .*\/api\/v1/,
    1,
  ],
  [
    "another web server's 404",
    { status: 404, headers: { "Content-Type": "text/html" }, body: html },
    /\b404\b.*`api-url`.*IDs/,
    1,
  ],
  [
    "a company's refusal",
    { status: 403, headers: { "Content-Type": "text/html" }, body: "<h1>Blocked by policy</h1>" },
    /\b403\b.*Blocked by policy/,
    1,
  ],
  ["an error without a body", { status: 400 }, /\b400\b.*`api-url`.*inputs/, 1],
  ["an error's code that is none", { status: 400, body: json({ error: { code: "A <b>", message: 5 } }) }, /\b400\b/, 1],
  ["too large a request", { status: 413 }, /\b413\b.*Shorten the message/, 1],
  ["nothing new", { status: 304 }, /\b304\b/, 1],
  [
    "too much to read",
    { body: json({ ...good, more: "x".repeat(5_500_000) }) },
    /response is larger than 5 MiB; reading stopped\. .*`api-url`/,
    3,
  ],
  ["too much to read of an error", { status: 400, body: "x".repeat(5_500_000) }, /larger than 5 MiB/, 1],
  [
    "not compressed as it says",
    { headers: { "Content-Encoding": "gzip" }, body: json(good) },
    /answered 201, but the response is not compressed as its headers say/,
    3,
  ],
  ["less than it says", { body: json(good).slice(0, 40), length: 1_000 }, /the response was cut off/],
  [
    "something that is not HTTP",
    { raw: "SSH-2.0-OpenSSH_9.6\r\n" },
    /127\.0\.0\.1:\d+ answered with something that is not HTTP\. Check the port of `api-url`/,
    3,
  ],
];

describe("an answer that is not the promised one", () => {
  const results = new Map<BadRow, Awaited<ReturnType<typeof ask>>>();
  beforeAll(async () => {
    await runConcurrently(bad, async (row) => {
      results.set(row, await ask(row[1], row[3] === undefined ? "1s" : "5s"));
    });
  }, 120_000);

  it.each(bad.map((row) => [row[0], row] as const))("fails the step with status and cause: %s", (_, row) => {
    const [, { status = 201 }, says, tries] = row;
    const result = results.get(row);
    if (result === undefined) throw new Error("The row was not run.");
    const message = failureOf(result.step);
    expect(message).toMatch(says);
    // After an invalid success response or a lost connection, the outcome is unknown.
    expect(message).toMatch(status < 300 ? perhaps : says.source.includes("5 MiB") ? /exist|created/ : none);
    expect(result.step.outputs).not.toHaveProperty("thread-id");
    if (tries !== undefined) expect(result.server.requests).toHaveLength(tries);
    expect(message.length).toBeLessThan(1_000);
    expect(result.step.shown).not.toMatch(/: ""/);
  });
});

describe("the server's words in an error", () => {
  it("are at most 300 characters of one line", async () => {
    const { step } = await ask({ status: 400, body: json({ error: { code: "invalid_request", message: manyLines } }) });
    const said = /: "(.*)"\./s.exec(failureOf(step))?.[1] ?? "";
    expect(said).toMatch(/^line 0 of .*…$/);
    expect(said.length).toBeLessThanOrEqual(300);
    expect(said.length).toBeGreaterThan(250);
    expect(traces(step)).not.toContain("line 99");
  });

  it("are sanitized in the log, the annotation and the summary", async () => {
    const words =
      "::error::canary\n##[error]canary \u001b[31mred\u001b[0m \u202eback <img src=x> @octocat ![x](https://evil.example)";
    const { step } = await ask({ status: 403, body: json({ error: { code: "forbidden", message: words } }) });
    const message = failureOf(step);
    expect(message).toContain("canary");
    expect(step.stdout).not.toMatch(/[\u001b\u202e]|^::error::canary/m);
    expect(step.summary).not.toMatch(/<img|!\[x\]\(|[\u001b\u202e]/);
  });

  it("are not there where the error has none", async () => {
    const { step } = await ask({ status: 403, body: json({ error: { code: "forbidden" } }) });
    expect(failureOf(step)).toMatch(/ 403 forbidden\b.* token /);
  });
});

const goodRows: [string, Said][] = [
  ["with 200", { status: 200, body: json(good) }],
  ["with 202", { status: 202, body: json(good) }],
  ["as a page", { headers: { "Content-Type": "text/html" }, body: json(good) }],
  ["as nothing in particular", { headers: { "Content-Type": "" }, body: json(good) }],
  ["as something unheard of", { headers: { "Content-Type": 'a/b; c="d"' }, body: json(good) }],
  ["after a byte order mark", { body: `\ufeff${json(good)}` }],
  ["with blanks around it", { body: `\r\n ${json(good)}\n\n` }],
  ["after one that says to continue", { raw: `HTTP/1.1 100 Continue\r\n\r\n${http(good)}` }],
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
];

describe("a good answer", () => {
  let steps: StepResult[] = [];
  beforeAll(async () => {
    steps = await runConcurrently(goodRows, async ([, said]) => (await ask(said)).step);
  }, 60_000);

  it.each(goodRows.map(([title], index) => [title, index] as const))("is read %s", (_, index) => {
    const step = steps[index];
    expect(step?.exitCode).toBe(0);
    expect(step?.outputs).toMatchObject({ "thread-id": thread, "run-id": run, replayed: "false" });
    expect(JSON.parse(step?.outputs["json"] ?? "")).toMatchObject({ thread: { id: thread }, run: { id: run } });
  });

  it.each(["TRUE", " True  "])("is an earlier one's where the header says %j", async (header) => {
    const { step } = await ask({ headers: { "Idempotency-Replayed": header }, body: json(good) });
    expect(step.outputs["replayed"]).toBe("true");
  });

  it("of a thread without a run is one", async () => {
    const { step } = await ask({ body: json({ ...good, run: null }) });
    expect(step.outputs).toMatchObject({ "thread-id": thread, "run-id": "", status: "" });
    expect(step.outputs["json"]).toBe(json({ thread: good.thread, run: null }));
  });
});

describe("the answer's link", () => {
  const own = "{base}/threads/{id}";
  const links: [string, unknown, string][] = [
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
  ];

  it("is used on the API's own origin, else made from the base", async () => {
    const results = await runConcurrently(links, async ([, link]) => {
      const holder = { origin: "" };
      const server = await startScriptedServer(() => {
        const written =
          typeof link === "string"
            ? link.replace("{origin}", holder.origin).replace("{user}", holder.origin.replace("//", "//me:pw@"))
            : link;
        return { body: json({ ...good, links: { thread: written } }) };
      });
      holder.origin = server.origin;
      servers.push(server);
      const step = await runStep({
        with: {
          "agent-id": "a",
          token: "grt_pat_ofNoValue000000000000",
          message: "x",
          "api-url": `${server.origin}/api/v1`,
        },
      });
      return { step, origin: server.origin };
    });
    const made = results.map(({ step, origin }) => step.outputs["thread-api-url"]?.replace(origin, "{origin}"));
    expect(links.map(([title], index) => [title, made[index]])).toEqual(
      links.map(([title, , wanted]) => [title, wanted.replace("{base}", "{origin}/api/v1").replace("{id}", thread)]),
    );
    for (const { step, origin } of results) expect(step.outputs["thread-url"]).toBe(`${origin}/threads/${thread}`);
  });
});
