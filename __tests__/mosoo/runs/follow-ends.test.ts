/** Following a scripted run over HTTP. What each event leads to is in follow-state.test.ts. */
import { describe, expect, it } from "@jest/globals";
import { patientClock } from "../../support/clock.ts";
import * as script from "../../support/follow.ts";
import { ids, interruptBody, openSse, scriptedEvent, sse, threadBody } from "../../support/scripted-mosoo.ts";

const { completed, count, done, followScripted, listing, message, running, started, streaming } = script;
const completedWithoutOutput = { body: threadBody({ status: "completed" }) };

describe("the response of a completed run", () => {
  it("is read from the event list with retries where nothing else holds it", async () => {
    const { transcript, history } = await followScripted({
      thread: () => ({ body: threadBody({ status: "completed", finalOutput: null }) }),
      list: (before) => {
        if (before === 0) return { status: 429, headers: { "retry-after": "30" } };
        if (before < 4) return { status: 500 };
        return listing(started(), message("in "), message("the end"), completed());
      },
    });
    expect({ text: transcript.text, history }).toEqual({ text: "in the end", history: "complete" });
  });

  it("is retried in the event list for 90 s where nothing else holds it, else for 3 s", async () => {
    const known = await followScripted({ thread: () => done, list: () => ({ status: 500 }) });
    expect(known).toMatchObject({ result: { kind: "ended" }, history: "missing" });
    expect(known.durationMs).toBeLessThan(15_000);
    const needed = await followScripted({ thread: () => completedWithoutOutput, list: () => ({ status: 500 }) });
    expect(needed.history).toBe("missing");
    expect(needed.durationMs).toBeGreaterThan(60_000);
    expect(needed.durationMs).toBeLessThan(120_000);
  });

  it("may have a million characters outside the basic plane, escaped", async () => {
    const text = "😀".repeat(1_000_000);
    const escaped = JSON.stringify(threadBody({ status: "completed", finalOutput: { text: "TEXT" } })).replace(
      "TEXT",
      "\\ud83d\\ude00".repeat(1_000_000),
    );
    const { result } = await followScripted({
      thread: () => ({ body: escaped, headers: { "content-type": "application/json" } }),
      stream: streaming(started(), message(text), completed()),
    });
    expect(result.kind === "ended" && result.run.finalOutput?.text === text).toBe(true);
  });
});

describe("required input", () => {
  it("is reported once where it is found by reading and the stream delivers its event later", async () => {
    const request = scriptedEvent("tool.confirmation.required", "Publish?");
    const { inputRequests, result } = await followScripted(
      {
        stream: streaming(started(), request),
        list: () => listing(started(), request),
        thread: (before) => (before < 4 ? { body: threadBody({ status: "waiting_input" }) } : done),
      },
      { mayHaveEnded: true, timeoutMs: 900_000 },
    );
    expect({ kind: result.kind, inputRequests }).toEqual({ kind: "ended", inputRequests: ["Publish?"] });
  });
});

describe("the deadline", () => {
  it("is kept although the server hangs", async () => {
    const { result, durationMs } = await followScripted(
      { thread: () => "hang", stream: () => "hang" },
      { timeoutMs: 10_000, requestTimeoutMs: 200 },
    );
    expect(result.kind).toBe("timeout");
    expect(durationMs).toBeLessThan(15_000);
  });
});

describe("a thread whose reads are stale", () => {
  it("is read again until it shows the end, soon at first", async () => {
    const { result, durationMs } = await followScripted({
      stream: streaming(started(), message("All done."), completed()),
      thread: (before) => (before < 9 ? running : done),
    });
    expect(result).toMatchObject({ kind: "ended", run: { status: "completed" } });
    expect(count("thread")).toBe(10);
    // 0.1 + 0.3 + 0.6 + 1 + 2 + 2.5 + 3.1 + 3.9 + 4.9 s.
    expect(durationMs).toBeLessThan(40_000);
  });

  it("is still read where the stream closes after the ending event and cannot be reopened", async () => {
    const { result, durationMs } = await followScripted({
      stream: (before, response) => {
        if (before > 0) return { status: 503 };
        openSse(response);
        response.end(sse(started()) + sse(completed()));
        return undefined;
      },
      thread: (before) => (before < 4 ? { status: 500 } : done),
    });
    expect(result.kind).toBe("ended");
    expect(durationMs).toBeLessThan(20_000);
  });
});

describe("a run that a newer one has followed", () => {
  const newer = { body: threadBody({}, ids.newerRun) };

  it("has its real status read by an interrupt", async () => {
    const { result } = await followScripted({
      thread: () => newer,
      events: () => ({ body: interruptBody("expired") }),
    });
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run, status: "expired" } });
    expect(count("events")).toBe(1);
    expect(script.scriptedRequests().find(({ method }) => method === "POST")?.body).toEqual({
      events: [{ type: "user_interrupt", runId: ids.run }],
    });
  });

  it("is read again through five minutes of failures, one request at a time and ever fewer", async () => {
    const clock = patientClock();
    const { result } = await followScripted(
      {
        thread: () => newer,
        events: () => (clock.now() < 300_000 ? { status: 503 } : { body: interruptBody("cancelled") }),
      },
      { clock, timeoutMs: 1_800_000 },
    );
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run, status: "cancelled" } });
    expect({ thread: count("thread"), events: count("events") > 10, many: count("events") > 35 }).toEqual({
      thread: 1,
      events: true,
      many: false,
    });
  });

  it("ends the wait at the deadline with the last failure, where nothing shows its status", async () => {
    const { result } = await followScripted({ thread: () => newer, events: () => ({ status: 500 }) });
    expect(result).toMatchObject({ kind: "error", error: { details: { threadState: "created" } } });
  });
});

describe("a thread that cannot be read any more", () => {
  it("ends the wait with the error of its response", async () => {
    const { result } = await followScripted({ thread: () => ({ status: 403 }) });
    expect(result).toMatchObject({ kind: "error", error: { details: { status: 403, threadState: "created" } } });
  });
});
