import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { events } from "../../../__tests__/support/runner-events.ts";
import type { RunScript } from "../../../__tests__/support/mosoo/types.ts";
import { answering, asked, conversation, pageOf, type Bench, type ExampleCase } from "../bench.ts";
import { examples } from "../folders.ts";

const example = "gate.yml";
const text = readFileSync(join(examples, example), "utf8");

const pass = `Here it is:\n\n\`\`\`json\n${JSON.stringify({ verdict: "pass", summary: "**Fine.** @octocat" }, null, 2)}\n\`\`\`\n`;
const block = JSON.stringify({ verdict: "block", summary: "Mind the `loop`." });
const failing: RunScript = [
  { end: "failed", error: { code: "runtime_error", message: "Out of memory.", retryable: false } },
];

async function judged({ mosoo, github, act }: Bench, script: RunScript, change?: (text: string) => string) {
  const server = await mosoo({ revision: "2026-08", script });
  const gitHub = await github();
  const workflow = ".github/workflows/changed.yml";
  const changed = change && { workflow, files: { [workflow]: change(text) } };
  const run = await act(example, { mosoo: server, github: gitHub, event: events.pullRequest(), ...changed });
  return { server, gitHub, run };
}

export const cases: ExampleCase[] = [
  {
    example,
    shows: 'a "pass", fenced and in prose, makes the check green, and the comment shows the summary',
    async run(bench) {
      const { check } = bench;
      const { server, gitHub, run } = await judged(bench, answering(pass));
      check.equal("the job", run.job("gate"), "success");
      check.equal(
        "output response-json",
        run.step("review").outputs["response-json"],
        '{"verdict":"pass","summary":"**Fine.** @octocat"}',
      );
      check.equal("comments", gitHub.comments.length, 1);
      check.matches(
        "the comment shows the summary as Markdown",
        gitHub.comments[0]?.body ?? "",
        /\*\*Fine\.\*\* `@octocat`/,
      );
      check.equal("the comment shows the JSON", gitHub.comments[0]?.body.includes('"verdict"'), false);
      check.matches("what was asked", asked(server)[0] ?? "", /^Review https:\S+ at commit [0-9a-f]{40}\.\n/);
      check.equal("its schema is the one of schemas/", schemaOf(), schemaFile());
    },
  },
  {
    example,
    shows: 'a "block" makes the check red',
    async run(bench) {
      const { check } = bench;
      const { server, run } = await judged(bench, answering(block));
      check.equal("the job", run.job("gate"), "failure");
      check.equal("the agent's step", run.step("review").result, "success");
      check.equal("the error", errorOf(run.step("1").commands), `Verdict: block. ${pageOf(server)}`);
    },
  },
  {
    example,
    shows: "a response that does not match is corrected in the same thread",
    async run(bench) {
      const { check } = bench;
      const { server, run } = await judged(bench, conversation(["I would say: pass.", pass]));
      check.equal("the job", run.job("gate"), "success");
      check.equal("threads on the server", server.threads.length, 1);
      check.equal("messages of the thread", asked(server).length, 2);
    },
  },
  {
    example,
    shows: "a response that never matches makes the check red",
    async run(bench) {
      const { check } = bench;
      const { run } = await judged(bench, answering('{"verdict":"PASS","summary":"Forged."}'));
      check.equal("the job", run.job("gate"), "failure");
      check.equal("the agent's step", run.step("review").result, "failure");
      check.equal("output response-json", run.step("review").outputs["response-json"], undefined);
    },
  },
  {
    example,
    shows: "a run that failed makes the check red, even where the step is allowed to succeed",
    async run(bench) {
      const { check } = bench;
      const strict = await judged(bench, failing);
      check.equal("the job", strict.run.job("gate"), "failure");
      const lenient = await judged(bench, failing, (whole) =>
        whole.replace("wait: true", "wait: true\n          fail-on-run-error: false"),
      );
      check.equal("the agent's step with fail-on-run-error: false", lenient.run.step("review").result, "success");
      check.equal("its job", lenient.run.job("gate"), "failure");
      check.equal("its error", errorOf(lenient.run.step("1").commands), `Verdict: none. ${pageOf(lenient.server)}`);
    },
  },
  {
    example,
    shows: "a skipped step makes the check red",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering(pass) });
      const run = await act(example, { mosoo: server, event: events.pullRequestFromFork(), untrusted: true });
      check.equal("the job", run.job("gate"), "failure");
      check.equal("output skipped", run.step("review").outputs["skipped"], "true");
      check.equal("the error", errorOf(run.step("1").commands), "Verdict: none. The agent was not asked.");
      check.equal("requests to Mosoo", server.requests.length, 0);
    },
  },
];

function errorOf(commands: { name: string; value: string }[]): string | undefined {
  return commands.find(({ name }) => name === "error")?.value;
}

function schemaOf(): unknown {
  const workflow = parse(text) as { jobs: { gate: { steps: { with?: Record<string, string> }[] } } };
  return JSON.parse(workflow.jobs.gate.steps[0]?.with?.["response-schema"] ?? "");
}

function schemaFile(): unknown {
  return JSON.parse(readFileSync(join(examples, "schemas/verdict.json"), "utf8"));
}
