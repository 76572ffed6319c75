import { events, type CommentFacts, type RunnerEvent } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, type ExampleCase } from "../bench.ts";

const example = "answer-a-comment.yml";

function commented(facts: CommentFacts, association = "MEMBER"): RunnerEvent {
  const event = events.issueComment(facts);
  const payload = event.payload as { comment: Record<string, unknown> };
  return { ...event, payload: { ...payload, comment: { ...payload.comment, author_association: association } } };
}

const question = "/agent what does it cost?";
const marker = "<!-- mosoo-thread v1 use=7e708ebdbc841fb18d84ffabde6837d0 run=7.1 -->";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "a member's comment is answered by a comment",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("Two milliseconds.") });
      const gitHub = await github();
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
    shows: "strangers, bots, other words, plain issues and the agent's own comments start nothing",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("unasked") });
      const gitHub = await github();
      const unanswered: Record<string, RunnerEvent> = {
        "a stranger's": commented({ body: question, author: "stranger" }, "NONE"),
        "a bot's": commented({ body: question, author: "github-actions[bot]", authorType: "Bot" }),
        "an agent's own, written with a person's token": commented({ body: `${marker}\n${question}` }),
        "other words": commented({ body: "Nice agent!" }),
        "one under a plain issue": commented({ body: question, onPullRequest: false }),
      };
      for (const [whose, event] of Object.entries(unanswered)) {
        const run = await act(example, { mosoo: server, github: gitHub, event });
        check.equal(`the job for ${whose} comment`, run.job("answer"), "not run");
      }
      check.equal("requests to Mosoo", server.requests.length, 0);
      check.equal("requests to GitHub", gitHub.requests.length, 0);
    },
  },
];
