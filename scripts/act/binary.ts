/** Programs that run the workflow files on this machine: Go modules at pinned versions, each built once. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ACT_VERSION = "v0.2.87";
const GH_VERSION = "v2.83.1";

function go(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): void {
  execFileSync("go", args, {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Built without the Docker client: host mode needs none, and half of the dependencies go. */
function installAct(folder: string): void {
  mkdirSync(folder, { recursive: true });
  console.error(`Building act ${ACT_VERSION} with "go install" (once) …`);
  go(["install", "-tags", "WITHOUT_DOCKER", `github.com/nektos/act@${ACT_VERSION}`], { env: { GOBIN: folder } });
}

/** `go install` refuses its module, which has replacements: it is built as a dependency. */
function buildGh(binary: string): void {
  console.error(`Building the GitHub CLI ${GH_VERSION} with "go build" (once) …`);
  const cwd = mkdtempSync(join(tmpdir(), "gh-"));
  try {
    go(["mod", "init", "example.test/gh"], { cwd });
    go(["mod", "edit", "-require", `github.com/cli/cli/v2@${GH_VERSION}`], { cwd });
    go(["build", "-o", binary, "github.com/cli/cli/v2/cmd/gh"], { cwd, env: { GOFLAGS: "-mod=mod" } });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

function given(variable: string): string | undefined {
  const path = process.env[variable];
  return path === undefined || path === "" ? undefined : path;
}

/** Path of act: the one that the variable ACT names, else the project's own in .cache/. */
export function actBinary(root: string): string {
  const named = given("ACT");
  if (named !== undefined) return named;
  const folder = join(root, ".cache", "act", ACT_VERSION);
  const binary = join(folder, "act");
  if (!existsSync(binary)) installAct(folder);
  return binary;
}

/** Path of the GitHub CLI: the one that the variable GH names, else the project's own in .cache/. */
export function ghBinary(root: string): string {
  const named = given("GH");
  if (named !== undefined) return named;
  const binary = join(root, ".cache", "gh", GH_VERSION, "gh");
  if (!existsSync(binary)) buildGh(binary);
  return binary;
}
