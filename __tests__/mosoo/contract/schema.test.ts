import { describe, expect, it } from "@jest/globals";
import { type Run, compareRunAge } from "../../../src/mosoo/contract/schema.ts";

const early = "01K9NWZ3D9QK5V7X2B8C4N6P1R";
const late = "01K9NWZ3DAQK5V7X2B8C4N6P1R";

describe("the age of a run beside another", () => {
  it.each<[string, Run, Run, string]>([
    [
      "is decided by their creation times",
      { id: late, createdAt: "2026-08-01" },
      { id: early, createdAt: "2026-08-02" },
      "older",
    ],
    [
      "is decided by creation times, not by IDs",
      { id: early, createdAt: "2026-08-02" },
      { id: late, createdAt: "2026-08-01" },
      "newer",
    ],
    ["is decided by their IDs where one has no time", { id: early }, { id: late, createdAt: "2026-08-01" }, "older"],
    [
      "is decided by IDs with a prefix, in lower case, too",
      { id: `run_${late}` },
      { id: early.toLowerCase() },
      "newer",
    ],
    ["is unknown with IDs of the same time", { id: early }, { id: `${early.slice(0, -1)}0` }, "unknown"],
    ["is unknown with IDs of another kind", { id: "run-1" }, { id: "run-2", createdAt: null }, "unknown"],
  ])("%s", (_, run, other, age) => {
    expect(compareRunAge(run, other)).toBe(age);
  });
});
