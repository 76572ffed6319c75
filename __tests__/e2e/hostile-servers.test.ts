/** Hostile servers: their errors, pages, IDs, links, redirects and headers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startScene, type Scene } from "../support/commenting.ts";
import { writeToken } from "../support/fake-github-server.ts";
import { unsafeOutput } from "../support/unsafe-output.ts";
import { portions, sample } from "../support/hostile-groups.ts";
import { CANARY, HOSTILE, LOG, MARKDOWN, PATHS } from "../support/hostile.ts";
import type { FaultHandler } from "../support/fake-mosoo-server.ts";
import { patientClock } from "../support/clock.ts";
import { runStep, type StepOptions, type StepResult } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
import { runStepHere } from "../support/step-here.ts";

const lines = portions(280);
const threadId = "01K9NWZ3C2H7D8E4F5G6J1K2M3";
const runId = "01K9NWZ3D9QK5V7X2B8C4N6P1R";

let scene: Scene;
/** A server that must get no request, and the number of requests it got. */
let elsewhere: { origin: string; asked: string[]; close: () => void };

beforeAll(async () => {
  scene = await startScene();
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  elsewhere = {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => server.close(),
  };
});
beforeEach(() => {
  scene.reset();
});
afterAll(async () => {
  elsewhere.close();
  await scene.close();
});

interface Outcome {
  step: StepResult;
  harm: string[];
  error: string;
}

let turn = 0;

/** Runs a step whose `on` call has this fault, and searches its output for unsafe text. */
async function meet(
  fault: FaultHandler,
  more: Partial<StepOptions> = {},
  on = (path: string): boolean => path.endsWith("/threads"),
): Promise<Outcome> {
  const name = `turn-${(turn += 1)}`;
  const message = `Message of ${name}.`;
  scene.mosoo.fault({
    ...fault,
    times: 99,
    on: ({ path, body }) => on(path) && (body === "" || body.includes(message)),
  });
  const inputs = { message, wait: "false", "create-timeout": "20s", ...more.with };
  const options = scene.step({ step: name, ...more, with: inputs });
  // One of each kind through the built action; in the deep suite all of them.
  const step = await (turn % 6 === 1 ? runStep(options) : runStepHere(options, patientClock()));
  const id = Number(/#issuecomment-(\d+)$/.exec(step.outputs["comment-url"] ?? "")?.[1]);
  const comment = scene.github.comments.find((each) => each.id === id)?.body;
  const secrets = [scene.mosoo.tokens.person, writeToken];
  const error = step.annotations.find(({ level }) => level === "error")?.message ?? "";
  return {
    step,
    error,
    harm: unsafeOutput(step, { secrets, api: more.with?.["api-url"] ?? scene.mosoo.apiUrl, comment }),
  };
}

const json = (value: unknown): string => JSON.stringify(value);
const answer = (thread: object = {}, run: object | null = {}, links: object = {}): FaultHandler => ({
  kind: "status",
  status: 201,
  body: json({
    thread: { id: threadId, ...thread },
    run: run === null ? null : { id: runId, status: "queued", ...run },
    links,
  }),
});

describe("the error response of a hostile server", () => {
  it("is sanitized as message and code", async () => {
    const outcomes = await runConcurrently(sample(lines), (text) =>
      meet({ kind: "status", status: 403, body: json({ error: { code: text.slice(0, 40), message: text } }) }),
    );
    for (const { step, harm, error } of outcomes) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(error).toContain(" 403");
      expect(step.annotations).toHaveLength(1);
    }
  });

  it("is sanitized as an HTML page", async () => {
    const pages = lines.filter((_, at) => at % 2 === 0).map((text) => `<html><body>${text}</body></html>`);
    for (const { step, harm } of await runConcurrently(sample(pages, 1), (body) =>
      meet({ kind: "status", status: 403, body }),
    ))
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
  });

  it("is sanitized as an error that is retried, as a bare string, and in place of a success", async () => {
    const text = Object.values(LOG).join("\n");
    const outcomes = await runConcurrently(
      [
        { kind: "status", status: 502, body: text },
        { kind: "status", status: 404, body: json({ error: text }) },
        { kind: "status", status: 200, body: text },
        { kind: "status", status: 409, body: json({ error: { code: "idempotency_conflict", message: text } }) },
        { kind: "status", status: 400, body: json({ error: { code: "invalid_request", message: `Agent ${text}` } }) },
      ] satisfies FaultHandler[],
      (fault) => meet(fault),
    );
    for (const { step, harm } of outcomes) expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
  });
});

describe("the response of GitHub to a rejected comment", () => {
  it("is sanitized in the warning", async () => {
    const outcomes = await runConcurrently(
      sample(
        lines.filter((_, at) => at % 2 === 1).map((text, at) => ({ text, at })),
        2,
      ),
      async ({ text, at }) => {
        scene.github.faults.push(
          at % 2 === 0
            ? {
                method: "POST",
                path: /comments/,
                times: 99,
                status: 422,
                body: { message: text, errors: [{ message: text }] },
              }
            : { method: "POST", path: /comments/, times: 99, status: 403, body: `<html>${text}</html>` },
        );
        return meet({ kind: "slow", ms: 0 }, { githubToken: writeToken });
      },
      1,
    );
    for (const { step, harm } of outcomes) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
      expect(step.annotations.map(({ level }) => level)).toEqual(["warning"]);
    }
  });
});

describe("an ID from a server", () => {
  const ids = [
    ...Object.values(PATHS),
    ...Object.values(LOG),
    "..",
    ".",
    "",
    "a b",
    "\ud800",
    "$(x)",
    "`x`",
    "x".repeat(256),
  ];
  const bad = ids.filter((id) => id.trim() !== "");

  it.each(["thread", "run"] as const)("is not used for a %s where it is invalid", async (whose) => {
    const outcomes = await runConcurrently(
      sample(bad.filter((_, at) => at % 6 === (whose === "run" ? 1 : 0))),
      (id) => meet(whose === "thread" ? answer({ id }) : answer({}, { id })),
      8,
    );
    for (const { step, harm, error } of outcomes) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(error).toContain(" 201");
      expect(step.outputs["thread-id"]).toBeUndefined();
    }
  });

  it("is not sent as a file's where it is invalid", async () => {
    const workspace = mkdtempSync(join(tmpdir(), "files-"));
    writeFileSync(join(workspace, "notes.txt"), "Notes.");
    for (const id of ["../../etc/passwd", `\n::error::${CANARY}`]) {
      const { step, harm } = await meet(
        { kind: "status", status: 201, body: json({ file: { id } }) },
        { with: { files: "*.txt" }, workspace },
        (path) => path.endsWith("/files"),
      );
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(scene.mosoo.requests.map(({ path }) => path).join()).not.toContain("passwd");
    }
    rmSync(workspace, { recursive: true });
  });
});

describe("what a server says about a thread", () => {
  it("is sanitized as title, status, agent, time and any other field", async () => {
    const texts = sample(lines.filter((_, at) => at % 2 === 0));
    const outcomes = await runConcurrently(texts, (text) =>
      meet(
        answer(
          { title: text, agent_id: text, [text]: text, __proto__: null, constructor: text, toString: text },
          { status: text, createdAt: text, completedAt: text, error: { code: text, message: text } },
          { thread: text },
        ),
      ),
    );
    for (const [at, { step, harm }] of outcomes.entries()) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
      expect(step.outputs["status"]).toBe("");
      const { thread } = JSON.parse(step.outputs["json"] ?? "") as { thread: { title: string } };
      expect(thread.title).toBe(texts[at]);
    }
  });

  it("is safe with property names that JavaScript objects inherit", async () => {
    const body = `{"thread":{"id":"${threadId}","__proto__":{"agent_id":"evil"}},"run":{"id":"${runId}","__proto__":{"status":"completed"}},"__proto__":{"links":{"thread":"/evil"}}}`;
    const { step, harm } = await meet({ kind: "status", status: 201, body });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(step.outputs["status"]).toBe("");
    expect(step.outputs["thread-api-url"]).not.toContain("evil");
  });

  it("never links to another host", async () => {
    const { origin } = scene.mosoo;
    const links = [
      `${elsewhere.origin}/x`,
      `//${new URL(elsewhere.origin).host}/x`,
      `blob:${origin}/x`,
      `javascript:alert(1)`,
      `${origin.replace("//", "//me:secret@")}/x`,
      ...Object.values(PATHS),
      MARKDOWN["addresses of issues"] ?? "",
    ];
    const outcomes = await runConcurrently(sample(links, 6), (thread) => meet(answer({}, {}, { thread })));
    for (const { step, harm } of outcomes) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
      const address = new URL(step.outputs["thread-api-url"] ?? "");
      expect(address.origin).toBe(origin);
      expect(address.protocol + address.username + address.password).toBe("http:");
    }
    expect(elsewhere.asked).toEqual([]);
  });
});

describe("a redirect", () => {
  it("has its address sanitized, and never takes the token to another host", async () => {
    const strange = new URL(elsewhere.origin);
    const locations = [
      `${elsewhere.origin}/api/v1/::error::${CANARY}`,
      `//${strange.host}/##[error]${CANARY}`,
      `http://me:secret@127.0.0.1:${strange.port}/`,
      "javascript:alert(1)",
      `https://[::error::${CANARY}`,
      `::error::${CANARY}`,
      `/${"%0A::error::x".repeat(500)}`,
      "\u00a0##[error]x",
    ];
    const outcomes = await runConcurrently(
      sample(
        locations.flatMap((location, at) => [
          { kind: "redirect", status: at % 2 === 0 ? 308 : 302, location } as const,
          { kind: "redirect", status: at % 2 === 0 ? 301 : 307, location } as const,
        ]),
        6,
      ),
      (fault) => meet(fault),
    );
    for (const { step, harm } of outcomes) expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
    expect(elsewhere.asked).toEqual([]);
  });

  it("is reported in one annotation where each call is redirected", async () => {
    let moves = 0;
    let awaited: string | undefined;
    const thread = { id: threadId };
    const run = { id: runId, status: "completed", finalOutput: { text: "Done." } };
    const wanderer = createHttpServer((request, response) => {
      const [, , path = ""] = /^(.*?)\/api\/v1(.*)$/.exec(request.url ?? "") ?? [];
      if (request.url !== awaited) {
        awaited = `/${(moves += 1)}/api/v1${path}`;
        response.writeHead(308, { location: awaited }).end();
      } else if (path.endsWith("/stream")) response.writeHead(404).end();
      else response.writeHead(201).end(json(path.includes("/events") ? { events: [] } : { thread, run }));
    });
    await new Promise<void>((resolve) => wanderer.listen(0, "127.0.0.1", resolve));
    const api = `http://127.0.0.1:${(wanderer.address() as AddressInfo).port}/api/v1`;
    const { step, harm } = await meet({ kind: "slow", ms: 0 }, { with: { "api-url": api, wait: "true" } });
    wanderer.close();
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(moves).toBeGreaterThan(2);
    expect(step.annotations.map(({ level }) => level)).toEqual(["notice"]);
  });
});

describe("headers of a response", () => {
  /** Answers every request with these bytes. */
  async function rawly(bytes: Buffer, run: (api: string) => Promise<void>): Promise<void> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined).once("data", () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`);
    } finally {
      server.close();
    }
  }
  const odd = Object.values(HOSTILE).map((text) => text.replace(/[\r\n\0]/g, " ").slice(0, 300));
  const headers = [
    "Content-Type",
    "Retry-After",
    "Idempotency-Replayed",
    "Content-Encoding",
    "Location",
    "X-Odd",
    "Link",
  ];

  it.each([
    ["a refusal", "403 Forbidden"],
    ["a failure", "500 ::error::x"],
    ["a redirect", "308 ##[error]x"],
    ["a success", "201 Created"],
  ])("are safe: %s", async (_, status) => {
    const portion = Math.ceil(odd.length / headers.length);
    const fields = headers.map((name, at) => `${name}: ${odd.slice(at * portion, at * portion + 3).join(" ")}\r\n`);
    const body = json({ error: { message: "no" } });
    const head = `HTTP/1.1 ${status}\r\n${fields.join("")}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
    await rawly(Buffer.from(head + body), async (api) => {
      const { step, harm } = await meet({ kind: "slow", ms: 0 }, { with: { "api-url": api } });
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
    });
  });
});
