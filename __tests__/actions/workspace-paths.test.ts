import { posix, win32 } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { isPathInside, resolveGlobPattern, toPosixRelativePath } from "../../src/actions/workspace-paths.ts";

describe("isPathInside", () => {
  it.each([
    ["/srv/repo", "/srv/repo", true],
    ["/srv/repo", "/srv/repo/a/b.md", true],
    ["/srv/repo", "/srv/repo/..notes/b.md", true],
    ["/srv/repo", "/srv/repository/b.md", false],
    ["/srv/repo", "/srv", false],
    ["/srv/repo", "/srv/repo/../secret", false],
  ])("compares whole names on Linux and macOS: %s, %s → %s", (folder, path, expected) => {
    expect(isPathInside(folder, path, posix)).toBe(expected);
  });

  it.each([
    ["D:\\a\\repo", "D:\\a\\repo\\docs\\b.md", true],
    ["D:\\a\\repo", "d:\\A\\Repo\\b.md", true],
    ["D:\\a\\repo", "D:\\a\\repo\\..notes", true],
    ["D:\\a\\repo", "D:\\a\\_temp\\b.md", false],
    ["D:\\a\\repo", "C:\\a\\repo\\b.md", false],
    ["D:\\a\\repo", "\\\\server\\share\\b.md", false],
  ])("ignores case on Windows: %s, %s → %s", (folder, path, expected) => {
    expect(isPathInside(folder, path, win32)).toBe(expected);
  });
});

describe("a file's path in the key", () => {
  it("is the same on every system", () => {
    expect(toPosixRelativePath("D:\\a\\repo", "D:\\a\\repo\\reports\\x.log", win32)).toBe("reports/x.log");
    expect(toPosixRelativePath("/srv/repo", "/srv/repo/reports/x.log", posix)).toBe("reports/x.log");
  });
});

describe("a glob pattern", () => {
  it("lies below the workspace, whose own path is taken literally", () => {
    expect(resolveGlobPattern("/srv/[odd] repo*", "./reports/*.log", posix)).toBe("/srv/[[]odd] repo[*]/reports/*.log");
    expect(resolveGlobPattern("D:\\a\\repo\\", "reports/*.log", win32)).toBe("D:\\a\\repo\\reports/*.log");
  });
});
