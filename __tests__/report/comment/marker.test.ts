import fc from "fast-check";
import { describe, expect, it } from "@jest/globals";
import {
  type CommentIdentity,
  MAX_TEXT_LENGTH,
  createMarkerSigner,
  formatMarker,
  hasMarker,
  isNewer,
  isSameComment,
  makeMarker,
  parseMarker,
  withoutSignature,
  type CommentMarker,
  type CommentMode,
  type WritingStep,
} from "../../../src/report/comment/marker.ts";

const identity: CommentIdentity = {
  workflow: ".github/workflows/review.yml",
  job: "review",
  step: "mosoo",
  matrix: "null",
  agent: "01J00000000000000000000000",
  key: undefined,
};
const step: WritingStep = { runId: "17000000001", runNumber: 7, runAttempt: 2, key: "gh-17000000001-abc" };

describe("a comment's marker", () => {
  it("keeps its format, by which later releases find comments of earlier ones", () => {
    expect(formatMarker(makeMarker(identity, step, "update"))).toBe(
      "<!-- mosoo-thread v1 use=902c7b83a52aea06654b6b68d3678b0d run=7.2 id=17000000001 key=04bfd3fc9f84c5e1 -->",
    );
    expect(formatMarker(makeMarker(identity, { ...step, key: "" }, "new"))).toMatch(
      / run=7\.2 id=17000000001 new -->$/,
    );
  });

  it("differs for each part of the identity, wherever one part ends and the next begins", () => {
    const digests = [
      identity,
      ...Object.keys(identity).map((part) => ({ ...identity, [part]: "other" })),
      { ...identity, job: "reviewmo", step: "soo" },
    ].map((each) => makeMarker(each, step, "update").identity);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("depends on `pr-comment-key` alone where it is given", () => {
    const withKey = { ...identity, key: "review" };
    const other = { workflow: "w", job: "j", step: "s", matrix: "m", agent: "a", key: "review" };
    expect(makeMarker(withKey, step, "update").identity).toBe(makeMarker(other, step, "update").identity);
  });

  it("belongs to the same comment for every run in `update` mode, and for one run's attempts in `new` mode", () => {
    const later = { ...step, runId: "17000000009", runNumber: 9, runAttempt: 1 };
    const of = (at: WritingStep, mode: CommentMode): CommentMarker => makeMarker(identity, at, mode);
    expect(isSameComment(of(step, "update"), of(later, "update"))).toBe(true);
    expect(isSameComment(of(step, "new"), of(later, "new"))).toBe(false);
    expect(isSameComment(of(step, "new"), of({ ...step, runAttempt: 3 }, "new"))).toBe(true);
    expect(isSameComment(of(step, "update"), of(step, "new"))).toBe(false);
  });

  it.each<[string, Partial<WritingStep>, Partial<WritingStep>, boolean]>([
    ["a later run", { runId: "8" }, { runId: "7", runAttempt: 3 }, true],
    ["a later run with more digits", { runId: "10" }, { runId: "9" }, true],
    ["a later run of another workflow, with a lower number", { runId: "10", runNumber: 1 }, { runId: "9" }, true],
    ["a later attempt", { runAttempt: 3 }, { runAttempt: 2 }, true],
    ["the same attempt", {}, {}, false],
    ["an earlier run", { runId: "7", runAttempt: 3 }, { runId: "8" }, false],
    ["a higher run number where run IDs are not numbers", { runId: "a", runNumber: 8 }, { runId: "b" }, true],
  ])("compares as newer or not: %s", (_, a, b, expected) => {
    const of = (given: Partial<WritingStep>): CommentMarker => makeMarker(identity, { ...step, ...given }, "update");
    expect(isNewer(of(a), of(b))).toBe(expected);
  });

  it("counts only as the very first characters of a comment", () => {
    const marker = formatMarker(makeMarker(identity, step, "update"));
    expect(parseMarker(`${marker}\nHello`)).toEqual(makeMarker(identity, step, "update"));
    for (const body of [
      ` ${marker}`,
      `\n${marker}`,
      `> ${marker}`,
      `\u200b${marker}`,
      marker.slice(0, -4),
      "",
      marker.toUpperCase(),
    ]) {
      expect(parseMarker(body)).toBeUndefined();
    }
  });

  it("is not written to where its version is later, but still prevents loops", () => {
    const later = "<!-- mosoo-thread v2 anything -->\nHello";
    expect(parseMarker(later)).toBeUndefined();
    expect(hasMarker(later)).toBe(true);
    expect(hasMarker(`Quoting ${later}`)).toBe(false);
  });

  it("is one short HTML comment that can be parsed, with any parts", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("-->", "\n", "--!>", "\ud800"));
    const number = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.NaN, -1));
    const at = fc.record({ runId: text, runNumber: number, runAttempt: number, key: text });
    const parts = fc.record({
      workflow: text,
      job: text,
      step: text,
      matrix: text,
      agent: text,
      key: fc.option(text, { nil: undefined }),
    });
    fc.assert(
      fc.property(parts, at, fc.constantFrom<CommentMode>("update", "new"), fc.boolean(), (use, where, mode, signs) => {
        const made = makeMarker(use, where, mode);
        const marker = signs ? { ...made, signature: "0123456789abcdef".repeat(2) } : made;
        const written = formatMarker(marker);
        expect(written).toMatch(/^<!-- [\w .=-]+ -->$/);
        expect(written.indexOf("-->")).toBe(written.length - 3);
        expect(written.length + 1 + MAX_TEXT_LENGTH).toBeLessThanOrEqual(65_536);
        expect(hasMarker(written)).toBe(true);
        expect(parseMarker(`${written}\n-->`)).toEqual(marker);
        expect(withoutSignature(`${written}\nsig=x -->`)).toBe(`${formatMarker(made)}\nsig=x -->`);
      }),
    );
  });
});

describe("a marker's signature", () => {
  const scope = { repository: "1", number: 12, identity: "0".repeat(32) };
  const sign = createMarkerSigner("mst_token", scope);

  it("is the same for the same author, in every run", () => {
    expect(sign(41898282)).toMatch(/^[0-9a-f]{32}$/);
    expect(createMarkerSigner("mst_token", { ...scope })(41898282)).toBe(sign(41898282));
  });

  it("differs for another author, token, repository, number and identity", () => {
    const signatures = [
      sign(1),
      sign(2),
      createMarkerSigner("mst_other", scope)(1),
      createMarkerSigner("mst_token", { ...scope, repository: "2" })(1),
      createMarkerSigner("mst_token", { ...scope, number: 13 })(1),
      createMarkerSigner("mst_token", { ...scope, identity: "1".repeat(32) })(1),
    ];
    expect(new Set(signatures).size).toBe(signatures.length);
  });
});
