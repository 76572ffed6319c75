/** The act binary that runs workflow files on this machine: a Go module at a pinned version, built once. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const actVersion = "v0.2.87";

/** Built without the Docker client: host mode needs none, and half of the dependencies go. */
function install(folder: string): void {
  mkdirSync(folder, { recursive: true });
  console.log(`Building act ${actVersion} with "go install" (once) …`);
  execFileSync("go", ["install", "-tags", "WITHOUT_DOCKER", `github.com/nektos/act@${actVersion}`], {
    env: { ...process.env, GOBIN: folder },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Path of the binary: the one that the variable ACT names, else the project's own in .cache/. */
export function actBinary(root: string): string {
  const given = process.env["ACT"];
  if (given !== undefined && given !== "") return given;
  const folder = join(root, ".cache", "act", actVersion);
  const binary = join(folder, "act");
  if (!existsSync(binary)) install(folder);
  return binary;
}
