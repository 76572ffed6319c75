/** README.md's snippets, run unchanged, as a newcomer pastes them. */
import type { FakeMosooServer } from "../../../__tests__/support/fake-mosoo-server.ts";
import { events } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, conversation, pageOf, producing, type Bench, type ExampleCase } from "../bench.ts";
import { snippetWorkflows } from "../snippets.ts";

const example = "README.md";
const workflow = ".github/workflows/mosoo.yml";
const question = "Review https://github.com/octo-org/octo-repo/pull/12";

/** The one change that a snippet may need: the fake server's address for the cloud's. */
function onFakeServer(server: FakeMosooServer): (text: string) => string {
  return (text) => text.replace("https://cloud.mosoo.ai/api/v1", server.apiUrl);
}

/** The first snippet that holds `words`, as a file of the user's repository. */
function pasted(words: string, change = (text: string): string => text): Record<string, string> {
  const found = Object.entries(snippetWorkflows()).find(
    ([name, text]) => name.startsWith("README-") && text.includes(words),
  );
  if (found === undefined) throw new Error(`No snippet of README.md holds "${words}"`);
  return { [workflow]: change(found[1]) };
}

function run({ act }: Bench, options: Omit<Parameters<Bench["act"]>[1], "event">): ReturnType<Bench["act"]> {
  return act(example, { event: events.pullRequest(), workflow, ...options });
}

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the quick start waits for the response, and shows it in a comment and in the summary",
    async run(bench) {
      const { check } = bench;
      const server = await bench.mosoo({ revision: "2026-08", script: answering("All fine.") });
      const gitHub = await bench.github();
      const seen = await run(bench, { mosoo: server, github: gitHub, files: pasted("name: Mosoo") });
      check.equal("the job", seen.job("review"), "success");
      check.equal("what was asked", asked(server), [question]);
      check.equal("comments", gitHub.comments.length, 1);
      check.matches("the comment", gitHub.comments[0]?.body ?? "", /All fine\./);
      check.matches("the summary", seen.step("0").summary, /All fine\./);
    },
  },
  {
    example,
    shows: "a step that does not wait hands the link to the next step",
    async run(bench) {
      const { check } = bench;
      const server = await bench.mosoo({ revision: "reference" });
      const seen = await run(bench, { mosoo: server, files: pasted("See $URL") });
      check.equal("the job", seen.job("job"), "success");
      check.equal("the later step printed", seen.step("1").lines, [`See ${pageOf(server)}`]);
      check.matches("the summary", seen.step("triage").summary, new RegExp(pageOf(server)));
    },
  },
  ...(["pass", "block"] as const).map((verdict): ExampleCase => ({
    example,
    shows: `the verdict "${verdict}" makes the check ${verdict === "pass" ? "green" : "red"}`,
    async run(bench) {
      const { check } = bench;
      const response = { verdict, reasons: "It looks odd." };
      const server = await bench.mosoo({ revision: "2026-08", script: answering(JSON.stringify(response)) });
      const seen = await run(bench, { mosoo: server, files: pasted("response-schema: |") });
      check.equal("the agent's step", seen.step("review").result, "success");
      check.equal("the job", seen.job("job"), verdict === "pass" ? "success" : "failure");
      check.matches("the summary shows the reasons", seen.step("review").summary, /It looks odd\./);
      check.equal("the summary shows the JSON", seen.step("review").summary.includes('"reasons"'), false);
    },
  })),
  {
    example,
    shows: "the agent's file becomes an artifact",
    async run(bench) {
      const { check } = bench;
      const files = { "report.html": "<h1>All fine</h1>", "notes.txt": "private" };
      const server = await bench.mosoo({ revision: "2026-07", script: producing(files, "Done.") });
      const seen = await run(bench, { mosoo: server, files: pasted("download-files: ", onFakeServer(server)) });
      check.equal("the job", seen.job("job"), "success");
      check.equal("the artifact", seen.artifacts, { "report/report.html": "<h1>All fine</h1>" });
    },
  },
  {
    example,
    shows: "the second of two chained steps continues the first one's thread",
    async run(bench) {
      const { check } = bench;
      const server = await bench.mosoo({ revision: "2026-08", script: conversation(["- faster", "# Notes"]) });
      const seen = await run(bench, { mosoo: server, files: pasted("steps.list.outputs.thread-id") });
      check.equal("the job", seen.job("job"), "success");
      check.equal("threads on the server", server.threads.length, 1);
      check.equal("messages of the thread", asked(server), [
        "List what changed for users since the last release.",
        "Now write release notes from that list.",
      ]);
    },
  },
  {
    example,
    shows: "a comment of a person with write access is answered on the issue, a stranger's is not",
    async run(bench) {
      const { check } = bench;
      const server = await bench.mosoo({ revision: "2026-08", script: answering("Forty-two.") });
      const gitHub = await bench.github();
      gitHub.roles.set("octocat", "write").set("stranger", "read");
      const body = "/agent how many?";
      for (const author of ["stranger", "octocat"]) {
        const event = events.issueComment({ body, author, onPullRequest: false });
        const options = { mosoo: server, github: gitHub, files: pasted("issue_comment:"), workflow, event };
        const seen = await bench.act(example, options);
        check.equal(`the job of ${author}`, seen.job("answer"), "success");
      }
      check.equal("threads on the server", server.threads.length, 1);
      check.matches("what was asked", asked(server).join(), /\/agent how many\?$/);
      check.equal("comments", gitHub.comments.length, 1);
      check.matches("the comment", gitHub.comments[0]?.body ?? "", /Forty-two\./);
    },
  },
  {
    example,
    shows: "a private repository: the message comes from a file, the diff is attached, and the response is a comment",
    async run(bench) {
      const { check } = bench;
      const server = await bench.mosoo({ revision: "2026-08", script: answering("Read it.") });
      const gitHub = await bench.github();
      const files = {
        ...pasted("message-file: ", onFakeServer(server)),
        ".github/review-prompt.md": "Read the diff.\n",
      };
      const seen = await run(bench, { mosoo: server, github: gitHub, files });
      check.equal("the job", seen.job("review"), "success");
      check.equal("what was asked", asked(server), ["Read the diff."]);
      check.matches("the comment", gitHub.comments[0]?.body ?? "", /Read it\./);
      check.equal(
        "uploaded",
        server.uploads.map((file) => file.name),
        ["changes.diff"],
      );
      check.equal(
        "attached",
        server.threads[0]?.messages.map((message) => message.fileIds.length),
        [1],
      );
    },
  },
];
