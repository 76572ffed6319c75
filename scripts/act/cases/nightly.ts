import { events } from "../../../__tests__/support/runner-events.ts";
import { asked, pageOf, type ExampleCase } from "../bench.ts";

const example = "nightly.yml";

export const cases: ExampleCase[] = [
  {
    example,
    shows: "one request starts the work, the step does not wait, and its own reference is sent",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "reference" });
      const run = await act(example, { mosoo: server, event: events.schedule() });
      check.equal("the job", run.job("triage"), "success");
      check.equal(
        "requests to Mosoo",
        server.requests.map((request) => `${request.method} ${request.path} ${request.status ?? ""}`),
        [`POST /api/v1/agents/${server.agents.published}/threads 201`],
      );
      check.equal("what was asked", asked(server), [
        "Look through the issues opened in octo-org/octo-repo since yesterday and suggest labels.",
      ]);
      check.equal("the thread's reference", server.threads[0]?.externalRef, "nightly:octo-org/octo-repo");
      check.equal("the later step printed", run.step("1").lines, [`${pageOf(server)} is queued`]);
      check.matches("the summary", run.step("triage").summary, new RegExp(pageOf(server)));
    },
  },
  {
    example,
    shows: "the next night is another workflow run: another thread",
    async run({ check, mosoo, act }) {
      const server = await mosoo({ revision: "reference" });
      for (const runId of ["17000000001", "17000000002"])
        await act(example, { mosoo: server, event: events.schedule(), runId });
      check.differ(
        "idempotency keys",
        server.requests.map((request) => request.headers["idempotency-key"]),
      );
      check.equal("threads on the server", server.threads.length, 2);
    },
  },
];
