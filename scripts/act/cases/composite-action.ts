import { events, type RunnerEvent } from "../../../__tests__/support/runner-events.ts";
import { asked, conversation, pageOf, type ExampleCase } from "../bench.ts";

const example = "composite-action.yml";

function push(): RunnerEvent {
  const event = events.push();
  return {
    ...event,
    payload: { ...(event.payload as object), compare: "https://github.com/octo-org/octo-repo/compare/a...b" },
  };
}

export const cases: ExampleCase[] = [
  {
    example,
    shows: "the composite action passes inputs and outputs through; its two uses have two threads",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "2026-08", script: conversation(["Three small risks.", "None."]) });
      const run = await act(example, { mosoo: server, event: push() });
      check.equal("the job", run.job("ask"), "success");
      check.equal("threads on the server", server.threads.length, 2);
      check.equal("what was asked", asked(server), [
        "Answer for the developers of octo-org/octo-repo, in at most ten sentences.\nWhich risks does https://github.com/octo-org/octo-repo/compare/a...b bring?",
        "Answer for the developers of octo-org/octo-repo, in at most ten sentences.\nWhich tests does https://github.com/octo-org/octo-repo/compare/a...b lack?",
      ]);
      check.equal("the later step printed", run.step("3").lines, [
        `risks: 3 words from ${pageOf(server, 0)}`,
        `tests: 1 words from ${pageOf(server, 1)}`,
      ]);
    },
  },
];
