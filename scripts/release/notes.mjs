// `node scripts/release/notes.mjs v1.2.3`: checks that the tag, package.json, package-lock.json and CHANGELOG.md name the
// same version, and prints that version's section of the changelog.
import { readFileSync } from "node:fs";

const read = (name) => readFileSync(name, "utf8");
const [, , tag = ""] = process.argv;
const wanted = tag.replace(/^v/, "");
const sections = read("CHANGELOG.md")
  .split(/^## /m)
  .flatMap((part) => {
    const version = /^\[(\d+\.\d+\.\d+)\]/.exec(part)?.[1];
    const text = part
      .replace(/^.*\n/, "")
      .replace(/^\[[^\]]+\]: .*$/gm, "")
      .trim();
    return version === undefined ? [] : [{ version, text }];
  });
const section = sections.find(({ version }) => version === wanted);
const versions = {
  "the tag": wanted,
  "package.json": JSON.parse(read("package.json")).version,
  "package-lock.json": JSON.parse(read("package-lock.json")).version,
  "CHANGELOG.md": section?.version ?? sections[0]?.version ?? "none",
};
if (new Set(Object.values(versions)).size > 1) {
  const found = Object.entries(versions).map(([where, version]) => `${where} says ${version}`);
  console.error(
    `::error title=Versions differ::${found.join(", ")}. Correct the files and move the tag, or push the tag that they name.`,
  );
  process.exit(1);
}
if (!section?.text) {
  console.error(`::error title=No release notes::CHANGELOG.md has nothing under ${wanted}.`);
  process.exit(1);
}
console.log(section.text);
