/** What the step comments on, by event and input, on any server; and what is loaded for it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { FakePullRequest } from "../support/fake-github-server.ts";
import { makeAuthority } from "../support/certificates.ts";
import { answering, outcomeOf, startScene, type Scene } from "../support/commenting.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { events, runStep, type RunnerEvent, type StepOptions, type StepResult } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { baseSha, headSha } from "../support/runner-events.ts";
import { root } from "../support/runner-environment.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ github: { numbers: [12, 31] } });
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

/** A step that starts a run and does not wait. */
function step(event: RunnerEvent, inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}): StepOptions {
  return scene.step({ event, ...more, with: { wait: "false", ...inputs } });
}

function place(): (string | number | undefined)[][] {
  return scene.own().map(({ number, body }) => [number, outcomeOf(body), /Commit \[`(\w+)`/.exec(body)?.[1]]);
}

/** Files of the bundle that a step loads, by Node's own record. */
async function loadedFiles(options: StepOptions): Promise<{ result: StepResult; files: Set<string> }> {
  const folder = mkdtempSync(join(tmpdir(), "loaded-"));
  try {
    const result = await runStep({ ...options, env: { ...options.env, NODE_V8_COVERAGE: folder } });
    const records = readdirSync(folder).map(
      (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] },
    );
    const urls = records.flatMap((record) => record.result.map(({ url }) => url));
    return {
      result,
      files: new Set(urls.filter((url) => url.includes("/dist/")).map((url) => url.split("/dist/")[1] ?? "")),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The chunks of the bundle that hold GitHub's client. */
const clientChunks = (): string[] =>
  readdirSync(join(root, "dist/action"))
    .filter((name) => readFileSync(join(root, "dist/action", name), "utf8").includes("octokit-core.js/"))
    .map((name) => `action/${name}`);

describe("the comment", () => {
  it.each<[string, RunnerEvent, Record<string, string>, [number, string, string | undefined]]>([
    [
      "the issue that a person comments on",
      events.issueComment({ number: 31, onPullRequest: false }),
      {},
      [31, "started", undefined],
    ],
    [
      "the number of `pr-number`, although the event cannot be read",
      { name: "push", payload: "{ no JSON" },
      { "pr-number": "31" },
      [31, "started", "5a1f0c6"],
    ],
  ])("is on %s", async (_, event, inputs, expected) => {
    const { exitCode, annotations } = await runStepHere(step(event, inputs));
    expect({ exitCode, annotations, place: place() }).toEqual({ exitCode: 0, annotations: [], place: [expected] });
  });

  it("is on GitHub Enterprise Server under a sub-path, which needs no more than the URL of REST", async () => {
    const enterprise = await startScene({
      github: { enterprise: true, prefix: "/github", repository: "ghe-org/tools" },
    });
    try {
      const { annotations } = await runStepHere(
        enterprise.step({
          repository: "ghe-org/tools",
          env: {
            GITHUB_SERVER_URL: "https://ghe.example/github",
            GITHUB_API_URL: `${enterprise.github.apiUrl}/`,
            GITHUB_GRAPHQL_URL: undefined,
          },
        }),
      );
      expect(annotations).toEqual([]);
      expect(enterprise.texts().map(outcomeOf)).toEqual(["completed"]);
      expect(enterprise.texts()[0]).toContain("(https://ghe.example/github/ghe-org/tools/actions/runs/");
      expect(enterprise.github.requests.map(({ path }) => path)).toContain("graphql");
    } finally {
      await enterprise.close();
    }
  });

  it("is on Gitea under a sub-path, and later runs find it without any other write", async () => {
    const gitea = await startScene({
      github: { gitea: true, prefix: "/gitea", serverUrl: "https://git.example.test/gitea" },
    });
    try {
      const env = {
        GITEA_ACTIONS: "true",
        GITHUB_SERVER_URL: "https://git.example.test/gitea",
        GITHUB_API_URL: gitea.github.apiUrl,
        GITHUB_GRAPHQL_URL: undefined,
        GITHUB_REPOSITORY_ID: undefined,
        GITHUB_WORKFLOW_REF: undefined,
      };
      const first = await runStep(gitea.step({ env }));
      gitea.script = answering("Better now.");
      gitea.github.requests.length = 0;
      const second = await runStep(gitea.step({ env, runNumber: 8, runId: "17000000008" }));
      expect([...first.annotations, ...second.annotations]).toEqual([]);
      expect(gitea.github.comments).toHaveLength(1);
      expect(gitea.texts()[0]).toContain("Better now.");
      const writes = gitea.github.requests.filter(({ path, method }) => path.includes("/comments") && method !== "GET");
      expect(writes.filter(({ method }) => method !== "PATCH")).toEqual([]);
      expect(second.outputs["comment-url"]).toMatch(
        /^https:\/\/git\.example\.test\/gitea\/octo-org\/octo-repo\/pulls\/12#issuecomment-\d+$/,
      );
    } finally {
      await gitea.close();
    }
  });

  it("is written through the proxy of a runner without another connection", async () => {
    const host = "github.example.test";
    const authority = makeAuthority();
    const behind = await startScene({ github: { enterprise: true, tls: authority.issue([host]) } });
    const port = Number(new URL(behind.github.apiUrl).port);
    const proxy = await startConnectProxy({ hosts: { [host]: port }, credentials: "runner:pass" });
    const folder = mkdtempSync(join(tmpdir(), "authority-"));
    const known = join(folder, "authority.pem");
    writeFileSync(known, authority.cert);
    try {
      const env = {
        GITHUB_API_URL: `https://${host}/api/v3`,
        GITHUB_GRAPHQL_URL: `https://${host}/api/graphql`,
        HTTPS_PROXY: `http://runner:pass@127.0.0.1:${proxy.port}`,
        NODE_EXTRA_CA_CERTS: known,
      };
      const { exitCode, annotations, stdout } = await runStep(behind.step({ env }));
      expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
      expect(behind.texts().map(outcomeOf)).toEqual(["completed"]);
      expect(new Set(proxy.tunnels)).toEqual(new Set([`${host}:443`]));
      expect(stdout).not.toContain("runner:pass");
    } finally {
      rmSync(folder, { recursive: true });
      await Promise.all([behind.close(), proxy.close()]);
    }
  });
});

describe("an event without a pull request or issue", () => {
  it("has its comment on the commit's one open pull request", async () => {
    const head = { headSha };
    scene.github.pullRequests.push(
      { number: 31, ...head },
      { number: 12, ...head, state: "closed" },
      { number: 12, ...head, headRepository: "stranger/octo-repo" },
      { number: 12, headSha: baseSha, commits: [headSha] },
    );
    const { exitCode, annotations, outputs } = await runStepHere(step(events.push({ ref: "refs/heads/feature" })));
    expect({ exitCode, annotations, place: place() }).toEqual({
      exitCode: 0,
      annotations: [],
      place: [[31, "started", "5a1f0c6"]],
    });
    expect(outputs["comment-url"]).toMatch(/\/pull\/31#issuecomment-\d+$/);
  });

  it.each<[string, RunnerEvent, FakePullRequest[]]>([
    ["a push to a branch without one", events.push(), []],
    [
      "a push to a branch with several",
      events.push(),
      [
        { number: 12, headSha },
        { number: 31, headSha },
      ],
    ],
    ["a schedule", events.schedule(), [{ number: 12, headSha }]],
  ])("has no comment, which a notice says: %s", async (_, event, pullRequests) => {
    scene.github.pullRequests.push(...pullRequests);
    const { exitCode, annotations, outputs, state } = await runStepHere(step(event));
    expect({
      exitCode,
      notices: annotations.map(({ level, message }) => [level, /`pr-number`/.test(message)]),
    }).toEqual({
      exitCode: 0,
      notices: [["notice", true]],
    });
    expect(outputs).not.toHaveProperty("comment-url");
    expect(state["comment_pending"] ?? "").toBe("");
    expect(scene.github.comments).toEqual([]);
  });

  it("costs a warning, not the step, where the commit's pull requests cannot be read", async () => {
    scene.github.faults.push({ path: /\/pulls/, times: 9, status: 403, body: { message: "Resource not accessible" } });
    const { exitCode, annotations } = await runStepHere(step(events.push()));
    expect(exitCode).toBe(0);
    expect(annotations.map(({ level }) => level)).toEqual(["warning"]);
    expect(annotations[0]?.message).toContain("pull-requests: write");
  });
});

describe("GitHub's client", () => {
  it("is loaded where there is something to comment on, and only there", async () => {
    const chunks = clientChunks();
    expect(chunks.length).toBeGreaterThan(0);
    const [on, off, nowhere] = await Promise.all([
      loadedFiles(step(events.pullRequest())),
      loadedFiles(step(events.pullRequest(), { "pr-comment": "off", wait: "true" })),
      loadedFiles(step(events.schedule(), { wait: "true" })),
    ]);
    expect([on, off, nowhere].map(({ result }) => result.exitCode)).toEqual([0, 0, 0]);
    for (const chunk of chunks) {
      expect(on.files).toContain(chunk);
      expect(off.files).not.toContain(chunk);
      expect(nowhere.files).not.toContain(chunk);
    }
    expect(off.files).toContain("action/index.js");
  });
});

describe("an event that the action's own comment caused", () => {
  it.each(["update", "new"])("skips the step with a notice (`%s`)", async (mode) => {
    await runStep(step(events.pullRequest(), { "pr-comment": mode }));
    const [comment] = scene.own();
    scene.mosoo.requests.length = scene.github.requests.length = 0;
    // As an App's or a person's token has it: GITHUB_TOKEN causes no events.
    const event = events.issueComment({ body: comment?.body ?? "", author: "mosoo-reviewer[bot]", authorType: "Bot" });
    const { exitCode, annotations, outputs } = await runStep(step(event, { token: "" }));
    expect(exitCode).toBe(0);
    expect(annotations.map(({ level, message }) => [level, /loop/.test(message)])).toEqual([["notice", true]]);
    expect(outputs).toMatchObject({ skipped: "true" });
    expect([...scene.mosoo.requests, ...scene.github.requests]).toEqual([]);
  });

  it("does not skip the step where a person quotes the comment", async () => {
    await runStepHere(step(events.pullRequest()));
    const body = `> ${scene.own()[0]?.body ?? ""}\n\nThanks!`;
    const { outputs } = await runStepHere(step(events.issueComment({ body })));
    expect(outputs).toMatchObject({ skipped: "false" });
  });
});
