import { events } from "../../../__tests__/support/runner-events.ts";
import { pageOf, producing, type Bench, type ExampleCase } from "../bench.ts";

const example = "patch-to-pull-request.yml";
const task = 'Greet "$(touch pwned)" `people`';

const good = `diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1,2 @@
 # A user's repository
+Hello.
`;

function adding(path: string, mode = "100644"): string {
  return `diff --git a/${path} b/${path}\nnew file mode ${mode}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
}

async function proposed({ mosoo, github, act }: Bench, patch: string) {
  const server = await mosoo({ revision: "2026-08", script: producing({ "changes.patch": patch }, "Done.") });
  const gitHub = await github();
  const vars = { MOSOO_API_URL: server.apiUrl };
  const options = { mosoo: server, github: gitHub, gh: true, vars, event: events.workflowDispatch({ task }) };
  return { server, gitHub, options, run: await act(example, options) };
}

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the agent's patch becomes a commit on a branch, and a pull request; a re-run opens no second one",
    async run(bench) {
      const { check, act } = bench;
      const { server, gitHub, options, run } = await proposed(bench, good);
      const branch = "agent/17000000001";
      check.equal("the jobs", [run.job("ask"), run.job("propose")], ["success", "success"]);
      check.equal("branches", Object.keys(run.pushed), [branch]);
      check.matches(
        "the commit",
        run.pushed[branch] ?? "",
        /^github-actions\[bot\]: Apply an agent's patch\n[^]*\n\+Hello\.$/m,
      );
      check.equal("pull requests", gitHub.pulls.opened, [
        {
          number: 100,
          title: `Agent: ${task}`,
          head: branch,
          base: "main",
          body: `Written by an agent, see ${pageOf(server)}. Read every line before you merge or run it.`,
        },
      ]);
      const again = await act(example, { ...options, runAttempt: 2 });
      check.equal("the job of a re-run", again.job("propose"), "success");
      check.equal("pull requests after it", gitHub.pulls.opened.length, 1);
    },
  },
  ...[
    { what: "a workflow", patch: good + adding(".github/workflows/evil.yml") },
    { what: "a symbolic link", patch: adding("link", "120000") },
    { what: "a file outside the repository", patch: adding("../evil.txt") },
    { what: "a hook of git", patch: adding(".git/hooks/pre-push") },
  ].map(({ what, patch }): ExampleCase => ({
    example,
    shows: `a patch that adds ${what} is refused`,
    async run(bench) {
      const { check } = bench;
      const { gitHub, run } = await proposed(bench, patch);
      check.equal("the job", run.job("propose"), "failure");
      check.equal("branches", run.pushed, {});
      check.equal("pull requests", gitHub.pulls.opened, []);
    },
  })),
];
