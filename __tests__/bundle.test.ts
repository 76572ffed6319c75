/** The bundle: packages as they are locked and were published, with one stub, and what each step loads of it. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function sources(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name) && !name.includes("node_modules"))
    .map((name) => [name.replaceAll("\\", "/"), read(`${folder}/${name}`)]);
}

const licenses = read("dist/action/licenses.txt").split(/\n-{80}\n/);

/** Name and version of each package in the bundle. */
function bundledPackages(): [name: string, version: string][] {
  return licenses.map((text) => {
    const [name = "", version = ""] = text.trim().split("\n")[0]?.split(" ") ?? [];
    return [name, version];
  });
}

describe("the stub of @actions/http-client", () => {
  const importers = sources("node_modules/@actions/core/lib").filter(([, text]) =>
    text.includes("@actions/http-client"),
  );

  it("is imported by the OIDC part of @actions/core alone", () => {
    expect(importers.map(([name]) => name)).toEqual(["oidc-utils.js"]);
  });

  it("exports every name that is imported from it", () => {
    const imports = [...(importers[0]?.[1] ?? "").matchAll(/import \{ ([^}]+) \} from '@actions\/http-client[^']*'/g)];
    expect(imports.map((match) => match[1])).toEqual(["HttpClient", "BearerCredentialHandler"]);
  });

  it("is of nothing that src/ uses", () => {
    for (const [name, text] of sources("src"))
      expect([name, text]).toEqual([name, expect.not.stringMatching(/getIDToken/)]);
  });

  it("is below @actions/core alone: @actions/github, the other user, has the published package", () => {
    const names = bundledPackages().map(([name]) => name);
    const users = names.filter((name) => {
      const { dependencies = {} } = JSON.parse(read(`node_modules/${name}/package.json`)) as {
        dependencies?: Record<string, string>;
      };
      return "@actions/http-client" in dependencies;
    });
    expect(users).toEqual(["@actions/core", "@actions/github"]);
    const published = "node_modules/@actions/github/node_modules/@actions/http-client/package.json";
    const { version } = JSON.parse(read(published)) as { version: string };
    expect(bundledPackages().filter(([name]) => name === "@actions/http-client")).toEqual([
      ["@actions/http-client", version],
    ]);
  });
});

// An archive of the source has no repository.
(existsSync(join(root, ".git")) ? describe : describe.skip)("the build", () => {
  it("is made of nothing that git leaves out", () => {
    const asked = ["ls-files", "--others", "--ignored", "--exclude-standard", "--", "scripts", "src"];
    expect(execFileSync("git", asked, { cwd: root, encoding: "utf8" })).toBe("");
  });
});

describe("the bundle", () => {
  const files = readdirSync(join(root, "dist/action"));

  const chunks = new Map(
    files.filter((name) => name.endsWith(".js")).map((name) => [name, read(`dist/action/${name}`)]),
  );
  const entry = chunks.get("index.js") ?? "";

  it("has small entry points", () => {
    expect(read("dist/index.js").length).toBeLessThan(500);
    expect(read("dist/post.js").length).toBeLessThan(1_000);
  });

  it("has little code in the file that every step loads: whole packages would show", () => {
    expect(entry.length).toBeLessThan(200_000);
  });

  it("holds only packages of the lockfile, at its version", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string }> };
    const locked = Object.entries(packages).map(
      ([path, { version }]) => `${path.replace(/^.*node_modules\//, "")} ${version}`,
    );
    expect(locked).toEqual(expect.arrayContaining(bundledPackages().map((each) => each.join(" "))));
  });

  it("lists every package inside with its whole license, and none that is not inside", () => {
    const names = bundledPackages().map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining(["@actions/core", "@actions/github", "undici", "zod", "mdast-util-gfm"]),
    );
    expect(names).not.toEqual(expect.arrayContaining([expect.stringMatching(/tagfilter/)]));
    expect(names.length).toBeGreaterThan(50);
    // The shortest license, ISC, has some 700 characters.
    expect(licenses.filter((text) => text.length < 600)).toEqual([]);
  });

  it.each([
    ["Octokit", "octokit-core.js/"],
    ["@actions/github", "actions_orchestration_id"],
    ["the published @actions/http-client", "Client has already been disposed"],
    ["the Markdown parser", "CounterClockwiseContourIntegral"],
    ["@actions/glob", "Symlink cycle detected"],
    ["undici", "BalancedPool"],
    ["Ajv", "must NOT have additional properties"],
    ["what corrects responses", "asking for a correction failed"],
  ])("holds %s once, and not in the file that every step loads", (_, mark) => {
    // `mark` survives minifying.
    expect(entry.includes(mark)).toBe(false);
    expect([...chunks].filter(([, code]) => code.includes(mark)).map(([name]) => name)).toHaveLength(1);
  });

  it("reads the script that validates only with a schema", () => {
    expect(files).toContain("validator.bundle.js");
    expect(entry).not.toContain("validator.bundle.js");
  });

  it("names no path of the machine that built it", () => {
    for (const code of chunks.values()) expect(code).not.toContain("/node_modules/@actions/core/package.json");
  });
});

const { packages } = JSON.parse(read("package-lock.json")) as {
  packages: Record<string, { integrity?: string; link?: boolean; resolved?: string }>;
};
const installed = Object.entries(packages).filter(([location, entry]) => location !== "" && entry.link !== true);

describe("package-lock.json", () => {
  it('has a SHA-512 hash for every package on every platform (if not: "npm run lock")', () => {
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(([, { integrity }]) => integrity?.startsWith("sha512-") !== true)).toEqual([]);
  });

  it("names no registry, so that it works with a mirror", () => {
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
