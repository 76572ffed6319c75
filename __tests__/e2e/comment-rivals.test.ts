/** Whose words a comment holds: among strangers' comments, forged markers, older and newer runs, and runs at once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { answering, outcomeOf, startScene, until, working, type Scene } from "../support/commenting.ts";
import { actionsBot, writeToken } from "../support/fake-github-server.ts";
import { runStep, startStep, type StepOptions } from "../support/runner.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
beforeEach(() => {
  scene.reset();
});
afterAll(() => scene.close());

/** A step of a certain run: its own message and thread, the same use. */
function stepOfRun(runNumber: number, more: Partial<StepOptions> = {}): StepOptions {
  return scene.step({
    runNumber,
    runId: String(17_000_000_000 + runNumber),
    ...more,
    with: { message: `Review push ${runNumber}.`, ...more.with },
  });
}

/** Each run answers with the message it was sent; the ones that are held wait for `endRun`. */
const echo =
  (held?: number): Scene["script"] =>
  ({ text }) =>
    text.includes(`push ${held ?? "none"}.`) ? working : answering(`Answer to: ${text}`);

const endOf = (runNumber: number): void => {
  const thread = scene.mosoo.threads.find(({ messages, body }) =>
    JSON.stringify([messages, body]).includes(`Review push ${runNumber}.`),
  );
  scene.mosoo.endRun(thread?.runs[0]?.id ?? "", "completed", { text: `Answer to: Review push ${runNumber}.` });
};
const written = (): string[] =>
  scene.github.requests.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);

describe("among other people's comments", () => {
  it("the action finds its own on any of their pages, whatever number it has", async () => {
    scene.github.preload(115);
    await runStep(stepOfRun(7));
    scene.github.preload(115);
    const untouched = scene.github.comments
      .filter(({ login }) => login !== actionsBot.login)
      .map((each) => ({ ...each }));
    const { outputs, annotations } = await runStep(stepOfRun(8));
    expect(annotations).toEqual([]);
    expect(scene.own()).toHaveLength(1);
    expect(scene.own()[0]?.body).toContain(" run=8.1 ");
    expect(outputs["comment-url"]).toContain(String(scene.own()[0]?.id));
    expect(scene.github.comments.filter(({ login }) => login !== actionsBot.login)).toEqual(untouched);
  });

  it("its marker in a comment of anybody else makes that no comment of its own", async () => {
    await runStep(stepOfRun(7));
    const marker = scene.own()[0]?.body.split("\n")[0] ?? "";
    scene.github.comments.length = 0;
    const newer = marker.replace("run=7.1", "run=99.1");
    const forged = [
      scene.github.addComment({ body: `${marker}\nA copy`, login: "mallory" }),
      scene.github.addComment({ body: `${newer}\nA copy of the future`, login: "mallory" }),
      scene.github.addComment({ body: `${marker}\nBy a person of the bot's name`, login: "github-actions" }),
      scene.github.addComment({ body: `${marker}\nBy another bot`, login: "reviewer[bot]", type: "Bot" }),
      scene.github.addComment({ body: `Quote:\n${marker}`, login: actionsBot.login, type: "Bot" }),
    ].map((comment) => ({ ...comment }));
    await runStep(stepOfRun(8));
    expect(scene.github.comments.slice(0, -1)).toEqual(forged);
    expect(outcomeOf(scene.github.comments.at(-1)?.body)).toBe("completed");
    expect(written().filter((each) => each.startsWith("DELETE"))).toEqual([]);
  });

  it("an App's token writes and finds its comments as the App", async () => {
    scene.github.tokens.set("ghs_app", { login: "mosoo-reviewer[bot]", type: "Bot", viewer: "mosoo-reviewer" });
    await runStep(stepOfRun(7, { githubToken: "ghs_app" }));
    await runStep(stepOfRun(8, { with: { "github-token": "ghs_app" } }));
    expect(scene.github.comments.map(({ login, body }) => [login, / run=(\d+)/.exec(body)?.[1]])).toEqual([
      ["mosoo-reviewer[bot]", "8"],
    ]);
  });
});

describe("of two runs", () => {
  it("the older that ends later leaves the newer one's answer alone, and says so in its log", async () => {
    scene.script = echo(7);
    const older = startStep(stepOfRun(7));
    await until(() => scene.texts().length === 1, "the older run's comment");
    await runStep(stepOfRun(8));
    const answer = scene.own()[0]?.body;
    endOf(7);
    const { exitCode, annotations, shown, outputs } = await older.result;
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(shown).toMatch(/newer run #8/);
    expect(scene.own().map(({ body }) => body)).toEqual([answer]);
    expect(answer).toContain("Answer to: Review push 8.");
    expect(outputs["comment-url"]).toContain(String(scene.own()[0]?.id));
  });

  it("the older that is re-run leaves the newer one's answer alone, too", async () => {
    scene.script = echo();
    await runStep(stepOfRun(7));
    await runStep(stepOfRun(8));
    await runStep(stepOfRun(7, { runAttempt: 2 }));
    expect(scene.own().map(({ body }) => / run=\S+/.exec(body)?.[0])).toEqual([" run=8.1"]);
  });

  it("that begin at once one comment is left, with the newer one's answer", async () => {
    scene.script = echo();
    // Both have looked for a comment, and found none, before either makes one.
    let looked = 0;
    const bothLooked = Promise.withResolvers<undefined>();
    scene.github.onRequest = async ({ method }) => {
      if (method === "GET" && ++looked === 2) bothLooked.resolve(undefined);
      if (method === "GET" && looked <= 2) await bothLooked.promise;
    };
    const results = await Promise.all([runStep(stepOfRun(7)), runStep(stepOfRun(8))]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(written().filter((each) => each.startsWith("POST /repos"))).toHaveLength(2);
    expect(scene.own().map(({ body }) => / run=\S+/.exec(body)?.[0])).toEqual([" run=8.1"]);
    expect(scene.texts()[0]).toContain("Answer to: Review push 8.");
    expect(new Set(results.map(({ outputs }) => outputs["comment-url"])).size).toBe(1);
  });
});

describe("comments of their own have", () => {
  const runs = (): (string | undefined)[] =>
    scene.texts().map((text) => /\[(?:Job )?([^\]]*)\]\(\S+\/actions\/runs/.exec(text)?.[1]);

  it("the legs of a matrix, each named", async () => {
    const leg = (matrix: unknown): StepOptions => stepOfRun(7, { matrix, with: { wait: "false" } });
    await Promise.all([runStep(leg({ os: "linux", node: 24 })), runStep(leg({ os: "macos", node: 24 }))]);
    await runStep(stepOfRun(8, { matrix: { node: 24, os: "linux" }, with: { wait: "false" } }));
    expect(runs().toSorted()).toEqual(["review (24, linux)", "review (macos, 24)"]);
    expect(scene.own()).toHaveLength(2);
  });

  it("jobs, steps, workflow files and agents", async () => {
    const quick = { wait: "false" };
    await runStep(stepOfRun(7, { with: quick }));
    await runStep(stepOfRun(7, { job: "docs", with: quick }));
    await runStep(stepOfRun(7, { step: "second", with: quick }));
    const file = "octo-org/octo-repo/.github/workflows/other.yml@refs/heads/main";
    await runStep(stepOfRun(7, { env: { GITHUB_WORKFLOW_REF: file }, with: quick }));
    expect(new Set(scene.own().map(({ body }) => /use=\w+/.exec(body)?.[0])).size).toBe(4);
    // The branch a workflow file is taken from is not part of it.
    const branch = "octo-org/octo-repo/.github/workflows/mosoo.yml@refs/pull/12/merge";
    await runStep(stepOfRun(8, { env: { GITHUB_WORKFLOW_REF: branch }, with: quick }));
    expect(scene.own()).toHaveLength(4);
  });
});

it("the token that is used is the one that is given", async () => {
  await runStep(stepOfRun(7, { githubToken: "ghs_other", with: { "github-token": writeToken, wait: "false" } }));
  expect(scene.own()).toHaveLength(1);
  expect(new Set(scene.github.requests.map(({ authorization }) => authorization))).toEqual(
    new Set([`token ${writeToken}`]),
  );
});

describe("GitHub's own answers", () => {
  const own = (): string => `https://github.com/octo-org/octo-repo/pull/12#issuecomment-${scene.own()[0]?.id ?? 0}`;

  it("that hold what is no comment keep the step from none of its own", async () => {
    await runStep(scene.step());
    const [comment] = scene.own();
    const odd = { id: 7, body: 7, user: { login: null }, html_url: {} };
    const ours = { id: comment?.id, body: comment?.body, user: { login: "github-actions[bot]", type: "Bot" } };
    const list = [null, "x", { id: "y" }, odd, { id: 8, body: null, user: null }, ours];
    scene.github.faults.push({ method: "GET", path: /\/12\/comments/, times: 9, status: 200, body: list });
    scene.script = answering("Better now.");
    const { exitCode, annotations, outputs } = await runStep(scene.step({ runId: "17000000002", runNumber: 8 }));
    expect({ exitCode, annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(scene.texts()).toEqual([expect.stringContaining("Better now.")]);
    expect(outputs["comment-url"]).toBe(own());
  });

  it.each([
    "https://evil.example/x",
    "https://github.com@evil.example/x",
    "javascript:alert(1)",
    "x](https://evil.example) [y",
    null,
  ])("lead nobody elsewhere by a comment's address: %s", async (html_url) => {
    const answer = (): Record<string, unknown> => {
      const { id, body = "" } = scene.own()[0] ?? {};
      return { id, body, html_url, user: { login: "github-actions[bot]", type: "Bot" } };
    };
    await runStep(scene.step());
    scene.github.faults.push({ method: "PATCH", status: 200, body: answer(), afterwards: true, times: 9 });
    scene.github.faults.push({ method: "GET", path: /comments\/\d+$/, status: 200, body: answer(), times: 9 });
    const { annotations, outputs } = await runStep(scene.step({ runId: "17000000002", runNumber: 8 }));
    expect(annotations).toEqual([]);
    expect(outputs["comment-url"]).toBe(own());
  });
});
