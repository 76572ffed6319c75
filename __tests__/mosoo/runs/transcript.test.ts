import { beforeEach, describe, expect, it } from "@jest/globals";
import type { ThreadEvent } from "../../../src/mosoo/runs/events.ts";
import { type TranscriptEvent, Transcript } from "../../../src/mosoo/runs/transcript.ts";

const own = "RUN1";
let transcript: Transcript;
let nextId: number;

beforeEach(() => {
  transcript = new Transcript(own);
  transcript.connect();
  nextId = 1;
});

function event(type: string, content = "", more: Partial<ThreadEvent> = {}): ThreadEvent {
  return { id: `E${nextId++}`, type, content, runId: own, ...more };
}

const delta = (content: string, id?: string): ThreadEvent =>
  event("agent.message.delta", content, id === undefined ? {} : { id });

/** Takes events, and tells what was said by them. */
function hear(...events: ThreadEvent[]): string[] {
  return events.map((each) => transcript.take(each)).flatMap((what) => (what?.kind === "words" ? [what.text] : []));
}

function reconnect(...events: ThreadEvent[]): string[] {
  transcript.connect();
  return hear(...events);
}

const kinds = (happenings: TranscriptEvent[]): (string | undefined)[] => happenings.map((each) => each?.kind);

describe("what a run says", () => {
  it("is its message deltas, joined in order", () => {
    expect(hear(delta("One, "), delta("two, "), delta("three"))).toEqual(["One, ", "two, ", "three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("does not take an event twice on one connection", () => {
    expect(hear(delta("One", "A"), delta("One", "A"))).toEqual(["One"]);
  });

  it("takes events that have no ID for what they say", () => {
    expect(hear(delta("a", ""), delta("a", ""))).toEqual(["a", "a"]);
    expect(transcript.text).toBe("aa");
  });

  it("takes nothing of other runs", () => {
    expect(hear(delta("mine "), { ...delta("theirs"), runId: "RUN0" }, delta("too"))).toEqual(["mine ", "too"]);
  });
});

describe("the past on a new connection", () => {
  it("comes folded under the last fragment's ID, and is not told again", () => {
    hear(delta("One, ", "A"), delta("two", "B"));
    expect(reconnect(delta("One, two", "B"), delta(", three", "C"))).toEqual([", three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("tells what came while nobody listened", () => {
    hear(delta("One, ", "A"));
    expect(reconnect(delta("One, two, three", "C"))).toEqual(["two, three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("may come folded into several messages", () => {
    hear(delta("First.", "A"), delta("Sec", "B"));
    expect(reconnect(delta("First.", "A"), delta("Second, and ", "D"), delta("more", "E"))).toEqual([
      "ond, and ",
      "more",
    ]);
    expect(transcript.text).toBe("First.Second, and more");
  });

  it("may come as the fragments were", () => {
    hear(delta("a", "A"), delta("b", "B"), delta("a", "C"));
    expect(reconnect(delta("a", "A"), delta("b", "B"), delta("a", "C"), delta("d", "D"))).toEqual(["d"]);
    expect(transcript.text).toBe("abad");
  });

  it("may have lost its beginning: what is known stays, what is new is told", () => {
    const long = "So much was said before that the server does not give the beginning any more. ";
    hear(delta(long, "A"));
    expect(reconnect(delta("beginning any more. And", "C"))).toEqual(["beginning any more. And"]);
    transcript = new Transcript(own);
    hear(delta(long.repeat(10), "A"));
    expect(reconnect(delta(`${long.repeat(4)}And more`, "C"), delta(", and more", "D"))).toEqual([
      "And more",
      ", and more",
    ]);
    expect(transcript.text).toBe(`${long.repeat(10)}And more, and more`);
  });

  it("may have lost all that was said: words go on all the same", () => {
    hear(delta("Everything so far. ", "A"));
    expect(reconnect(delta("Something new.", "X"), delta(" And newer.", "Y"))).toEqual([
      "Something new.",
      " And newer.",
    ]);
    expect(transcript.text).toBe("Everything so far. Something new. And newer.");
  });

  it("tells tools, questions and ends once", () => {
    const past = [
      event("run.started", own),
      event("tool.use.started", "Read"),
      event("tool.confirmation.required", "Sure?"),
    ];
    expect(kinds(past.map((each) => transcript.take(each)))).toEqual(["started", "tool", "question"]);
    transcript.connect();
    expect(kinds(past.map((each) => transcript.take(each)))).toEqual([undefined, undefined, undefined]);
    expect(transcript.tools).toEqual(new Map([["Read", 1]]));
  });
});

describe("events without an ID", () => {
  const tool = (name: string, more: Partial<ThreadEvent> = {}): ThreadEvent =>
    event("tool.use.started", name, { id: "", ...more });

  it("are told once although each connection brings them again", () => {
    const past = [event("run.started", own, { id: "" }), tool("Read"), tool("Read")];
    expect(kinds(past.map((each) => transcript.take(each)))).toEqual(["started", "tool", "tool"]);
    transcript.connect();
    expect(kinds([...past, tool("Read")].map((each) => transcript.take(each)))).toEqual([
      undefined,
      undefined,
      undefined,
      "tool",
    ]);
    expect(transcript.tools).toEqual(new Map([["Read", 3]]));
  });

  it("are others where anything in them is", () => {
    transcript.take(tool("Read"));
    transcript.connect();
    const others = [tool("Write"), tool("Read", { toolCallId: "2" }), tool("Read", { occurredAt: "later" })];
    expect(kinds(others.map((each) => transcript.take(each)))).toEqual(["tool", "tool", "tool"]);
  });

  it("give a hint once", () => {
    const ended = event("run.completed", own, { id: "" });
    expect(transcript.take(ended)).toEqual({ kind: "hint" });
    transcript.connect();
    expect(transcript.take(ended)).toBeUndefined();
  });
});

describe("whose an event is", () => {
  const bare = (type: string, content = ""): ThreadEvent => ({ ...event(type, content), runId: undefined });

  it("is told by run.started and run.completed where events name no run", () => {
    const words = hear(
      bare("run.started", "RUN0"),
      bare("agent.message.delta", "theirs"),
      bare("run.completed", "RUN0"),
      bare("agent.message.delta", "nobody's"),
      bare("run.started", own),
      bare("agent.message.delta", "mine"),
      bare("run.completed", own),
    );
    expect(words).toEqual(["mine"]);
    expect(transcript.endedAs).toBe("completed");
  });

  it("is told so where the run ID is null, too", () => {
    expect(hear({ ...event("run.started", own), runId: null }, { ...delta("mine"), runId: null })).toEqual(["mine"]);
  });

  it("holds for a failure, which names no run", () => {
    transcript.takeList([bare("run.started", "RUN0"), bare("run.failed", "Run failed.")]);
    expect(transcript.endedAs).toBeUndefined();
    transcript.takeList([bare("run.started", own), bare("run.failed", "Run failed.")]);
    expect(transcript.endedAs).toBe("failed");
  });

  it.each([
    ["in the middle of the run", [bare("agent.message.delta", "mine"), bare("run.completed", own)], "mine"],
    ["in the middle of an earlier run", [bare("agent.message.delta", "theirs"), bare("run.completed", "RUN0")], ""],
    ["in the middle of a run that is not over", [bare("agent.message.delta", "mine")], "mine"],
    [
      "before the run goes on after a question",
      [bare("agent.message.delta", "mine"), bare("run.started", own)],
      "mine",
    ],
    ["before the run fails", [bare("agent.message.delta", "mine"), bare("run.failed", "Run failed.")], "mine"],
    [
      "in an earlier run that failed",
      [bare("agent.message.delta", "theirs"), bare("run.failed", "Run failed."), bare("run.started", own)],
      "",
    ],
  ])("is right for a list that was cut %s", (_, events, text) => {
    transcript.takeList(events);
    expect(transcript.text).toBe(text);
  });
});

describe("hints", () => {
  it("are the run's own end, whatever the event calls it, told once", () => {
    const end = event("run.completed", own);
    expect(transcript.take(end)).toEqual({ kind: "hint" });
    expect(transcript.take(end)).toBeUndefined();
    expect(transcript.endedAs).toBe("completed");
  });

  it("are a newer run's beginning, and not an older one's", () => {
    const older = event("run.started", "RUN0", { runId: "RUN0" });
    const newer = event("run.started", "RUN2", { runId: "RUN2" });
    expect(transcript.take(older)).toBeUndefined();
    transcript.take(event("run.started", own));
    expect(transcript.take(newer)).toEqual({ kind: "hint" });
  });

  it("are not the ends of other runs", () => {
    expect(transcript.take(event("run.completed", "RUN0", { runId: "RUN0" }))).toBeUndefined();
    expect(transcript.take(event("run.failed", "Run failed.", { runId: "RUN0" }))).toBeUndefined();
    expect(transcript.endedAs).toBeUndefined();
  });
});

describe("other events", () => {
  it("are tools by name, else by title, counted", () => {
    const names = [
      event("tool.use.started", "Read README.md", { toolName: "read" }),
      event("tool.use.started", "Read src"),
      event("tool.use.started", "", { toolName: "" }),
      event("tool.use.started", "Read more", { toolName: "read" }),
    ].map((each) => transcript.take(each));
    expect(names).toEqual(["read", "Read src", "tool", "read"].map((name) => ({ kind: "tool", name })));
    expect(transcript.tools.get("read")).toBe(2);
  });

  it("are questions with their title, which may be missing", () => {
    expect(transcript.take(event("tool.confirmation.required", "Run rm -rf /"))).toMatchObject({
      title: "Run rm -rf /",
    });
    expect(transcript.take(event("tool.confirmation.required", " "))).toMatchObject({ title: undefined });
  });

  it("of an unknown type are counted and say nothing", () => {
    transcript.take(event("agent.mood.changed", "merry"));
    transcript.take(event("agent.mood.changed", "sad"));
    transcript.take(event("usage.updated"));
    transcript.take(event("user.message", "Hi"));
    expect(transcript.unknownTypes).toEqual(new Map([["agent.mood.changed", 2]]));
    expect(transcript.text).toBe("");
  });

  it("are thoughts, which are no words", () => {
    expect(transcript.take(event("agent.thinking.delta", "hm"))).toEqual({ kind: "thinking", text: "hm" });
    expect(transcript.text).toBe("");
  });
});

describe("a long run", () => {
  it("costs time in proportion to its length", () => {
    const began = performance.now();
    for (let index = 0; index < 100_000; index += 1) transcript.take(delta("twenty characters ok"));
    expect(transcript.text).toHaveLength(2_000_000);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("a run that never ends", () => {
  const mebibyte = 1024 * 1024;

  it("is kept up to eight million characters, and known to go on", () => {
    for (let times = 0; times < 8; times += 1) hear(delta("x".repeat(mebibyte)));
    expect(transcript.overflowed).toBe(false);
    // The past that comes again is no more.
    reconnect(delta("x".repeat(8 * mebibyte), "folded"));
    expect(transcript.overflowed).toBe(false);
    expect(hear(delta("y"))).toEqual([]);
    expect(transcript.overflowed).toBe(true);
    expect(transcript.text).toHaveLength(8 * mebibyte);
  });

  it("counts a thousand names of tools and of types at most, and keeps the beginnings of those", () => {
    for (let at = 0; at < 1_500; at += 1) {
      transcript.take(event("tool.use.started", `${at}${"t".repeat(500)}`));
      transcript.take(event(`type ${at}${"t".repeat(500)}`));
    }
    for (const names of [transcript.tools, transcript.unknownTypes]) {
      expect(names.size).toBe(1_000);
      for (const name of names.keys()) expect(name.length).toBeLessThanOrEqual(200);
    }
  });

  it("tells nothing twice that a connection may repeat, however much came before", () => {
    for (let times = 0; times < 30_000; times += 1) transcript.take(event("tool.use.started", "read"));
    const last = event("tool.use.started", "write", { id: "E30000" });
    expect(transcript.take(last)).toBeUndefined();
    expect(transcript.take({ ...last, id: "E29001" })).toBeUndefined();
    expect(transcript.tools.get("read")).toBe(30_000);
  });
});
