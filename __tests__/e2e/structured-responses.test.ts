/** Responses that match a schema, corrected in the same thread where they do not. Through the built action. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import type { Revision } from "../support/fake-mosoo-server.ts";
import { runPost, runStep, startStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";
import { Agent, annotated, answeringInTurn, until } from "../support/waiting.ts";

const schema = JSON.stringify({
  type: "object",
  properties: { verdict: { enum: ["pass", "fail"] }, text: { type: "string" } },
  required: ["verdict"],
  additionalProperties: false,
});
const structured = { "response-schema": schema };
const wrong = 'It is {"verdict": "maybe"}.';
const right = '{"verdict": "pass"}';
const json = '{"verdict":"pass"}';

const workspace = mkdtempSync(join(tmpdir(), "structured-"));
writeFileSync(join(workspace, "notes.txt"), "Some notes.");
afterAll(() => {
  rmSync(workspace, { recursive: true });
});

/** Requests of a valid response and of a corrected one, each with those of a re-run. */
const REQUESTS: [Revision, Record<string, string>, string, [number, number], [number, number]][] = [
  ["reference", {}, `Here it is:\n\n~~~~json\n${right}\n~~~~\n`, [4, 3], [7, 6]],
  ["2026-07", {}, `\ufeff${right}`, [3, 3], [6, 6]],
  // Its first request has the fields of another contract.
  ["2026-08", { "user-id": "", "external-ref": "" }, `I say ${right}, after all.`, [5, 5], [8, 8]],
];

describe.each(REQUESTS)("a step with a schema (%s)", (revision, inputs, answer, valid, corrected) => {
  it(`takes ${valid.join(" requests for a valid response, and ")} in a re-run`, () =>
    Agent.during({ revision }, async (agent) => {
      agent.script = answeringInTurn(answer);
      const step = agent.step({ ...structured, ...inputs });
      for (const [index, requests] of valid.entries()) {
        const result = await runStepHere({ ...step, runAttempt: index + 1 });
        expect(result).toMatchObject({ exitCode: 0, annotations: [] });
        expect(result.outputs).toMatchObject({ "response-json": json, response: answer });
        expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toBe(json);
        expect(agent.server.requests.splice(0)).toHaveLength(requests);
      }
    }));

  it(`takes ${corrected.join(" requests for a corrected response, and ")} in a re-run`, () =>
    Agent.during({ revision }, async (agent) => {
      agent.script = answeringInTurn(wrong, right);
      const step = agent.step({ ...structured, ...inputs });
      for (const [index, requests] of corrected.entries()) {
        const runIt = revision === "2026-08" && index === 0 ? runStep : runStepHere;
        const result = await runIt({ ...step, runAttempt: index + 1 });
        const runId = agent.server.threads[0]?.runs[1]?.id;
        const expected = { "response-json": json, response: right, "run-id": runId, status: "completed" };
        expect(result).toMatchObject({ exitCode: 0, annotations: [], outputs: expected });
        expect(result.summary).toContain("valid after 1 correction");
        expect(agent.server.requests.splice(0)).toHaveLength(requests);
      }
      expect(agent.server.threads.map(({ messages }) => messages.length)).toEqual([2]);
    }));
});

const withAgent = (test: (agent: Agent) => Promise<void>) => (): Promise<void> =>
  Agent.during({ revision: "2026-07" }, test);

skipUnless("signals", describe)("a step with a schema that is killed", () => {
  it.concurrent(
    "before and after it sends a correction continues with it in re-runs, and the post step interrupts its run",
    withAgent(async (agent) => {
      const { server } = agent;
      agent.script = answeringInTurn(wrong, null, right);
      const step = agent.step(structured);
      const isSending = (): boolean =>
        server.requests.some(({ method, path }) => method === "POST" && path.endsWith("/events"));
      server.fault({ on: "events", kind: "hang-before" });
      const first = startStep(step);
      await until(isSending);
      await first.kill();
      expect(server.threads[0]?.messages).toHaveLength(1);

      const second = startStep({ ...step, runAttempt: 2 });
      await second.waitForLog("Sent correction 1");
      const killed = await second.kill();
      expect(await runPost(killed)).toMatchObject({ exitCode: 0, annotations: [] });
      const [, correction] = server.threads[0]?.runs ?? [];
      expect(agent.interrupts()).toContain(correction?.id);
      expect(correction?.status).toBe("cancelled");

      const third = await runStep({ ...step, runAttempt: 3 });
      expect(third).toMatchObject({ exitCode: 0, annotations: [], outputs: { "response-json": json } });
      const ids = server.threads[0]?.messages.map(({ requestId }) => requestId?.replace(/^gh-\d+-[0-9a-f]+/, ""));
      expect(ids).toEqual([undefined, "+fix1", "+a2+fix1"]);
      expect(server.threads).toHaveLength(1);
    }),
  );
});

describe("a step with a schema", () => {
  it.each<[string, (agent: Agent) => Record<string, string>]>([
    ["files", () => ({ files: "*.txt" })],
    ["thread-id", ({ server }) => ({ "thread-id": server.createThreadDirectly().id })],
  ])("has its response corrected with `%s`", (_, inputs) =>
    Agent.during({ revision: "2026-07" }, async (agent) => {
      agent.script = answeringInTurn(wrong, right);
      const result = await agent.runHere({ ...structured, ...inputs(agent) }, { workspace });
      expect(result).toMatchObject({ exitCode: 0, annotations: [], outputs: { "response-json": json } });
      expect(agent.server.threads).toHaveLength(1);
      expect(agent.server.threads[0]?.messages).toHaveLength(2);
    }),
  );

  it(
    "shows people the text of `markdown-property`, and nobody the token",
    withAgent(async (agent) => {
      const { person } = agent.server.tokens;
      const document = { verdict: "pass", text: `**Well done**, @octocat. ${person}` };
      agent.script = answeringInTurn(JSON.stringify(document));
      const result = await agent.runHere({ ...structured, "markdown-property": "text" });
      const shown = result.outputs["response-json"] ?? "";
      expect(JSON.parse(shown)).toEqual({ ...document, text: "**Well done**, @octocat. ***" });
      expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toBe(shown);
      expect(result.summary).toContain("**Well done**");
      expect(result.summary).not.toContain("verdict");
      expect(JSON.stringify(result)).not.toContain(JSON.stringify(document.text));
    }),
  );

  it(
    "has valid JSON in the file alone where it is too large for an output",
    withAgent(async (agent) => {
      agent.script = answeringInTurn(JSON.stringify({ verdict: "pass", text: "ä".repeat(60_000) }));
      const result = await agent.runHere(structured);
      expect(result.exitCode).toBe(0);
      expect(result.outputs).not.toHaveProperty("response-json");
      expect(annotated(result, "warning")).toEqual([expect.stringContaining("`response-file`")]);
      expect(readFileSync(result.outputs["response-file"] ?? "", "utf8")).toMatch(/^\{"verdict":"pass","text":"ä+"\}$/);
    }),
  );

  it(
    "fails with the first problems, whatever text they hold, and keeps the response",
    withAgent(async (agent) => {
      const hostile = JSON.stringify({ "x\n::error::y\n<img src=x> @octocat": 1 });
      agent.script = answeringInTurn(hostile);
      const result = await agent.runHere({ ...structured, "response-retries": "0" });
      expect(result.exitCode).toBe(1);
      expect(annotated(result, "error")).toEqual([expect.stringContaining("`response-schema`")]);
      expect(result.outputs).toMatchObject({ response: hostile, status: "completed" });
      expect(result.outputs).not.toHaveProperty("response-json");
      expect(result.summary).not.toMatch(/[^\\]<img|[^`]@octocat/);
      expect(agent.server.threads[0]?.messages).toHaveLength(1);
    }),
  );
});
