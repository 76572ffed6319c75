/** Each kind of event, with one of GitHub's own example payloads as event file, through the built action. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { EVENT_EXAMPLES, expectedReference, repositoryOf } from "../support/event-examples.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { runStep } from "../support/runner.ts";

const kinds = new Map(EVENT_EXAMPLES.map((example) => [example.name, example]));
let server: FakeMosooServer;

beforeAll(async () => {
  server = await startFakeMosooServer({ rateLimit: { requests: 1_000, windowMs: 60_000 } });
});
afterAll(() => server.close());

it.each([...kinds])(
  "a step on the event %s creates its thread, with the reference of its subject",
  async (_, example) => {
    const { name: repository, id } = repositoryOf(example);
    const step = await runStep({
      event: { name: example.name, payload: example.payload },
      step: example.name,
      repository,
      env: { GITHUB_REPOSITORY_ID: id },
      with: {
        "agent-id": server.agents.published,
        token: server.tokens.person,
        message: "Look at this, please.",
        "api-url": server.apiUrl,
      },
    });
    expect(step).toMatchObject({ exitCode: 0, stderr: "", annotations: [] });
    expect(step.outputs).toMatchObject({ "external-ref": expectedReference(example, repository), skipped: "false" });
    expect(step.summary).toContain(step.outputs["thread-url"]);
  },
);
