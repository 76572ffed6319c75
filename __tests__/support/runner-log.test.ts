import { describe, expect, it } from "@jest/globals";
import { parseRunnerLog } from "./runner-log.ts";

const names = (output: string) => parseRunnerLog(output).commands.map((command) => command.name);

describe("the runner's reading of a log", () => {
  it("finds commands at a line's start, after whitespace, with properties unescaped", () => {
    expect(parseRunnerLog(" \t\u00a0::error file=a%2Cb.ts,title=x%3Ay::one%0Atwo%25")).toMatchObject({
      commands: [{ name: "error", properties: { file: "a,b.ts", title: "x:y" }, message: "one\ntwo%" }],
      lines: ["##[error]one\ntwo%"],
    });
    expect(names("x ::error::y")).toEqual([]);
    expect(names("::unknown::y")).toEqual([]);
    expect(names("::error:y")).toEqual([]);
  });

  it("finds old commands anywhere in a line, but only the first bracket counts", () => {
    expect(parseRunnerLog("x ##[warning file=a;line=2]y%5D")).toMatchObject({
      commands: [{ name: "warning", properties: { file: "a", line: "2" }, message: "y]" }],
    });
    expect(names("##[unknown] ##[error]x")).toEqual([]);
    expect(names("::x ##[error]y")).toEqual(["error"]);
  });

  it("ends lines at LF, CR and CRLF, and nowhere else", () => {
    expect(names("a\r::error::b\r\n::notice::c\n::debug::d")).toEqual(["error", "notice", "debug"]);
    expect(names("a\u2028::error::b\u0085::error::c\v::error::d")).toEqual([]);
  });

  it("compares as .NET does, where weightless characters do not count", () => {
    expect(names("::error:\u200b:x")).toEqual(["error"]);
    expect(names(":\u200b:error::x")).toEqual([]);
    expect(names("\ufeff::error::x")).toEqual(["error"]);
  });

  it("takes full-width signs for commands, as under ja-JP", () => {
    expect(names("：：error：：x")).toEqual(["error"]);
    expect(names("x ＃＃［error]x")).toEqual(["error"]);
    expect(names("\\：：error：：x")).toEqual([]);
    expect(names("＃＃\\［error]x")).toEqual([]);
  });

  it("executes nothing between stop-commands and its token, in any case", () => {
    const log = parseRunnerLog(
      "::stop-commands::ToKeN123\n::error::a\n##[error]b\n::other::\n::token123::\n::notice::c",
    );
    expect(log.commands.map((command) => command.name)).toEqual(["stop-commands", "notice"]);
    expect(log.lines).toEqual([
      "::stop-commands::***",
      "::error::a",
      "##[error]b",
      "::other::",
      "::token123::",
      "##[notice]c",
    ]);
    expect(log.stopped).toBe(false);
    expect(parseRunnerLog("::stop-commands::token123").stopped).toBe(true);
    expect(parseRunnerLog("::stop-commands::error\n::error::x").stopped).toBe(false);
  });

  it("masks what it was asked to, line by line, from then on", () => {
    const log = parseRunnerLog("secret1\n::add-mask::secret1%0A secret2 \nsecret1 secret2");
    expect(log.masks).toContain("secret2");
    expect(log.lines).toEqual(["secret1", "*** ***"]);
  });
});
