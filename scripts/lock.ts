/**
 * `npm run lock`: adds the missing integrity hashes to package-lock.json, each as the registry publishes it for that
 * version. npm leaves them out for optional packages of other platforms when it writes the file from an installed
 * tree, and then installs those without a check. No version moves, and no registry is named in the file.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

interface LockEntry {
  name?: string;
  version?: string;
  integrity?: string;
  link?: boolean;
}
interface Lock {
  packages: Record<string, LockEntry>;
}

const path = join(import.meta.dirname, "..", "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
let added = 0;

for (const [location, entry] of Object.entries(lock.packages)) {
  if (location === "" || entry.link === true || entry.integrity !== undefined) continue;
  const name = entry.name ?? location.slice(location.lastIndexOf("node_modules/") + "node_modules/".length);
  const spec = `${name}@${entry.version ?? ""}`;
  const args = ["view", spec, "version", "dist.integrity", "--json"];
  const published = JSON.parse(execFileSync("npm", args, { encoding: "utf8" })) as Record<string, unknown>;
  const integrity = published["dist.integrity"];
  if (published["version"] !== entry.version || typeof integrity !== "string" || !integrity.startsWith("sha512-"))
    throw new Error(`The registry has no SHA-512 hash for ${spec}.`);
  // npm's own order of keys: the hash follows the version.
  lock.packages[location] = Object.fromEntries(
    Object.entries(entry).flatMap(([key, value]) =>
      key === "version"
        ? [
            [key, value],
            ["integrity", integrity],
          ]
        : [[key, value]],
    ),
  );
  added++;
  console.log(`${spec} ${integrity}`);
}

const before = JSON.parse(readFileSync(path, "utf8")) as Lock;
for (const [location, entry] of Object.entries(lock.packages)) {
  const { integrity, ...rest } = entry;
  const { integrity: earlier = integrity, ...same } = before.packages[location] ?? {};
  if (!isDeepStrictEqual(rest, same) || integrity !== earlier) throw new Error(`${location} changed otherwise.`);
}
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} integrity hashes added to package-lock.json.`);
