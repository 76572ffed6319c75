import fc from "fast-check";
import { describe, expect, it } from "@jest/globals";
import { codeBlock, codeSpan, markdownText } from "../../src/sanitize/inline.ts";
import { annotationText, excerpt, logLine, logLines } from "../../src/sanitize/log-text.ts";
import { redact } from "../../src/sanitize/redact.ts";
import { truncateUtf8 } from "../../src/sanitize/characters.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { COMMIT } from "../support/hostile.ts";

describe("truncated text", () => {
  it("keeps within the bytes, ends between characters, and has the note inside", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat({ max: 120 }), (text, maxBytes) => {
        const result = truncateUtf8(text, maxBytes, "[…]");
        expect(Buffer.byteLength(result.text)).toBeLessThanOrEqual(maxBytes);
        expect(result.cut).toBe(Buffer.byteLength(text) > maxBytes);
        if (!result.cut) expect(result.text).toBe(text);
        else if (maxBytes >= 5) {
          expect(result.text.endsWith("[…]")).toBe(true);
          const kept = result.text.slice(0, -3);
          expect(text.startsWith(kept)).toBe(true);
          const whole = Array.from(new Intl.Segmenter("en").segment(text), ({ index }) => index);
          expect([...whole, text.length]).toContain(kept.length);
        }
      }),
      propertyRuns(100),
    );
  });

  it("has no half characters, and no note that has no room", () => {
    expect(truncateUtf8("a\ud800b", 10, "…")).toEqual({ text: "a\ufffdb", cut: false });
    expect(truncateUtf8("abcdef", 3, "a long note")).toEqual({ text: "abc", cut: true });
    expect(truncateUtf8("äöü", 4, "")).toEqual({ text: "äö", cut: true });
    expect(truncateUtf8("x", 0, "")).toEqual({ text: "", cut: true });
  });
});

describe("untrusted text of any size", () => {
  it("is sanitized in linear time", () => {
    const pieces = ["#", "\u001b]", "\u001b[", "@a.", "`", "abcdef1.", "&", "\u009b0", "www.", "::", ":\u200b", " "];
    const texts = [...pieces, `${COMMIT}/`, "/", "$a", "…\r", "x\n", "\t", "＃", "1"];
    const start = process.cpuUsage();
    for (const text of texts.map((piece) => `@x${piece.repeat(Math.floor(200_000 / piece.length))}!`)) {
      for (const rule of [logLine, annotationText, excerpt, markdownText, codeSpan, codeBlock]) rule(text);
      logLines(text);
      redact(text, ["mst_secret_value"]);
    }
    expect(process.cpuUsage(start).user).toBeLessThan(20e6);
  });
});
