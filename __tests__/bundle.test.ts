/** The build leaves out what no step runs (scripts/alias). These tests fail when an update of a package asks for more. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function sources(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js") && !name.includes("node_modules"))
    .map((name) => [name.replaceAll("\\", "/"), read(`${folder}/${name}`)]);
}

describe("what the build leaves out", () => {
  it("is an HTTP client that only the OIDC part of @actions/core imports", () => {
    const users = sources("node_modules/@actions/core/lib").filter(([, text]) => text.includes("@actions/http-client"));
    expect(users.map(([name]) => name)).toEqual(["oidc-utils.js"]);
    const names = [...(users[0]?.[1] ?? "").matchAll(/import \{ ([^}]+) \} from '@actions\/http-client[^']*'/g)];
    expect(names.map((match) => match[1])).toEqual(["HttpClient", "BearerCredentialHandler"]);
  });

  it("is a process starter that only the platform part of @actions/core imports", () => {
    const users = sources("node_modules/@actions/core/lib").filter(([, text]) => text.includes("@actions/exec"));
    expect(users.map(([name]) => name)).toEqual(["platform.js"]);
    expect(new Set([...(users[0]?.[1] ?? "").matchAll(/exec\.(\w+)\(/g)].map((match) => match[1]))).toEqual(
      new Set(["getExecOutput"]),
    );
  });

  it("is what @actions/glob would print past the cleaning of the log", () => {
    const users = sources("node_modules/@actions/glob/lib").filter(([, text]) => text.includes("@actions/core"));
    const used = users.flatMap(([, text]) => [...text.matchAll(/\bcore\.(\w+)/g)].map((match) => match[1]));
    expect(new Set(used)).toEqual(new Set(["debug", "info"]));
    const chunks = readdirSync(join(root, "dist/action")).filter((name) => name.endsWith(".js"));
    const finders = chunks
      .map((name) => read(`dist/action/${name}`))
      .filter((code) => code.includes("omitBrokenSymbolicLinks:!0"));
    expect(finders).toHaveLength(1);
    // What it says at each search, and at each broken link.
    expect(finders[0]).not.toMatch(/Search path '|Broken symlink/);
  });

  it("is the part of undici's index that @actions/github does not use", () => {
    const users = [
      ...sources("node_modules/@actions/github/lib"),
      ...sources("node_modules/@actions/github/node_modules/@actions/http-client/lib"),
    ].filter(([, text]) => text.includes("undici"));
    const imported = users.flatMap(([, text]) =>
      [...text.matchAll(/import \{ ([^}]+) \} from 'undici'|undici_1\.(\w+)/g)].map((match) => match[1] ?? match[2]),
    );
    expect(new Set(imported)).toEqual(new Set(["fetch", "ProxyAgent"]));
  });

  it("is HTTP/2, which only undici's client would load, and which is offered to no server", () => {
    const users = sources("node_modules/undici/lib").filter(([, text]) => text.includes("client-h2"));
    expect(users.map(([name]) => name)).toEqual(["dispatcher/client.js"]);
    expect(users[0]?.[1]).toContain("connectH2(client, socket)");
    expect(read("src/mosoo/transport.ts")).toContain("allowH2: false");
    expect(read("scripts/alias/undici/index.js")).toContain("allowH2: false");
  });

  it("is a parser of undici that is off by default", () => {
    const client = read("node_modules/undici/lib/dispatcher/client-h1.js");
    expect(client).toContain("const { H1Parser, getMiloEnabled } =");
    expect(client).toContain("(client[kUseMilo] ?? getMiloEnabled())");
  });

  it("is node:http, of which undici's calls want the limit of the headers and the class of no body of ours", () => {
    const uses = (name: string): string[] =>
      [...read(`node_modules/undici/lib/${name}`).matchAll(/.*\b(?:http\.\w+|IncomingMessage\b).*/g)].map(([line]) =>
        line.trim(),
      );
    expect(new Set(uses("dispatcher/client.js").flatMap((line) => line.match(/http\.\w+/g) ?? []))).toEqual(
      new Set(["http.maxHeaderSize"]),
    );
    expect(uses("core/util.js")).toEqual([
      "const { IncomingMessage } = require('node:http')",
      "if (Object.getPrototypeOf(stream).constructor === IncomingMessage) {",
    ]);
  });

  it("is node:assert, of which undici uses the plain call alone", () => {
    const users = sources("node_modules/undici/lib").filter(
      ([name, text]) => /^(?:api|core|dispatcher)\//.test(name) && text.includes("require('node:assert')"),
    );
    expect(users.length).toBeGreaterThan(5);
    for (const [, text] of users) expect(text).not.toMatch(/\bassert\.\w/);
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

  it("starts from a small door", () => {
    expect(read("dist/index.js").length).toBeLessThan(500);
    expect(read("dist/post.js").length).toBeLessThan(1_000);
  });

  it("has its licences beside it, one for each package inside", () => {
    const licences = read("dist/action/licenses.txt");
    for (const name of ["@actions/core", "@actions/github", "undici", "zod", "eventsource-parser", "mdast-util-gfm"]) {
      expect(licences).toContain(name);
    }
    // Each with its whole text: the shortest, ISC's, has some 700 characters.
    const texts = licences.split(/\n-{80}\n/);
    expect(texts.length).toBeGreaterThan(50);
    expect(texts.filter((text) => text.length < 600).map((text) => text.trim().split("\n")[0])).toEqual([]);
  });

  it("keeps what only some steps need out of the file that every step loads", () => {
    const entry = read("dist/action/index.js");
    const chunks = files
      .filter((name) => name.endsWith(".js") && name !== "index.js")
      .map((name) => read(`dist/action/${name}`));
    // A string of each that survives minifying.
    for (const mark of ["octokit-core.js/", "mdast", "matchDirectories"]) {
      expect(entry.includes(mark)).toBe(false);
      expect(chunks.some((chunk) => chunk.includes(mark))).toBe(true);
    }
  });

  it("has its modules compiled once: none is a function that is only written down", () => {
    for (const name of files.filter((each) => each.endsWith(".js"))) {
      const code = read(`dist/action/${name}`);
      expect(code).toMatch(/[{,]\d+:\(function\(/);
      expect(code).not.toMatch(/[{,]\d+:(?:function|\w+=>\{|\([\w,]*\)=>\{)/);
    }
  });

  it("has the HTTP parser beside it, byte for byte undici's", () => {
    for (const name of ["llhttp", "llhttp_simd"]) {
      const base64 = /'([A-Za-z0-9+/=]{1000,})'/.exec(read(`node_modules/undici/lib/llhttp/${name}-wasm.js`))?.[1];
      expect(readFileSync(join(root, `dist/action/${name}.wasm`)).toString("base64")).toBe(base64);
    }
  });

  it("names no path of the machine that built it", () => {
    for (const name of files)
      expect(read(`dist/action/${name}`)).not.toContain("/node_modules/@actions/core/package.json");
  });
});
