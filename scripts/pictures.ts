/**
 * Generates the README's pictures: real runs of dist/ → Markdown → HTML in GitHub's public stylesheet → PNG.
 *
 * `node scripts/pictures.ts` writes docs/pictures/; `node scripts/pictures.ts --all FOLDER [OUTCOME…]` writes summary and
 * comment of every outcome, to be looked at. Run it with Node 24, after `npm run build`. It needs Chromium, better also
 * pngquant, and fonts: `apt-get install chromium pngquant fonts-noto-core fonts-noto-color-emoji fonts-liberation`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./pictures/browser.ts";
import { commentPage, readStyles, summaryPage } from "./pictures/page.ts";
import { playAll } from "./pictures/runs.ts";

const { values, positionals } = parseArgs({ options: { all: { type: "string" } }, allowPositionals: true });
const docs = join(import.meta.dirname, "../docs/pictures");
const shown = ["comment-completed", "summary-completed"];
const width = 900;

/** Fewer colors, a third of the bytes; as it is where pngquant is missing. */
function smaller(png: Buffer): Buffer {
  const { status, stdout } = spawnSync("pngquant", ["--quality=80-98", "--speed=1", "--strip", "-"], { input: png });
  return status === 0 ? stdout : png;
}

const modules = mkdtempSync(join(tmpdir(), "styles-"));
const browser = await Browser.start();
try {
  const packages = ["github-markdown-css@5", "@primer/octicons@19"];
  execFileSync("npm", ["install", "--prefix", modules, "--no-audit", "--no-fund", ...packages], { stdio: "ignore" });
  const styles = readStyles(join(modules, "node_modules"));
  const folder = values.all ?? docs;
  mkdirSync(folder, { recursive: true });
  for (const [outcome, { summary, comment }] of await playAll(positionals)) {
    const pages = {
      [`comment-${outcome}`]: comment === "" ? "" : commentPage(comment, styles),
      [`summary-${outcome}`]: summary === "" ? "" : summaryPage(summary, "review", styles),
    };
    for (const [name, page] of Object.entries(pages)) {
      if (page === "" || (values.all === undefined && !shown.includes(name))) continue;
      const png = smaller(await browser.picture(page, width, ".picture"));
      writeFileSync(join(folder, `${name}.png`), png);
      console.log(`${name}.png ${Math.round(png.length / 1_024)} KiB`);
    }
    if (values.all !== undefined) writeFileSync(join(folder, `${outcome}.md`), `${comment}\n\n${summary}`);
  }
} finally {
  await browser.close();
  rmSync(modules, { recursive: true, force: true });
}
