import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { DownloadFolder } from "../../src/actions/download-folder.ts";
import { MosooError } from "../../src/mosoo/errors.ts";
import { skipUnless } from "../support/host.ts";

let temp: string;
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "folder-"));
});
afterEach(() => {
  rmSync(temp, { recursive: true });
});

const bytes = (text: string): Buffer => Buffer.from(text);

describe("a folder for downloads", () => {
  it("has a file once it is whole, and under its name alone", async () => {
    const folder = await DownloadFolder.create(temp);
    const file = await folder.open();
    await file.write(bytes("one, "));
    await file.write(bytes("two"));
    expect(readdirSync(folder.path)).toEqual([]);
    await folder.save(file, "a.txt");
    await folder.close();
    expect(readdirSync(temp)).toHaveLength(1);
    expect(readFileSync(join(folder.path, "a.txt"), "utf8")).toBe("one, two");
  });

  it("keeps nothing of a discarded file", async () => {
    const folder = await DownloadFolder.create(temp);
    const file = await folder.open();
    await file.write(bytes("half"));
    await file.discard();
    expect(readdirSync(temp, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual([]);
  });

  it("is another one each time", async () => {
    const [first, second] = await Promise.all([DownloadFolder.create(temp), DownloadFolder.create(temp)]);
    expect(first.path).not.toBe(second.path);
  });

  it("overwrites nothing", async () => {
    const folder = await DownloadFolder.create(temp);
    writeFileSync(join(folder.path, "a.txt"), "mine");
    const file = await folder.open();
    await expect(folder.save(file, "a.txt")).rejects.toThrow("EEXIST");
    await expect(folder.writeText("a.txt", "theirs")).rejects.toThrow("EEXIST");
    expect(readFileSync(join(folder.path, "a.txt"), "utf8")).toBe("mine");
  });

  skipUnless("devices", it)("follows no link", async () => {
    const folder = await DownloadFolder.create(temp);
    symlinkSync(join(temp, "target"), join(folder.path, "link"));
    await expect(folder.save(await folder.open(), "link")).rejects.toThrow("EEXIST");
    expect(lstatSync(join(folder.path, "link")).isSymbolicLink()).toBe(true);
    expect(readdirSync(temp)).not.toContain("target");
  });

  it.each([
    ["a RUNNER_TEMP that does not exist", () => join(temp, "missing")],
    ["no RUNNER_TEMP", () => ""],
  ])("reports %s at the input", async (_, place) => {
    const error: unknown = await DownloadFolder.create(place()).catch((reason: unknown) => reason);
    expect(error instanceof MosooError && error.details).toMatchObject({ input: "download-files" });
  });
});
