import { events } from "../../../__tests__/support/runner-events.ts";
import { asked, conversation, pageOf, type ExampleCase } from "../bench.ts";

const example = "two-steps-one-thread.yml";

export const cases: ExampleCase[] = (["reference", "2026-08"] as const).map((revision) => ({
  example,
  shows: `the second step goes on in the first one's thread (${revision} contract)`,
  async run({ check, mosoo, act }) {
    const answers = ["- a faster start\n- no Node 20", "# Breaking\n\nNode 20 is gone."];
    const server = await mosoo({ revision, script: conversation(answers), pendingCheckpointMs: 300 });
    const run = await act(example, { mosoo: server, event: events.workflowDispatch({ since: "v1.4.0" }) });
    const steps = ["list", "notes"].map((id) => run.step(id));
    check.equal("the job", run.job("write"), "success");
    check.equal(
      "thread-url of both steps",
      steps.map((step) => step.outputs["thread-url"]),
      [pageOf(server), pageOf(server)],
    );
    check.differ(
      "run-id of the steps",
      steps.map((step) => step.outputs["run-id"]),
    );
    check.equal(
      "response of the steps",
      steps.map((step) => step.outputs["response"]?.trim()),
      answers,
    );
    check.equal("threads on the server", server.threads.length, 1);
    check.equal("messages of the thread, in order", asked(server), [
      "List what users of octo-org/octo-repo will notice since v1.4.0.",
      "Now write release notes from that list, breaking changes first.",
    ]);
    const bytes = Buffer.byteLength(answers[1] ?? "");
    check.matches(
      "the later step printed",
      run.step("2").lines.join("\n"),
      new RegExp(`^(${bytes}|${bytes + 1}) bytes of release notes from ${pageOf(server)}$`),
    );
  },
}));
