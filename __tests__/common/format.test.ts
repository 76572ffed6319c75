import { describe, expect, it } from "@jest/globals";
import { formatDuration, formatInteger, joinSentences, pluralize } from "../../src/common/format.ts";

describe("formatDuration", () => {
  it.each([
    [-5, "0 s"],
    [0, "0 s"],
    [49, "0 s"],
    [250, "0.3 s"],
    [1_000, "1 s"],
    [9_940, "9.9 s"],
    [9_960, "10 s"],
    [37_600, "38 s"],
    [59_700, "1 min"],
    [252_000, "4 min 12 s"],
    [3_599_600, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_400_000, "24 h"],
  ])("formats %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe("formatInteger and pluralize", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [67_108_864, "67,108,864 bytes"],
  ])("format %d with its unit", (amount, text) => {
    expect(pluralize(amount, "byte")).toBe(text);
    expect(text).toContain(formatInteger(amount));
  });
});

describe("joinSentences", () => {
  it("leaves out what is missing or empty", () => {
    expect(joinSentences(undefined, "One.", "", "Two.")).toBe("One. Two.");
  });
});
