import { events, type RunnerEvent } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, pageOf, type ExampleCase } from "../bench.ts";

const example = "reusable-workflow-caller.yml";

function push(): RunnerEvent {
  const event = events.push();
  const compare = "https://github.com/octo-org/octo-repo/compare/0f1e2d3...5a1f0c6";
  return { ...event, payload: { ...(event.payload as object), compare } };
}

export const cases: ExampleCase[] = [
  {
    example,
    shows: "one job adopts the reusable workflow, and its answer reaches the caller's next job",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("It starts faster now.") });
      const run = await act(example, { mosoo: server, event: push() });
      check.equal("exit code", run.exitCode, 0);
      check.equal("the called job", run.job("ask"), "success");
      check.equal("the step's response", run.step("ask").outputs["response"]?.trim(), "It starts faster now.");
      check.equal("the caller's next job printed", run.step("0", "after").lines, [`4 words from ${pageOf(server)}`]);
      check.equal("what was asked", asked(server), [
        "Explain https://github.com/octo-org/octo-repo/compare/0f1e2d3...5a1f0c6 to a new colleague.",
      ]);
      check.matches("idempotency key, derived", run.step("ask").outputs["idempotency-key"] ?? "", /^gh-17000000001-/);
    },
  },
  {
    example,
    shows: "two calls with the same message in one workflow run have two threads where each gives a key",
    async run({ check, mosoo, act }) {
      const call = (key: string): string => `
  ${key}:
    uses: ./.github/workflows/ask-agent.yml
    with: { message: Roll a die., key: ${key} }
    secrets: { mosoo-token: "\${{ secrets.MOSOO_TOKEN }}" }`;
      const workflow = ".github/workflows/twice.yml";
      const files = { [workflow]: `name: Twice\non: push\njobs:${call("first")}${call("second")}\n` };
      const server = await mosoo({ revision: "2026-08", script: answering("Four.") });
      const run = await act(example, { mosoo: server, event: push(), workflow, files });
      check.equal("exit code", run.exitCode, 0);
      check.equal("threads on the server", server.threads.length, 2);
      check.equal("idempotency keys", server.threads.map((thread) => thread.idempotencyKey).sort(), [
        "17000000001-first",
        "17000000001-second",
      ]);
    },
  },
];
