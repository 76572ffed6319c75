/** YAML snippets of the documentation, made into workflow files that a linter takes. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./folders.ts";

/** README.md and the pages of docs/. */
function pages(): string[] {
  const docs = existsSync(join(root, "docs")) ? readdirSync(join(root, "docs")) : [];
  const all = ["README.md", ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
  return all.filter((page) => existsSync(join(root, page)));
}

function indented(text: string, by: string): string {
  return text.replaceAll(/^(?=.)/gm, by);
}

/** A whole workflow, unchanged; a list of steps as a job's; undefined for what is neither, such as `permissions:`. */
function workflowOf(snippet: string): string | undefined {
  if (/^jobs:/m.test(snippet)) return snippet;
  const first = snippet.split("\n").find((line) => line.trim() !== "" && !line.trim().startsWith("#"));
  if (first?.startsWith("- ") !== true) return undefined;
  const head =
    "name: Snippet\non: pull_request\npermissions: {}\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n";
  return head + indented(snippet, "      ");
}

function withoutIndent(text: string, indent: string): string {
  return text
    .split("\n")
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join("\n");
}

/** Workflow files by name, such as `README-3.yml` for the third YAML block of README.md. */
export function snippetWorkflows(): Record<string, string> {
  const found = pages().flatMap((page) => {
    const blocks = readFileSync(join(root, page), "utf8").matchAll(/^([ \t]*)```ya?ml\n(.*?)^\1```$/gms);
    return [...blocks].flatMap(([, indent = "", text = ""], index): [string, string][] => {
      const workflow = workflowOf(withoutIndent(text, indent));
      const name = page.replace(/\.md$/, "").replaceAll("/", "-");
      return workflow === undefined ? [] : [[`${name}-${index + 1}.yml`, workflow]];
    });
  });
  return Object.fromEntries(found);
}
