import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { deriveExternalRef, readContext, runUrl, subjectUrl } from "../../src/actions/context.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { type RunnerEvent, events, headSha } from "../support/runner-events.ts";

const folder = mkdtempSync(join(tmpdir(), "github-test-"));
let files = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function contextOf(event: RunnerEvent, env: Record<string, string | undefined> = {}) {
  const path = join(folder, `${++files}.json`);
  if (event.payload !== undefined) {
    writeFileSync(path, typeof event.payload === "string" ? event.payload : JSON.stringify(event.payload));
  }
  return readContext({
    GITHUB_REPOSITORY: "octo-org/octo-repo",
    GITHUB_REPOSITORY_ID: "424242",
    GITHUB_REF: "refs/heads/main",
    GITHUB_SHA: "run-sha",
    GITHUB_ACTOR: "octocat",
    GITHUB_EVENT_NAME: event.name,
    GITHUB_EVENT_PATH: path,
    ...event.env,
    ...env,
  });
}

const refOf = (event: RunnerEvent, env: Record<string, string | undefined> = {}): string =>
  deriveExternalRef(contextOf(event, env));

/** GitHub's own examples of events are in event-examples.test.ts. */
describe("The subject of a run", () => {
  it.each<[string, RunnerEvent, string]>([
    ["pull_request", events.pullRequest(), "github:octo-org/octo-repo#12"],
    ["pull_request_target", events.pullRequestTarget({ number: 7 }), "github:octo-org/octo-repo#7"],
    ["merge_group", events.mergeGroup({ number: 31 }), "github:octo-org/octo-repo#31"],
    ["workflow_run of a pull request", events.workflowRun({ pullRequests: [5] }), "github:octo-org/octo-repo#5"],
    ["workflow_run of a fork", events.workflowRun({ fork: true }), "github:octo-org/octo-repo@main"],
    ["push", events.push(), "github:octo-org/octo-repo@main"],
    ["push of a tag", events.push({ ref: "refs/tags/v1" }), "github:octo-org/octo-repo@v1"],
    ["schedule", events.schedule(), "github:octo-org/octo-repo@main"],
    ["workflow_dispatch", events.workflowDispatch(), "github:octo-org/octo-repo@main"],
  ])("is derived on %s", (_, event, ref) => {
    expect(refOf(event)).toBe(ref);
  });

  it("is a pull request or an issue, each with its page", () => {
    const pull = contextOf(events.issueComment());
    const issue = contextOf(events.issues());
    expect([pull.subject?.kind, issue.subject?.kind]).toEqual(["pull request", "issue"]);
    expect(pull.subject && subjectUrl(pull, pull.subject)).toBe("https://github.com/octo-org/octo-repo/pull/12");
    expect(issue.subject && subjectUrl(issue, issue.subject)).toBe("https://github.com/octo-org/octo-repo/issues/12");
  });

  it("has the head commit of the pull request, not the merge commit of the run", () => {
    expect(contextOf(events.pullRequest()).headSha).toBe(headSha);
    expect(contextOf(events.workflowRun()).headSha).toBe(headSha);
    expect(contextOf(events.schedule()).headSha).toBe("run-sha");
  });

  it("is a merge queue's pull request on every branch name", () => {
    const name = `refs/heads/gh-readonly-queue/release/pr-9-x/pr-12-${headSha}`;
    const event = { name: "merge_group", payload: { merge_group: { head_ref: name } } };
    expect(refOf(event)).toBe("github:octo-org/octo-repo#12");
    // Without a payload it is in the run's own ref.
    expect(refOf({ name: "merge_group", payload: {} }, { GITHUB_REF: name })).toBe("github:octo-org/octo-repo#12");
    expect(refOf({ name: "push", payload: {} }, { GITHUB_REF: name })).toBe(
      `github:octo-org/octo-repo@${name.slice("refs/heads/".length)}`,
    );
  });

  it("is no pull request of another repository that has the same commit", () => {
    const pulls = [
      { number: 99, base: { repo: { id: 1 } } },
      { number: 12, base: { repo: { id: 424242 } } },
    ];
    const event = { name: "workflow_run", payload: { workflow_run: { event: "push", pull_requests: pulls } } };
    expect(refOf(event)).toBe("github:octo-org/octo-repo#12");
  });
});

describe("An event file that is missing or broken", () => {
  const nonsense: unknown[] = [
    undefined,
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "7",
    "\ufeff{}",
    {},
    { pull_request: null, issue: null, workflow_run: null },
    { pull_request: "x", issue: [], comment: 1, merge_group: true, workflow_run: { pull_requests: {} } },
    { pull_request: { number: "12", head: "x" }, issue: { number: -1 } },
    { workflow_run: { event: "pull_request", pull_requests: [null, 1, { number: 0 }, {}] } },
  ];

  it.each(nonsense.map((payload) => [payload === undefined ? "no file" : JSON.stringify(payload), payload]))(
    "leaves the run its ref: %s",
    (_, payload) => {
      const context = contextOf({ name: "push", payload });
      expect(deriveExternalRef(context)).toBe("github:octo-org/octo-repo@main");
      expect(context).toMatchObject({
        subject: undefined,
        fromFork: false,
        commentBody: undefined,
        headSha: "run-sha",
      });
    },
  );

  it("leaves the pull request's number where the ref has it", () => {
    const env = { GITHUB_REF: "refs/pull/12/merge" };
    expect(refOf({ name: "pull_request", payload: "{" }, env)).toBe("github:octo-org/octo-repo#12");
  });

  it("never throws, with any payload", () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom("pull_request", "head", "repo", "number", "issue", "id") }),
        (payload) => {
          expect(() => contextOf({ name: "pull_request", payload })).not.toThrow();
        },
      ),
      propertyRuns(20),
    );
  });

  it("never links to another server, with any text in the names", () => {
    const context = readContext({ GITHUB_SERVER_URL: "https://ghe.example" });
    const issue = { kind: "issue", number: 1, title: undefined } as const;
    for (const repository of ["", "/evil.example/x", "o/r?x#y"])
      expect(new URL(subjectUrl({ ...context, repository }, issue))).toMatchObject({
        host: "ghe.example",
        search: "",
        hash: "",
      });
  });

  it("keeps the path of a server that has one in its links", () => {
    for (const path of ["", "/"]) {
      const context = readContext({
        GITHUB_SERVER_URL: `https://git.example.test/forge${path}`,
        GITHUB_REPOSITORY: "o/r",
        GITHUB_RUN_ID: "71",
      });
      expect(subjectUrl(context, { kind: "pull request", number: 12, title: undefined })).toBe(
        "https://git.example.test/forge/o/r/pull/12",
      );
      expect(runUrl(context)).toBe("https://git.example.test/forge/o/r/actions/runs/71/attempts/1");
    }
  });

  it.each(["GITEA_ACTIONS", "FORGEJO_ACTIONS"])("links to the pages of Gitea and Forgejo where %s says so", (name) => {
    const context = readContext({
      [name]: "true",
      GITHUB_SERVER_URL: "https://git.example.test",
      GITHUB_REPOSITORY: "o/r",
      GITHUB_RUN_ID: "7100",
      GITHUB_RUN_NUMBER: "3",
    });
    const pages = (["pull request", "issue"] as const).map((kind) =>
      subjectUrl(context, { kind, number: 12, title: undefined }),
    );
    expect(pages).toEqual(["https://git.example.test/o/r/pulls/12", "https://git.example.test/o/r/issues/12"]);
    expect(runUrl(context)).toBe("https://git.example.test/o/r/actions/runs/3");
  });

  it("leaves a context where no variable of GitHub's is set", () => {
    const context = readContext({});
    expect(context).toMatchObject({ runAttempt: 1, runNumber: 0, serverUrl: "https://github.com" });
    expect(runUrl({ ...context, repository: "o/r", runId: "1" })).toBe(
      "https://github.com/o/r/actions/runs/1/attempts/1",
    );
  });
});

describe("The origin of a run", () => {
  const forkOf = (event: RunnerEvent): boolean => contextOf(event).fromFork;

  it("is a fork where the payload proves it, also a deleted one", () => {
    expect(forkOf(events.pullRequestFromFork())).toBe(true);
    expect(forkOf(events.pullRequestFromFork({ headRepository: null }))).toBe(true);
    expect(forkOf(events.pullRequestTarget())).toBe(true);
    expect(forkOf(events.workflowRun({ fork: true }))).toBe(true);
  });

  it("is not a fork without proof", () => {
    expect(forkOf(events.pullRequest())).toBe(false);
    expect(forkOf(events.pullRequest({ author: "stranger" }))).toBe(false);
    expect(forkOf(events.issueComment({ author: "stranger" }))).toBe(false);
    expect(forkOf(events.workflowRun({ fork: true, event: "push" }))).toBe(false);
    expect(forkOf({ name: "pull_request", payload: { pull_request: { number: 1, head: {} } } })).toBe(false);
  });

  it("is a fork by name where the payload has no IDs", () => {
    const of = (name: string): RunnerEvent => ({
      name: "pull_request",
      payload: { pull_request: { head: { repo: { full_name: name } }, base: { repo: { full_name: "o/r" } } } },
    });
    expect([forkOf(of("x/r")), forkOf(of("o/r"))]).toEqual([true, false]);
  });

  it("is Dependabot by the actor, on events that Dependabot causes", () => {
    const bot = { GITHUB_ACTOR: "dependabot[bot]" };
    expect(contextOf(events.dependabot()).fromDependabot).toBe(true);
    expect(contextOf(events.push(), bot).fromDependabot).toBe(true);
    expect(contextOf(events.dependabot(), { GITHUB_ACTOR: "octocat" }).fromDependabot).toBe(false);
    expect(contextOf(events.schedule(), bot).fromDependabot).toBe(false);
    expect(contextOf(events.dependabot(), { GITHUB_ACTOR: "dependabot" }).fromDependabot).toBe(false);
  });
});

describe("The derived reference", () => {
  const refOfName = (refName: string): string => deriveExternalRef({ repository: "o/r", subject: undefined, refName });

  it("has at most 255 characters, keeps its beginning, and differs where the refs do", () => {
    const long = "x".repeat(250);
    expect(refOfName(`${long}a`)).toHaveLength(255);
    expect(refOfName(`${long}a`)).toMatch(/^github:o\/r@x+-[0-9a-f]{16}$/);
    expect(refOfName(`${long}a`)).not.toBe(refOfName(`${long}b`));
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (refName) => {
        const derived = refOfName(refName);
        expect(derived.length).toBeLessThanOrEqual(255);
        expect(derived.isWellFormed()).toBe(true);
        expect(derived).not.toMatch(/\p{Cc}/u);
      }),
      propertyRuns(30),
    );
  });

  it.each([0, 1])("is cut between the characters of a long branch name of emoji (offset %i)", (offset) => {
    const derived = refOfName("x".repeat(offset) + "🦊".repeat(200));
    expect(derived).toMatch(/^github:o\/r@x?(?:🦊)+-[0-9a-f]{16}$/u);
    expect(derived.length).toBeGreaterThanOrEqual(254);
  });

  it("has no dangling sign where there is no ref", () => {
    expect(refOfName("")).toBe("github:o/r");
  });

  it("takes the short name from the ref where the runner does not set GITHUB_REF_NAME", () => {
    const shortNames = ["refs/heads/feature/a", "refs/tags/v1", "refs/pull/12/merge"].map(
      (ref) => readContext({ GITHUB_REF: ref }).refName,
    );
    expect(shortNames).toEqual(["feature/a", "v1", "12/merge"]);
  });
});
