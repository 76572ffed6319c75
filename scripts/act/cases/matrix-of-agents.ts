import { events } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, type ExampleCase } from "../bench.ts";

const example = "matrix-of-agents.yml";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "each job has a thread of its own, and re-running the workflow run finds each job's thread",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-07", script: answering("One two three.") });
      const id = server.agents.published;
      const options = {
        mosoo: server,
        event: events.pullRequest(),
        vars: { MOSOO_SECURITY_AGENT_ID: id, MOSOO_DOCUMENTATION_AGENT_ID: id },
      };
      const first = await act(example, options);
      const again = await act(example, { ...options, runAttempt: 2 });
      const jobs = ["security", "documentation"];
      const threadOf = (run: typeof first, agent: string): string =>
        run.step("ask", "ask", { agent }).outputs["thread-url"] ?? "";
      check.equal(
        "the jobs",
        [first, again].map((run) => run.jobs.map((job) => job.result)),
        [
          ["success", "success"],
          ["success", "success"],
        ],
      );
      check.differ(
        "threads of the matrix jobs",
        jobs.map((agent) => threadOf(first, agent)),
      );
      check.equal(
        "threads of the matrix jobs in the re-run",
        jobs.map((agent) => threadOf(again, agent)),
        jobs.map((agent) => threadOf(first, agent)),
      );
      check.differ(
        "idempotency keys",
        jobs.map((agent) => first.step("ask", "ask", { agent }).outputs["idempotency-key"]),
      );
      check.equal("threads on the server", server.threads.length, 2);
      check.equal("what was asked", asked(server).sort(), [
        "Which of these changes could an attacker use? https://github.com/octo-org/octo-repo/pull/12",
        "Which pages no longer say what the code does? https://github.com/octo-org/octo-repo/pull/12",
      ]);
      check.equal(
        "the later steps printed",
        jobs.map((agent) => first.step("1", "ask", { agent }).lines),
        jobs.map((agent) => [`${agent} answered in 3 words, see ${threadOf(first, agent)}`]),
      );
    },
  },
];
