/** README.md, docs/ and the other texts that people read: links, words, length, pinned actions. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

const pages = ["README.md", ...filesIn("docs", /\.md$/)];
const texts = [
  ...pages,
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "action.yml",
  ...filesIn("examples", /\.(md|yml)$/),
  ...filesIn(".github", /\.(md|yml)$/),
];

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = read(page).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Links to files of the repository, as `page → target`, whose target or anchor does not exist. */
function brokenLinks(page: string): string[] {
  const targets = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(root, file))) return true;
    return anchor !== undefined && !anchorsOf(file).includes(anchor);
  });
}

describe("the documentation", () => {
  it.each(texts.filter((path) => path.endsWith(".md") && !path.startsWith(".github")))(
    "has no broken link in %s",
    (page) => {
      expect(brokenLinks(page)).toEqual([]);
    },
  );

  it("has at most 8,000 words", () => {
    const words = pages.flatMap((page) => read(page).split(/\s+/)).filter((word) => word !== "");
    expect(words.length).toBeLessThanOrEqual(8_000);
  });

  it("uses the field's terms", () => {
    const avoided =
      /\b(told|tells? of|mend(ed)?|doors?|wish|cure|burnt|in vain|endure|ridden out|legs?|foreign text|to be had|learnt|by chance|conceal|laid|broke off|misspelt|honoured|behaviour|canceled)\b/gi;
    const found = texts.flatMap((path) => [...read(path).matchAll(avoided)].map(([word]) => `${path}: ${word}`));
    expect(found).toEqual([]);
  });
});

/** `owner/action@commit # version` of every `uses:` in a file, this action's own excluded. */
function pinsIn(path: string): string[] {
  const uses = read(path).matchAll(/uses: ([\w./-]+@\S+(?: # \S+)?)/g);
  return [...uses].map(([, pin = ""]) => pin).filter((pin) => /^[\w-]+\//.test(pin) && !pin.startsWith("your-org/"));
}

const examples = filesIn("examples", /\.yml$/).flatMap(pinsIn);
const documentation = pages.flatMap(pinsIn);

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
