import { events } from "../../../__tests__/support/runner-events.ts";
import { parseRunnerLog } from "../../../__tests__/support/runner-log.ts";
import { answering, type ExampleCase } from "../bench.ts";

const example = "annotations.yml";

const messages = ["100% of it %0A\r\n::error::forged\n##[error]forged", "Mind the loop, please: it ends.", "Fine."];
const path = "src/a,line=9::b:c.js";
const response = {
  diagnostics: ["ERROR", "WARNING", "INFO"].map((severity, index) => ({
    message: messages[index],
    severity,
    location: { path, range: { start: { line: index + 1 } } },
  })),
};

export const cases: ExampleCase[] = [
  {
    example,
    shows: "findings become annotations, and nothing in them becomes another command or property",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering(JSON.stringify(response)) });
      const run = await act(example, { mosoo: server, event: events.pullRequest() });
      check.equal("the job", run.job("review"), "success");
      const { lines, commands } = run.step("2");
      check.equal("lines that are no command", lines, []);
      // As GitHub's runner reads them: act takes the last "::" of a line for the end of the properties.
      const log = parseRunnerLog(commands.map(({ line }) => `${line}\n`).join(""));
      check.equal(
        "the annotations",
        log.commands.map(({ name, message, properties }) => [name, message, properties]),
        [
          ["error", messages[0], { file: path, line: "1" }],
          ["warning", messages[1], { file: path, line: "2" }],
          ["notice", messages[2], { file: path, line: "3" }],
        ],
      );
    },
  },
  {
    example,
    shows: "a fork's pull request is skipped, and the check stays green",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08" });
      const run = await act(example, { mosoo: server, event: events.pullRequestFromFork(), untrusted: true });
      check.equal("the job", run.job("review"), "success");
      check.equal("requests to Mosoo", server.requests.length, 0);
    },
  },
];
