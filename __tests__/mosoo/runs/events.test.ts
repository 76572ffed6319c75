import { describe, expect, it } from "@jest/globals";
import { type ThreadEvent, findRunsForMessage } from "../../../src/mosoo/runs/events.ts";

const text = "Review it.";

function event(type: string, content: string, runId?: string): ThreadEvent {
  return { id: `${type}-${content}`, type, content, ...(runId === undefined ? {} : { runId }) };
}
const message = (content: string, runId?: string): ThreadEvent => event("user.message", content, runId);
const started = (runId: string): ThreadEvent => event("run.started", runId);

describe("the runs of a message where events carry run IDs", () => {
  it("are those of the messages with its text, oldest first", () => {
    const events = [message(text, "r1"), started("r1"), message("Else.", "r2"), message(` ${text}\n`, "r3")];
    expect(findRunsForMessage(text, events, "r3")).toEqual(["r1", "r3"]);
  });
});

describe("the runs of a message where events carry no run IDs", () => {
  it.each<[string, ThreadEvent[], string | undefined, (string | undefined)[]]>([
    ["the run that starts after it", [message(text), started("r1"), message("Else."), started("r2")], "r2", ["r1"]],
    ["no run where another message follows first", [message(text), message("Else."), started("r2")], "r2", [undefined]],
    [
      "the thread's newest run where it is the last message",
      [message("Else."), started("r1"), message(text)],
      "r2",
      ["r2"],
    ],
    [
      "no run where the newest run is older than it",
      [message("Else."), started("r1"), message(text)],
      "r1",
      [undefined],
    ],
    ["no run where the newest run is not known", [message(text)], undefined, [undefined]],
    ["only once a run that starts twice", [message(text), started("r1"), started("r1")], "r1", ["r1"]],
  ])("is %s", (_, events, newest, expected) => {
    expect(findRunsForMessage(text, events, newest)).toEqual(expected);
  });
});
