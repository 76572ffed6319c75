/**
 * The release scripts, run by bash against a fake of GitHub's API. `gh` is a strict fake too, unless the variable GH holds
 * the path of the real one, as in `.ci/run release`.
 */
import { execFile } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeReleases } from "../support/fake-releases.ts";

const root = join(import.meta.dirname, "../..");
const realGh = process.env["GH"];
const describeWithBash = process.platform === "win32" ? describe.skip : describe;

let gitHub: FakeReleases;
let folder: string;

interface Result {
  code: number;
  output: string;
  summary: string;
}

beforeEach(async () => {
  gitHub = new FakeReleases();
  await gitHub.listen();
  folder = mkdtempSync(join(tmpdir(), "release-"));
  mkdirSync(join(folder, "bin"));
  if (process.platform !== "win32")
    symlinkSync(realGh ?? join(root, "__tests__/support/fake-gh.mjs"), join(folder, "bin/gh"));
  writeFileSync(join(folder, "notes.md"), "What is new.\n");
  writeFileSync(join(folder, "asset.tar.gz"), "bytes");
  writeFileSync(join(folder, "summary.md"), "");
});

afterEach(async () => {
  await gitHub.close();
  rmSync(folder, { recursive: true });
});

function run(command: string, args: string[], tag: string): Promise<Result> {
  const env = {
    PATH: [join(folder, "bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
    HOME: folder,
    TAG: tag,
    COMMIT: gitHub.tags[tag] ?? "none",
    GITHUB_REPOSITORY: "octo-org/octo-repo",
    GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
    GH_TOKEN: "ghs_test",
    FAKE_API: gitHub.url,
    // gh speaks plain HTTP to this host alone, and reaches the fake as a proxy.
    GH_HOST: "github.localhost",
    GH_ENTERPRISE_TOKEN: "ghs_test",
    HTTP_PROXY: gitHub.url,
    GH_NO_UPDATE_NOTIFIER: "1",
  };
  return new Promise((resolve) => {
    execFile(command, args, { cwd: folder, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, output: stdout + stderr, summary: readFileSync(join(folder, "summary.md"), "utf8") });
    });
  });
}

const script = join(root, "scripts/release/release.sh");
const publish = (tag: string): Promise<Result> => run("bash", [script, "publish", "notes.md", "asset.tar.gz"], tag);
const moveMajorTag = (tag: string): Promise<Result> => run("bash", [script, "move-major-tag"], tag);

function push(tag: string): void {
  gitHub.tags[tag] = `${tag}-commit`;
}

/** Tag, state and assets of each release. */
function published(): unknown[] {
  return gitHub.releases.map(({ tag_name: tag, draft, assets }) => [tag, draft ? "draft" : "published", assets]);
}

afterEach(() => {
  expect(gitHub.unexpected).toEqual([]);
});

describeWithBash("publishing a release", () => {
  it("drafts it, uploads the archive, and publishes it as the latest", async () => {
    push("v1.0.0");
    const { code, output } = await publish("v1.0.0");
    expect([code, output]).toEqual([0, expect.anything()]);
    expect(published()).toEqual([["v1.0.0", "published", ["asset.tar.gz"]]]);
    expect(gitHub.releases[0]).toMatchObject({ name: "v1.0.0", body: "What is new.\n" });
    expect(gitHub.latest).toBe("v1.0.0");
  });

  it("leaves a published release alone when it is run again", async () => {
    push("v1.0.0");
    await publish("v1.0.0");
    gitHub.changes = [];
    expect((await publish("v1.0.0")).code).toBe(0);
    expect(gitHub.changes).toEqual([]);
  });

  it("fails when the upload fails, without publishing, and starts over when it is run again", async () => {
    push("v1.0.0");
    gitHub.isUploadRejected = true;
    expect((await publish("v1.0.0")).code).not.toBe(0);
    expect(published()).toEqual([["v1.0.0", "draft", []]]);
    gitHub.isUploadRejected = false;
    expect((await publish("v1.0.0")).code).toBe(0);
    expect(published()).toEqual([["v1.0.0", "published", ["asset.tar.gz"]]]);
  }, 60_000);

  it("does not make a backport the latest release", async () => {
    gitHub.add("v1.10.0");
    gitHub.latest = "v1.10.0";
    push("v1.9.1");
    expect((await publish("v1.9.1")).code).toBe(0);
    expect(published()).toContainEqual(["v1.9.1", "published", ["asset.tar.gz"]]);
    expect(gitHub.latest).toBe("v1.10.0");
  });

  it("ignores drafts, prereleases and tags without a release when it decides which version is the latest", async () => {
    gitHub.add("v9.0.0", { draft: true });
    gitHub.add("v8.0.0", { prerelease: true });
    gitHub.add("v1.0.0");
    push("v7.0.0");
    push("v1.0.1");
    expect((await publish("v1.0.1")).code).toBe(0);
    expect(gitHub.latest).toBe("v1.0.1");
  });

  it("fails when the tag does not exist", async () => {
    expect((await publish("v1.0.0")).code).not.toBe(0);
    expect(published()).toEqual([]);
  });
});

describeWithBash("moving the major tag", () => {
  it("creates the tag with the first release and moves it with the next", async () => {
    gitHub.add("v1.0.0");
    expect((await moveMajorTag("v1.0.0")).code).toBe(0);
    expect(gitHub.tags["v1"]).toBe("v1.0.0-commit");
    gitHub.add("v1.1.0");
    expect((await moveMajorTag("v1.1.0")).code).toBe(0);
    expect(gitHub.tags["v1"]).toBe("v1.1.0-commit");
  });

  it("changes nothing when the tag already points at the release", async () => {
    gitHub.add("v1.0.0");
    await moveMajorTag("v1.0.0");
    gitHub.changes = [];
    expect((await moveMajorTag("v1.0.0")).code).toBe(0);
    expect(gitHub.changes).toEqual([]);
  });

  it("leaves the tag at a newer version of the same major, with a notice", async () => {
    gitHub.add("v1.10.0");
    gitHub.tags["v1"] = "v1.10.0-commit";
    gitHub.add("v1.9.1");
    gitHub.add("v2.0.0");
    const { code, output } = await moveMajorTag("v1.9.1");
    expect(code).toBe(0);
    expect(output).toMatch(/^::notice::.*v1\.10\.0/m);
    expect(gitHub.tags["v1"]).toBe("v1.10.0-commit");
  });

  it("moves an older major's tag beside a newer major", async () => {
    gitHub.add("v2.0.0");
    gitHub.add("v10.0.0");
    gitHub.tags["v1"] = "old";
    gitHub.add("v1.9.1");
    expect((await moveMajorTag("v1.9.1")).code).toBe(0);
    expect(gitHub.tags["v1"]).toBe("v1.9.1-commit");
  });

  it("fails with the command that a person has to run when GitHub rejects the update", async () => {
    gitHub.add("v1.0.0");
    gitHub.tags["v1"] = "old";
    gitHub.isTagUpdateRejected = true;
    const { code, output, summary } = await moveMajorTag("v1.0.0");
    const command = "git push --force origin v1.0.0-commit:refs/tags/v1";
    expect(code).toBe(1);
    expect(output).toMatch(/^::error title=.*v1/m);
    expect(output).toContain(command);
    expect(summary).toContain(command);
    expect(gitHub.tags["v1"]).toBe("old");
  });
});

describe("the version check of a release", () => {
  function notes(tag: string, change: (name: string, text: string) => string = (_, text) => text): Promise<Result> {
    for (const name of ["package.json", "package-lock.json", "CHANGELOG.md"]) {
      copyFileSync(join(root, name), join(folder, name));
      writeFileSync(join(folder, name), change(name, readFileSync(join(folder, name), "utf8")));
    }
    cpSync(join(root, "scripts/release/notes.mjs"), join(folder, "notes.mjs"));
    return run(process.execPath, ["notes.mjs", tag], tag);
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

  it("prints the version's section of the changelog", async () => {
    const { code, output } = await notes(`v${version}`);
    expect(code).toBe(0);
    expect(output).toMatch(/^### /m);
    expect(output).not.toMatch(/^## |^\[/m);
  });

  it("names every version when they differ", async () => {
    const { code, output } = await notes("v9.9.9");
    expect(code).toBe(1);
    for (const name of ["9.9.9", "package.json", "package-lock.json", "CHANGELOG.md"]) expect(output).toContain(name);
  });

  it("fails when the changelog has no text for the version", async () => {
    const empty = (name: string, text: string): string =>
      name === "CHANGELOG.md" ? `# Changelog\n\n## [${version}] - 2026-01-01\n` : text;
    expect((await notes(`v${version}`, empty)).code).toBe(1);
  });
});
