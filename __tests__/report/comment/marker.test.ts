import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  hasMarker,
  isNewer,
  isSameComment,
  MAX_MARKER_LENGTH,
  makeMarker,
  readMarker,
  type CommentIdentity,
  type CommentMarker,
} from "../../../src/report/comment/marker.ts";

const identity: CommentIdentity = {
  workflow: ".github/workflows/review.yml",
  job: "review",
  step: "mosoo",
  matrix: "null",
  agent: "01J00000000000000000000000",
};
const position = { runId: "17000000001", runNumber: 7, runAttempt: 2 };

function read(body: string): CommentMarker {
  const marker = readMarker(body);
  if (marker === undefined) throw new Error(`no marker in ${body}`);
  return marker;
}

describe("a marker", () => {
  it("stays what it is: comments of earlier releases are found by it", () => {
    expect(makeMarker(identity, position, "update")).toBe(
      "<!-- mosoo-thread v1 use=902c7b83a52aea06654b6b68d3678b0d run=7.2 -->",
    );
    expect(makeMarker(identity, position, "new")).toMatch(/ run=7\.2 id=17000000001 -->$/);
  });

  it("tells uses apart by each of its five parts, wherever one part ends and the next begins", () => {
    const uses = [
      identity,
      ...Object.keys(identity).map((part) => ({ ...identity, [part]: "other" })),
      { ...identity, job: "reviewmo", step: "soo" },
    ].map((each) => read(makeMarker(each, position, "update")).use);
    expect(new Set(uses).size).toBe(uses.length);
  });

  it("is the same comment's for every run in `update`, and for one run's attempts in `new`", () => {
    const later = { runId: "17000000009", runNumber: 9, runAttempt: 1 };
    const of = (at: typeof position, mode: "update" | "new"): CommentMarker => read(makeMarker(identity, at, mode));
    expect(isSameComment(of(position, "update"), of(later, "update"))).toBe(true);
    expect(isSameComment(of(position, "new"), of(later, "new"))).toBe(false);
    expect(isSameComment(of(position, "new"), of({ ...position, runAttempt: 3 }, "new"))).toBe(true);
    expect(isSameComment(of(position, "update"), of(position, "new"))).toBe(false);
  });

  it("orders runs by number, then by attempt", () => {
    const at = (runNumber: number, runAttempt: number): CommentMarker => ({ use: "", runNumber, runAttempt });
    expect(isNewer(at(8, 1), at(7, 3))).toBe(true);
    expect(isNewer(at(10, 1), at(9, 1))).toBe(true);
    expect(isNewer(at(7, 3), at(7, 2))).toBe(true);
    expect(isNewer(at(7, 2), at(7, 2))).toBe(false);
    expect(isNewer(at(7, 3), at(8, 1))).toBe(false);
  });

  it("counts only as a comment's very first characters", () => {
    const marker = makeMarker(identity, position, "update");
    expect(readMarker(`${marker}\nHello`)).toMatchObject({ runNumber: 7, runAttempt: 2 });
    for (const body of [
      ` ${marker}`,
      `\n${marker}`,
      `> ${marker}`,
      `\u200b${marker}`,
      marker.slice(0, -4),
      "",
      marker.toUpperCase(),
    ]) {
      expect(readMarker(body)).toBeUndefined();
    }
  });

  it("of a later release is not written to, but known as the action's own for loops", () => {
    const later = "<!-- mosoo-thread v2 anything -->\nHello";
    expect(readMarker(later)).toBeUndefined();
    expect(hasMarker(later)).toBe(true);
    expect(hasMarker(`Quoting ${later}`)).toBe(false);
  });

  it("is one short comment that can be read back, whatever its parts hold", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("-->", "\n", "--!>", "\ud800"));
    const number = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.NaN, -1));
    const at = fc.record({ runId: text, runNumber: number, runAttempt: number });
    const parts = fc.record({ workflow: text, job: text, step: text, matrix: text, agent: text });
    fc.assert(
      fc.property(parts, at, fc.constantFrom("update" as const, "new" as const), (use, where, mode) => {
        const marker = makeMarker(use, where, mode);
        expect(marker).toMatch(/^<!-- [\w .=-]+ -->$/);
        expect(marker.indexOf("-->")).toBe(marker.length - 3);
        expect(marker.length).toBeLessThan(MAX_MARKER_LENGTH);
        expect(hasMarker(marker)).toBe(true);
        expect(read(`${marker}\n-->`).runId === undefined).toBe(mode === "update");
      }),
    );
  });
});
