/** What a workflow run is about: its reference, its key and its one thread, in process and, for one of each kind, through the built action. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { expectFailure, failureOf } from "../support/refusals.ts";
import { type RunnerEvent, type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
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

function start(options: Partial<StepOptions> = {}, runner = runStepHere): Promise<StepResult> {
  return runner({
    ...options,
    with: {
      "agent-id": server.agents.published,
      token: server.tokens.person,
      message: "Look at this, please.",
      "api-url": server.apiUrl,
      "create-timeout": "3s",
      ...options.with,
    },
  });
}

/** Markdown with its character references read. */
const rendered = (markdown = ""): string =>
  markdown.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));

const sentRefs = (): unknown[] =>
  server.threads.map(({ body }) => (body as { client_external_ref?: unknown }).client_external_ref);

describe("A step on any event", () => {
  const about = "github:octo-org/octo-repo";
  const cases: [string, RunnerEvent, string][] = [
    ["pull_request", events.pullRequest(), `${about}#12`],
    ["issues", events.issues({ number: 4 }), `${about}#4`],
    ["push of a tag", events.push({ ref: "refs/tags/v1.2" }), `${about}@v1.2`],
    ["merge_group", events.mergeGroup({ number: 31 }), `${about}#31`],
    ["workflow_run of a fork", events.workflowRun({ fork: true }), `${about}@main`],
    ["a missing event file", { name: "push", payload: undefined }, `${about}@main`],
    ["a broken event file", { name: "push", payload: '{"pull_request": {' }, `${about}@main`],
  ];

  it("starts a thread with its reference, and links what it is about", async () => {
    const steps = await runConcurrently(cases, ([name, event]) => start({ event, job: name }));
    for (const [index, [name, , ref]] of cases.entries()) {
      const step = steps[index];
      expect({ name, exit: step?.exitCode, ref: step?.outputs["external-ref"], stderr: step?.stderr }).toEqual({
        name,
        exit: 0,
        ref,
        stderr: "",
      });
      const number = ref.split("#")[1];
      if (number !== undefined)
        expect(rendered(step?.summary)).toMatch(new RegExp(`/octo-org/octo-repo/(pull|issues)/${number}\\)`));
      expect(step?.summary).toContain(step?.outputs["thread-url"]);
    }
    expect(sentRefs().toSorted()).toEqual(cases.map(([, , ref]) => ref).toSorted());
    expect(new Set(steps.map(({ outputs }) => outputs["idempotency-key"])).size).toBe(cases.length);
  });
});

describe("An environment that is not as GitHub makes it", () => {
  it.each<[string, Record<string, string | undefined>]>([
    [
      "no run, repository or server",
      {
        ...{ GITHUB_RUN_ID: undefined, GITHUB_RUN_ATTEMPT: undefined, GITHUB_RUN_NUMBER: undefined },
        ...{ GITHUB_REPOSITORY: undefined, GITHUB_REPOSITORY_ID: undefined, GITHUB_SERVER_URL: "github" },
      },
    ],
    ["no output file, and an attempt without end", { GITHUB_OUTPUT: undefined, GITHUB_RUN_ATTEMPT: "1e400" }],
  ])("does not fail the step: %s", async (_, env) => {
    const step = await start({
      event: events.pullRequest(),
      env,
      with: { "on-rerun": "create", "idempotency-key": "k" },
    });
    expect({ exit: step.exitCode, annotations: step.annotations }).toEqual({ exit: 0, annotations: [] });
    expect(server.requests.map(({ headers }) => headers["idempotency-key"])).toEqual(["k"]);
  });

  it("fails the step before anything is sent where its outputs cannot be written", async () => {
    const step = await start({ env: { GITHUB_OUTPUT: "/nowhere/output" } }, runStep);
    expectFailure(step, { exists: "nothing sent", names: ["/nowhere/output", "GITHUB_OUTPUT"] });
    expect(server.requests).toHaveLength(0);
  });
});

describe("Threads and contexts", () => {
  const contexts: Partial<StepOptions>[] = [
    {},
    { job: "other" },
    { matrix: { os: "linux" } },
    { with: { message: "Look at that, please." } },
  ];

  it("different steps have different threads, and a re-run of each finds its own", async () => {
    const first = await runConcurrently(contexts, (context) => start(context));
    expect(first.map(({ exitCode, outputs }) => [exitCode, outputs["replayed"]])).toEqual(
      contexts.map(() => [0, "false"]),
    );
    const threads = first.map(({ outputs }) => outputs["thread-id"]);
    expect(new Set(threads).size).toBe(contexts.length);

    const again = await runConcurrently(contexts, (context) => start({ ...context, runAttempt: 2 }));
    expect(again.map(({ outputs }) => outputs["thread-id"])).toEqual(threads);
    expect(again.map(({ outputs }) => outputs["replayed"])).toEqual(contexts.map(() => "true"));
    expect(server.threads).toHaveLength(contexts.length);
  });

  it("another person's re-run finds the same thread, in any order of the matrix", async () => {
    const matrixJob = { matrix: { os: "linux", node: 24 } };
    const one = await start(matrixJob);
    const other = await start({
      matrix: { node: 24, os: "linux" },
      runAttempt: 3,
      env: { GITHUB_TRIGGERING_ACTOR: "hubot" },
    });
    expect(other.outputs["thread-id"]).toBe(one.outputs["thread-id"]);
    expect(other.outputs["replayed"]).toBe("true");
  });

  it("`on-rerun: create` gives each attempt one thread", async () => {
    const create = { with: { "on-rerun": "create" } };
    const ids = [];
    for (const runAttempt of [1, 2, 2]) ids.push((await start({ ...create, runAttempt })).outputs["thread-id"]);
    expect(new Set(ids).size).toBe(2);
    expect(ids[1]).toBe(ids[2]);
  });

  it("a fixed run sends this key and this body, byte for byte", async () => {
    // Where this changes, so does the key: raise its version in src/step/idempotency-key.ts.
    await start(
      {
        event: events.pullRequest(),
        matrix: { os: "linux" },
        with: { "agent-id": "01KEXAMPLEAGENT00000000000", message: ' Bitte schön: 🦊 "x"\n' },
      },
      runStep,
    );
    const sent = server.requests.find(({ method }) => method === "POST");
    expect(sent?.path).toBe("/api/v1/agents/01KEXAMPLEAGENT00000000000/threads");
    expect(sent?.headers["idempotency-key"]).toBe("gh-17000000001-9fe1714806919a79560cfcd4648ee3119a30cd86");
    expect(sent?.body).toBe(
      '{"input":{"type":"user.message","content":[{"type":"text","text":"Bitte schön: 🦊 \\"x\\""}]},' +
        '"client_external_ref":"github:octo-org/octo-repo#12"}',
    );
    expect(sent?.headers).toMatchObject({
      authorization: `Bearer ${server.tokens.person}`,
      "content-type": "application/json",
      accept: "application/json",
    });
    expect(sent?.headers["user-agent"]).toMatch(/^mosoo-thread-action\/\d+\.\d+\.\d+$/);
  });
});

describe("An empty token", () => {
  const forks = events.pullRequestFromFork();
  // Forks get no `vars` either, so the agent is empty, too; and more is wrong.
  const broken = { token: "Bearer ", "agent-id": "", message: "", "create-timeout": "never" };

  it("skips a fork's run with `on-missing-token: skip-untrusted`, before any other problem", async () => {
    const step = await start({ event: forks, with: { ...broken, "on-missing-token": "skip-untrusted" } }, runStep);
    expect({ exit: step.exitCode, outputs: step.outputs, summary: step.summary }).toEqual({
      exit: 0,
      outputs: { skipped: "true" },
      summary: "",
    });
    expect(step.annotations).toMatchObject([{ level: "notice", message: expect.stringContaining("`token`") }]);
    expect(server.requests).toHaveLength(0);
  });

  it("fails by default, with every other problem, and names the condition that skips forks", async () => {
    const step = await start({ event: forks, with: broken });
    const message = failureOf(step);
    for (const input of ["token", "agent-id", "message", "create-timeout"]) expect(message).toContain(`\`${input}\`: `);
    expect(message).toContain("if: github.event.pull_request.head.repo.full_name == github.repository");
    expect(step.outputs).toEqual({ skipped: "false" });
    expect(server.requests).toHaveLength(0);
  });

  it("is not skipped by a policy that is invalid", async () => {
    const step = await start({ event: forks, with: { token: "", "on-missing-token": "skip-untrustd" } });
    expectFailure(step, { names: ["`on-missing-token`: ", "`token`: "] });
  });

  it("is a precondition: with a token the policy alone skips nothing", async () => {
    const step = await start({ event: forks, with: { "on-missing-token": "skip" } });
    expect(step.outputs).toMatchObject({ skipped: "false", replayed: "false" });
    expect(server.threads).toHaveLength(1);
  });
});
