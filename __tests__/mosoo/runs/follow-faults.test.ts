import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Clock } from "../../../src/common/clock.ts";
import { patientClock } from "../../support/clock.ts";
import {
  type ScriptedBehavior,
  type ScriptedMosoo,
  ids,
  interruptBody,
  scriptedEvent,
  openSse,
  sse,
  startScriptedMosoo,
  threadBody,
} from "../../support/scripted-mosoo.ts";
import { type WatchOptions, type Watched, watch } from "../../support/watcher.ts";

let server: ScriptedMosoo | undefined;

afterEach(async () => {
  await server?.close();
});

async function follow(behaviour: ScriptedBehavior, options: Partial<WatchOptions> = {}): Promise<Watched> {
  await server?.close();
  server = await startScriptedMosoo(behaviour);
  const { apiUrl } = server;
  // As the thread shows it.
  const run = { createdAt: "2026-08-01T10:00:00.000Z" };
  const usual = { threadId: ids.thread, runId: ids.run, run, clock: patientClock(), timeoutMs: 120_000 };
  return watch({ apiUrl, ...usual, ...options });
}

const count = (kind: keyof ScriptedBehavior): number => server?.count(kind) ?? 0;

const words = (text: string) => scriptedEvent("agent.message.delta", text);
const started = (runId = ids.run) => scriptedEvent("run.started", runId, { runId });
const completed = (runId = ids.run) => scriptedEvent("run.completed", runId, { runId });
const done = { body: threadBody({ status: "completed", finalOutput: { text: "All done." } }) };
const going = { body: threadBody({}) };

/** A stream that sends these, and stays open. */
function streams(...events: Record<string, unknown>[]): NonNullable<ScriptedBehavior["stream"]> {
  return (_, response) => {
    openSse(response);
    response.write(events.map((event) => sse(event)).join(""));
    return undefined;
  };
}

/** Does something every so often as long as the stream is open. */
async function beat(clock: Clock, ms: number, response: ServerResponse, send: () => void): Promise<void> {
  for (;;) {
    await clock.sleep(ms);
    if (response.destroyed) return;
    send();
  }
}

describe("a thread that lags behind the stream", () => {
  it("is read again and again after the ending event, soon at first", async () => {
    const { end, durationMs } = await follow({
      stream: streams(started(), words("All done."), completed()),
      thread: (before) => (before < 9 ? going : done),
    });
    expect(end).toMatchObject({ kind: "ended", run: { status: "completed" } });
    expect(count("thread")).toBe(10);
    // 0.1 + 0.3 + 0.6 + 1 + 2 + 2.5 + 3.1 + 3.9 + 4.9 s.
    expect(durationMs).toBeLessThan(40_000);
  });

  it("is still read when the stream ends with the ending event, and cannot be had again", async () => {
    const { end, durationMs } = await follow({
      stream: (before, response) => {
        if (before > 0) return { status: 503 };
        openSse(response);
        response.end(sse(started()) + sse(completed()));
        return undefined;
      },
      thread: (before) => (before < 4 ? { status: 500 } : done),
    });
    expect(end.kind).toBe("ended");
    expect(durationMs).toBeLessThan(20_000);
  });

  it("may show an older run: that is not taken for a newer one, and nothing is interrupted", async () => {
    const own = { createdAt: "2026-08-01T11:00:00.000Z" };
    const { end } = await follow(
      {
        thread: (before) =>
          before < 2
            ? { body: threadBody({ status: "completed" }, ids.newerRun) }
            : { body: threadBody({ ...own, status: "completed" }) },
      },
      { run: own },
    );
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run } });
    expect(count("events")).toBe(0);
  });

  it("may show a run that may be older, for nothing tells when they began: nothing is interrupted", async () => {
    const { end } = await follow(
      { thread: (before) => (before < 2 ? { body: threadBody({ status: "completed" }, ids.newerRun) } : done) },
      { run: {} },
    );
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run } });
    expect(count("events")).toBe(0);
  });

  it("may show a run that nothing but our own ending event proves to be newer: then ours is asked for its end", async () => {
    const { end } = await follow(
      {
        thread: () => ({ body: threadBody({}, ids.newerRun) }),
        list: (before) => ({ body: { events: before < 2 ? [started()] : [started(), completed()], truncated: false } }),
        events: () => ({ body: interruptBody("cancelled") }),
      },
      { run: {} },
    );
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run, status: "cancelled" } });
    expect(count("events")).toBe(1);
  });

  it("may show no run at all for a while", async () => {
    const { end } = await follow({ thread: (before) => (before < 2 ? { body: threadBody(null) } : done) });
    expect(end.kind).toBe("ended");
  });
});

describe("a stream of an odd kind", () => {
  it("that closes after each event is opened ever less often, and all is told", async () => {
    const events = [started(), ...Array.from({ length: 30 }, (_, index) => words(`${index} `)), completed()];
    const {
      end,
      words: told,
      durationMs,
    } = await follow({
      stream: (before, response) => {
        openSse(response);
        response.end(
          events
            .slice(0, before + 1)
            .map((event) => sse(event))
            .join(""),
        );
        return undefined;
      },
      thread: () => (count("stream") < events.length ? going : done),
    });
    expect(end.kind).toBe("ended");
    expect(told).toBe(Array.from({ length: 30 }, (_, index) => `${index} `).join(""));
    // Slower than one a second in the long run: the token's other steps need requests, too.
    expect(durationMs / count("stream")).toBeGreaterThan(1_000);
  });

  it("that repeats the past and closes is soon given up for polling", async () => {
    const past = [started(), words("a")];
    const { end, words: told } = await follow({
      stream: (_, response) => {
        openSse(response);
        response.end(past.map((event) => sse(event)).join(""));
        return undefined;
      },
      thread: (before) => (before < 6 ? going : done),
    });
    expect(end.kind).toBe("ended");
    expect(told).toBe("a");
    expect(count("stream")).toBeLessThanOrEqual(5);
  });

  it("that repeats the past and stays open is not believed to be silent about the end", async () => {
    const clock = patientClock();
    const { end, durationMs } = await follow(
      {
        stream: (_, response) => {
          streams(started(), words("a"))(0, response);
          void beat(clock, 15_000, response, () => response.write(": keepalive\n\n"));
          return undefined;
        },
        thread: () => done,
      },
      { clock },
    );
    expect(end.kind).toBe("ended");
    expect(durationMs).toBe(60_000);
  });

  it("that is kept open by comments alone costs less than one request a minute", async () => {
    const clock = patientClock();
    const { end, quietMinutes } = await follow(
      {
        stream: (_, response) => {
          openSse(response);
          void beat(clock, 15_000, response, () => response.write(": keepalive\n\n"));
          return undefined;
        },
      },
      { clock, timeoutMs: 1_200_000 },
    );
    expect(end.kind).toBe("timeout");
    expect(count("stream")).toBe(1);
    // At 1, 2.5, 4.75, 8.1, 13.1 and 18.1 minutes, and once more at the end.
    expect(count("thread")).toBe(7);
    expect(quietMinutes).toBe(20);
  });

  it("that is there but says nothing is not relied on: the thread is polled, no more often than without it", async () => {
    const { end } = await follow(
      {
        stream: (_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
          return undefined;
        },
      },
      { timeoutMs: 600_000 },
    );
    expect(end.kind).toBe("timeout");
    expect(count("thread")).toBeGreaterThan(35);
    expect(count("thread")).toBeLessThanOrEqual(43);
    expect(count("stream")).toBeLessThanOrEqual(6);
  });

  it("that sends without end but never a line's end is left after 45 s", async () => {
    const clock = patientClock();
    const { debug } = await follow(
      {
        stream: (before, response) => {
          if (before > 0) return { status: 404 };
          response.writeHead(200, { "content-type": "text/event-stream" }).write("data: ");
          void beat(clock, 1_000, response, () => response.write("x"));
          return undefined;
        },
        thread: () => (count("stream") < 2 ? going : done),
      },
      { clock },
    );
    expect(debug).toContain("Nothing came through the event stream for 45 s.");
  });

  it.each([404, 405, 501])("answered %i means polling", async (status) => {
    const { end } = await follow({ stream: () => ({ status }), thread: (before) => (before < 1 ? going : done) });
    expect(end.kind).toBe("ended");
    expect(count("stream")).toBe(1);
  });

  it.each([429, 500, 503])("answered %i is asked for again, first soon and then minutes apart", async (status) => {
    const { end } = await follow({ stream: () => ({ status }) }, { clock: patientClock(), timeoutMs: 600_000 });
    expect(end.kind).toBe("timeout");
    // At 0, then twice within two seconds, then after 1, 2 and 4 minutes.
    expect(count("stream")).toBe(6);
    expect(count("thread")).toBeLessThanOrEqual(44);
  });

  it("answered 503 for a while is listened to after that", async () => {
    const { end, words: told } = await follow({
      stream: (before, response) =>
        before < 2 ? { status: 503 } : streams(started(), words("there"), completed())(before, response),
      thread: () => (count("stream") < 3 ? going : done),
    });
    expect(end.kind).toBe("ended");
    expect(told).toBe("there");
  });

  it("answered 429 is not asked for before the server allows", async () => {
    const clock = patientClock();
    const askedAt: number[] = [];
    await follow(
      {
        stream: (before, response) => {
          askedAt.push(clock.now());
          return before < 1
            ? { status: 429, headers: { "retry-after": "5" } }
            : streams(started(), completed())(before, response);
        },
        thread: () => (count("stream") < 2 ? going : done),
      },
      { clock },
    );
    // And a little, so that those refused together do not come back as one.
    expect(askedAt).toEqual([0, 5_625]);
  });
});

describe("the answer", () => {
  it("is read from the events with patience, where nothing else holds it", async () => {
    const { transcript, events } = await follow({
      thread: () => ({ body: threadBody({ status: "completed", finalOutput: null }) }),
      list: (before) => {
        if (before === 0) return { status: 429, headers: { "retry-after": "30" } };
        if (before < 4) return { status: 500 };
        return { body: { events: [started(), words("in "), words("the end"), completed()], truncated: false } };
      },
    });
    expect(transcript.text).toBe("in the end");
    expect(events).toBe("whole");
  });

  it("is not waited for longer than its events are worth", async () => {
    const { end, events, durationMs } = await follow({ thread: () => done, list: () => ({ status: 500 }) });
    expect(end.kind).toBe("ended");
    expect(events).toBe("missing");
    expect(durationMs).toBeLessThan(15_000);
    const { events: needed, durationMs: longer } = await follow({
      thread: () => ({ body: threadBody({ status: "completed" }) }),
      list: () => ({ status: 500 }),
    });
    expect(needed).toBe("missing");
    expect(longer).toBeGreaterThan(60_000);
    expect(longer).toBeLessThan(120_000);
  });

  it("is told to be cut where the server says so", async () => {
    const { events, transcript } = await follow({
      thread: () => ({ body: threadBody({ status: "completed" }) }),
      list: () => ({ body: { events: [words("the rest"), completed()], truncated: true } }),
    });
    expect(events).toBe("truncated");
    expect(transcript.text).toBe("the rest");
  });

  it("is asked for twice more where the run has said something and the server has no final one (yet)", async () => {
    const { durationMs, transcript } = await follow({
      stream: streams(started(), words("Said."), completed()),
      thread: () => ({ body: threadBody({ status: "completed", finalOutput: null }) }),
    });
    expect(transcript.text).toBe("Said.");
    expect({ durationMs, reads: count("thread") }).toEqual({ durationMs: 650, reads: 3 });
  });

  it.each([
    ["said nothing", null, []],
    ["is of a server that knows no final one", undefined, [words("Said.")]],
  ])("is not asked for again where the run %s", async (_, finalOutput, said) => {
    const { durationMs } = await follow({
      stream: streams(started(), ...said, completed()),
      thread: () => ({ body: threadBody({ status: "completed", finalOutput }) }),
    });
    expect({ durationMs, reads: count("thread") }).toEqual({ durationMs: 0, reads: 1 });
  });

  it("of ten million bytes is read", async () => {
    const text = "😀".repeat(1_000_000);
    const escaped = JSON.stringify(threadBody({ status: "completed", finalOutput: { text: "TEXT" } })).replace(
      "TEXT",
      "\\ud83d\\ude00".repeat(1_000_000),
    );
    const { end } = await follow({
      thread: () => ({ body: escaped, headers: { "content-type": "application/json" } }),
      stream: streams(started(), words(text), completed()),
    });
    expect(end.kind === "ended" && end.run.finalOutput?.text === text).toBe(true);
  });
});

describe("a newer run", () => {
  const newer = { body: threadBody({}, ids.newerRun) };

  it("has ours interrupted in vain, which tells how it ended", async () => {
    const { end } = await follow({ thread: () => newer, events: () => ({ body: interruptBody("expired") }) });
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run, status: "expired" } });
    expect(count("events")).toBe(1);
    expect(server?.requests.find(({ method }) => method === "POST")?.body).toEqual({
      events: [{ type: "user_interrupt", runId: ids.run }],
    });
  });

  it("leaves the telling to our own ending event where a token may only read", async () => {
    const { end } = await follow({
      thread: () => newer,
      events: () => ({ status: 401 }),
      list: () => ({
        body: {
          events: [started(), scriptedEvent("run.failed", "Run failed."), started(ids.newerRun)],
          truncated: false,
        },
      }),
    });
    expect(end).toMatchObject({ kind: "ended", run: { status: "failed" } });
  });

  it("ends the wait where nothing tells how ours ended", async () => {
    const { end } = await follow({ thread: () => newer, events: () => ({ status: 403 }) });
    expect(end).toMatchObject({ kind: "error", error: { message: expect.stringContaining("newer run") } });
  });

  it.each([
    ["503", { status: 503 }],
    ["429", { status: 429, headers: { "retry-after": "7" } }],
    ["a broken connection", "drop"],
    ["HTML", { body: "<html>Busy</html>" }],
  ] as const)("is ridden out with %s for five minutes, one request at a time and ever fewer", async (_, fault) => {
    const clock = patientClock();
    const { end } = await follow(
      {
        thread: () => newer,
        events: () => (clock.now() < 300_000 ? fault : { body: interruptBody("cancelled") }),
      },
      { clock, timeoutMs: 1_800_000 },
    );
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run, status: "cancelled" } });
    expect({ thread: count("thread"), events: count("events") > 10, many: count("events") > 35 }).toEqual({
      thread: 1,
      events: true,
      many: false,
    });
  });

  it("is ridden out, too, where only the events may be read, and they cannot for a while", async () => {
    const clock = patientClock();
    const failed = scriptedEvent("run.failed", "Run failed.");
    const { end } = await follow(
      {
        thread: () => newer,
        events: () => ({ status: 403 }),
        list: () =>
          clock.now() < 60_000 ? { status: 500 } : { body: { events: [started(), failed], truncated: false } },
      },
      { clock },
    );
    expect(end).toMatchObject({ kind: "ended", run: { status: "failed" } });
    expect(count("events")).toBe(1);
  });

  it("ends the wait at the deadline with what the run's own event said, where nothing better was to be had", async () => {
    const { end } = await follow(
      {
        stream: streams(started(), words("x"), completed(), started(ids.newerRun)),
        thread: () => newer,
        events: () => ({ status: 500 }),
      },
      { timeoutMs: 10_000 },
    );
    expect(end).toMatchObject({ kind: "ended", run: { id: ids.run, status: "completed" } });
  });

  it("ends the wait at the deadline with the last failure, where nothing tells", async () => {
    const { end } = await follow({ thread: () => newer, events: () => ({ status: 500 }) }, { clock: patientClock() });
    expect(end).toMatchObject({
      kind: "error",
      error: { message: expect.stringMatching(/newer run.*not be learnt in time\. Last: Mosoo answered 500/) },
    });
  });

  it("is not waited with for a failed run that its own event has told of", async () => {
    const { end, durationMs } = await follow({
      stream: streams(started(), scriptedEvent("run.failed", "Run failed."), started(ids.newerRun)),
      thread: () => newer,
      events: () => ({ status: 500 }),
    });
    expect(end).toMatchObject({ kind: "ended", run: { status: "failed" } });
    expect(durationMs).toBeLessThan(60_000);
  });

  it("is noticed through the stream at once", async () => {
    const { end, durationMs } = await follow({
      stream: streams(started(), words("x"), started(ids.newerRun)),
      thread: () => newer,
      events: () => ({ body: interruptBody("completed") }),
    });
    expect(end.kind).toBe("ended");
    expect(durationMs).toBeLessThan(5_000);
  });
});

describe("a thread that cannot be read any more", () => {
  it.each([401, 403, 404, 410])("because of %i ends the wait", async (status) => {
    const { end } = await follow({ thread: () => ({ status }) });
    expect(end).toMatchObject({ kind: "error", error: { details: { status, threadState: "created" } } });
  });
});

describe("questions", () => {
  const waiting = { body: threadBody({ status: "waiting_input" }) };

  it("answered before the thread was read are not told", async () => {
    const { questions, end } = await follow({
      stream: streams(
        started(),
        scriptedEvent("tool.confirmation.required", "Old?"),
        started(),
        words("on"),
        completed(),
      ),
      thread: () => done,
    });
    expect(end.kind).toBe("ended");
    expect(questions).toEqual([]);
  });

  it("that the thread shows late are told with their title", async () => {
    const { end } = await follow(
      {
        stream: streams(started(), scriptedEvent("tool.confirmation.required", "Publish?")),
        thread: (before) => (before < 3 ? going : waiting),
      },
      { onQuestion: () => false },
    );
    expect(end).toMatchObject({ kind: "question", title: "Publish?" });
  });

  it("found by reading are not told again when the stream brings their event", async () => {
    const question = scriptedEvent("tool.confirmation.required", "Publish?");
    const { questions, end } = await follow(
      {
        stream: streams(started(), question),
        list: () => ({ body: { events: [started(), question], truncated: false } }),
        thread: (before) => (before < 4 ? waiting : done),
      },
      { mayHaveEnded: true, timeoutMs: 900_000 },
    );
    expect(end.kind).toBe("ended");
    expect(questions).toEqual(["Publish?"]);
  });

  it("without a title are questions all the same", async () => {
    const { end } = await follow({ thread: () => waiting, list: () => ({ status: 500 }) }, { onQuestion: () => false });
    expect(end).toEqual({
      kind: "question",
      title: undefined,
      run: expect.objectContaining({ status: "waiting_input" }),
    });
  });
});

describe("the deadline", () => {
  it("is kept although the server hangs", async () => {
    const { end, durationMs } = await follow(
      { thread: () => "hang", stream: () => "hang" },
      { timeoutMs: 10_000, requestTimeoutMs: 200 },
    );
    expect(end.kind).toBe("timeout");
    expect(durationMs).toBeLessThan(15_000);
  });

  it("is followed by one last read, for the run may have ended since", async () => {
    const clock = patientClock();
    const { end, durationMs } = await follow(
      { thread: () => (clock.now() > 19_000 ? done : going) },
      { clock, timeoutMs: 20_000 },
    );
    expect(end.kind).toBe("ended");
    expect(durationMs).toBe(20_000);
  });

  it("ends the listening to a stream that goes on", async () => {
    const clock = patientClock();
    const { end, words: told } = await follow(
      {
        stream: (_, response) => {
          openSse(response);
          void beat(clock, 600, response, () => response.write(sse(words("x"))));
          return undefined;
        },
      },
      { clock, timeoutMs: 10_000 },
    );
    expect(end.kind).toBe("timeout");
    expect(told).toBe("x".repeat(16));
  });
});
