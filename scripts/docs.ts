/**
 * `npm run docs`: writes the tables of inputs and outputs in README.md from action.yml, which is the single source.
 * With `-- --check` nothing is written: the tables are compared.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..");

interface Metadata {
  inputs: Record<string, { description: string; required?: boolean; default?: string }>;
  outputs: Record<string, { description: string }>;
}

const metadata = parse(readFileSync(join(root, "action.yml"), "utf8")) as Metadata;

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function inputsTable(): string {
  const rows = Object.entries(metadata.inputs).map(([name, { description, required, default: preset }]) => {
    const column = required === true ? "required" : preset === undefined ? "" : `\`${preset}\``;
    return `| \`${name}\` | ${cell(column)} | ${cell(description)} |`;
  });
  return ["| input | default | what it is |", "| --- | --- | --- |", ...rows].join("\n");
}

function outputsTable(): string {
  const rows = Object.entries(metadata.outputs).map(
    ([name, { description }]) => `| \`${name}\` | ${cell(description)} |`,
  );
  return ["| output | what it is |", "| --- | --- |", ...rows].join("\n");
}

/** `text` with what stands between the two marks of `name` replaced. */
function replaced(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: made from action.yml -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks the marks of ${name}.`);
  return `${text.slice(0, from + begin.length)}\n\n<!-- prettier-ignore -->\n${content}\n\n${text.slice(to)}`;
}

const path = join(root, "README.md");
const before = readFileSync(path, "utf8");
const after = replaced(replaced(before, "inputs", inputsTable()), "outputs", outputsTable());
if (!process.argv.includes("--check")) {
  writeFileSync(path, after);
} else if (before === after) {
  console.log("README.md's tables are what action.yml says.");
} else {
  console.error('README.md\'s tables are not what action.yml says: run "npm run docs".');
  process.exitCode = 1;
}
