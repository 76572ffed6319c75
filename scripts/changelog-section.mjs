// Prints what CHANGELOG.md says about one version: `node scripts/changelog-section.mjs 1.2.3`. Fails where it says nothing.
import { readFileSync } from "node:fs";

const [, , version = ""] = process.argv;
const changelog = readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8");
const section = changelog.split(/^## /m).find((part) => part.startsWith(`[${version}]`));
const text = section
  ?.replace(/^.*\n/, "")
  .replace(/^\[[^\]]+\]: .*$/gm, "")
  .trim();
if (!text) {
  console.error(`CHANGELOG.md has no section "## [${version}]".`);
  process.exit(1);
}
console.log(text);
