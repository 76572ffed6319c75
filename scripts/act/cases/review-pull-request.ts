import { events } from "../../../__tests__/support/runner-events.ts";
import type { RunScript } from "../../../__tests__/support/mosoo/types.ts";
import { answering, asked, pageOf, type ExampleCase } from "../bench.ts";

const example = "review-pull-request.yml";

export const cases: ExampleCase[] = [
  {
    example,
    shows:
      "a verdict of the agent turns the check red; the answer reaches the later step and nothing in it is executed",
    async run({ check, mosoo, act }) {
      const answer =
        'Mind the loop.\n$(touch pwned) `touch pwned` "; touch pwned; "\n::error::forged\n\nVerdict: block\n';
      const server = await mosoo({ revision: "2026-08", script: answering(answer) });
      const run = await act(example, { mosoo: server, event: events.pullRequest() });
      const review = run.step("review");
      const later = run.step("1");
      check.equal("the job", run.job("review"), "failure");
      check.equal("the review step", review.result, "success");
      check.equal("output response", review.outputs["response"]?.trim(), answer.trim());
      check.equal("output status", review.outputs["status"], "completed");
      check.equal("output skipped", review.outputs["skipped"], "false");
      check.matches(
        "output thread-id, as a thread of the server",
        review.outputs["thread-id"] ?? "",
        new RegExp(server.threads[0]?.id ?? "?"),
      );
      check.equal("the later step printed", later.lines, [`The agent's thread: ${pageOf(server)}`]);
      check.equal(
        "its annotation",
        later.commands.map((command) => [command.name, command.value]),
        [["error", pageOf(server)]],
      );
      check.matches("the summary links the thread", review.summary, new RegExp(pageOf(server)));
      check.matches("the summary holds the answer", review.summary, /Mind the loop\./);
      check.equal("what the agent was asked", asked(server), [
        `Review https://github.com/octo-org/octo-repo/pull/12 at commit 5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0.\nEnd your response with a line that reads "Verdict: pass" or "Verdict: block".`,
      ]);
      check.equal("threads on the server", server.threads.length, 1);
      check.equal("post steps that failed", run.failedPosts(), []);
      const masks = review.commands.filter((command) => command.name === "add-mask");
      check.equal("masks, of the token and of GitHub's token", masks.length, 2);
      check.equal("the token in the log", run.log.includes(server.tokens.person), false);
    },
  },
  {
    example,
    shows: "the check is green when the verdict says so, and a re-run of the workflow run finds the same thread",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "reference", script: answering("All fine.\n\nVerdict: pass") });
      const first = await act(example, { mosoo: server, event: events.pullRequest() });
      const again = await act(example, { mosoo: server, event: events.pullRequest(), runAttempt: 2 });
      check.equal("the jobs", [first.job("review"), again.job("review")], ["success", "success"]);
      check.equal(
        "output replayed",
        [first, again].map((run) => run.step("review").outputs["replayed"]),
        ["false", "true"],
      );
      check.equal("threads on the server", server.threads.length, 1);
      check.equal("runs of the thread", server.threads[0]?.runs.length, 1);
      check.equal(
        "output thread-url of both",
        [first, again].map((run) => run.step("review").outputs["thread-url"]),
        [pageOf(server), pageOf(server)],
      );
      check.equal(
        "output response of both",
        [first, again].map((run) => run.step("review").outputs["response"]?.trim()),
        Array(2).fill("All fine.\n\nVerdict: pass"),
      );
    },
  },
  {
    example,
    shows: "a cancelled job stops the agent: act kills the waiting step, its post step interrupts the run",
    async run({ check, mosoo, act }) {
      let started = (): void => undefined;
      const cancelAfter = new Promise<void>((resolve) => (started = resolve));
      const script: RunScript = () => {
        setTimeout(started, 1_000);
        return [{ after: 50, status: "running" }];
      };
      const server = await mosoo({ revision: "2026-08", script });
      const run = await act(example, { mosoo: server, event: events.pullRequest(), cancelAfter });
      check.equal("the job", run.job("review"), "failure");
      check.equal("the review step", run.step("review").result, "failure");
      check.equal("its thread-url, set before the wait", run.step("review").outputs["thread-url"], pageOf(server));
      check.equal("post steps that failed", run.failedPosts(), []);
      check.equal(
        "the agent's run",
        server.threads[0]?.runs.map((each) => each.status),
        ["cancelled"],
      );
    },
  },
];
