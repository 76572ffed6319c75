/** The files that `files` names: found by glob patterns, checked one by one, measured and hashed. Loaded only then. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { basename, isAbsolute, resolve, sep } from "node:path";
import * as glob from "@actions/glob";
import { grouped } from "./mosoo/figures.ts";
import { type LocalFile, mostFileBytes } from "./mosoo/upload.ts";
import { liesIn, patternBelow, slashedWay } from "./paths.ts";
import { type Problem, count } from "./problems.ts";
import { logLine } from "./report/untrusted.ts";

export interface Attachment extends LocalFile {
  /** Relative to the workspace, with slashes: the same on every system. */
  relativePath: string;
  sha256: string;
}

const mostFiles = 1_000;

function refuse(path: string, why: string): Problem {
  return { input: "files", text: `${logLine(JSON.stringify(path), 200)} ${why}` };
}

async function hash(path: string): Promise<{ bytes: number; sha256: string } | "not a file"> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK || 0) | (constants.O_NOFOLLOW || 0));
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return "not a file";
    if (stat.size > mostFileBytes) return { bytes: stat.size, sha256: "" };
    const digest = createHash("sha256");
    let bytes = 0;
    for await (const chunk of file.createReadStream({
      autoClose: false,
      highWaterMark: 64 * 1024,
    }) as AsyncIterable<Buffer>) {
      digest.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: digest.digest("hex") };
  } finally {
    await file.close();
  }
}

async function examine(path: string, workspace: string): Promise<Attachment | Problem> {
  const way = slashedWay(resolve(workspace), path);
  const shown = way.startsWith("..") ? path : way;
  const realWorkspace = await realpath(workspace);
  const real = await realpath(path);
  if (!liesIn(realWorkspace, real)) return refuse(shown, "lies outside the workspace (symbolic links resolved).");
  const parts = `${way}/${slashedWay(realWorkspace, real)}`.toLowerCase().split("/");
  if (parts.includes(".git")) {
    return refuse(shown, "lies under .git/, where credentials are kept.");
  }
  const hashed = await hash(real);
  if (hashed === "not a file") return refuse(shown, "is not a regular file.");
  if (hashed.bytes > mostFileBytes)
    return refuse(shown, `has ${count(hashed.bytes, "byte")}; at most ${grouped(mostFileBytes)} are taken.`);
  return { name: basename(path), path: real, relativePath: way, ...hashed };
}

/** The files that match, in the order of their paths; or all problems with them. No match is a problem. */
export async function findAttachments(
  patterns: readonly string[],
  workspace: string,
): Promise<Attachment[] | Problem[]> {
  const rooted = patterns.map((pattern) => {
    const [mark, rest] = pattern.startsWith("!") ? ["!", pattern.slice(1).trim()] : ["", pattern];
    return isAbsolute(rest) || rest.startsWith("~") ? mark + rest : mark + patternBelow(workspace, rest);
  });
  let paths: string[];
  try {
    const globber = await glob.create(rooted.join("\n"), {
      matchDirectories: false,
      followSymbolicLinks: true,
      implicitDescendants: true,
      excludeHiddenFiles: false,
    });
    paths = await globber.glob();
  } catch (error) {
    return [
      {
        input: "files",
        text: `The patterns cannot be used: ${logLine(error instanceof Error ? error.message : "", 200)}`,
      },
    ];
  }
  const gitFolder = `${sep}.git${sep}`;
  const wanted = [...new Set(paths)].filter((path) => !path.includes(gitFolder)).sort();
  if (wanted.length === 0) {
    return [
      {
        input: "files",
        text: "No file matches. Patterns are relative to the workspace; is the file made before this step?",
      },
    ];
  }
  if (wanted.length > mostFiles)
    return [{ input: "files", text: `${count(wanted.length, "file")} match; at most ${mostFiles} are taken.` }];
  const examined: (Attachment | Problem)[] = [];
  for (const path of wanted) {
    try {
      examined.push(await examine(path, workspace));
    } catch (error) {
      const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
      examined.push(refuse(path, `cannot be read (${code}).`));
    }
  }
  const problems = examined.filter((each) => "input" in each);
  return problems.length > 0 ? problems : examined.filter((each) => "sha256" in each);
}
