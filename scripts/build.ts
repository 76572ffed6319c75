/**
 * Builds dist/ from src/: tsc turns TypeScript into JavaScript in build/, then ncc bundles it.
 *
 * dist/index.js and dist/post.js are small entry points that TypeScript transpiles; dist/action/ is what they
 * open: one entry plus chunks that are loaded on demand. All of it is CommonJS: Node's loader of ES modules alone costs
 * a step a tenth of its start. With `--check` nothing is written: the build goes to a temporary folder and is compared
 * with the committed dist/.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { minifySync } from "@swc/core";
import ts from "typescript";
import { collectLicenses } from "./build/licenses.ts";

const root = join(import.meta.dirname, "..");
const build = join(root, "build");
const require = createRequire(import.meta.url);

function run(script: string, ...args: string[]): void {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: ["ignore", process.stderr, "inherit"] });
}

function minify(code: string): string {
  const options = {
    compress: { passes: 2, toplevel: true },
    mangle: { toplevel: true },
    format: { asciiOnly: true },
  };
  return minifySync(code, options).code;
}

/** ncc minifies only the entry it writes; the chunks count in what a runner downloads just the same. */
function minifyFolder(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js"))) {
    const path = join(folder, name);
    writeFileSync(path, minify(readFileSync(path, "utf8")));
  }
}

/** Bundles `build/<entry>` and what it imports into `folder`. @returns the path of its statistics */
function bundle(entry: string, folder: string): string {
  const stats = join(build, `${entry.replaceAll("/", "-")}.stats.json`);
  const options = ["--stats-out", stats, "--target", "es2022", "--no-cache"];
  run(require.resolve("@vercel/ncc/dist/ncc/cli.js"), "build", `build/${entry}`, "-o", folder, ...options);
  return stats;
}

/** An entry point in CommonJS. It is read by people: no helpers, no minifying. */
function emitEntryPoint(name: string): string {
  const { outputText } = ts.transpileModule(readFileSync(join(root, "src", name), "utf8"), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: false },
  });
  return outputText.replaceAll("./run.ts", "./action/index.js");
}

/**
 * Puts a stub in the place of `@actions/http-client` below `@actions/core`: only core's OIDC part needs it, and it would
 * bring undici into the file that every step loads. What imports core is copied along, unchanged, so that its imports are
 * resolved here first. `@actions/github` is not, and has the published `@actions/http-client`.
 */
function stubHttpClient(): void {
  const modules = join(build, "node_modules/@actions");
  for (const name of ["core", "glob"]) {
    cpSync(join(root, "node_modules/@actions", name), join(modules, name), { recursive: true });
  }
  cpSync(join(root, "scripts/build/http-client-stub"), join(modules, "http-client"), { recursive: true });
}

/**
 * The script that validates responses in a context of its own: it has no modules there, so it is bundled by itself. The
 * module that reads it has it beside itself, and so ncc puts it beside the chunks.
 *
 * @returns the path of its statistics
 */
function bundleValidator(): string {
  const folder = join(build, "validator");
  const stats = bundle("response-schema/validator/entry.js", folder);
  // What ncc expects of a module in CommonJS.
  const code = `(() => { const module = {}, __dirname = ""; ${readFileSync(join(folder, "index.js"), "utf8")}\n})();`;
  writeFileSync(join(build, "response-schema", "validator.bundle.js"), minify(code));
  return stats;
}

function buildInto(dist: string): void {
  rmSync(build, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  run(require.resolve("typescript/bin/tsc"), "-p", "tsconfig.build.json");
  stubHttpClient();
  // Without a `type` ncc takes the modules as they are written, and writes CommonJS.
  writeFileSync(join(build, "package.json"), "{}\n");
  const stats = [bundleValidator(), bundle("run.js", join(dist, "action"))];
  minifyFolder(join(dist, "action"));
  writeFileSync(join(dist, "action", "licenses.txt"), collectLicenses(stats));
  writeFileSync(join(dist, "index.js"), emitEntryPoint("main.ts"));
  writeFileSync(join(dist, "post.js"), emitEntryPoint("post.ts"));
  writeFileSync(join(dist, "package.json"), '{ "type": "commonjs" }\n');
}

function filesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path, "latin1")];
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
