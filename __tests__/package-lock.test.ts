import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const path = join(import.meta.dirname, "..", "package-lock.json");
const text = readFileSync(path, "utf8");
const { packages } = JSON.parse(text) as {
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
