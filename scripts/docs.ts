/**
 * `npm run docs`: writes the tables of inputs and outputs in README.md from action.yml. The comments above its inputs are
 * the headings; every group but the first is collapsed. With `-- --check` nothing is written, only compared.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, parse, parseDocument } from "yaml";

const root = join(import.meta.dirname, "..");

interface Input {
  description: string;
  required?: boolean;
  default?: string;
}
interface Metadata {
  inputs: Record<string, Input>;
  outputs: Record<string, { description: string }>;
}

const source = readFileSync(join(root, "action.yml"), "utf8");
const metadata = parse(source) as Metadata;

/** The comment above each input that has one. The first is before the whole map. */
function headings(): Map<string, string> {
  const inputs = parseDocument(source).get("inputs", true);
  if (!isMap(inputs)) throw new Error("action.yml has no inputs.");
  const found = inputs.items.map(({ key }, index): [string, string] => {
    const { value, commentBefore } = key as { value: string; commentBefore?: string };
    return [value, (commentBefore ?? (index === 0 ? inputs.commentBefore : undefined) ?? "").trim()];
  });
  return new Map(found.filter(([, comment]) => comment !== ""));
}

interface Group {
  heading: string;
  inputs: [string, Input][];
}

function groups(): Group[] {
  const starts = headings();
  const found: Group[] = [];
  for (const entry of Object.entries(metadata.inputs)) {
    const heading = starts.get(entry[0]);
    if (heading !== undefined) found.push({ heading, inputs: [] });
    const group = found.at(-1);
    if (group === undefined) throw new Error(`action.yml has no heading above ${entry[0]}.`);
    group.inputs.push(entry);
  }
  return found;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function inputsTable({ inputs }: Group): string {
  const rows = inputs.map(([name, { description, required, default: preset }]) => {
    const column = required === true ? "required" : preset === undefined ? "" : `\`${preset}\``;
    return `| \`${name}\` | ${cell(column)} | ${cell(description)} |`;
  });
  return ["<!-- prettier-ignore -->", "| Input | Default | Description |", "| --- | --- | --- |", ...rows].join("\n");
}

function inputsText(): string {
  const [essentials, ...advanced] = groups();
  if (essentials === undefined) throw new Error("action.yml has no inputs.");
  const collapsed = advanced.map(
    (group) => `<details><summary><b>${group.heading}</b></summary>\n\n${inputsTable(group)}\n\n</details>`,
  );
  return [inputsTable(essentials), ...collapsed].join("\n\n");
}

function outputsText(): string {
  const rows = Object.entries(metadata.outputs).map(
    ([name, { description }]) => `| \`${name}\` | ${cell(description)} |`,
  );
  return ["<!-- prettier-ignore -->", "| Output | Description |", "| --- | --- |", ...rows].join("\n");
}

/** `text` with everything between the two markers of `name` replaced. */
function replaceSection(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: generated from action.yml -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks the markers of ${name}.`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

const path = join(root, "README.md");
const before = readFileSync(path, "utf8");
const after = replaceSection(replaceSection(before, "inputs", inputsText()), "outputs", outputsText());
if (!process.argv.includes("--check")) {
  writeFileSync(path, after);
} else if (before === after) {
  console.log("README.md's tables match action.yml.");
} else {
  console.error('README.md\'s tables do not match action.yml: run "npm run docs".');
  process.exitCode = 1;
}
