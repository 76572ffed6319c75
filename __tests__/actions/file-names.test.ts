import { posix, win32 } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { FileNames, matchNames, toSafeName } from "../../src/actions/file-names.ts";
import { propertyRuns } from "../support/property-runs.ts";

/** Names that mean something to some system, and any Unicode text, lone surrogates included. */
const anyName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom("/", "\\", "..", ".", " ", "C:", "con", "COM1", "nul", ":", "*", "\u202e", "\u0000", "\n", "é"),
        fc.constantFrom(
          "e\u0301",
          "\u00e9",
          "K",
          "\u212a",
          "ﬁ",
          "fi",
          "\ud83d",
          ".files.json",
          ".txt",
          "a",
          "A",
          "ß",
          "İ",
        ),
        fc.string({ unit: "binary", maxLength: 4 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join("")),
);

/** Why no file may have this name; undefined for a safe one. */
function problemOf(name: string): string | undefined {
  if (name === "" || /^\.+$/.test(name)) return "no name";
  if (!name.isWellFormed()) return "half a surrogate pair";
  if (Buffer.byteLength(name) > 255) return "too long";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return "an invisible character";
  if (/[<>:"/\\|?*]/.test(name)) return "a reserved character";
  if (/[. ]$|^ /.test(name)) return "a blank or dot at its end";
  if (/^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i.test(name)) return "a device";
  for (const [system, folder] of [
    [posix, "/tmp/files"],
    [win32, "C:\\temp\\files"],
  ] as const) {
    if (system.basename(name) !== name) return "a path";
    if (system.dirname(system.resolve(folder, name)) !== folder) return "outside the folder";
  }
  return undefined;
}

/** The ways in which file systems compare names. */
const COMPARISONS: ((name: string) => string)[] = [
  (name) => name.toLowerCase(),
  (name) => name.toUpperCase(),
  (name) => name.normalize("NFC"),
  (name) => name.normalize("NFD").toLowerCase(),
  (name) => name.normalize("NFKC").toUpperCase(),
  (name) => name.normalize("NFD").toUpperCase().normalize("NFC"),
];

describe("the safe name of a file", () => {
  it.each([
    ["report.md", "report.md"],
    ["naïve ☕ 你好.txt", "naïve ☕ 你好.txt"],
    [".env", ".env"],
    ["out/report.md", "report.md"],
    ["../../etc/passwd", "passwd"],
    ["..\\..\\windows\\system.ini", "system.ini"],
    ["/etc/cron.d/job", "job"],
    ["folder/", "folder"],
    ["C:\\autoexec.bat", "autoexec.bat"],
    ["C:autoexec.bat", "C_autoexec.bat"],
    ["a.txt:stream", "a.txt_stream"],
    ["\\\\server\\share\\a.txt", "a.txt"],
    ["..", "file"],
    ["", "file"],
    [" . . ", "file"],
    ["a.txt. .", "a.txt"],
    ["  a.txt", "a.txt"],
    ["con", "_con"],
    ["NUL.txt", "_NUL.txt"],
    ["Com1 .tar.gz", "_Com1 .tar.gz"],
    ["console.log", "console.log"],
    ["a\nb\u0007c.txt", "a_b_c.txt"],
    ["invoice\u202efdp.exe", "invoice_fdp.exe"],
    ["zero\u200bwidth", "zero_width"],
    ["\ud83d.txt", "\ufffd.txt"],
    ["e\u0301.txt", "\u00e9.txt"],
  ])("is, for %j, %j", (name, safe) => {
    expect(toSafeName(name)).toBe(safe);
  });

  it("has at most 255 bytes, the extension among them", () => {
    expect(toSafeName(`${"x".repeat(300)}.txt`)).toBe(`${"x".repeat(251)}.txt`);
    expect(toSafeName(`${"€".repeat(100)}.patch`)).toBe(`${"€".repeat(83)}.patch`);
    // That is no extension.
    expect(toSafeName(`a.${"b".repeat(300)}`)).toBe(`a.${"b".repeat(253)}`);
  });

  it("is safe on Linux and Windows, and stays as it is, for any text", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const safe = toSafeName(name);
        expect(problemOf(safe)).toBeUndefined();
        expect(toSafeName(safe)).toBe(safe);
      }),
      propertyRuns(1_000),
    );
  });
});

describe("the names in one folder", () => {
  it("get a number where another file has the name, in whatever case or composition", () => {
    const names = new FileNames([".files.json"]);
    const given = [
      "a.txt",
      "a.txt",
      "A.TXT",
      "a (2).txt",
      "a.txt",
      "b",
      "B",
      ".files.json",
      ".FILES.json",
      "tar.tar.gz",
      "tar.tar.gz",
    ];
    expect(given.map((name) => names.add(name))).toEqual([
      "a.txt",
      "a (2).txt",
      "A (3).TXT",
      "a (2) (2).txt",
      "a (4).txt",
      "b",
      "B (2)",
      ".files (2).json",
      ".FILES (3).json",
      "tar.tar.gz",
      "tar.tar (2).gz",
    ]);
  });

  it("are safe, and differ on every file system, for any texts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyName, fc.constantFrom("a".repeat(400), "A".repeat(300))), { maxLength: 20 }),
        (given) => {
          const names = new FileNames([".files.json"]);
          const all = given.map((name) => names.add(toSafeName(name)));
          expect(all.map(problemOf).filter((problem) => problem !== undefined)).toEqual([]);
          for (const compare of COMPARISONS) {
            expect(new Set([...all, ".files.json"].map(compare)).size).toBe(all.length + 1);
          }
        },
      ),
      propertyRuns(300),
    );
  });

  it("are found quickly for a thousand files of one name", () => {
    const names = new FileNames();
    const all = Array.from({ length: 1_000 }, () => names.add("report.md"));
    expect(new Set(all).size).toBe(1_000);
    expect(all.at(-1)).toBe("report (1000).md");
  });
});

describe("patterns of file names", () => {
  it.each<[string[], string, boolean]>([
    [["*"], "a.txt", true],
    [["*"], ".env", true],
    [["**"], ".env.local", true],
    [["*.patch"], "fix.patch", true],
    [["*.patch"], "fix.patch.txt", false],
    [["*.{md,txt}"], "a.md", true],
    [["{a,b}*"], "b.md", true],
    [["[.]env"], ".env", true],
    [["?env"], ".env", true],
    [["report-[0-9].csv"], "report-7.csv", true],
    [["*.md", "!draft*"], "draft.md", false],
    [["!draft*", "*.md"], "draft.md", true],
    [["!*"], "a.txt", false],
    [["fix.patch"], "fix.patch", true],
    [["#a"], "#a", true],
  ])("%j and %j: %j", (patterns, name, isMatch) => {
    expect([...matchNames([name], patterns)]).toEqual(isMatch ? [name] : []);
  });

  it("that take too long are an error at the input", () => {
    const match = (): unknown => matchNames(["-".repeat(250)], ["*-*-*-*-*-*-*.log"], 50);
    expect(match).toThrow(expect.objectContaining({ details: expect.objectContaining({ input: "download-files" }) }));
  });
});
