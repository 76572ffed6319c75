import { events } from "../../../__tests__/support/runner-events.ts";
import { asked, pageOf, type ExampleCase } from "../bench.ts";

const example = "skip-on-forks.yml";

const untrusted: ExampleCase[] = [
  { whose: "a fork's", event: events.pullRequestFromFork() },
  { whose: "Dependabot's", event: events.dependabot() },
].map(({ whose, event }) => ({
  example,
  shows: `${whose} pull request skips both jobs and the check stays green`,
  async run({ check, mosoo, act }) {
    const server = await mosoo({ revision: "2026-08" });
    const run = await act(example, { mosoo: server, event, untrusted: true });
    check.equal("exit code", run.exitCode, 0);
    check.equal("the job with the input", run.job("by-input"), "success");
    check.equal("the later step printed", run.step("1", "by-input").lines, ["skipped=true thread="]);
    check.equal(
      "its annotations",
      run
        .step("review")
        .commands.filter((command) => command.name !== "add-mask")
        .map((command) => command.name),
      ["notice"],
    );
    check.equal("the job with the condition", run.job("by-condition"), "not run");
    check.equal("requests to Mosoo", server.requests.length, 0);
  },
}));

export const cases: ExampleCase[] = [
  ...untrusted,
  {
    example,
    shows: "a pull request of the repository itself runs both jobs, and the two have two threads",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08" });
      const run = await act(example, { mosoo: server, event: events.pullRequest() });
      check.equal("the jobs", [run.job("by-input"), run.job("by-condition")], ["success", "success"]);
      check.matches(
        "the later step printed",
        run.step("1", "by-input").lines.join("\n"),
        new RegExp(`^skipped=false thread=${server.origin}/threads/`),
      );
      check.equal(
        "what was asked",
        asked(server),
        Array(2).fill("Review https://github.com/octo-org/octo-repo/pull/12"),
      );
      check.differ("threads", [pageOf(server, 0), pageOf(server, 1)]);
    },
  },
  {
    example,
    shows: "a token that is missing for any other reason is no reason to skip",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08" });
      const run = await act(example, { mosoo: server, event: events.pullRequest(), untrusted: true });
      check.equal("the job with the input", run.job("by-input"), "failure");
      check.matches(
        "its error",
        run.step("review").commands.find((command) => command.name === "error")?.value ?? "",
        /token/,
      );
      check.equal("requests to Mosoo", server.requests.length, 0);
    },
  },
];
