/** `files`: which are found, how they are uploaded, and that faults and re-runs leave one thread and one message. */
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  ftruncateSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { checkExchange, publishedContracts } from "../support/contract-check.ts";
import {
  type Fault,
  type FaultHandler,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type Revision,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { skipUnless } from "../support/host.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
import { LOG_LINES } from "../support/log-lines.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
const contracts = publishedContracts();
const violations: string[] = [];
const servers: FakeMosooServer[] = [];
let places = 0;

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(folder, { recursive: true });
  expect(violations).toEqual([]);
});

async function serve(
  revision: Revision,
  faults: Fault[] = [],
  options: FakeMosooServerOptions = {},
): Promise<FakeMosooServer> {
  const contract = contracts?.[revision];
  const server = await startFakeMosooServer({
    revision,
    onExchange: (exchange) => {
      if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
    },
    ...options,
  });
  servers.push(server);
  for (const fault of faults) server.fault(fault);
  return server;
}

/** A workspace with these files; beside it lies a secret. */
function workspace(files: Record<string, string | Buffer>): string {
  const place = join(folder, String(++places), "repo");
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "..", "outside.txt"), "Somebody's secret.");
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), content);
  }
  return place;
}

function run(
  server: FakeMosooServer,
  place: string,
  inputs: Record<string, string>,
  more: Partial<StepOptions> = {},
): Promise<StepResult> {
  return runStep({
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "See the files.",
      "api-url": server.apiUrl,
      "create-timeout": "20s",
      "request-timeout": "1s",
      ...inputs,
    },
    workspace: place,
    ...more,
  });
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** What the only message has with it: names and contents, as the service got them. */
function attached(server: FakeMosooServer): [string, string][] {
  const [message] = server.threads[0]?.messages ?? [];
  return (message?.fileIds ?? [])
    .map((id) => server.uploads.find((file) => file.id === id))
    .map((file): [string, string] => [file?.name ?? "?", file?.sha256 ?? "?"])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function expectOne(result: StepResult, server: FakeMosooServer): void {
  expect({ exit: result.exitCode, error: result.exitCode === 0 ? "" : result.shown }).toEqual({ exit: 0, error: "" });
  expect(server.threads).toHaveLength(1);
  expect(server.threads[0]?.messages).toHaveLength(1);
  expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
  expect(result.outputs["run-id"]).toBe(server.threads[0]?.runs[0]?.id);
}

const count = (server: FakeMosooServer, ending: RegExp): number =>
  server.requests.filter(({ method, path }) => method === "POST" && ending.test(path)).length;
const uploads = (server: FakeMosooServer): number => count(server, /\/files$/);

const tree = {
  "a.txt": "a",
  "sub/b.txt": "b",
  "sub/deep/c.md": "c",
  "sub/deep/d.txt": "d",
  "with blanks.txt": "blanks",
  "ümläut 你好 🙂.txt": "unicode",
  'quo"te;name=x.txt': "quoted",
  "empty.bin": "",
  ".hidden/e.txt": "hidden",
  ".git/config": "credentials",
  "sub/.git/config.txt": "credentials",
  // As a submodule or another work tree has it.
  "module/.git": "gitdir: ../.git/modules/module",
};

skipUnless("quotes in names", describe)("the patterns", () => {
  it.concurrent.each<[string, string, string[]]>([
    ["a name", "a.txt", ["a.txt"]],
    ["a name with ./ before it", "./sub/b.txt", ["b.txt"]],
    ["a folder: all below it", "sub", ["b.txt", "c.md", "d.txt"]],
    ["a star", "sub/*.txt", ["b.txt"]],
    [
      "two stars and an exclusion",
      "**/*.txt\n!sub/deep/**\n!.hidden/**",
      ["a.txt", "b.txt", 'quo"te;name=x.txt', "with blanks.txt", "ümläut 你好 🙂.txt"],
    ],
    [
      "everything",
      "**",
      ["a.txt", "b.txt", "c.md", "d.txt", "empty.bin", 'quo"te;name=x.txt', "with blanks.txt", "ümläut 你好 🙂.txt"],
    ],
    ["a hidden folder by its name", ".hidden", ["e.txt"]],
    ["the same file twice", "a.txt\n*.bin\na.t?t", ["a.txt", "empty.bin"]],
  ])("%s", async (_, patterns, names) => {
    const server = await serve("2026-07");
    const place = workspace(tree);
    expectOne(await run(server, place, { files: patterns }), server);
    expect(attached(server).map(([name]) => name)).toEqual([...names].sort());
    const contents = new Map(Object.entries(tree).map(([path, content]) => [path.split("/").pop(), sha256(content)]));
    for (const [name, digest] of attached(server)) expect(digest).toBe(contents.get(name));
  });

  it.concurrent("follow a link within the workspace, and use the link's name", async () => {
    const server = await serve("2026-07");
    const place = workspace({ "real.txt": "real" });
    symlinkSync("real.txt", join(place, "link.txt"));
    expectOne(await run(server, place, { files: "link.txt" }), server);
    expect(attached(server)).toEqual([["link.txt", sha256("real")]]);
  });

  it.concurrent.each<[string, string, RegExp, ((place: string) => void)?]>([
    ["no match", "missing/*.pdf", /"missing\/\*\.pdf" matches no file/],
    [
      "only folders",
      "only",
      /"only" matches no file/,
      (place) => mkdirSync(join(place, "only/empty"), { recursive: true }),
    ],
    ["what lies under .git", ".git/config", /only matches files under \.git\//],
    [
      "a link out of the workspace",
      "out.txt",
      /"out\.txt" is outside the workspace/,
      (place) => {
        symlinkSync("../outside.txt", join(place, "out.txt"));
      },
    ],
    [
      "a folder that is a link out of it",
      "all",
      /is outside the workspace/,
      (place) => {
        symlinkSync("..", join(place, "all"));
      },
    ],
    [
      "a link into .git",
      "config.txt",
      /is under \.git\//,
      (place) => {
        symlinkSync(".git/config", join(place, "config.txt"));
      },
    ],
    [
      "one byte too much",
      "huge.bin",
      /"huge\.bin" has 67,108,865 bytes; the maximum is 67,108,864/,
      (place) => {
        const file = openSync(join(place, "huge.bin"), "w");
        ftruncateSync(file, 67_108_865);
        closeSync(file);
      },
    ],
    [
      "a link to nowhere",
      "nowhere",
      /"nowhere" matches no file/,
      (place) => {
        symlinkSync("gone", join(place, "nowhere"));
      },
    ],
  ])("that find %s are an error, and nothing is sent", async (_, patterns, says, prepare) => {
    const server = await serve("2026-07");
    const place = workspace(tree);
    prepare?.(place);
    const message = failureOf(await run(server, place, { files: patterns }));
    expect(message).toMatch(/^`files`: /);
    expect(message).toMatch(says);
    expect(message).toMatch(/Nothing was sent\.$/);
    expect(server.requests).toHaveLength(0);
  });
});

describe("the upload", () => {
  it.concurrent.each<Revision>(["2026-07", "2026-08"])(
    "precedes the message, which names the files and the request ID (%s)",
    async (revision) => {
      const server = await serve(revision);
      const place = workspace({ "a.txt": "a", "b.txt": "b" });
      const result = await run(server, place, { files: "*.txt", "file-ids": server.addFile({ name: "given" }).id });
      expectOne(result, server);
      expect(attached(server).map(([name]) => name)).toEqual(["a.txt", "b.txt", "given"]);
      const [message] = server.threads[0]?.messages ?? [];
      expect(message?.requestId).toMatch(/^gh-17000000001-[0-9a-f]{40}$/);
      expect(server.threads[0]?.body).not.toHaveProperty("input");
      expect(result.shown).toMatch(/Uploading 2 files\n.*"[ab]\.txt" \(1 byte\), 1 of 2\n.*2 of 2\n/);
      const upload = server.requests.find(({ multipart }) => multipart !== undefined);
      expect(upload?.headers["content-length"]).toMatch(/^\d+$/);
      expect(upload?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
    },
  );

  it("uploads four files at a time", async () => {
    const server = await serve("2026-07", [{ on: "upload", kind: "slow", ms: 1_000, times: 6 }]);
    const place = workspace(Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`${index}.txt`, "x"])));
    expectOne(await run(server, place, { files: "*.txt" }), server);
    const times = server.requests.filter(({ path }) => path.endsWith("/files")).map(({ at }) => at);
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeLessThan(900);
    expect((times[4] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(995);
  });

  it.concurrent("is not limited by `request-timeout`", async () => {
    const server = await serve("2026-07", [{ on: "upload", kind: "slow", ms: 1_500 }]);
    expectOne(await run(server, workspace({ "a.txt": "a" }), { files: "a.txt" }), server);
    expect(uploads(server)).toBe(1);
  });

  it.concurrent("fails on a server without uploads, and points to `file-ids`", async () => {
    const server = await serve("reference");
    const message = failureOf(await run(server, workspace({ "a.txt": "a" }), { files: "a.txt" }));
    expect(message).toMatch(/^`files`: .*.*`file-ids`\. No thread was created\.$/);
    expect(server.requests).toHaveLength(1);
  });

  it.concurrent("that the server rejects fails the step, names the input and keeps the thread's outputs", async () => {
    const server = await serve("2026-07", [
      { on: "upload", kind: "status", status: 403, code: "forbidden", message: "No uploads for you.", times: 9 },
    ]);
    const place = workspace({ "a.txt": "a" });
    const result = await run(server, place, { files: "a.txt" });
    const message = failureOf(result);
    expect(message).toMatch(/^`files`: .*403 forbidden\b.*No uploads for you/);
    expect(message).toMatch(/The message may not be in the thread yet; .* Thread: http/);
    expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
    server.clearFaults();
    expectOne(await run(server, place, { files: "a.txt" }, { runAttempt: 2 }), server);
  });
});

describe("a fault at any point of the upload's flow leaves one thread with one message and its files", () => {
  const kinds: [string, FaultHandler][] = [
    ["dropped after", { kind: "drop-after" }],
    ["a 500 before", { kind: "status", status: 500 }],
    ["cut off", { kind: "cut" }],
    ["another shape", { kind: "garbage", shape: "no-id" }],
  ];
  const more: [string, Fault][] = [
    ["events: failed once the message was taken", { on: "events", kind: "fail-after" }],
    ["events: failed twice once the message was taken", { on: "events", kind: "fail-after", times: 2 }],
    ["events: hung after", { on: "events", kind: "hang-after" }],
    ["events: died half-way, taken", { on: "events", kind: "crash-half-way" }],
    ["events: died half-way, not taken", { on: "events", kind: "crash-half-way", commit: false }],
    ["upload: dropped in the middle", { on: "upload", kind: "drop-midway", bytes: 100_000 }],
    ["create: a cached failure", { on: "create", kind: "status", status: 500, stored: true }],
    ["create: died half-way, taken", { on: "create", kind: "crash-half-way" }],
  ];
  const cases: [string, Fault][] = [
    ...(["openapi", "create", "thread", "upload", "events"] as const).flatMap((on) =>
      kinds.map(([title, fault]): [string, Fault] => [`${on}: ${title}`, { ...fault, on }]),
    ),
    ...more,
  ];
  const files = { "a.txt": "a".repeat(300_000), "sub/b.txt": "b" };
  const results = new Map<
    string,
    { server: FakeMosooServer; first: StepResult; second: StepResult; uploadsBefore: number }
  >();

  beforeAll(async () => {
    await runConcurrently(
      cases,
      async ([title, fault]) => {
        const server = await serve(
          cases.findIndex(([each]) => each === title) % 2 === 0 ? "2026-07" : "2026-08",
          [fault],
          {
            stuckReservationMs: 500,
          },
        );
        const place = workspace(files);
        const first = await run(server, place, { files: "**/*.txt" });
        const uploadsBefore = uploads(server);
        const second = await run(server, place, { files: "**/*.txt" }, { runAttempt: 2 });
        results.set(title, { server, first, second, uploadsBefore });
      },
      6,
    );
  }, 120_000);

  it.each(cases)("%s; and a re-run uploads nothing", (title) => {
    const { server, first, second, uploadsBefore } = results.get(title) ?? {};
    if (server === undefined || first === undefined || second === undefined) throw new Error("It was not run.");
    expectOne(first, server);
    expectOne(second, server);
    expect(attached(server)).toEqual([
      ["a.txt", sha256(files["a.txt"])],
      ["b.txt", sha256(files["sub/b.txt"])],
    ]);
    expect(uploads(server)).toBe(uploadsBefore);
    expect(second.outputs["replayed"]).toBe("true");
  });
});

describe("files for an existing thread", () => {
  it.concurrent("are uploaded again where the service has used them up before it rejected the message", async () => {
    let ended = false;
    const server = await serve("2026-08", [], {
      pendingCheckpointMs: 1_500,
      onExchange: ({ path }) => {
        if (ended || !path.endsWith("/files")) return;
        ended = true;
        server.endRun(server.startRunDirectly(thread.id, "Between.").id, "completed");
      },
    });
    const thread = server.createThreadDirectly({ text: "Earlier." });
    server.endRun(thread.runs[0]?.id ?? "", "completed");
    const result = await run(server, workspace({ "a.txt": "a" }), { files: "a.txt", "thread-id": thread.id });
    expect(result.exitCode).toBe(0);
    expect(thread.messages).toHaveLength(3);
    expect(thread.messages[2]?.fileIds).toHaveLength(1);
    expect(uploads(server)).toBeGreaterThan(1);
    expect(result.outputs["run-id"]).toBe(thread.runs[2]?.id);
  });

  it.concurrent("wait for another's run, and are uploaded then, once", async () => {
    let looks = 0;
    const server = await serve("2026-07", [], {
      onExchange: ({ path }) => {
        if (/\/threads\/[^/]+$/.test(path) && ++looks === 1) server.endRun(thread.runs[0]?.id ?? "", "completed");
      },
    });
    const thread = server.createThreadDirectly({ text: "Earlier." });
    const result = await run(server, workspace({ "a.txt": "a" }), { files: "a.txt", "thread-id": thread.id });
    expect(result.exitCode).toBe(0);
    expect(result.shown).toContain(LOG_LINES.waitingForActiveRun);
    expect(server.requests.map(({ method, path }) => `${method} ${path.split("/").at(-1) ?? ""}`)).toEqual([
      "GET openapi.json",
      `GET ${thread.id}`,
      `GET ${thread.id}`,
      "POST files",
      "POST events",
    ]);
    expect(thread.messages).toHaveLength(2);
  });

  it.concurrent("are not uploaded for a deleted thread", async () => {
    const server = await serve("2026-08");
    const inputs = { files: "a.txt", "thread-id": "01J0000000000000000000000T" };
    const message = failureOf(await run(server, workspace({ "a.txt": "a" }), inputs));
    expect(message).toMatch(/^`thread-id`: .*404 not_found\b.* The message was not sent\.$/);
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });
});

describe("a re-run that sends the message for the first time", () => {
  it.concurrent("sends it once, although its run fails at once", async () => {
    const server = await serve("2026-07", [{ on: "upload", kind: "status", status: 403 }], {
      onExchange: ({ method, path, status }) => {
        const runId = server.threads[0]?.runs[0]?.id;
        if (method === "POST" && path.endsWith("/events") && status === 200 && runId !== undefined)
          server.endRun(runId, "failed");
      },
    });
    const place = workspace({ "a.txt": "a" });
    failureOf(await run(server, place, { files: "a.txt" }));
    expectOne(await run(server, place, { files: "a.txt" }, { runAttempt: 2 }), server);
  });
});

describe("a file that changes between being read and its upload", () => {
  it.concurrent.each([
    ["of the same size", "b"],
    ["shorter", ""],
  ])("is not sent as what it was (%s)", async (_, content) => {
    const place = workspace({ "a.txt": "a" });
    const server = await serve("2026-07", [], {
      onExchange: ({ path }) => {
        if (path.endsWith("/threads")) writeFileSync(join(place, "a.txt"), content);
      },
    });
    const message = failureOf(await run(server, place, { files: "a.txt" }));
    expect(message).toMatch(/^`files`: .*"a\.txt" changed/);
    expect(server.uploads).toHaveLength(0);
    expect(server.threads[0]?.messages).toHaveLength(0);
  });
});

skipUnless("peak memory", describe)("memory", () => {
  const limitKb = 40 * 1024;

  async function peak(bytes: number): Promise<number> {
    const server = await serve("2026-07");
    const place = workspace({ "data.bin": Buffer.alloc(bytes, "data\n") });
    const result = await run(server, place, { files: "data.bin", "request-timeout": "30s" }, { measureMemory: true });
    expectOne(result, server);
    expect(attached(server)).toEqual([["data.bin", sha256(readFileSync(join(place, "data.bin")))]]);
    return result.maxRssKb ?? NaN;
  }

  it("at its peak is at most 40 MB more with 60 MB to upload than with 1 MB", async () => {
    const small = await peak(1_000_000);
    const large = await peak(60_000_000);
    expect(large - small).toBeLessThan(limitKb);
  }, 60_000);
});
