/** A canary token in every failure, and with servers that send it back: it is only in the line that masks it. */
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { patientClock } from "../support/clock.ts";
import { type Scene, answering, startScene, stepAtWork } from "../support/commenting.ts";
import { leakIn, leaksOf } from "../support/leaks.ts";
import { expectFailure, failureOf } from "../support/refusals.ts";
import { type StepOptions, type StepResult, events, runPost, runStep } from "../support/runner.ts";
import { type Said, startScriptedServer } from "../support/scripted-server.ts";
import { runStepHere } from "../support/step-here.ts";

/** A token with every character that a sanitizer may escape. */
const canary = `grt_pat_C4n4ry*_K7~"Q&%x'+/=<$\\\`P0w9[Z](8).${"Vb3".repeat(6)}`;
const folder = mkdtempSync(join(tmpdir(), "token-"));
const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  rmSync(folder, { recursive: true });
});

type Inputs = Record<string, string>;

function start(inputs: Inputs, env: Record<string, string> = {}, runner = runHere): Promise<StepResult> {
  return runner({
    with: {
      "agent-id": "01KEXAMPLEAGENT00000000000",
      token: canary,
      message: "Look at this, please.",
      "create-timeout": "1s",
      "request-timeout": "1s",
      ...inputs,
    },
    event: events.pullRequest(),
    env: { RUNNER_DEBUG: "1", ...env },
  });
}

const runHere = (options: StepOptions): Promise<StepResult> => runStepHere(options, patientClock());

/** The token is masked first, and is nowhere else. */
function expectSecrecy(step: StepResult, more: Record<string, string> = {}): void {
  expect(step.masks[0]).toBe(canary);
  expect(step.stdout.startsWith("::add-mask::")).toBe(true);
  expect(leaksOf(step, canary, more)).toEqual({});
}

const echo =
  (status: number, body: (token: string) => string, headers = {}): ((token: string) => Said) =>
  (token) => ({
    status,
    body: body(token),
    headers,
  });
const envelope = (code: string, message: string): string => JSON.stringify({ error: { code, message } });
const percent = (text: string): string => encodeURIComponent(text);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const thread = {
  links: {},
  run: { id: "01KEXAMPLERUN0000000000000", status: "queued" },
  thread: { id: "01KEXAMPLETHREAD0000000000" },
};

/** Forms in which a server may return the token. */
const echoes: [string, (token: string) => Said][] = [
  ["in an error's message", echo(400, (token) => envelope("invalid_request", `authorization: Bearer ${token}`))],
  [
    "in a message that is cut inside it",
    echo(400, (token) => envelope("invalid_request", `${"x".repeat(280)} ${token}`)),
  ],
  [
    "in a message that is cut far behind",
    echo(400, (token) => envelope("invalid_request", `${"x".repeat(1_985)}${token}`)),
  ],
  [
    "in a message whose whitespace is folded",
    echo(400, (token) => envelope("invalid_request", `${"x \n\t  ".repeat(330)}${token}`)),
  ],
  [
    "in a message that is short of a retry",
    echo(500, (token) => envelope("internal_error", `${"y".repeat(100)} ${token}`)),
  ],
  ["in an error's code", echo(400, (token) => envelope(token, "no"))],
  ["in a bare error", echo(404, (token) => JSON.stringify({ error: token }))],
  [
    "in a page",
    echo(
      403,
      (token) => `<html><pre>${token.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</pre>`,
    ),
  ],
  ["in a page of a success", echo(200, (token) => `<html><input value='${token}'>`)],
  ["in plain text", echo(401, (token) => `Unknown token ${token}`)],
  ["percent-encoded", echo(400, (token) => envelope("invalid_request", `token=${percent(token)}`))],
  ["in base64", echo(400, (token) => envelope("invalid_request", base64(`me:${token}`)))],
  ["in base64, moved by one", echo(400, (token) => envelope("invalid_request", base64(`m:${token}`)))],
  ["as JSON in JSON", echo(400, (token) => envelope("invalid_request", JSON.stringify({ authorization: token })))],
  [
    "in a code of refusal of a conflict",
    echo(409, (token) => envelope("idempotency_conflict", `still being processed for ${token}`)),
  ],
  ["as the thread's ID", echo(201, (token) => JSON.stringify({ ...thread, thread: { id: token } }))],
  [
    "in a good answer's fields",
    echo(201, (token) =>
      JSON.stringify({
        ...thread,
        run: { ...thread.run, status: token, note: token },
        thread: { ...thread.thread, title: `About ${token}`, [token]: token },
      }),
    ),
  ],
  ["in the link", echo(201, (token) => JSON.stringify({ ...thread, links: { thread: `/threads/${percent(token)}` } }))],
  ["in a redirect's path", echo(302, () => "", { Location: `/${percent(canary)}` })],
  ["in a redirect's query", echo(308, () => "", { Location: `https://evil.example/x?token=${percent(canary)}` })],
  ["in a redirect's host", echo(308, () => "", { Location: `https://${canary.replace(/\W/g, "-")}.example/` })],
  ["in a redirect's user", echo(308, () => "", { Location: `https://me:${percent(canary)}@evil.example/` })],
  [
    "in other headers",
    echo(429, () => "{}", {
      "Retry-After": "0",
      "Content-Type": `text/html; x="${canary.replace(/["\\]/g, "")}"`,
      "WWW-Authenticate": canary.replace(/["\\]/g, ""),
    }),
  ],
  ["in place of HTTP", (token) => ({ raw: `ERR bad request ${token}\r\n` })],
  ["in the encoding", echo(201, () => "{}", { "Content-Encoding": canary.replace(/["\\,]/g, "") })],
];

describe("a token that the server repeats", () => {
  it.each(echoes)("becomes *** %s", async (title, answer) => {
    const server = await startScriptedServer((_, head) =>
      answer(/^authorization: Bearer (.*)$/im.exec(head)?.[1] ?? ""),
    );
    closers.push(() => server.close());
    const runner = title === "in an error's message" ? runStep : runHere;
    const step = await start({ "api-url": `${server.origin}/api/v1` }, {}, runner);
    if (step.exitCode !== 0) failureOf({ ...step, shown: "" });
    expectSecrecy(step);
    if (runner === runStep) expect(failureOf(step)).toContain(': "authorization: Bearer ***".');
  });
});

describe("a token that the server repeats with some of its characters escaped", () => {
  const token = "grt_pat_Esc4pedSecretOfNoValue/0123456789";
  const escaped = token.replace(/[a-f4]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);
  const envelopeOf = (message: string): string => `{"error":{"code":"invalid_request","message":"${message}"}}`;

  it.each([
    ["in a message that is cut inside it", envelopeOf(`${"x".repeat(270)} ${escaped}`)],
    ["in a message that is cut far behind", envelopeOf(`${"x".repeat(1_975)}${escaped}`)],
    ["in what is no JSON", `<pre>{"authorization":"${escaped}"}</pre>`],
    ["in JSON in JSON", envelopeOf(`{\\"authorization\\":\\"${escaped.replaceAll("\\", "\\\\")}\\"}`)],
  ])("becomes *** %s", async (_, body) => {
    const server = await startScriptedServer(() => ({ status: 400, body }));
    closers.push(() => server.close());
    const step = await start({ token, "api-url": `${server.origin}/api/v1` });
    failureOf(step);
    expect(leaksOf(step, token)).toEqual({});
    // Nor as the server wrote it.
    expect(step.stdout.replace(/^::add-mask::.*$/gm, "")).not.toMatch(/u0065|SecretOfNoValue/);
  });
});

describe("a failure before or on the way", () => {
  const refused = { "api-url": "http://127.0.0.1:9/api/v1" };
  const cases: [string, Inputs, Record<string, string>?][] = [
    ["inputs that are wrong", { message: "", wait: "x" }],
    ["a port that refuses", refused],
    ["a name that does not exist", { "api-url": "https://mosoo.invalid/api/v1" }],
    [
      "a proxy that is dead, with the token for a password",
      {},
      { HTTPS_PROXY: `http://me:${percent(canary)}@127.0.0.1:9` },
    ],
    ["a proxy variable without a scheme", {}, { HTTPS_PROXY: `me:${percent(canary)}@127.0.0.1:9` }],
    [
      "the token in the agent's place, too",
      { ...refused, "agent-id": canary.replace(/[\\/%]/g, ""), token: canary.replace(/[\\/%]/g, "") },
    ],
    ["the token in the reference, too", { ...refused, "external-ref": `x ${canary}` }],
    ["the token as key", { ...refused, "idempotency-key": canary }],
    ["the token in the API's URL", { "api-url": `http://127.0.0.1:9/${percent(canary)}` }],
    ["the token in the message, too", { ...refused, message: canary }],
    ["the token as user of the API's URL", { "api-url": `https://${percent(canary)}@mosoo.ai/` }],
    ["the token as a file's name", { message: "", "message-file": canary }],
    ["the token as a pattern", { files: canary.replaceAll("\\", ""), token: canary.replaceAll("\\", "") }],
    ["the token as a choice", { "on-rerun": canary }],
    [
      "the token as thread",
      { ...refused, "agent-id": "", "thread-id": canary.replace(/[\\/%]/g, ""), token: canary.replace(/[\\/%]/g, "") },
    ],
  ];

  it.each(cases.map(([title, ...given]) => [title, given] as const))(
    "does not show the token: %s",
    async (title, [inputs, env]) => {
      const runner = title.startsWith("a proxy that is dead") ? runStep : runHere;
      const step = await start(
        { "api-url": "https://mosoo.ai/api/v1", ...inputs },
        { HTTPS_PROXY: "http://127.0.0.1:9", ...env },
        runner,
      );
      failureOf({ ...step, shown: "" });
      const token = inputs["token"] ?? canary;
      expect(step.masks[0]).toBe(token);
      expect(leaksOf(step, token)).toEqual({});
    },
  );

  it("a token as long as GitHub stores one is masked like any other", async () => {
    const token = `grt_pat_${"C4n4ry".repeat(8_000)}`;
    const step = await start({ ...refused, token, "external-ref": "a\nb" });
    expectFailure({ ...step, shown: "" }, { input: "external-ref" });
    expect(step.masks[0]).toBe(token);
    const sent = await start({ ...refused, token, message: token.slice(0, 30_000) });
    expectFailure({ ...sent, shown: "" }, { names: ["127.0.0.1:9"] });
  });

  it("a token after Bearer is masked with and without it, and one with a line break is not shown", async () => {
    const scheme = await start({ ...refused, token: `Bearer ${canary}` });
    const broken = await start({ ...refused, token: `${canary}\n${canary}` });
    expect(scheme.masks).toEqual(expect.arrayContaining([`Bearer ${canary}`, canary]));
    for (const step of [scheme, broken]) {
      expect(step.stdout).toMatch(/^::add-mask::/);
      expect(leaksOf(step, canary)).toEqual({});
    }
  });
});

describe("a token that the agent or GitHub repeats", () => {
  let scene: Scene;
  let secret: string;
  /** Of the token what it does not share with IDs that were made at the same time. */
  let secretPart: string;
  beforeAll(async () => {
    scene = await startScene();
    secret = scene.mosoo.tokens.person;
    secretPart = secret.slice(15);
    closers.push(() => scene.close());
  });

  afterEach(() => {
    scene.reset();
  });

  const comments = (): string => scene.github.comments.map(({ body }) => body).join("\n");

  it("is redacted in all outputs, from response, text, tools, questions and title", async () => {
    scene.script = [
      {
        emit: {
          type: "agent.message.delta",
          content: `The token is ${secret}.\nIn Markdown **${secret}** and \`${secret}\`.\n`,
        },
      },
      { emit: { type: "tool.use.started", content: `curl ${secret}`, toolName: `bash ${secret}`, toolCallId: "1" } },
      { emit: { type: "agent.message.delta", content: `Split: ${secret.slice(0, 20)}` } },
      { emit: { type: "agent.message.delta", content: `${secret.slice(20)} it is.\n` } },
      { status: "waiting_input", title: `${"May I ".repeat(48)}${secret}?` },
      { end: "completed", text: `# ${secret}\n\n[link](https://example.com/?t=${secret}) ${secret}` },
    ];
    const step = await runStep({
      ...scene.step({ with: { "on-waiting-input": "wait" } }),
      env: { ...scene.step().env, RUNNER_DEBUG: "1" },
    });
    expect(step.exitCode).toBe(0);
    const file = readFileSync(step.outputs["response-file"] ?? "", "utf8");
    expect(file).toContain("***");
    expect(leaksOf(step, secretPart, { comments: comments(), file })).toEqual({});
    expect(step.masks[0]).toBe(secret);
  });

  it("is redacted in the reason of a failed run", async () => {
    scene.script = [
      {
        end: "failed",
        error: { code: "agent_error", message: `${"z".repeat(270)} bad token ${secret}`, retryable: false },
      },
    ];
    const step = await runStep(scene.step());
    failureOf(step);
    expect(leaksOf(step, secretPart, { comments: comments() })).toEqual({});
  });

  it("is redacted in a server error that the comment quotes", async () => {
    scene.mosoo.fault({ kind: "echo-headers", on: "create", status: 403 });
    const step = await runStep(scene.step());
    failureOf(step);
    expect(comments()).toContain("403");
    expect(leaksOf(step, secretPart, { comments: comments() })).toEqual({});
  });

  it("is redacted in GitHub's rejection of the comment", async () => {
    const token = scene.step().githubToken ?? "";
    scene.github.faults.push({
      path: /./,
      status: 403,
      body: { message: `Bad: ${token} ${secret}` },
      times: 99,
    });
    scene.script = answering();
    const step = await runStep({ ...scene.step(), env: { ...scene.step().env, RUNNER_DEBUG: "1" } });
    expect(step.exitCode).toBe(0);
    expect(leaksOf(step, secretPart)).toEqual({});
    expect(leaksOf(step, token)).toEqual({});
  });

  it("is redacted when the step is killed and the post step cleans up", async () => {
    scene.script = [{ status: "running" }, { emit: { type: "agent.message.delta", content: "Reading the diff.\n" } }];
    const running = await stepAtWork(scene, { env: { RUNNER_DEBUG: "1" } });
    const killed = await running.kill();
    scene.mosoo.fault({ kind: "echo-headers", on: "events", status: 500, times: 2 });
    const post = await runPost(killed);
    expect(post.exitCode).toBe(0);
    expect(post.masks[0]).toBe(secret);
    for (const step of [killed, post]) expect(leaksOf(step, secretPart, { comments: comments() })).toEqual({});
  });

  it("is redacted when an upload fails", async () => {
    writeFileSync(join(folder, "a.txt"), "x");
    scene.mosoo.fault({ kind: "echo-headers", on: "upload", status: 403, times: 9 });
    const step = await runStep({ ...scene.step({ with: { files: "a.txt" } }), workspace: folder });
    failureOf(step);
    expect(leaksOf(step, secretPart, { comments: comments() })).toEqual({});
  });
});

describe("an uncaught error", () => {
  it.each([
    ["thrown", "setTimeout(() => { throw new Error(`stray ${process.env.INPUT_TOKEN}`); }, 300);"],
    ["rejected", "setTimeout(() => void Promise.reject(new Error(`stray ${process.env.INPUT_TOKEN}`)), 300);"],
  ])("%s: one annotation without a stack, and without the token", async (_, code) => {
    const script = join(folder, "stray.mjs");
    writeFileSync(script, code);
    const server = await startScriptedServer(() => ({ raw: "" }));
    closers.push(() => server.close());
    const step = await runStep({
      with: {
        "agent-id": "a",
        token: canary,
        message: "x",
        "api-url": `${server.origin}/api/v1`,
        "create-timeout": "60s",
      },
      nodeArguments: ["--import", script],
    });
    const errors = step.annotations.filter(({ level }) => level === "error");
    expect({ exitCode: step.exitCode, errors: errors.length, stderr: step.stderr }).toEqual({
      exitCode: 1,
      errors: 1,
      stderr: "",
    });
    expect(errors[0]?.message).toContain('"stray ***"');
    expect(step.shown).not.toMatch(/^\s*at /m);
    expectSecrecy(step);
  });
});

describe("the search for leaks", () => {
  it("finds the token in every form that it looks for", () => {
    const forms = [
      canary,
      `x${canary.slice(3, 20)}x`,
      percent(canary),
      percent(canary).toLowerCase(),
      ...["", "x", "xy"].map((before) => base64(`${before}${canary}`)),
      canary.replaceAll("_", "&#95;"),
      canary.replaceAll("_", "\\_"),
      JSON.stringify(canary),
      canary.split("").join("\u200b"),
    ];
    expect(forms.filter((form) => leakIn(form, canary) === undefined)).toEqual([]);
    expect(leakIn("grt_pat_***", canary)).toBeUndefined();
  });
});
