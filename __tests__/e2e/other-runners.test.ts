/** Runners other than GitHub's: the built action in the environment that each of them gives a step. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

let server: FakeMosooServer;

beforeAll(async () => {
  server = await startFakeMosooServer();
});
beforeEach(() => {
  server.reset();
});
afterAll(async () => {
  await server.close();
});

/** What neither act (0.2.87) nor Gitea's fork of it (0.261) sets. */
const unset = {
  GITHUB_REPOSITORY_ID: undefined,
  GITHUB_REPOSITORY_OWNER_ID: undefined,
  GITHUB_WORKFLOW_REF: undefined,
  GITHUB_WORKFLOW_SHA: undefined,
  GITHUB_TRIGGERING_ACTOR: undefined,
  GITHUB_ACTOR_ID: undefined,
  GITHUB_REF_PROTECTED: undefined,
  RUNNER_NAME: undefined,
  RUNNER_ENVIRONMENT: undefined,
  RUNNER_WORKSPACE: undefined,
};

const environments = {
  "Gitea or Forgejo": {
    ...unset,
    GITEA_ACTIONS: "true",
    GITHUB_RUN_ATTEMPT: undefined,
    GITHUB_RUN_ID: "31",
    GITHUB_SERVER_URL: "https://git.example.test/gitea",
    GITHUB_API_URL: "https://git.example.test/gitea/api/v1",
    GITHUB_GRAPHQL_URL: "",
  },
  act: { ...unset, ACT: "true", GITHUB_RUN_ID: "1", GITHUB_RUN_NUMBER: "1", GITHUB_RUN_ATTEMPT: "1" },
};

function start(
  env: Record<string, string | undefined>,
  options: Partial<StepOptions> = {},
  runner = runStepHere,
): Promise<StepResult> {
  return runner({
    event: events.pullRequest(),
    step: "0",
    ...options,
    env,
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Look at this, please.",
      "api-url": server.apiUrl,
      ...options.with,
    },
  });
}

describe.each(Object.entries(environments))("a step on %s", (_, env) => {
  it("creates a thread, sets its outputs and writes the summary", async () => {
    const step = await start(env, {}, runStep);
    expect(step).toMatchObject({ exitCode: 0, stderr: "", annotations: [] });
    expect(step.outputs).toMatchObject({
      "thread-id": server.threads[0]?.id,
      "external-ref": "github:octo-org/octo-repo#12",
      replayed: "false",
    });
    expect(step.summary).toContain(step.outputs["thread-url"]);
  });

  it("finds its thread again when the run is repeated", async () => {
    const [first, second] = [await start(env), await start(env)];
    expect(second.outputs).toMatchObject({ "thread-id": first.outputs["thread-id"], replayed: "true" });
    expect(server.threads).toHaveLength(1);
  });

  it("has another thread in another repository whose run has the same number", async () => {
    await start(env);
    await start(env, { repository: "octo-org/other" });
    expect(server.threads).toHaveLength(2);
  });
});

describe("a step on a Gitea or Forgejo server under a path", () => {
  it("links to the server's own pages below the path", async () => {
    const { summary } = await start(environments["Gitea or Forgejo"]);
    const decoded = summary.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    expect(decoded).toContain("(/gitea/octo-org/octo-repo/pulls/12)");
    expect(decoded).toContain("(/gitea/octo-org/octo-repo/actions/runs/7)");
  });
});

describe("a runner that numbers every run 1", () => {
  it("warns that the thread belongs to an earlier run, and names the input that helps", async () => {
    await start(environments.act);
    const { annotations } = await start(environments.act);
    expect(annotations.map(({ level }) => level)).toEqual(["warning"]);
    expect(annotations[0]?.message).toMatch(/`GITHUB_RUN_ID`.*`idempotency-key`/);
  });

  it("has a thread for each run with an idempotency-key of one's own", async () => {
    for (const key of ["one", "two"]) await start(environments.act, { with: { "idempotency-key": key } });
    expect(server.threads).toHaveLength(2);
  });
});
