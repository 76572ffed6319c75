import { events, type CommentFacts, type RunnerEvent } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, type ExampleCase } from "../bench.ts";

const example = "answer-a-comment.yml";

const commented = (facts: CommentFacts): RunnerEvent => events.issueComment(facts);

const question = "/agent what does it cost?";
const marker = "<!-- mosoo-thread v1 use=7e708ebdbc841fb18d84ffabde6837d0 run=7.1 -->";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the comment of a person with write access is answered by a comment",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("Two milliseconds.") });
      const gitHub = await github();
      gitHub.roles.set("octocat", "write");
      const run = await act(example, { mosoo: server, github: gitHub, event: commented({ body: question }) });
      check.equal("the job", run.job("answer"), "success");
      check.equal("what was asked", asked(server), [
        `A question about https://github.com/octo-org/octo-repo/pull/12, asked by octocat:\n${question}`,
      ]);
      check.equal(
        "comments",
        gitHub.comments.map((comment) => [comment.number, comment.login]),
        [[12, "github-actions[bot]"]],
      );
      check.matches("the comment", gitHub.comments[0]?.body ?? "", /Two milliseconds\./);
      check.matches(
        "the later step saw it",
        run.step("1").lines.join("\n"),
        /^The answer is in http.*pull\/12#issuecomment-\d+$/,
      );
    },
  },
  {
    example,
    shows: "people without write access and bots start no agent",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("unasked") });
      const gitHub = await github();
      gitHub.roles.set("octocat", "write").set("stranger", "read");
      const skipped: Record<string, RunnerEvent> = {
        "a stranger's": commented({ body: question, author: "stranger" }),
        "a bot's": commented({ body: question, author: "github-actions[bot]", authorType: "Bot" }),
      };
      for (const [whose, event] of Object.entries(skipped)) {
        const run = await act(example, { mosoo: server, github: gitHub, event });
        check.equal(`the job for ${whose} comment`, run.job("answer"), "success");
        check.equal(`skipped for ${whose} comment`, run.step("answer").outputs["skipped"], "true");
      }
      check.equal("requests to Mosoo", server.requests.length, 0);
      check.equal("comments", gitHub.comments.length, 0);
    },
  },
  {
    example,
    shows: "other comments, the action's own, and comments on issues do not start the job",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("unasked") });
      const gitHub = await github();
      const ignored: Record<string, RunnerEvent> = {
        "another text": commented({ body: "Nice agent!" }),
        "the action's own comment": commented({ body: `${marker}\n${question}` }),
        "an issue": commented({ body: question, onPullRequest: false }),
      };
      for (const [what, event] of Object.entries(ignored)) {
        const run = await act(example, { mosoo: server, github: gitHub, event });
        check.equal(`the job for ${what}`, run.job("answer"), "not run");
      }
      check.equal("requests to Mosoo", server.requests.length, 0);
      check.equal("requests to GitHub", gitHub.requests.length, 0);
    },
  },
];
