import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const root = join(import.meta.dirname, "..");

/** `owner/action@commit # version` of every `uses:` in a file, this action's own excluded. */
function pinsIn(path: string): string[] {
  const uses = readFileSync(join(root, path), "utf8").matchAll(/uses: ([\w./-]+@\S+(?: # \S+)?)/g);
  return [...uses].map(([, pin = ""]) => pin).filter((pin) => /^[\w-]+\//.test(pin) && !pin.startsWith("your-org/"));
}

const inFolder = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

const examples = inFolder("examples", ".yml").flatMap(pinsIn);
const documentation = ["README.md", ...inFolder("docs", ".md")].flatMap(pinsIn);

describe("actions used in examples and documentation", () => {
  it("are pinned to a commit, with the version beside it", () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const pin of [...examples, ...documentation]) expect(pin).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("are the same version in the documentation as in examples/, which Dependabot updates", () => {
    expect(documentation.length).toBeGreaterThan(0);
    expect(documentation.filter((pin) => !examples.includes(pin))).toEqual([]);
  });
});
