/**
 * The licences of all bundled packages, as one text. ncc's own list leaves out packages that it melts into the entry,
 * so the packages are read from its statistics, which name every module.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

interface StatsModule {
  nameForCondition?: string | null;
  modules?: StatsModule[];
}

interface PackageFile {
  name: string;
  version: string;
  license?: string;
  /** The project's own stand-ins of scripts/alias. */
  private?: boolean;
}

function packageFolders(modules: readonly StatsModule[]): string[] {
  return modules.flatMap((module) => {
    const path = module.nameForCondition?.replaceAll("\\", "/") ?? "";
    const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
    return [...(folder === undefined ? [] : [folder]), ...packageFolders(module.modules ?? [])];
  });
}

function licenceText(folder: string): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined ? "" : readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
}

/** One entry a package, by name: name, version, licence, and its text where the package has it. */
export function licencesOf(statsPath: string): string {
  const stats = JSON.parse(readFileSync(statsPath, "utf8")) as { modules: StatsModule[] };
  const entries = new Map<string, string>();
  for (const folder of new Set(packageFolders(stats.modules))) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version, license, private: own } = JSON.parse(readFileSync(path, "utf8")) as PackageFile;
    if (own !== true)
      entries.set(`${name} ${version}`, `${name} ${version}\n${license ?? ""}\n\n${licenceText(folder)}`.trim());
  }
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return `${sorted.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
