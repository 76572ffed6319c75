import { events } from "../../../__tests__/support/runner-events.ts";
import { asked, conversation, type ExampleCase } from "../bench.ts";

const example = "label-issue.yml";
const event = events.issues({ number: 12 });

export const cases: ExampleCase[] = [
  {
    example,
    shows: "an issue gets labels of the list, after one that is not on it was corrected",
    async run({ check, mosoo, github, act }) {
      const script = conversation(['{"labels":["bug","admin"]}', '{"labels":["bug","documentation"]}']);
      const server = await mosoo({ revision: "2026-08", script });
      const gitHub = await github();
      const run = await act(example, { mosoo: server, github: gitHub, gh: true, event });
      check.equal("the job", run.job("label"), "success");
      check.equal("labels of the issue", gitHub.pulls.labels.get(12), ["bug", "documentation"]);
      check.matches(
        "what was asked",
        asked(server)[0] ?? "",
        /^Choose labels for this issue\.\nAdd a lighthouse\nIt shines\.\n/,
      );
    },
  },
  {
    example,
    shows: "a label that is not on the list is never set",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: conversation(['{"labels":["admin"]}']) });
      const gitHub = await github();
      const run = await act(example, { mosoo: server, github: gitHub, gh: true, event });
      check.equal("the job", run.job("label"), "failure");
      check.equal("labels of the issue", gitHub.pulls.labels.get(12), undefined);
    },
  },
];
