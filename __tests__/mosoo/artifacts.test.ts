import { describe, expect, it } from "@jest/globals";
import { type OwnFilesQuery, type ThreadFile, findOwnFiles, parseFileList } from "../../src/mosoo/artifacts.ts";
import type { EventList, ThreadEvent } from "../../src/mosoo/runs/events.ts";

const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 25, 12, 0, seconds)).toISOString();

function file(id: string, seconds: number, more: Partial<ThreadFile> = {}): ThreadFile {
  return { id, name: `${id}.txt`, kind: "artifact", size: 1, committed: true, createdAt: at(seconds), ...more };
}

function event(type: string, seconds: number, runId?: string, content = ""): ThreadEvent {
  return {
    id: `${type}-${seconds}`,
    type,
    occurredAt: at(seconds),
    content,
    ...(runId === undefined ? {} : { runId }),
  };
}

/** The step's run R2, between R1 and R3 of somebody else. */
const HISTORY: EventList = {
  events: [event("user.message", 10, "R1"), event("user.message", 20, "R2"), event("user.message", 30, "R3")],
  truncated: false,
};

/** IDs of the step's files, and of those that nobody can attribute. */
function owned(
  files: ThreadFile[],
  query: Partial<OwnFilesQuery> = {},
  history: EventList | undefined = HISTORY,
): [own: string[], unattributed: string[]] {
  const { own, unattributed } = findOwnFiles(files, { ...QUERY, ...query }, history);
  return [own.map(({ id }) => id), unattributed.map(({ id }) => id)];
}

const QUERY: OwnFilesQuery = {
  threadId: "T",
  ownRuns: [{ id: "R2", createdAt: at(20) }],
  listedBefore: undefined,
  isAnyWanted: (names) => names.length > 0,
};

describe("the files of a step", () => {
  it("are those that its run is named for, whenever they were created", () => {
    const files = [file("a", 25, { runId: "R1" }), file("b", 5, { runId: "R2" }), file("c", 35, { runId: "R2" })];
    expect(owned(files)).toEqual([["b", "c"], []]);
  });

  it("are those created from its run's creation, inclusive, until the next run of somebody else", () => {
    const files = [15, 19, 20, 29, 30, 31].map((seconds) => file(String(seconds), seconds));
    expect(owned(files)).toEqual([["20", "29"], []]);
  });

  it("are those of its corrections and of the message sent again, but not of runs in between", () => {
    const ownRuns = [{ id: "R2", createdAt: at(20) }, { id: "R4" }];
    const history = { ...HISTORY, events: [...HISTORY.events, event("user.message", 40, "R4")] };
    const files = [15, 25, 35, 45].map((seconds) => file(String(seconds), seconds));
    expect(owned(files, { ownRuns }, history)).toEqual([["25", "45"], []]);
  });

  it("are none that were listed before the message was sent", () => {
    expect(owned([file("a", 20), file("b", 20)], { listedBefore: new Set(["a"]) })).toEqual([["b"], []]);
  });

  it("are no attachments, and none that are not committed", () => {
    expect(owned([file("a", 21, { kind: "attachment" }), file("b", 21, { committed: false })])).toEqual([[], []]);
  });

  it("are attributed where events name a run by their content alone", () => {
    const events = [event("run.started", 30, undefined, "R3")];
    expect(owned([file("a", 25), file("b", 35)], {}, { events, truncated: false })).toEqual([["a"], []]);
  });

  it("are not known without a time of creation", () => {
    expect(owned([file("a", 0, { createdAt: undefined }), file("b", 0, { createdAt: "today" })])).toEqual([
      [],
      ["a", "b"],
    ]);
  });

  it("are not known where the events cannot be read", () => {
    const { own, unattributed } = findOwnFiles([file("a", 25)], QUERY, undefined);
    expect([own, unattributed.map(({ id }) => id)]).toEqual([[], ["a"]]);
  });

  it("are not known where nothing says when its run began", () => {
    expect(owned([file("a", 25)], { ownRuns: [{ id: "R9" }] })).toEqual([[], ["a"]]);
  });

  describe("in a thread with more events than are listed", () => {
    it("are known as long as the oldest listed event is of the step's run", () => {
      const events = [event("agent.message.delta", 26, "R2"), event("user.message", 30, "R3")];
      const files = [15, 22, 27, 31].map((seconds) => file(String(seconds), seconds));
      expect(owned(files, {}, { events, truncated: true })).toEqual([["22", "27"], []]);
    });

    it("are not known where somebody else's run may have begun before the oldest listed event", () => {
      const events = [event("agent.message.delta", 35, "R3")];
      const files = [15, 25, 36].map((seconds) => file(String(seconds), seconds));
      expect(owned(files, {}, { events, truncated: true })).toEqual([[], ["25"]]);
    });
  });
});

describe("the list of files", () => {
  const isIncomplete = (
    events: ThreadEvent[],
    files: ThreadFile[],
    isAnyWanted: OwnFilesQuery["isAnyWanted"] = ({ length }) => length > 0,
  ): boolean =>
    findOwnFiles(files, { ...QUERY, isAnyWanted }, { events: [...HISTORY.events, ...events], truncated: false })
      .isIncomplete;

  it.each<[string, boolean, ThreadEvent[], ThreadFile[]]>([
    ["no event announces a file", false, [], []],
    ["an update announces one that is not listed", true, [event("session_files.updated", 25, "R2")], []],
    ["the update names no run", true, [event("session_files.updated", 25)], []],
    ["the announced file is listed", false, [event("session_files.updated", 25, "R2")], [file("a", 25)]],
    [
      "of two announced files one is listed",
      true,
      [event("session_files.updated", 25, "R2"), event("session_files.updated", 26, "R2")],
      [file("a", 25)],
    ],
    [
      "the update is about an attachment, before the run starts",
      false,
      [event("session_files.updated", 20), event("run.started", 21, "R2", "R2")],
      [],
    ],
    [
      "the update is somebody else's",
      false,
      [event("session_files.updated", 15), event("session_files.updated", 35, "R3")],
      [],
    ],
    ["a changed file is not listed", true, [event("file.changed", 25, "R2", "/workspace/out/b.txt")], [file("a", 25)]],
    ["a changed file is listed", false, [event("file.changed", 25, "R2", "C:\\work\\a.txt")], [file("a", 25)]],
  ])("is incomplete or not where %s: %j", (_, expected, events, files) => {
    expect(isIncomplete(events, files)).toBe(expected);
  });

  it("is complete although a changed file is missing that nobody wants", () => {
    expect(isIncomplete([event("file.changed", 25, "R2", "/workspace/src/app.ts")], [], () => false)).toBe(false);
  });

  it("is read without entries of an unknown shape", () => {
    const good = { id: "F1", name: "a", kind: "artifact", size: 0, mimeType: null, committed: true, createdAt: at(1) };
    const odd = [
      { ...good, id: "../x" },
      { ...good, size: -1 },
      { ...good, size: "1" },
      { ...good, name: 7 },
      null,
      "x",
    ];
    expect(parseFileList(JSON.stringify({ files: [...odd, { ...good, extra: {} }] }))?.map(({ id }) => id)).toEqual([
      "F1",
    ]);
    expect(parseFileList('{"files":{}}')).toBeUndefined();
  });
});
