import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { StreamingLog } from "../../src/actions/streaming-log.ts";
import { Logger } from "../../src/actions/logger.ts";
import { parseRunnerLog } from "../support/runner-log.ts";

const secret = "mst_0123456789abcdef";
let printed: string;
let writes: number;
let live: StreamingLog;

beforeEach(() => {
  jest.useFakeTimers();
  printed = "";
  writes = 0;
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    writes += 1;
    return true;
  });
  live = new StreamingLog(new Logger([secret]));
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const lines = (): string[] => {
  const log = parseRunnerLog(printed);
  expect(log.stopped).toBe(false);
  return log.lines;
};

describe("the agent's output in the log", () => {
  it("consists of whole lines, however its parts arrive", () => {
    for (const part of ["He", "llo,\nwor", "ld", "!\n", "And"]) live.text(part);
    jest.advanceTimersByTime(1_000);
    expect(lines()).toEqual(["Hello,", "world!"]);
    live.text(" more");
    live.flush();
    expect(lines()).toEqual(["Hello,", "world!", "And more"]);
  });

  it("is printed within half a second, what arrives together in one write", () => {
    for (let index = 0; index < 1_000; index += 1) live.text(`${index}\n`);
    expect(printed).toBe("");
    jest.advanceTimersByTime(500);
    expect(lines()).toHaveLength(1_000);
    expect(writes).toBe(1);
    live.text("later\n");
    jest.advanceTimersByTime(500);
    expect(lines()).toHaveLength(1_001);
  });

  it("is in order with tools and the action's own lines, each of which begins a line", () => {
    live.text("Let me");
    live.tool("read");
    live.text("See");
    live.line("still running, 1 min");
    live.text("n.\n");
    live.tool("grep\nfor\u001b[31m x");
    live.flush();
    expect(lines()).toEqual([
      "Let me",
      "Tool: read",
      "See",
      "still running, 1 min",
      "n.",
      expect.stringMatching(/^Tool: grep.*for.*x$/),
    ]);
  });

  it("executes no command and shows no secret", () => {
    live.text(`::error::gotcha\n##[warning]old\n${secret}\n`);
    live.tool("::add-mask::x");
    live.tool(`${"x".repeat(195)}${secret}`);
    live.flush();
    const log = parseRunnerLog(printed);
    expect(log.commands.map(({ name }) => name)).toEqual([]);
    expect(printed).not.toContain(secret.slice(0, 6));
    expect(log.stopped).toBe(false);
  });

  it("is split between words and characters where a line is too long", () => {
    live.text("日本語😀 ".repeat(2_000));
    live.text("😀".repeat(9_000));
    live.text(`${"word ".repeat(1_595)}${"y".repeat(20)}${secret}${"z".repeat(40)} `);
    live.flush();
    const shown = lines();
    expect(shown.length).toBeGreaterThan(4);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(8_000);
    expect(shown.every((line) => line.isWellFormed())).toBe(true);
    expect(printed).not.toContain(secret.slice(0, 8));
    expect(shown.join("").match(/😀/gu)).toHaveLength(11_000);
  });

  it("shows no part of a secret, wherever a long line is split and however it arrives", () => {
    for (let before = 8_000 - secret.length; before <= 8_001; before += 1) {
      for (const size of [7, 20_000]) {
        const text = `${"x".repeat(before)}${secret}${"y".repeat(9_000)}`;
        for (let at = 0; at < text.length; at += size) live.text(text.slice(at, at + size));
        live.flush();
      }
    }
    expect(printed).not.toMatch(/mst|cdef/);
    expect(printed.match(/\*\*\*/g)?.length).toBeGreaterThanOrEqual(2 * secret.length);
  });

  it("includes thoughts as whole lines of the debug log, without a secret", () => {
    jest.replaceProperty(process, "env", { ...process.env, RUNNER_DEBUG: "1" });
    for (const part of ["Hm", `, ${secret.slice(0, 9)}`, `${secret.slice(9)}.\nSo`, " be it"]) live.thinking(part);
    live.text("Yes.\n");
    live.flush();
    expect(printed).toContain("::debug::thinking: Hm, ***.\n::debug::thinking: So be it\nYes.");
  });

  it("prints nothing where nothing was said", () => {
    live.text("");
    live.flush();
    jest.advanceTimersByTime(1_000);
    expect(writes).toBe(0);
  });
});
