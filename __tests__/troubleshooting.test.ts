/** docs/troubleshooting.md against the code: it quotes what can be printed, and leaves out no error. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import ts from "typescript";

const root = join(import.meta.dirname, "..");
const docs = readFileSync(join(root, "docs/troubleshooting.md"), "utf8");

/** A text of the code with `…` for each value that is put in; undefined where it is none. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined && right === undefined ? undefined : `${left ?? "…"}${right ?? "…"}`;
}

interface Found {
  all: string[];
  /** Of errors that end a step. */
  errors: string[];
}

const errorClasses = new Set(["Refusal", "MosooConnectionError", "MosooError"]);

function collect(node: ts.Node, found: Found): void {
  if (ts.isNewExpression(node) && errorClasses.has(node.expression.getText())) {
    // A MosooConnectionError's message stands behind its kind.
    const message = node.arguments
      ?.slice(0, 2)
      .map(textOf)
      .find((text) => text?.includes(" ") === true);
    if (message !== undefined) found.errors.push(message);
  }
  const text = textOf(node);
  if (text !== undefined) found.all.push(text);
  ts.forEachChild(node, (child) => {
    collect(child, found);
  });
}

function readSources(): Found {
  const found: Found = { all: [], errors: [] };
  for (const name of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const code = readFileSync(join(root, "src", name), "utf8");
    collect(ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true), found);
  }
  return found;
}

const plain = (text: string): string => text.replaceAll("`", "").replace(/\s+/g, " ");

/** The fixed parts of a message, sentence by sentence, without the marks at their ends. */
const parts = (message: string): string[] =>
  plain(message)
    .split(/…|(?<=[.;:]) /)
    .map((part) => part.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ""))
    .filter((part) => /[a-z]{2}/i.test(part));

/** What a text of the code can become. */
function shapeOf(text: string): RegExp {
  const fixed = plain(text).split("…");
  return new RegExp(`^${fixed.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")}$`);
}

const found = readSources();
const printable = found.all.map(plain);
/** Texts that say enough by themselves. */
const shapes = found.all.filter((text) => parts(text).join("").length >= 10).map(shapeOf);

/** Messages are in the first column, in code. Codes, statuses and what others print are not the code's own texts. */
const quoted = docs.split("\n").flatMap((line) => {
  const cell = /^\| (.*?) \|/.exec(line)?.[1] ?? "";
  return [...cell.matchAll(/(`+)(.+?)\1/g)].map(([, , text = ""]) => text).filter((text) => /[A-Za-z] .|…/.test(text));
});
const others = [
  "Argument list too long",
  "Resource not accessible by integration",
  "Skip output … since it may contain secret",
  "Unexpected input(s) …",
  "Line 2: …",
];

describe("docs/troubleshooting.md", () => {
  it.each(quoted.filter((text) => !others.includes(text)))("quotes what the code can print: %s", (message) => {
    if (shapes.some((shape) => shape.test(plain(message)))) return;
    expect(parts(message).filter((part) => !printable.some((text) => text.includes(part)))).toEqual([]);
  });

  it("has a row for every error of the code", () => {
    const told = plain(docs);
    const internal = /^(The call was given up|The connection broke)\.$/;
    const missing = found.errors
      .filter((message) => !internal.test(message))
      .map((message) => parts(message).filter((part) => part.length > 4))
      .filter((fixed) => fixed.length > 0 && !fixed.some((part) => told.includes(part)));
    expect(missing).toEqual([]);
  });
});
