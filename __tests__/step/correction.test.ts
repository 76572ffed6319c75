import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  type CorrectionId,
  type ResponseVerdict,
  correctionKey,
  correctionLimit,
  correctionMessage,
  findCorrections,
  nextCorrection,
} from "../../src/step/correction.ts";

const key = "gh-4711-0123456789abcdef";
const id = (number: number, sending = 1): CorrectionId => ({ number, sending });
const message = (text: string, runId?: string) => ({ text, runId });
const sent = (number: number, sending: number, runId: string, text = "Again.") =>
  message(correctionMessage(key, id(number, sending), text), runId);

describe("the request ID of a correction", () => {
  it.each<[CorrectionId, string]>([
    [id(1), `${key}+fix1`],
    [id(12), `${key}+fix12`],
    [id(1, 3), `${key}+a3+fix1`],
  ])("counts the corrections, and the sendings of one: %o", (which, expected) => {
    expect(correctionKey(key, which)).toBe(expected);
  });

  it("has at most 128 characters, and differs between long keys", () => {
    const [one, other] = [`${"k".repeat(127)}1`, `${"k".repeat(127)}2`].map((long) => correctionKey(long, id(1, 2)));
    expect(one?.length).toBeLessThanOrEqual(128);
    expect(one).not.toBe(other);
  });
});

describe("the corrections in a thread", () => {
  it("are found with their text and run, in the order of their IDs", () => {
    const messages = [
      message("Review it.", "r1"),
      sent(1, 1, "r2"),
      message("Hello?", "r3"),
      sent(1, 2, "r4"),
      sent(2, 1, "r5"),
    ];
    expect(findCorrections(key, messages)).toEqual([
      { id: id(1), text: "Again.", runId: "r2" },
      { id: id(1, 2), text: "Again.", runId: "r4" },
      { id: id(2), text: "Again.", runId: "r5" },
    ]);
  });

  it("are found by any text and number", () => {
    const whole = fc.integer({ min: 1, max: 999_999 });
    fc.assert(
      fc.property(whole, whole, fc.string({ unit: "grapheme" }), (number, sending, text) => {
        const written = correctionMessage(key, id(number, sending), text).trim();
        expect(findCorrections(key, [message(written, "r")])).toEqual([
          { id: id(number, sending), text: text.trim(), runId: "r" },
        ]);
      }),
    );
  });

  const line = correctionMessage(key, id(1), "x").split("\n")[0] ?? "";
  it.each([
    ["of another step", correctionMessage(`${key}0`, id(1), "Again.")],
    ["with another number", line.replace("Correction 1", "Correction 2")],
    ["with another sending", line.replace("Correction 1", "Correction 1, sending 2")],
    ["with the number written otherwise", line.replace("Correction 1", "Correction 01")],
    ["with a part of the digest", line.replace(/.\)$/, ")")],
    ["quoted", `> ${line}\n\nAgain.`],
    ["below other text", `Look:\n${line}\n\nAgain.`],
    ["followed by other text", `${line} Look.\n\nAgain.`],
    ["empty", ""],
  ])("are not those %s", (_, text) => {
    expect(findCorrections(key, [message(text, "r1")])).toEqual([]);
  });

  it("are those that came first, not another's copies of them", () => {
    const messages = [sent(1, 1, "r2"), sent(2, 1, "r3"), sent(1, 1, "r4", "Copied."), sent(2, 1, "r5", "Copied.")];
    expect(findCorrections(key, messages).map(({ runId }) => runId)).toEqual(["r2", "r3"]);
  });
});

describe("the number of corrections", () => {
  it.each<[asked: number, retries: number, grantsMore: boolean, limit: number]>([
    [0, 0, true, 0],
    [0, 1, false, 1],
    [0, 3, true, 3],
    [2, 3, true, 3],
    [2, 3, false, 3],
    [3, 3, true, 6],
    [3, 3, false, 3],
    [4, 3, true, 6],
    [6, 3, true, 9],
    [2, 0, true, 2],
    [2, 1, true, 3],
  ])(
    "follows from those made (%i), those for each attempt (%i) and whether a later one gets more (%s): %i",
    (asked, retries, grantsMore, limit) => {
      expect(correctionLimit(asked, retries, grantsMore)).toBe(limit);
    },
  );
});

describe("the next correction", () => {
  it.each<[CorrectionId | undefined, number, boolean, ResponseVerdict, CorrectionId | undefined]>([
    [undefined, 1, false, "valid", undefined],
    [undefined, 1, false, "invalid", id(1)],
    [undefined, 0, false, "invalid", undefined],
    [undefined, 1, false, "not_completed", undefined],
    [undefined, 1, false, "not_ended", undefined],
    [undefined, 1, false, "unreadable", undefined],
    [id(1), 2, true, "invalid", id(2)],
    [id(1, 3), 2, false, "invalid", id(2)],
    [id(1), 1, true, "invalid", undefined],
    [id(1), 1, true, "not_completed", id(1, 2)],
    [id(1, 2), 1, true, "not_completed", id(1, 3)],
    [id(1), 1, false, "not_completed", undefined],
    [id(1), 1, true, "not_ended", undefined],
  ])(
    "follows the last one (%o) of %i (it may be sent again: %s), judged %s: %o",
    (last, limit, mayResend, verdict, next) => {
      expect(nextCorrection({ last, limit, mayResend }, verdict)).toEqual(next);
    },
  );
});
