/**
 * Fills a folder for the linter: every example where it says it belongs, and the documentation's snippets as workflows.
 * With `--local` the action itself lies at the root, and they use it as a local action: so the linter knows its inputs
 * and outputs.
 */
import { execFileSync } from "node:child_process";
import { actionReference, copyAction, placeExamples, writeFiles } from "./folders.ts";
import { snippetWorkflows } from "./snippets.ts";

const [, , folder, ...options] = process.argv;
if (folder === undefined) throw new Error("Say which folder to fill");

const local = options.includes("--local");
const placed = (text: string): string => (local ? text.replaceAll(actionReference, "./") : text);
const snippets = Object.entries(snippetWorkflows()).map(([name, text]): [string, string] => [
  `.github/workflows/${name}`,
  placed(text),
]);
if (local) copyAction(folder, "https://mosoo.ai/api/v1");
placeExamples(folder, placed);
writeFiles(folder, Object.fromEntries(snippets));
execFileSync("git", ["init", "--quiet", folder]);
