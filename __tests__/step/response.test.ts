import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import type { Run } from "../../src/mosoo/contract/schema.ts";
import type { FollowResult, Followed } from "../../src/mosoo/runs/follow.ts";
import { type Transcript, emptyTranscript } from "../../src/mosoo/runs/transcript.ts";
import { extractResponse, responseOutput, writeResponseFile } from "../../src/step/response.ts";

/** One environment string of a later step must hold it. */
const MAX_BYTES = 98_304;

const folder = mkdtempSync(join(tmpdir(), "response-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function followed(
  run: Partial<Run>,
  transcript: Partial<Transcript>,
  history: Followed["history"] = "complete",
): Followed {
  const result: FollowResult = { kind: "ended", run: { id: "R", status: "completed", ...run } };
  const known = { ...emptyTranscript("R"), ...transcript };
  return { result, transcript: known, history, isStreamUnsupported: false, tokens: undefined };
}

const lastRun = ({ result }: Followed): Run => (result.kind === "ended" ? result.run : { id: "R" });

describe("a run's response", () => {
  it.each<[string, Followed, object]>([
    [
      "is its final output, without its earlier messages",
      followed({ finalOutput: { text: "Last." } }, { text: "First.Last." }),
      { text: "Last.", truncated: "none" },
    ],
    [
      "is everything it said where there is no final output",
      followed({ finalOutput: null }, { text: "First.Last." }),
      { text: "First.Last.", truncated: "none" },
    ],
    [
      "is everything it said where the revision has no final output",
      followed({}, { text: "First.Last." }),
      { text: "First.Last.", truncated: "none" },
    ],
    [
      "is what it said so far where it did not complete",
      followed({ status: "failed", finalOutput: { text: "Old." } }, { text: "So far." }),
      { text: "So far.", complete: false },
    ],
    [
      "is empty where its final output is",
      followed({ finalOutput: { text: "" } }, {}),
      { text: "", complete: true, truncated: "none" },
    ],
    [
      "may lack its start where older events are missing",
      followed({}, { text: "end." }, "truncated"),
      { truncated: "start" },
    ],
    [
      "lacks its end where it was too long to keep",
      followed({}, { text: "x", isTruncated: true }, "truncated"),
      { truncated: "end" },
    ],
    ["lacks everything where the events could not be read", followed({}, {}, "missing"), { truncated: "all" }],
    [
      "lacks nothing that is known where a stream delivered it",
      followed({}, { text: "Hi." }, "missing"),
      { truncated: "none" },
    ],
    [
      "lacks nothing where it is the final output",
      followed({ finalOutput: { text: "Hi." } }, {}, "missing"),
      { truncated: "none" },
    ],
  ])("%s", (_, run, expected) => {
    expect(extractResponse(run, lastRun(run))).toMatchObject(expected);
  });
});

describe("the output response", () => {
  it("holds a response of exactly its limit as it is", () => {
    const text = "x".repeat(MAX_BYTES);
    expect(responseOutput({ text, complete: true }, []) === text).toBe(true);
  });

  it("is cut between characters, with a note that names response-file", () => {
    // 11 bytes, 6 characters, one of them of two code units, another of two code points.
    const text = "é日e\u0301😀".repeat(87_400);
    const output = responseOutput({ text, complete: true }, []);
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(MAX_BYTES);
    expect(Buffer.byteLength(output)).toBeGreaterThan(MAX_BYTES - 300);
    const [kept = "", note = ""] = output.split("\n\n[");
    expect(note).toContain("response-file");
    expect(text.startsWith(kept)).toBe(true);
    expect(kept.isWellFormed()).toBe(true);
    expect(kept.endsWith("e")).toBe(false);
  });

  it("has secrets masked before it is cut", () => {
    const text = `${"x".repeat(MAX_BYTES - 10)} s3cr3t-s3cr3t`;
    expect(responseOutput({ text, complete: true }, ["s3cr3t-s3cr3t"])).not.toContain("s3cr3t-");
  });
});

describe("the response file", () => {
  it("holds the whole response, readable for its owner alone, under a new name each time", () => {
    const text = "é".repeat(1_000_000);
    const paths = [1, 2].map(() => writeResponseFile({ text, complete: true }, folder, []) ?? "");
    expect(new Set(paths).size).toBe(2);
    for (const path of paths) {
      expect(readFileSync(path, "utf8") === text).toBe(true);
      if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
    }
  });

  it("has secrets masked, and half a surrogate pair replaced", () => {
    const path = writeResponseFile({ text: "The s3cr3t-s3cr3t \ud83d.", complete: true }, folder, ["s3cr3t-s3cr3t"]);
    expect(readFileSync(path ?? "", "utf8")).toBe("The *** \ufffd.");
  });

  it.each(["", "/nowhere/at-all"])("is not written to the folder '%s'", (missing) => {
    expect(writeResponseFile({ text: "Hi", complete: true }, missing, [])).toBeUndefined();
  });
});
