import { describe, expect, it } from "@jest/globals";
import type { Run, Thread } from "../../src/mosoo/contract/schema.ts";
import { threadJson } from "../../src/step/step-state.ts";

const thread: Thread = { id: "01K9NWZ3C2H7D8E4F5G6J1K2M3", title: "Two\nlines \ud800", agent_id: "01K", source: null };
const run: Run = { id: "01K9NWZ3D9QK5V7X2B8C4N6P1R", status: "completed", finalOutput: { text: "Hi" }, trigger: "x" };

interface ThreadJson {
  thread: Record<string, unknown>;
  run: Record<string, unknown> | null;
}
const parse = (json: string): ThreadJson => JSON.parse(json) as ThreadJson;
const deep = JSON.parse("[".repeat(200_000) + "]".repeat(200_000)) as unknown;

describe("the output json", () => {
  it("holds all fields of thread and run on one line, except the response", () => {
    const json = threadJson(thread, run);
    expect(json).not.toMatch(/[\n\r]/);
    expect(json.isWellFormed()).toBe(true);
    const { finalOutput, ...shown } = run;
    expect(finalOutput).toBeDefined();
    expect(parse(json)).toEqual({ thread, run: shown });
    expect(parse(threadJson(thread, null))).toEqual({ thread, run: null });
  });

  it.each([
    ["a title of a megabyte", { ...thread, title: "x".repeat(1_000_000) }, run],
    [
      "many fields",
      { ...thread, ...Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`f${at}`, "é".repeat(9)])) },
      run,
    ],
    ["names of a megabyte", { ...thread, ["n".repeat(1_000_000)]: 1 }, run],
    ["what cannot be written", { ...thread, deep }, { ...run, deep }],
    ["an error of a megabyte", thread, { ...run, error: { code: "x", message: "y".repeat(1_000_000) } }],
  ])("is short enough for a later step's environment, IDs and status included: %s", (_, given, lastSeen) => {
    const json = threadJson(given, lastSeen);
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(98_304);
    expect(parse(json)).toMatchObject({
      thread: { id: thread.id, agent_id: "01K" },
      run: { id: run.id, status: "completed" },
    });
    expect(json).not.toContain("Hi");
  });
});
