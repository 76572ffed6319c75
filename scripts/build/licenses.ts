/**
 * The licenses of all bundled packages, as one text. ncc's own list leaves out packages whose modules it concatenates
 * with the entry, so the packages are read from its statistics, which name every module.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

interface StatsModule {
  nameForCondition?: string | null;
  /** Empty for a module that was read and then left out, because nothing of it is used. */
  chunks?: (string | number)[];
  modules?: StatsModule[];
}

interface PackageFile {
  name: string;
  version: string;
  license?: string;
  /** The project's own stub. */
  private?: boolean;
}

function packageFolders(modules: readonly StatsModule[]): string[] {
  return modules.flatMap((module) => {
    const path = module.nameForCondition?.replaceAll("\\", "/") ?? "";
    const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
    return [...(folder === undefined ? [] : [folder]), ...packageFolders(module.modules ?? [])];
  });
}

function licenseText(folder: string): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined ? "" : readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
}

/** One entry a package, by name: name, version, license, and its text where the package has it. */
export function collectLicenses(statsPaths: readonly string[]): string {
  const modules = statsPaths.flatMap((path) => {
    return (JSON.parse(readFileSync(path, "utf8")) as { modules: StatsModule[] }).modules;
  });
  const entries = new Map<string, string>();
  const included = modules.filter(({ chunks = [] }) => chunks.length > 0);
  for (const folder of new Set(packageFolders(included))) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version, license, private: own } = JSON.parse(readFileSync(path, "utf8")) as PackageFile;
    if (own !== true)
      entries.set(`${name} ${version}`, `${name} ${version}\n${license ?? ""}\n\n${licenseText(folder)}`.trim());
  }
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return `${sorted.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
