/** A pull request with an agent: both fake servers, and steps of the built action that comment on it. */
import { headline } from "../../src/report/outcomes.ts";
import type { Outcome } from "../../src/report/report.ts";
import { startFakeGitHubServer, writeToken, type GitHubComment, type FakeGitHubServer } from "./fake-github-server.ts";
import type { FakeGitHubServerOptions } from "./fake-github-server.ts";
import {
  startFakeMosooServer,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type RunScript,
  type ScriptStep,
} from "./fake-mosoo-server.ts";
import { events, startStep, type RunningStep, type StepOptions } from "./runner.ts";

/** An agent that responds at once. */
export const answering = (text = "All is well."): ScriptStep[] => [
  { emit: { type: "agent.message.delta", content: text } },
  { end: "completed", text },
];
/** An agent at work: its run goes on until a test, or an interrupt, ends it. */
export const working: ScriptStep[] = [
  { status: "running" },
  { emit: { type: "agent.message.delta", content: "Reading the diff.\n" } },
];

export interface Scene {
  mosoo: FakeMosooServer;
  github: FakeGitHubServer;
  /** What the next run does; the answer "All is well." unless set. */
  script: RunScript;
  /** Options of a step on pull request 12 that waits and keeps one comment up to date. */
  step(more?: Partial<StepOptions>): StepOptions;
  /** The comments by GitHub Actions, each without its marker. */
  texts(): string[];
  own(): GitHubComment[];
  /** Both servers as new. */
  reset(): void;
  close(): Promise<void>;
}

const marker = /^<!-- mosoo-thread v1 [^\n]* -->\n/;

export async function startScene(
  options: { mosoo?: FakeMosooServerOptions; github?: FakeGitHubServerOptions } = {},
): Promise<Scene> {
  const scene: { script: RunScript } = { script: answering() };
  const mosoo = await startFakeMosooServer({
    revision: "2026-08",
    rateLimit: { requests: 100_000, windowMs: 60_000 },
    script: (started) => (typeof scene.script === "function" ? scene.script(started) : scene.script),
    ...options.mosoo,
  });
  const github = await startFakeGitHubServer(options.github);
  const own = (): GitHubComment[] => github.comments.filter(({ login }) => login === "github-actions[bot]");
  const tokens = [...github.tokens];
  return Object.assign(scene, {
    mosoo,
    github,
    step: (more: Partial<StepOptions> = {}): StepOptions => ({
      event: events.pullRequest(),
      githubToken: writeToken,
      secrets: [mosoo.tokens.person],
      ...more,
      with: {
        "agent-id": mosoo.agents.published,
        token: mosoo.tokens.person,
        "api-url": mosoo.apiUrl,
        message: "Review the pull request.",
        wait: "true",
        "pr-comment": "update",
        ...more.with,
      },
      env: { GITHUB_API_URL: github.apiUrl, GITHUB_GRAPHQL_URL: github.graphqlUrl, ...more.env },
    }),
    own,
    texts: () => own().map(({ body }) => body.replace(marker, "")),
    reset: () => {
      scene.script = answering();
      mosoo.reset();
      github.comments.length = github.pullRequests.length = github.requests.length = github.faults.length = 0;
      github.onRequest = undefined;
      github.roles.clear();
      github.tokens.clear();
      for (const [token, account] of tokens) github.tokens.set(token, account);
    },
    close: async () => {
      await Promise.all([mosoo.close(), github.close()]);
    },
  });
}

const outcomes: readonly Outcome[] = [
  ...(["started", "working", "completed", "failed", "cancelled"] as const),
  ...(["expired", "waiting", "timed-out", "stopped", "error"] as const),
];

/** The outcome of a report, by its headline; "" where there is none. */
export function outcomeOf(text = ""): Outcome | "" {
  const lines = text.split("\n").map((line) => line.replace(/ (?:in|after) \d.*$/, ""));
  const isShown = (outcome: Outcome): boolean =>
    ["", undefined].some((threadUrl) => lines.includes(headline({ outcome, threadUrl })));
  return outcomes.find(isShown) ?? "";
}

/** Keeps back GitHub's response to the text that contains `words`; resolves once GitHub has received it. */
export function holdText({ github }: Scene, words: string): Promise<void> {
  const received = Promise.withResolvers<undefined>();
  github.onRequest = async ({ body }) => {
    if (!body.includes(words)) return;
    received.resolve(undefined);
    // For longer than any step lives.
    await new Promise(() => undefined);
  };
  return received.promise;
}

/** Resolves as soon as the condition holds. */
export async function until(holds: () => boolean, what: string, timeoutMs = 40_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !holds();) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A step whose run goes on (`working`) and whose comment says so. */
export async function stepAtWork(scene: Scene, more: Partial<StepOptions> = {}): Promise<RunningStep> {
  const running = startStep(scene.step(more));
  await running.waitForLog("Reading the diff.");
  await until(() => running.stateSoFar()["comment_id"] !== undefined, "the first text");
  return running;
}
