/** Real runs of the built action (dist/) against the fake servers, one for each outcome, for the pictures. */
import { startFakeGitHubServer, writeToken } from "../../__tests__/support/fake-github-server.ts";
import { type RunScript, type ScriptStep, startFakeMosooServer } from "../../__tests__/support/fake-mosoo-server.ts";
import { type RunningStep, type StepOptions, events, startStep } from "../../__tests__/support/runner.ts";

export interface Shown {
  /** The job summary; "" where the step was still at work. */
  summary: string;
  /** The pull request's comment. */
  comment: string;
}

interface Scene {
  script: RunScript;
  with?: Record<string, string>;
  /** What happens to the step while it runs. */
  meanwhile?: (step: RunningStep) => Promise<void>;
  /** The workflow run is run again, with this script for what comes then. */
  again?: RunScript;
}

const review = `The change does what its title says, and its tests cover the lamp. Two findings before you merge:

## Findings

1. **The lamp never cools down.** \`rotate()\` in \`src/lamp.ts\` starts a timer and never stops it: after a second call the beam turns twice as fast. Return a function that stops it:

   \`\`\`ts
   const timer = setInterval(() => lamp.turn(6), 1_000);
   return () => clearInterval(timer);
   \`\`\`

2. **Fog is ignored at night.** \`visibility()\` returns early after sunset. Use \`fog_index\` of the [forecast](https://example.com/forecast).

| File | Verdict |
| --- | --- |
| \`src/lamp.ts\` | fix the timer (1) |
| \`src/fog.ts\` | fix the early return (2) |
| \`test/lamp.test.ts\` | good |
`;

const beginning =
  "I have read the lamp's code and its tests. The timer in `rotate()` is never stopped, so a second call";

function tool(name: string, times = 1): ScriptStep {
  return { emit: Array.from({ length: times }, () => ({ type: "tool.use.started", content: name, toolName: name })) };
}

function words(content: string): ScriptStep {
  return { emit: { type: "agent.message.delta", content } };
}

/** A run that, by the server's clock, takes `seconds`. */
function running(seconds: number, ...steps: ScriptStep[]): RunScript {
  return ({ run }) => {
    run.startedAt = Date.now() - seconds * 1_000;
    return [
      { status: "running" },
      tool("read_file", 12),
      tool("grep", 4),
      tool("run_tests"),
      { after: 300, emit: [] },
      ...steps,
    ];
  };
}

const completed = running(252, words(review), { end: "completed", text: review });

const verdict = { type: "object", properties: { verdict: { enum: ["pass", "block"] } }, required: ["verdict"] };
const schema = { "response-schema": JSON.stringify(verdict), "response-retries": "0" };

const scenes: Record<string, Scene> = {
  started: { script: [], with: { wait: "false" } },
  completed: { script: completed },
  "completed-long": { script: running(1_325, words(review.repeat(20)), { end: "completed" }) },
  failed: {
    script: running(38, words(beginning), {
      end: "failed",
      error: { code: "model_overloaded", message: "The model is overloaded. Try again later.", retryable: true },
    }),
  },
  valid: {
    script: running(38, words('{"verdict":"block"}'), { write: [{ name: "report.html" }] }, { end: "completed" }),
    with: { ...schema, "download-files": "*" },
  },
  invalid: { script: running(38, words('{"verdict":"maybe"}'), { end: "completed" }), with: schema },
  cancelled: { script: running(95, { end: "cancelled" }) },
  expired: { script: running(3_600, words(beginning), { end: "expired" }) },
  waiting: {
    script: running(61, words(beginning), { status: "waiting_input", title: "Run `git push --force origin feature`" }),
  },
  "timed-out": { script: running(1, words(beginning)), with: { "wait-timeout": "2s" } },
  stopped: {
    script: running(20, words(`${beginning}\n`)),
    meanwhile: async (step) => {
      await step.waitForLog("never stopped");
      step.signal("SIGINT");
    },
  },
  error: { script: [], with: { "agent-id": "unpublished" } },
  replayed: { script: completed, again: completed },
  resumed: { script: running(38, { end: "failed" }), again: completed },
};

/** The body of the first comment that was written. */
function firstComment(requests: readonly { method: string; body: string }[]): string {
  const body = requests.find(({ method, body }) => method === "POST" && body.startsWith('{"body"'))?.body;
  return body === undefined ? "" : (JSON.parse(body) as { body: string }).body;
}

async function play(scene: Scene): Promise<{ shown: Shown; first: string }> {
  let script = scene.script;
  const mosoo = await startFakeMosooServer({
    revision: "2026-08",
    script: (started) => (typeof script === "function" ? script(started) : script),
  });
  const github = await startFakeGitHubServer();
  const { "agent-id": agent, ...inputs } = scene.with ?? {};
  const options: StepOptions = {
    with: {
      "agent-id": agent === "unpublished" ? mosoo.agents.unpublished : mosoo.agents.published,
      token: mosoo.tokens.person,
      "api-url": mosoo.apiUrl,
      message: "Review this pull request.",
      wait: "true",
      "pr-comment": "update",
      ...inputs,
    },
    event: events.pullRequest(),
    githubToken: writeToken,
    env: { GITHUB_API_URL: github.apiUrl, GITHUB_GRAPHQL_URL: github.graphqlUrl },
    step: "review",
  };
  const step = startStep(options);
  await scene.meanwhile?.(step);
  let result = await step.result;
  if (scene.again !== undefined) {
    script = scene.again;
    result = await startStep({ ...options, runAttempt: 2 }).result;
  }
  const shown = { summary: result.summary, comment: github.comments[0]?.body ?? "" };
  await Promise.all([mosoo.close(), github.close()]);
  return { shown, first: firstComment(github.requests) };
}

/** What the action shows people, by outcome. @param wanted the outcomes; all where none are named */
export async function playAll(wanted: readonly string[]): Promise<Map<string, Shown>> {
  const all = new Map<string, Shown>();
  for (const [name, scene] of Object.entries(scenes)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const { shown, first } = await play(scene);
    all.set(name, shown);
    if (name === "completed") all.set("working", { summary: "", comment: first });
  }
  return all;
}
