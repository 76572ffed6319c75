import { events } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, pageOf, type ExampleCase } from "../bench.ts";

const example = "attach-files.yml";
const failing = { "run-tests": "#!/bin/sh\necho '3 tests, 1 failed'\necho 'expected 4, saw 5' >&2\nexit 1\n" };
const passing = { "run-tests": "#!/bin/sh\necho '3 tests'\n" };

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the reports that the failed step wrote are uploaded and attached; a re-run uploads nothing again",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering("Off by one since yesterday.") });
      const options = { mosoo: server, event: events.push(), files: failing, vars: { MOSOO_API_URL: server.apiUrl } };
      const run = await act(example, options);
      check.equal("the job, red for its tests", run.job("test"), "failure");
      check.equal("the step of the agent", run.step("explain").result, "success");
      check.equal("files on the server", server.uploads.map((file) => [file.name, file.size]).sort(), [
        ["errors.log", 18],
        ["tests.log", 18],
      ]);
      check.equal(
        "files of the message",
        server.threads[0]?.messages.map((message) => message.fileIds.length),
        [2],
      );
      check.matches(
        "what was asked",
        asked(server).join("\n"),
        /^The tests of octo-org\/octo-repo fail at [0-9a-f]{40}\./,
      );
      check.equal("output response", run.step("explain").outputs["response"]?.trim(), "Off by one since yesterday.");
      check.equal("the later step printed", run.step("3").lines, [`The agent explains it in ${pageOf(server)}`]);
      const again = await act(example, { ...options, runAttempt: 2 });
      check.equal("thread-url in the re-run", again.step("explain").outputs["thread-url"], pageOf(server));
      check.equal(
        "files, threads and messages after it",
        [server.uploads.length, server.threads.length, asked(server).length],
        [2, 1, 1],
      );
    },
  },
  {
    example,
    shows: "tests that pass ask nobody",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08" });
      const run = await act(example, {
        mosoo: server,
        event: events.push(),
        files: passing,
        vars: { MOSOO_API_URL: server.apiUrl },
      });
      check.equal("the job", run.job("test"), "success");
      check.equal("requests to Mosoo", server.requests.length, 0);
    },
  },
];
