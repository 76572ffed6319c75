/**
 * Builds dist/ from src/: tsc turns TypeScript into JavaScript in build/, then ncc bundles it.
 *
 * dist/index.js and dist/post.js are small doors, written by tsc as they stand; dist/action/ is what they open: one
 * entry plus chunks that are loaded on demand. With `--check` nothing is written: the build goes to a temporary folder
 * and is compared with the committed dist/.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { minifySync } from "@swc/core";
import { licencesOf } from "./licences.ts";

const root = join(import.meta.dirname, "..");
const build = join(root, "build");
const require = createRequire(import.meta.url);

function run(script: string, ...args: string[]): void {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: ["ignore", process.stderr, "inherit"] });
}

/**
 * Lays scripts/alias over copies of the packages, where the bundled code finds them first: what this action never runs
 * is neither loaded nor shipped (scripts/alias/README.md).
 */
function layAliases(): void {
  const modules = join(build, "node_modules");
  const copy = (from: string, to: string): void => {
    cpSync(join(root, from), join(modules, to), { recursive: true });
  };
  for (const name of ["@actions/core", "@actions/glob", "@actions/github", "undici"])
    copy(`node_modules/${name}`, name);
  copy("scripts/alias/http-client", "@actions/http-client");
  copy("scripts/alias/exec", "@actions/exec");
  copy("scripts/alias/undici", "undici");
}

/** ncc minifies only the entry it writes; the chunks count in what a runner downloads just the same. */
function minifyFolder(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js"))) {
    const path = join(folder, name);
    const { code } = minifySync(readFileSync(path, "utf8"), { module: true, compress: { passes: 2 }, mangle: true });
    writeFileSync(path, code);
  }
}

function buildInto(dist: string): void {
  rmSync(build, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  run(require.resolve("typescript/bin/tsc"), "-p", "tsconfig.build.json");
  layAliases();
  const stats = join(build, "stats.json");
  run(
    require.resolve("@vercel/ncc/dist/ncc/cli.js"),
    "build",
    "build/action.js",
    "-o",
    join(dist, "action"),
    "--stats-out",
    stats,
    "--target",
    "es2022",
    "--no-cache",
  );
  minifyFolder(join(dist, "action"));
  writeFileSync(join(dist, "action", "licenses.txt"), licencesOf(stats));
  for (const door of ["index.js", "post.js"]) {
    writeFileSync(
      join(dist, door),
      readFileSync(join(build, door), "utf8").replaceAll("./action.js", "./action/index.js"),
    );
  }
  writeFileSync(join(dist, "package.json"), '{ "type": "module" }\n');
}

function filesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path, "utf8")];
    }),
  );
}

const fresh = join(mkdtempSync(join(tmpdir(), "dist-")), "dist");
buildInto(fresh);
if (process.argv.includes("--check")) {
  const [built, committed] = [filesOf(fresh), filesOf(join(root, "dist"))];
  const differing = [...new Set([...built.keys(), ...committed.keys()])].filter(
    (name) => built.get(name) !== committed.get(name),
  );
  if (differing.length > 0) {
    console.error(`dist/ is not what src/ builds: ${differing.join(", ")}\nRun "npm run build" and commit dist/.`);
    process.exitCode = 1;
  } else console.log(`dist/ is what src/ builds (${built.size} files).`);
} else {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  cpSync(fresh, join(root, "dist"), { recursive: true });
  console.log([...filesOf(fresh)].map(([name, text]) => `${name}\t${text.length}`).join("\n"));
}
rmSync(fresh, { recursive: true });
