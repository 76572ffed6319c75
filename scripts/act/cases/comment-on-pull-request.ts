import { events } from "../../../__tests__/support/runner-events.ts";
import { answering, conversation, pageOf, type ExampleCase } from "../bench.ts";

const example = "comment-on-pull-request.yml";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the response is in one comment, which the next push updates",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({
        revision: "2026-08",
        script: conversation(["First **answer**.", "Second answer."]),
      });
      const gitHub = await github();
      gitHub.preload(40);
      const push = (headSha: string, runNumber: number) =>
        act(example, {
          mosoo: server,
          github: gitHub,
          event: events.pullRequest({ headSha }),
          runId: `1700000000${runNumber}`,
          runNumber,
        });
      const first = await push("1".repeat(40), 7);
      const ours = (): typeof gitHub.comments =>
        gitHub.comments.filter((comment) => comment.login === "github-actions[bot]");
      check.equal("the job", first.job("review"), "success");
      check.equal("comments of ours", ours().length, 1);
      check.matches("the comment holds the answer", ours()[0]?.body ?? "", /First \*\*answer\*\*\./);
      check.matches("the comment links the thread", ours()[0]?.body ?? "", new RegExp(pageOf(server)));
      check.matches("the comment begins with a hidden marker", ours()[0]?.body ?? "", /^<!-- /);
      check.matches(
        "the later step saw the comment",
        first.step("1").lines.join("\n"),
        new RegExp(`^The answer is in http.*${ours()[0]?.id ?? "?"}$`),
      );
      const second = await push("2".repeat(40), 8);
      check.equal("the job of the next push", second.job("review"), "success");
      check.equal("comments of ours after the next push", ours().length, 1);
      check.matches("the comment now", ours()[0]?.body ?? "", /Second answer\./);
      check.equal("the first answer in it", ours()[0]?.body.includes("First **answer**"), false);
      check.equal("threads on the server", server.threads.length, 2);
      check.equal(
        "comment-url of both",
        first.step("review").outputs["comment-url"],
        second.step("review").outputs["comment-url"],
      );
    },
  },
  {
    example,
    shows: "a fork's pull request has no secrets: the step is skipped, nothing is asked, nothing is written",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("unasked") });
      const gitHub = await github();
      const run = await act(example, {
        mosoo: server,
        github: gitHub,
        event: events.pullRequestFromFork(),
        untrusted: true,
      });
      check.equal("the job", run.job("review"), "success");
      check.equal("output skipped", run.step("review").outputs["skipped"], "true");
      check.equal("requests to Mosoo", server.requests.length, 0);
      check.equal("comments", gitHub.comments.length, 0);
    },
  },
];
