import { events } from "../../../__tests__/support/runner-events.ts";
import { answering, producing, type ExampleCase } from "../bench.ts";

const example = "report-as-artifact.yml";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the agent's report becomes an artifact, other files do not, and a comment links it",
    async run({ check, mosoo, github, act }) {
      const files = { "report.html": "<h1>All of it</h1>", "notes.txt": "private", ".report.swp": "x" };
      const server = await mosoo({ revision: "2026-08", script: producing(files, "See the report.") });
      const gitHub = await github();
      const vars = { MOSOO_API_URL: server.apiUrl };
      const run = await act(example, { mosoo: server, github: gitHub, gh: true, vars, event: events.pullRequest() });
      check.equal("the job", run.job("report"), "success");
      check.equal("the artifact", run.artifacts, { "report/report.html": "<h1>All of it</h1>" });
      check.matches(
        "the comment",
        gitHub.comments[0]?.body ?? "",
        /^The agent's report is an \[artifact of the workflow run\]\(https:\/\/github\.com\/\S+\)\.$/,
      );
      check.equal("comments", gitHub.comments.length, 1);
    },
  },
  {
    example,
    shows: "an agent that writes no report makes the job fail, with no comment",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("I would rather not.") });
      const gitHub = await github();
      const vars = { MOSOO_API_URL: server.apiUrl };
      const run = await act(example, { mosoo: server, github: gitHub, gh: true, vars, event: events.pullRequest() });
      check.equal("the job", run.job("report"), "failure");
      check.equal("comments", gitHub.comments.length, 0);
    },
  },
];
