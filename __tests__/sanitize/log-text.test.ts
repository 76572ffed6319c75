import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { annotationText, excerpt, logLine, logLines } from "../../src/sanitize/log-text.ts";
import { LOG } from "../support/hostile.ts";
import { parseRunnerLog } from "../support/runner-log.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { LINE_END, untrustedText } from "../support/untrusted-text.ts";

const INVISIBLE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

describe("untrusted text in the log", () => {
  it.each(Object.entries(LOG))("executes no workflow command: %s", (_, text) => {
    const log = parseRunnerLog(logLines(text).join("\n"));
    expect(log.commands).toEqual([]);
    expect(log.masks).toEqual([]);
  });

  it("would execute commands if it were not escaped", () => {
    const executed = Object.values(LOG).filter((text) => parseRunnerLog(text).commands.length > 0);
    expect(executed.length).toBeGreaterThan(20);
  });

  it("executes no workflow command in any mixture, as lines or as one line", () => {
    fc.assert(
      fc.property(untrustedText, (text) => {
        const printed = [...logLines(text), logLine(text), excerpt(text), annotationText(text)];
        expect(parseRunnerLog(printed.join("\n")).commands).toEqual([]);
        for (const line of printed) {
          expect(line).not.toMatch(LINE_END);
          expect(line).not.toMatch(INVISIBLE);
          expect(line.isWellFormed()).toBe(true);
        }
      }),
      propertyRuns(150),
    );
  });

  it("executes no workflow command wherever a line is truncated or a write is interrupted", () => {
    for (const text of Object.values(LOG)) {
      const printed = `${logLines(text).join("\n")}\n`;
      for (let end = 0; end <= printed.length; end += 1)
        expect(parseRunnerLog(printed.slice(0, end)).commands).toEqual([]);
    }
  });

  it("escapes what a culture may take for a command's signs", () => {
    expect(logLines("：：error：：x")).toEqual(["\\：：error：：x"]);
    expect(logLines("a ＃＃［error]x ##［y]")).toEqual(["a ＃＃\\［error]x ##\\［y]"]);
    expect(logLines("﹕﹕error::x")).toEqual(["\\﹕﹕error::x"]);
    expect(logLines("\u2a74error")).toEqual(["\\\u2a74error"]);
    expect(logLines(":\u0378:error::x")).toEqual(["\\:\u0378:error::x"]);
  });

  it("keeps ordinary text as it is", () => {
    const text = "Reading src/a.ts: 12 % done, std::vector, a ## b, [x], ümläut 👩‍👩‍👧, \ttab, 注：［済］";
    expect(logLines(text)).toEqual([text]);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9 .,:;!?()'"éß日]*[a-z]$/u), (line) => {
        fc.pre(!/^\s*::/u.test(line));
        expect(logLines(line)).toEqual([line]);
      }),
    );
  });

  it("is split at every line end, and a line end at the end starts no line", () => {
    expect(logLines("a\nb\r\nc\rd\u2028e\u2029f\u0085g\vh\fi\n")).toEqual("abcdefghi".split(""));
    expect(logLines("a\n\n")).toEqual(["a", ""]);
    expect(logLines("")).toEqual([]);
  });

  it("shows a backslash before a command, a picture for a control, and the number of an override", () => {
    expect(logLines("  ::error::x")).toEqual(["  \\::error::x"]);
    expect(logLines("x ##[group]y")).toEqual(["x ##\\[group]y"]);
    expect(logLines("a\u0007b\u001bc\u202ed\u009b31me\u0081")).toEqual(["a␇b[U+202E]de\ufffd"]);
  });

  it("joins its lines where one line is needed, and is truncated between characters", () => {
    expect(logLine("\n a \n\nb\r\nc \n")).toBe("a ⏎ b ⏎ c");
    expect(logLine("x👩‍👩‍👧y", 6)).toBe("x…");
    expect(logLine("abcdef", 6)).toBe("abcdef");
    expect(logLine("abcdefg", 6)).toBe("abcde…");
    expect(annotationText("é".repeat(9_000))).toHaveLength(4_096);
    expect(excerpt("<html>\n  <body>\n".repeat(100)).length).toBeLessThanOrEqual(300);
    expect(excerpt("<html>\n   <p>no")).toBe("<html> <p>no");
    expect(excerpt("abc", 2)).toBe("a…");
  });
});
