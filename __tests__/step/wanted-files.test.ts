import { describe, expect, it } from "@jest/globals";
import type { ThreadFile } from "../../src/mosoo/artifacts.ts";
import { selectFiles } from "../../src/step/wanted-files.ts";

function file(name: string, size = 1, seconds = 0): ThreadFile {
  const createdAt = new Date(Date.UTC(2026, 10, 25, 12, 0, seconds)).toISOString();
  return { id: `${name}-${seconds}`, name, kind: "artifact", size, createdAt };
}

const SECRET = "mst_secretOfNoValue0000";

describe("the files to download", () => {
  it("are those that match, the newest first, which keeps its name", () => {
    const files = [file("a.md", 1, 1), file("b.txt", 1, 2), file("a.md", 2, 3), file("A.MD", 3, 2)];
    const { wanted, exceeded } = selectFiles(files, ["*.md", "*.MD"], []);
    expect(wanted.map(({ path, file: { size } }) => [path, size])).toEqual([
      ["a.md", 2],
      ["A (2).MD", 3],
      ["a (3).md", 1],
    ]);
    expect(exceeded).toBeUndefined();
  });

  it("match by their safe name, without secrets", () => {
    const { wanted } = selectFiles([file(`../out/${SECRET}.log`)], ["___.log"], [SECRET]);
    expect(wanted.map(({ name, path }) => [name, path])).toEqual([["../out/***.log", "___.log"]]);
  });

  it("are at most a thousand, the newest", () => {
    const files = Array.from({ length: 1_001 }, (_, n) => file(`${n}`, 1, n));
    expect(selectFiles(files.slice(1), ["*"], []).exceeded).toBeUndefined();
    const { wanted, exceeded } = selectFiles(files, ["*"], []);
    expect([wanted.length, wanted[0]?.path, wanted.at(-1)?.path]).toEqual([1_000, "1000", "1"]);
    expect(exceeded?.details.input).toBe("download-files");
    expect(exceeded?.summary).toContain("1,001 files");
  });

  it("have at most a gibibyte together", () => {
    const files = [file("first", 2 ** 30 - 1, 3), file("second", 1, 2), file("third", 1, 1)];
    expect(selectFiles(files.slice(0, 2), ["*"], []).exceeded).toBeUndefined();
    const { wanted, exceeded } = selectFiles(files, ["*"], []);
    expect(wanted.map(({ path }) => path)).toEqual(["first", "second"]);
    expect(exceeded?.summary).toContain("1,073,741,825 bytes");
  });
});
