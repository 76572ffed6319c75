import { beforeEach, describe, expect, it } from "@jest/globals";
import type { ThreadEvent } from "../../../src/mosoo/runs/events.ts";
import {
  type Transcript,
  type TranscriptEvent,
  applyEvent,
  applyEventList,
  beginReplay,
  emptyTranscript,
  tokensUsed,
} from "../../../src/mosoo/runs/transcript.ts";

const own = "RUN1";
let transcript: Transcript;
let nextId: number;

beforeEach(() => {
  transcript = beginReplay(emptyTranscript(own));
  nextId = 1;
});

function event(type: string, content = "", more: Partial<ThreadEvent> = {}): ThreadEvent {
  return { id: `E${nextId++}`, type, content, runId: own, ...more };
}

const delta = (content: string, id?: string): ThreadEvent =>
  event("agent.message.delta", content, id === undefined ? {} : { id });

function apply(one: ThreadEvent): TranscriptEvent | undefined {
  const [next, news] = applyEvent(transcript, one);
  transcript = next;
  return news;
}

function applyList(events: readonly ThreadEvent[]): TranscriptEvent[] {
  const [next, news] = applyEventList(transcript, events);
  transcript = next;
  return news;
}

const texts = (news: readonly (TranscriptEvent | undefined)[]): string[] =>
  news.flatMap((one) => (one?.kind === "text" ? [one.text] : []));

/** Applies events. @returns the text that is new by each */
const newText = (...events: ThreadEvent[]): string[] => texts(events.map(apply));

function reconnect(...events: ThreadEvent[]): string[] {
  transcript = beginReplay(transcript);
  return newText(...events);
}

const kinds = (news: readonly (TranscriptEvent | undefined)[]): (string | undefined)[] => news.map((one) => one?.kind);

describe("a run's text", () => {
  it("consists of its message deltas, joined in order", () => {
    expect(newText(delta("One, "), delta("two, "), delta("three"))).toEqual(["One, ", "two, ", "three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("contains an event once that comes twice on one connection", () => {
    expect(newText(delta("One", "A"), delta("One", "A"))).toEqual(["One"]);
  });

  it("contains each of several events without an ID", () => {
    expect(newText(delta("a", ""), delta("a", ""))).toEqual(["a", "a"]);
    expect(transcript.text).toBe("aa");
  });

  it("contains nothing of other runs", () => {
    expect(newText(delta("mine "), { ...delta("theirs"), runId: "RUN0" }, delta("too"))).toEqual(["mine ", "too"]);
  });
});

describe("a replay of the past on a new connection", () => {
  it("folds fragments under the last one's ID, and adds nothing that is known", () => {
    newText(delta("One, ", "A"), delta("two", "B"));
    expect(reconnect(delta("One, two", "B"), delta(", three", "C"))).toEqual([", three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("adds what was said while there was no connection", () => {
    newText(delta("One, ", "A"));
    expect(reconnect(delta("One, two, three", "C"))).toEqual(["two, three"]);
    expect(transcript.text).toBe("One, two, three");
  });

  it("may be folded into several messages", () => {
    newText(delta("First.", "A"), delta("Sec", "B"));
    expect(reconnect(delta("First.", "A"), delta("Second, and ", "D"), delta("more", "E"))).toEqual([
      "ond, and ",
      "more",
    ]);
    expect(transcript.text).toBe("First.Second, and more");
  });

  it("may consist of the fragments themselves", () => {
    newText(delta("a", "A"), delta("b", "B"), delta("a", "C"));
    expect(reconnect(delta("a", "A"), delta("b", "B"), delta("a", "C"), delta("d", "D"))).toEqual(["d"]);
    expect(transcript.text).toBe("abad");
  });

  it("may lack its beginning: what is known stays, and what is new is added", () => {
    const long = "So much was said before that the server does not give the beginning any more. ";
    newText(delta(long, "A"));
    expect(reconnect(delta("beginning any more. And", "C"))).toEqual(["beginning any more. And"]);
    transcript = beginReplay(emptyTranscript(own));
    newText(delta(long.repeat(10), "A"));
    expect(reconnect(delta(`${long.repeat(4)}And more`, "C"), delta(", and more", "D"))).toEqual([
      "And more",
      ", and more",
    ]);
    expect(transcript.text).toBe(`${long.repeat(10)}And more, and more`);
  });

  it("may lack everything that is known: new text is added all the same", () => {
    newText(delta("Everything so far. ", "A"));
    expect(reconnect(delta("Something new.", "X"), delta(" And newer.", "Y"))).toEqual([
      "Something new.",
      " And newer.",
    ]);
    expect(transcript.text).toBe("Everything so far. Something new. And newer.");
  });

  it("reports tools, input requests and ends once", () => {
    const past = [
      event("run.started", own),
      event("tool.use.started", "Read"),
      event("tool.confirmation.required", "Sure?"),
    ];
    expect(kinds(past.map(apply))).toEqual(["started", "tool", "input_required"]);
    transcript = beginReplay(transcript);
    expect(kinds(past.map(apply))).toEqual([undefined, undefined, undefined]);
    expect(transcript.tools).toEqual(new Map([["Read", 1]]));
  });
});

describe("the run that an event belongs to", () => {
  const bare = (type: string, content = ""): ThreadEvent => ({ ...event(type, content), runId: undefined });

  it("follows from run.started and run.completed where events name no run", () => {
    const texts = newText(
      bare("run.started", "RUN0"),
      bare("agent.message.delta", "theirs"),
      bare("run.completed", "RUN0"),
      bare("agent.message.delta", "nobody's"),
      bare("run.started", own),
      bare("agent.message.delta", "mine"),
      bare("run.completed", own),
    );
    expect(texts).toEqual(["mine"]);
    expect(transcript.terminalEvent).toBe("completed");
  });

  it("follows from them where the run ID is null, too", () => {
    expect(newText({ ...event("run.started", own), runId: null }, { ...delta("mine"), runId: null })).toEqual(["mine"]);
  });

  it("is the current one for run.failed, which names no run", () => {
    applyList([bare("run.started", "RUN0"), bare("run.failed", "Run failed.")]);
    expect(transcript.terminalEvent).toBeUndefined();
    applyList([bare("run.started", own), bare("run.failed", "Run failed.")]);
    expect(transcript.terminalEvent).toBe("failed");
  });

  it.each([
    ["in the middle of the run", [bare("agent.message.delta", "mine"), bare("run.completed", own)], "mine"],
    ["in the middle of an earlier run", [bare("agent.message.delta", "theirs"), bare("run.completed", "RUN0")], ""],
    ["in the middle of a run that is not over", [bare("agent.message.delta", "mine")], "mine"],
    ["before the run resumes after input", [bare("agent.message.delta", "mine"), bare("run.started", own)], "mine"],
    ["before the run fails", [bare("agent.message.delta", "mine"), bare("run.failed", "Run failed.")], "mine"],
    [
      "in an earlier run that failed",
      [bare("agent.message.delta", "theirs"), bare("run.failed", "Run failed."), bare("run.started", own)],
      "",
    ],
  ])("is found in a truncated list that begins %s", (_, events, text) => {
    applyList(events);
    expect(transcript.text).toBe(text);
  });
});

describe("a possible end of the run", () => {
  it("is the run's own ending event with any status, once", () => {
    const end = event("run.completed", own);
    expect(apply(end)).toEqual({ kind: "run_maybe_ended" });
    expect(apply(end)).toBeUndefined();
    expect(transcript.terminalEvent).toBe("completed");
  });

  it("is a newer run's beginning, and not an older one's", () => {
    const older = event("run.started", "RUN0", { runId: "RUN0" });
    const newer = event("run.started", "RUN2", { runId: "RUN2" });
    expect(apply(older)).toBeUndefined();
    apply(event("run.started", own));
    expect(apply(newer)).toEqual({ kind: "run_maybe_ended" });
  });

  it("is not the end of another run", () => {
    expect(apply(event("run.completed", "RUN0", { runId: "RUN0" }))).toBeUndefined();
    expect(apply(event("run.failed", "Run failed.", { runId: "RUN0" }))).toBeUndefined();
    expect(transcript.terminalEvent).toBeUndefined();
  });
});

describe("an event other than text", () => {
  it("counts a tool by name, else by title", () => {
    const names = [
      event("tool.use.started", "Read README.md", { toolName: "read" }),
      event("tool.use.started", "Read src"),
      event("tool.use.started", "", { toolName: "" }),
      event("tool.use.started", "Read more", { toolName: "read" }),
    ].map(apply);
    expect(names).toEqual(["read", "Read src", "tool", "read"].map((name) => ({ kind: "tool", name })));
    expect(transcript.tools.get("read")).toBe(2);
  });

  it("requests input with a title, which may be missing", () => {
    expect(apply(event("tool.confirmation.required", "Run rm -rf /"))).toMatchObject({
      title: "Run rm -rf /",
    });
    expect(apply(event("tool.confirmation.required", " "))).toMatchObject({ title: undefined });
  });

  it("is counted where its type is unknown, and adds no text", () => {
    apply(event("agent.mood.changed", "merry"));
    apply(event("agent.mood.changed", "sad"));
    apply(event("usage.updated"));
    apply(event("user.message", "Hi"));
    expect(transcript.unknownTypes).toEqual(new Map([["agent.mood.changed", 2]]));
    expect(transcript.text).toBe("");
  });

  it("reports thoughts, which are no text", () => {
    expect(apply(event("agent.thinking.delta", "hm"))).toEqual({ kind: "thinking", text: "hm" });
    expect(transcript.text).toBe("");
  });
});

describe("a run of a hundred thousand events", () => {
  it("has its whole text assembled", () => {
    for (let index = 0; index < 100_000; index += 1) apply(delta("twenty characters ok"));
    expect(transcript.text).toHaveLength(2_000_000);
  });
});

describe("a run that never ends", () => {
  const mebibyte = 1024 * 1024;

  it("has eight million characters of its text kept, and is known to be truncated", () => {
    for (let times = 0; times < 8; times += 1) newText(delta("x".repeat(mebibyte)));
    expect(transcript.isTruncated).toBe(false);
    // A replay repeats no more than this.
    reconnect(delta("x".repeat(8 * mebibyte), "folded"));
    expect(transcript.isTruncated).toBe(false);
    expect(newText(delta("y"))).toEqual([]);
    expect(transcript.isTruncated).toBe(true);
    expect(transcript.text).toHaveLength(8 * mebibyte);
  });

  it("counts at most a thousand names of tools and of types, and too long ones as one", () => {
    for (let at = 0; at < 1_500; at += 1) {
      apply(event("tool.use.started", `${at}${"t".repeat(500)}`));
      apply(event(`type ${at}${"t".repeat(500)}`));
      apply(event("tool.use.started", `tool ${at}`));
      apply(event(`type ${at}`));
    }
    for (const names of [transcript.tools, transcript.unknownTypes]) {
      expect(names.size).toBe(1_000);
      for (const name of names.keys()) expect(name.length).toBeLessThanOrEqual(200);
      expect([...names.values()][0]).toBe(1_500);
    }
  });

  it("has nothing reported twice that a connection may repeat", () => {
    for (let times = 0; times < 30_000; times += 1) apply(event("tool.use.started", "read"));
    const last = event("tool.use.started", "write", { id: "E30000" });
    expect(apply(last)).toBeUndefined();
    expect(apply({ ...last, id: "E29001" })).toBeUndefined();
    expect(transcript.tools.get("read")).toBe(30_000);
  });
});

describe("the copy of a run's last message that the event list ends with", () => {
  const completed = (): ThreadEvent => event("run.completed", own);

  it("is not added where the run said several things", () => {
    expect(
      texts(
        applyList([
          delta("Let me see."),
          event("tool.use.started", "read"),
          delta("Done."),
          delta("Done."),
          completed(),
        ]),
      ),
    ).toEqual(["Let me see.", "Done."]);
    expect(transcript.text).toBe("Let me see.Done.");
  });

  it("is not added where the last message came in several events", () => {
    applyList([
      delta("Let me see."),
      delta("All is "),
      delta("well."),
      delta("All is well."),
      event("usage.updated"),
      completed(),
    ]);
    expect(transcript.text).toBe("Let me see.All is well.");
  });

  it("is distinguished from a last message that says something else", () => {
    applyList([delta("Let me see."), delta("me see."), completed()]);
    expect(transcript.text).toBe("Let me see.me see.");
  });

  it("is distinguished from the fragments of the reference revision, which lists no copies", () => {
    const bare = (one: ThreadEvent): ThreadEvent => ({ ...one, runId: undefined });
    applyList([event("run.started", own), delta("ha"), delta("ha"), completed()].map(bare));
    expect(transcript.text).toBe("haha");
  });
});

describe("the tokens a run has used", () => {
  const usage = (tokens: number | null, runId: string | null = own): ThreadEvent =>
    event("usage.updated", "", { tokens, runId });

  it.each([
    ["are unknown where the service reports none", [], undefined],
    ["are unknown where the service reports none for this run", [usage(100, "RUN0")], undefined],
    ["are the last report's of a new thread", [usage(40), usage(90)], 90],
    [
      "are what the session's total has grown by since the run before",
      [usage(100, "RUN0"), usage(130), usage(150)],
      50,
    ],
    ["are not those of a newer run", [usage(90), usage(500, "RUN2")], 90],
    ["are the session's total where that was counted anew", [usage(100, "RUN0"), usage(30)], 30],
    ["are not affected by a report without a figure", [usage(90), usage(null)], 90],
    ["are zero where the run used none", [usage(100, "RUN0"), usage(100)], 0],
  ])("%s", (_, events, tokens) => {
    events.forEach(apply);
    expect(tokensUsed(transcript)).toBe(tokens);
  });

  it("are found where events name no run, too", () => {
    const bare = (one: ThreadEvent): ThreadEvent => ({ ...one, runId: undefined });
    const past = [event("run.started", "RUN0"), usage(100), event("run.completed", "RUN0")];
    applyList([...past, event("run.started", own), usage(170), event("run.completed", own)].map(bare));
    expect(tokensUsed(transcript)).toBe(70);
  });
});
