/** Responses that match a schema, corrected in the same thread where they do not. Through the built action. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import type { Revision } from "../support/fake-mosoo-server.ts";
import { runStep } from "../support/runner.ts";
import { Agent, answeringInTurn } from "../support/waiting.ts";

const schema = JSON.stringify({
  type: "object",
  properties: { verdict: { enum: ["pass", "fail"] } },
  required: ["verdict"],
});
const structured = { "response-schema": schema };
const wrong = "I would say: maybe.";
const right = '{"verdict": "pass"}';
const json = '{"verdict":"pass"}';

/** Requests of a valid response, of a corrected one, and of a re-run after that. */
const REQUESTS: [Revision, Record<string, string>, number, number, number][] = [
  ["reference", {}, 4, 7, 6],
  ["2026-07", {}, 3, 6, 6],
  // Its first request has the fields of another contract.
  ["2026-08", { "user-id": "", "external-ref": "" }, 5, 8, 8],
];

describe.each(REQUESTS)("a step with a schema (%s)", (revision, inputs, valid, corrected, again) => {
  it.concurrent(`takes ${valid} requests for a valid response`, () =>
    Agent.during({ revision }, async (agent) => {
      agent.script = answeringInTurn(right);
      const result = await agent.run({ ...structured, ...inputs });
      expect(result).toMatchObject({ exitCode: 0, annotations: [], outputs: { "response-json": json } });
      expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toBe(json);
      expect(result.outputs["response"]).toBe(right);
      expect(agent.server.requests).toHaveLength(valid);
    }),
  );

  it.concurrent(`takes ${corrected} requests for a corrected response, and ${again} in a re-run`, () =>
    Agent.during({ revision }, async (agent) => {
      agent.script = answeringInTurn(wrong, right);
      const step = agent.step({ ...structured, ...inputs });
      const first = await runStep(step);
      const [thread] = agent.server.threads;
      const runId = thread?.runs[1]?.id;
      const expected = { "response-json": json, response: right, "run-id": runId, status: "completed" };
      expect(first).toMatchObject({ exitCode: 0, annotations: [], outputs: expected });
      expect(first.summary).toContain("valid after 1 correction");
      expect(agent.server.requests).toHaveLength(corrected);
      agent.server.requests.length = 0;
      const second = await runStep({ ...step, runAttempt: 2 });
      expect(second).toMatchObject({ exitCode: 0, annotations: [], outputs: expected });
      expect(agent.server.requests).toHaveLength(again);
      expect(agent.server.threads).toHaveLength(1);
      expect(thread?.messages).toHaveLength(2);
    }),
  );
});
