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
import { afterAll, describe, expect, it } from "@jest/globals";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import { patientClock } from "../support/clock.ts";
import {
  type Fault,
  type FaultHandler,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type Revision,
} from "../support/fake-mosoo-server.ts";
import { expectFailure, failureOf } from "../support/refusals.ts";
import { skipUnless } from "../support/host.ts";
import { type StepOptions, type StepResult, runStep } from "../support/runner.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { countRequests, expectOne, serve as serveRevision, stepFor } from "../support/service.ts";
import { runStepHere } from "../support/step-here.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
let places = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The clock that the server and the step share. */
const clocks = new WeakMap<FakeMosooServer, Clock>();

async function serve(
  revision: Revision,
  faults: Fault[] = [],
  options: FakeMosooServerOptions = {},
): Promise<FakeMosooServer> {
  const clock = patientClock(undefined, undefined, 20);
  const server = await serveRevision(revision, faults, { clock, ...options });
  clocks.set(server, clock);
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
  runner = (options: StepOptions): Promise<StepResult> => runStepHere(options, clocks.get(server)),
): Promise<StepResult> {
  return runner(stepFor(server, { "agent-id": server.agents.published, ...inputs }, { workspace: place, ...more }));
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

const uploads = (server: FakeMosooServer): number => countRequests(server, "POST", /\/files$/);

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

skipUnless("quotes in names", describe)("the patterns of `files`", () => {
  it.each<[string, string, string[]]>([
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
  ])("find %s", async (title, patterns, names) => {
    const server = await serve("2026-07");
    const place = workspace(tree);
    const runner = title === "everything" ? runStep : undefined;
    expectOne(await run(server, place, { files: patterns }, {}, runner), server);
    expect(attached(server).map(([name]) => name)).toEqual([...names].sort());
    const contents = new Map(Object.entries(tree).map(([path, content]) => [path.split("/").pop(), sha256(content)]));
    for (const [name, digest] of attached(server)) expect(digest).toBe(contents.get(name));
  });

  it("follow a link within the workspace, and use the link's name", async () => {
    const server = await serve("2026-07");
    const place = workspace({ "real.txt": "real" });
    symlinkSync("real.txt", join(place, "link.txt"));
    expectOne(await run(server, place, { files: "link.txt" }), server);
    expect(attached(server)).toEqual([["link.txt", sha256("real")]]);
  });

  it.each<[string, string, string, ((place: string) => void) | undefined]>([
    ["no match", "missing/*.pdf", '"missing/*.pdf"', undefined],
    ["only folders", "only", '"only"', (place) => mkdirSync(join(place, "only/empty"), { recursive: true })],
    ["what lies under .git", ".git/config", ".git/", undefined],
    [
      "a link out of the workspace",
      "out.txt",
      '"out.txt"',
      (place) => {
        symlinkSync("../outside.txt", join(place, "out.txt"));
      },
    ],
    [
      "a folder that is a link out of it",
      "all",
      "outside",
      (place) => {
        symlinkSync("..", join(place, "all"));
      },
    ],
    [
      "a link into .git",
      "config.txt",
      ".git/",
      (place) => {
        symlinkSync(".git/config", join(place, "config.txt"));
      },
    ],
    [
      "one byte too much",
      "huge.bin",
      "67,108,865",
      (place) => {
        const file = openSync(join(place, "huge.bin"), "w");
        ftruncateSync(file, 67_108_865);
        closeSync(file);
      },
    ],
    [
      "a link to nowhere",
      "nowhere",
      '"nowhere"',
      (place) => {
        symlinkSync("gone", join(place, "nowhere"));
      },
    ],
  ])("are an error where they find %s, and nothing is sent", async (_, patterns, says, prepare) => {
    const server = await serve("2026-07");
    const place = workspace(tree);
    prepare?.(place);
    const step = await run(server, place, { files: patterns });
    expectFailure(step, { input: "files", exists: "nothing sent", names: [says] });
    expect(server.requests).toHaveLength(0);
  });
});

describe("the upload", () => {
  it.each<Revision>(["2026-07", "2026-08"])(
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
      expect(result.shown).toMatch(/"[ab]\.txt".*1 of 2\n.*"[ab]\.txt".*2 of 2\n/);
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
    const [first = NaN, , , fourth = NaN, fifth = NaN] = times;
    expect(fourth - first).toBeLessThan(1_000);
    expect(fifth - first).toBeGreaterThanOrEqual(1_000);
  });

  it("is not limited by `request-timeout`", async () => {
    const server = await serve("2026-07", [{ on: "upload", kind: "slow", ms: 1_500 }]);
    expectOne(await run(server, workspace({ "a.txt": "a" }), { files: "a.txt" }), server);
    expect(uploads(server)).toBe(1);
  });

  it("fails on a server without uploads, and points to `file-ids`", async () => {
    const server = await serve("reference");
    const step = await run(server, workspace({ "a.txt": "a" }), { files: "a.txt" });
    expectFailure(step, { input: "files", exists: "no thread", names: ["`file-ids`"] });
    expect(server.requests).toHaveLength(1);
  });

  it("fails the step where the server rejects it, names the input and keeps the thread's outputs", async () => {
    const server = await serve("2026-07", [
      { on: "upload", kind: "status", status: 403, code: "forbidden", message: "No uploads for you.", times: 9 },
    ]);
    const place = workspace({ "a.txt": "a" });
    const result = await run(server, place, { files: "a.txt" });
    const thread = result.outputs["thread-url"] ?? "";
    const names = ["No uploads for you"];
    expectFailure(result, { input: "files", status: 403, code: "forbidden", exists: "not confirmed", names, thread });
    expect(result.outputs["thread-id"]).toBe(server.threads[0]?.id);
    server.clearFaults();
    expectOne(await run(server, place, { files: "a.txt" }, { runAttempt: 2 }), server);
  });
});

describe("a fault at any point of the upload's flow leaves one thread with one message and its files", () => {
  const kinds: [string, FaultHandler][] = [
    ["a connection dropped after", { kind: "drop-after" }],
    ["a 500 before", { kind: "status", status: 500 }],
    ["a response cut off", { kind: "cut" }],
    ["a response of another shape", { kind: "garbage", shape: "no-id" }],
  ];
  const cases: [string, Fault][] = [
    ...(["openapi", "create", "thread", "upload", "events"] as const).flatMap((on) =>
      kinds.map(([title, fault]): [string, Fault] => [`${on}: ${title}`, { ...fault, on }]),
    ),
    ["events: a 500 once the message was taken", { on: "events", kind: "fail-after" }],
    ["events: two 500s once the message was taken", { on: "events", kind: "fail-after", times: 2 }],
    ["events: a request that hung after", { on: "events", kind: "hang-after" }],
    ["events: a crash, the message taken", { on: "events", kind: "crash-half-way" }],
    ["events: a crash, the message not taken", { on: "events", kind: "crash-half-way", commit: false }],
    ["upload: a connection dropped in the middle", { on: "upload", kind: "drop-midway", bytes: 100_000 }],
    ["create: a cached failure", { on: "create", kind: "status", status: 500, stored: true }],
    ["create: a crash, the thread created", { on: "create", kind: "crash-half-way" }],
  ];
  const files = { "a.txt": "a".repeat(300_000), "sub/b.txt": "b" };

  it.each(cases)("%s; and a re-run uploads nothing", async (title, fault) => {
    const revision = cases.findIndex(([each]) => each === title) % 2 === 0 ? "2026-07" : "2026-08";
    const server = await serve(revision, [fault], { stuckReservationMs: 500 });
    const place = workspace(files);
    const runner = title.endsWith("in the middle") ? runStep : undefined;
    expectOne(await run(server, place, { files: "**/*.txt" }, {}, runner), server);
    const uploadsBefore = uploads(server);
    const again = await run(server, place, { files: "**/*.txt" }, { runAttempt: 2 }, runner);
    expectOne(again, server);
    expect(attached(server)).toEqual([
      ["a.txt", sha256(files["a.txt"])],
      ["b.txt", sha256(files["sub/b.txt"])],
    ]);
    expect(uploads(server)).toBe(uploadsBefore);
    expect(again.outputs["replayed"]).toBe("true");
  });
});

describe("files for an existing thread", () => {
  it("are uploaded again where the service has used them up before it rejected the message", async () => {
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

  it("wait for another's run, and are uploaded then, once", async () => {
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

  it("are not uploaded for a deleted thread", async () => {
    const server = await serve("2026-08");
    const inputs = { files: "a.txt", "thread-id": "01J0000000000000000000000T" };
    const step = await run(server, workspace({ "a.txt": "a" }), inputs);
    expectFailure(step, { input: "thread-id", status: 404, code: "not_found", exists: "not sent" });
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });
});

describe("a re-run that sends the message for the first time", () => {
  it("sends it once, although its run fails at once", async () => {
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
  it.each([
    ["of the same size", "b"],
    ["shorter", ""],
  ])("is not sent as what it was (%s)", async (_, content) => {
    const place = workspace({ "a.txt": "a" });
    const server = await serve("2026-07", [], {
      onExchange: ({ path }) => {
        if (path.endsWith("/threads")) writeFileSync(join(place, "a.txt"), content);
      },
    });
    const step = await run(server, place, { files: "a.txt" });
    expectFailure(step, { input: "files", names: ['"a.txt"'] });
    expect(server.uploads).toHaveLength(0);
    expect(server.threads[0]?.messages).toHaveLength(0);
  });
});

skipUnless("peak memory", describe)("the peak of memory", () => {
  const limitKb = 40 * 1024;

  async function peak(bytes: number): Promise<number> {
    const server = await serve("2026-07", [], { clock: systemClock });
    const place = workspace({ "data.bin": Buffer.alloc(bytes, "data\n") });
    const result = await run(
      server,
      place,
      { files: "data.bin", "request-timeout": "30s" },
      { measureMemory: true },
      runStep,
    );
    expectOne(result, server);
    expect(attached(server)).toEqual([["data.bin", sha256(readFileSync(join(place, "data.bin")))]]);
    return result.maxRssKb ?? NaN;
  }

  it("is at most 40 MB higher with 60 MB to upload than with 1 MB", async () => {
    const small = await peak(1_000_000);
    const large = await peak(60_000_000);
    expect(large - small).toBeLessThan(limitKb);
  }, 60_000);
});
