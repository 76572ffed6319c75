import { describe, expect, it } from "@jest/globals";
import { patientClock } from "../../support/clock.ts";
import {
  count,
  scriptedRequests,
  followScripted,
  message,
  started,
  completed,
  failed,
  running,
  done,
  listing,
  streaming,
} from "../../support/follow.ts";
import { ids, interruptBody, openSse, sse, threadBody } from "../../support/scripted-mosoo.ts";

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

  it("does not have its run interrupted where it shows an older run", async () => {
    const own = { createdAt: "2026-08-01T11:00:00.000Z" };
    const { result } = await followScripted(
      {
        thread: (before) =>
          before < 2
            ? { body: threadBody({ status: "completed" }, ids.newerRun) }
            : { body: threadBody({ ...own, status: "completed" }) },
      },
      { run: own },
    );
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run } });
    expect(count("events")).toBe(0);
  });

  it("does not have its run interrupted where it shows a run of unknown age", async () => {
    const { result } = await followScripted(
      { thread: (before) => (before < 2 ? { body: threadBody({ status: "completed" }, ids.newerRun) } : done) },
      { run: {} },
    );
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run } });
    expect(count("events")).toBe(0);
  });

  it("has its run interrupted once where only its own ending event proves that the one shown is newer", async () => {
    const { result } = await followScripted(
      {
        thread: () => ({ body: threadBody({}, ids.newerRun) }),
        list: (before) => ({ body: { events: before < 2 ? [started()] : [started(), completed()], truncated: false } }),
        events: () => ({ body: interruptBody("cancelled") }),
      },
      { run: {} },
    );
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run, status: "cancelled" } });
    expect(count("events")).toBe(1);
  });

  it("may show no run at all for a while", async () => {
    const { result } = await followScripted({ thread: (before) => (before < 2 ? { body: threadBody(null) } : done) });
    expect(result.kind).toBe("ended");
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
    expect(scriptedRequests().find(({ method }) => method === "POST")?.body).toEqual({
      events: [{ type: "user_interrupt", runId: ids.run }],
    });
  });

  it("has its status read from its own ending event where the token may not interrupt", async () => {
    const { result } = await followScripted({
      thread: () => newer,
      events: () => ({ status: 401 }),
      list: () => ({
        body: {
          events: [started(), failed(), started(ids.newerRun)],
          truncated: false,
        },
      }),
    });
    expect(result).toMatchObject({ kind: "ended", run: { status: "failed" } });
  });

  it("ends the wait with an error where nothing shows its status for 5 s", async () => {
    const { result } = await followScripted({ thread: () => newer, events: () => ({ status: 403 }) });
    expect(result).toMatchObject({ kind: "error", error: { message: expect.stringContaining("newer run") } });
  });

  it.each([
    ["503", { status: 503 }],
    ["429", { status: 429, headers: { "retry-after": "7" } }],
    ["a broken connection", "drop"],
    ["HTML", { body: "<html>Busy</html>" }],
  ] as const)("is read again through five minutes of %s, one request at a time and ever fewer", async (_, fault) => {
    const clock = patientClock();
    const { result } = await followScripted(
      {
        thread: () => newer,
        events: () => (clock.now() < 300_000 ? fault : { body: interruptBody("cancelled") }),
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

  it("is read again where the token may only read the events, and they cannot be read for a while", async () => {
    const clock = patientClock();
    const failure = failed();
    const { result } = await followScripted(
      {
        thread: () => newer,
        events: () => ({ status: 403 }),
        list: () => (clock.now() < 60_000 ? { status: 500 } : listing(started(), failure)),
      },
      { clock },
    );
    expect(result).toMatchObject({ kind: "ended", run: { status: "failed" } });
    expect(count("events")).toBe(1);
  });

  it("ends the wait at the deadline with the status of its own ending event, where there is nothing better", async () => {
    const { result } = await followScripted(
      {
        stream: streaming(started(), message("x"), completed(), started(ids.newerRun)),
        thread: () => newer,
        events: () => ({ status: 500 }),
      },
      { timeoutMs: 10_000 },
    );
    expect(result).toMatchObject({ kind: "ended", run: { id: ids.run, status: "completed" } });
  });

  it("ends the wait at the deadline with the last failure, where nothing shows its status", async () => {
    const { result } = await followScripted(
      { thread: () => newer, events: () => ({ status: 500 }) },
      { clock: patientClock() },
    );
    expect(result).toMatchObject({
      kind: "error",
      error: { message: expect.stringMatching(/newer run.*could not be read in time\. Last: .*500/) },
    });
  });

  it("is known to have failed by its own ending event", async () => {
    const { result, durationMs } = await followScripted({
      stream: streaming(started(), failed(), started(ids.newerRun)),
      thread: () => newer,
      events: () => ({ status: 500 }),
    });
    expect(result).toMatchObject({ kind: "ended", run: { status: "failed" } });
    expect(durationMs).toBeLessThan(60_000);
  });

  it("is noticed at once by an event of the newer one", async () => {
    const { result, durationMs } = await followScripted({
      stream: streaming(started(), message("x"), started(ids.newerRun)),
      thread: () => newer,
      list: () => listing(started(), message("x"), completed()),
      events: () => ({ body: interruptBody("completed") }),
    });
    expect(result.kind).toBe("ended");
    expect(durationMs).toBe(0);
  });
});

describe("a thread that cannot be read any more", () => {
  it.each([401, 403, 404, 410])("ends the wait with the error of its %i", async (status) => {
    const { result } = await followScripted({ thread: () => ({ status }) });
    expect(result).toMatchObject({ kind: "error", error: { details: { status, threadState: "created" } } });
  });
});
