/** The rules of docs/architecture.md that a machine can check: layout, import directions, no cycles, size of files. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { describe, expect, it } from "@jest/globals";
import ts from "typescript";

const root = join(import.meta.dirname, "..", "src");
const MAX_LINES = 300;
const MIN_LINES = 25;

/** Small files with a reason: entry points of a bundle, and what tests replace. */
const SMALL_FILES = ["main.ts", "post.ts", "response-schema/validator/entry.ts", "response-schema/validator-script.ts"];

/** Which folders each folder may import from, besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ".": ["step", "report", "actions", "mosoo", "response-schema", "sanitize", "common"],
  step: ["report", "actions", "mosoo", "response-schema", "sanitize", "common"],
  report: ["actions", "sanitize", "common"],
  actions: ["mosoo", "sanitize", "common"],
  mosoo: ["common"],
  "response-schema": ["sanitize", "common"],
  sanitize: ["common"],
  common: [],
};

interface SourceFile {
  /** Relative to src/, with slashes. */
  path: string;
  lines: number;
  /** What it imports of src/, types and `import()` included. */
  imports: string[];
}

const files: SourceFile[] = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    // TypeScript's own reader: it finds `import type`, `export … from` and `import()` alike, and none in comments.
    const specifiers = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    const imports = specifiers
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => slashed(relative(root, join(root, dirname(path), specifier))));
    return { path: slashed(path), lines: text.split("\n").length - 1, imports };
  });

function slashed(path: string): string {
  return path.replaceAll(sep, "/");
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : ".";
}

/** The imports that lead from one file back to it; none where there is no cycle. */
function findCycle(): string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of importsOf.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  return files.map(({ path }) => visit(path, [])).find((cycle) => cycle.length > 0) ?? [];
}

describe("the source tree", () => {
  it("has the two entry points and their error boundary in src/ itself, and all else in the documented folders", () => {
    expect(files.filter(({ path }) => folderOf(path) === ".").map(({ path }) => path)).toEqual(
      expect.arrayContaining(["main.ts", "post.ts", "run.ts"]),
    );
    expect(files.filter(({ path }) => folderOf(path) === ".")).toHaveLength(3);
    expect(new Set(files.map(({ path }) => folderOf(path)))).toEqual(new Set(Object.keys(ALLOWED)));
  });

  it("imports in one direction: main → step → report, response-schema → actions → mosoo, sanitize → common", () => {
    const wrong = files.flatMap(({ path, imports }) => {
      const folder = folderOf(path);
      return imports
        .filter((target) => folderOf(target) !== folder && ALLOWED[folder]?.includes(folderOf(target)) !== true)
        .map((target) => `${path} → ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("has no import cycle, types included", () => {
    expect(findCycle()).toEqual([]);
  });

  it(`has no file below ${MIN_LINES} lines that is no entry point: it belongs to its neighbor`, () => {
    const small = files.filter(({ path, lines }) => lines < MIN_LINES && !SMALL_FILES.includes(path));
    expect(small.map(({ path, lines }) => `${path}: ${lines}`)).toEqual([]);
  });

  it(`has no file of more than ${MAX_LINES} lines`, () => {
    const long = files.filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines}`);
    expect(long).toEqual([]);
  });
});
