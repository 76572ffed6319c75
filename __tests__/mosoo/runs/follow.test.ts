import { afterEach, describe, expect, it } from "@jest/globals";
import { Random } from "../../chaos/random.ts";
import { patientClock, stoppedClock } from "../../support/clock.ts";
import {
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type StoredRun,
  startFakeMosooServer,
} from "../../support/fake-mosoo-server.ts";
import { type FollowRecord, type RecordOptions, recordFollowing } from "../../support/follow.ts";

let server: FakeMosooServer;

afterEach(async () => {
  await server.close();
});

const delta = (content: string) => ({ type: "agent.message.delta", content });

/** A server with one thread, and its run. */
async function startRun(options: FakeMosooServerOptions = {}): Promise<StoredRun> {
  server = await startFakeMosooServer({
    revision: "2026-08",
    rateLimit: { requests: 1e9, windowMs: 60_000 },
    ...options,
  });
  const run = server.createThreadDirectly({ text: "Hi" }).runs[0];
  if (run === undefined) throw new Error("The thread has no run.");
  return run;
}

function follow(run: StoredRun, options: Partial<RecordOptions> = {}): Promise<FollowRecord> {
  const { apiUrl, tokens } = server;
  return recordFollowing({ apiUrl, token: tokens.person, threadId: run.threadId, runId: run.id, ...options });
}

/** Requests by the last words of their paths. */
function asked(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, path } of server.requests) {
    const last = path.split("?")[0]?.split("/").at(-1) ?? "";
    const kind = `${method} ${last.length === 26 ? "thread" : last}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Waits for something of the server's, without a fixed time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe("a streamed run", () => {
  it("is reported as it comes, and takes two requests however many events it has", async () => {
    const run = await startRun();
    const following = follow(run, { clock: stoppedClock() });
    await until(() => server.openStreams === 1);
    server.setRunStatus(run.id, "running");
    for (let index = 0; index < 1_500; index += 1) {
      server.emit(
        run.id,
        index % 3 === 0 ? { type: "tool.use.started", toolName: `t${index % 2}` } : delta(`${index} `),
      );
    }
    server.endRun(run.id, "completed");
    const { result, text, tools } = await following;
    expect(result).toMatchObject({ kind: "ended", run: { status: "completed" } });
    expect(tools).toHaveLength(500);
    expect(text.split(" ")).toHaveLength(1_001);
    expect(asked()).toEqual({ "GET stream": 1, "GET thread": 1 });
  });

  it("has its text reported once, and all of it, although the stream is cut again and again", async () => {
    const run = await startRun();
    const following = follow(run, { clock: patientClock() });
    const parts = Array.from({ length: 12 }, (_, index) => `part ${index}, `);
    for (const part of parts) {
      await until(() => server.openStreams === 1);
      server.emit(run.id, delta(part));
      await new Promise(setImmediate);
      server.cutStreams();
      server.emit(run.id, delta("and "));
    }
    server.endRun(run.id, "completed");
    const { text, transcript } = await following;
    expect(text).toBe(parts.map((part) => `${part}and `).join(""));
    expect(transcript.text).toBe(text);
  });

  it("is seen to end although no event says so", async () => {
    const run = await startRun();
    server.fault({ on: "stream", kind: "mute-stream" });
    server.fault({ on: "stream", kind: "cut-stream", after: 1, times: 2 });
    server.endRun(run.id, "failed", { text: "so far", error: { code: "x", message: "broken", retryable: false } });
    const { result, transcript } = await follow(run, { clock: patientClock() });
    expect(result).toMatchObject({ kind: "ended", run: { status: "failed", error: { message: "broken" } } });
    expect(transcript.text).toBe("so far");
  });
});

describe("the end of a streamed run", () => {
  it.each([0, 250])("is seen within 300 ms of its event, also where the thread shows it %i ms late", async (ms) => {
    const run = await startRun();
    const clock = patientClock();
    const endedAt = 10_000;
    const reading = { on: "thread", kind: "status", status: 503, times: ms === 0 ? 0 : 99 } as const;
    if (ms > 0) server.fault(reading);
    void clock.sleep(endedAt).then(() => {
      server.endRun(run.id, "completed", { text: "Done." });
    });
    void clock.sleep(endedAt + ms).then(() => {
      server.clearFaults();
    });
    const { result, durationMs } = await follow(run, { clock });
    expect(result).toMatchObject({ kind: "ended", run: { status: "completed" } });
    expect(durationMs - endedAt).toBeLessThanOrEqual(300);
  });
});

describe.each(["reference", "2026-07", "2026-08"] as const)("at the %s revision", (revision) => {
  it.each(["completed", "cancelled"] as const)("a run that ends %s is followed to its end", async (status) => {
    const run = await startRun({ revision });
    const clock = patientClock();
    void clock.sleep(5_000).then(() => {
      server.endRun(run.id, status, { text: "all of it" });
    });
    const { result, transcript, history } = await follow(run, { clock });
    expect(result).toMatchObject({ kind: "ended", run: { status } });
    expect(transcript.text).toBe("all of it");
    expect(history).toBe("complete");
  });

  it("a run that had ended takes two requests", async () => {
    const run = await startRun({ revision });
    server.endRun(run.id, "completed", { text: "done" });
    const { result, transcript } = await follow(run, { mayHaveEnded: true });
    expect(result.kind).toBe("ended");
    expect(transcript.text).toBe("done");
    expect(asked()).toEqual({ "GET thread": 1, "GET events": 1 });
  });

  it("a run that was seen to have ended is not read again", async () => {
    const run = await startRun({ revision });
    server.endRun(run.id, "completed", { text: "done" });
    const { result, transcript } = await follow(run, { run: { status: "completed", finalOutput: { text: "done" } } });
    expect(result).toMatchObject({ kind: "ended", run: { finalOutput: { text: "done" } } });
    expect(transcript.text).toBe("done");
    expect(asked()).toEqual({ "GET events": 1 });
  });

  it.each(["failed", "expired"] as const)(
    "a run that ended %s is reported with its real status although a newer one is active",
    async (status) => {
      const run = await startRun({ revision });
      server.emit(run.id, delta("ours"));
      server.endRun(run.id, status);
      const newer = server.startRunDirectly(run.threadId, "Next");
      const { result, transcript } = await follow(run, { clock: patientClock() });
      expect(result).toMatchObject({ kind: "ended", run: { id: run.id, status } });
      expect(transcript.text).toBe("ours");
      expect(server.findRun(newer.id).status).toBe("queued");
    },
  );

  it("required input is reported with its title, once for each time", async () => {
    const run = await startRun({ revision });
    let requests = 0;
    const ask = (): void => {
      server.setRunStatus(run.id, "waiting_input", { title: "Run npm publish" });
    };
    const clock = patientClock();
    const askAgain = async (): Promise<void> => {
      await clock.sleep(1_000);
      server.setRunStatus(run.id, "running");
      // With polling, the run is seen to continue in between.
      await clock.sleep(20_000);
      ask();
    };
    const following = follow(run, {
      clock,
      onInputRequired: () => {
        requests += 1;
        if (requests === 3) return false;
        void askAgain();
        return true;
      },
    });
    server.setRunStatus(run.id, "running");
    ask();
    const { result, inputRequests } = await following;
    expect(inputRequests).toEqual(["Run npm publish", "Run npm publish", "Run npm publish"]);
    expect(result).toMatchObject({ kind: "input_required", title: "Run npm publish" });
  });

  it("a run is followed through reads that fail for a while", async () => {
    const run = await startRun({ revision });
    const on = ({ method }: { method: string }): boolean => method === "GET";
    server.fault({ on, kind: "status", status: 503, times: 4 });
    server.fault({ on, kind: "rate-limit", retryAfter: "3", times: 3 });
    server.fault({ on, kind: "drop-before", times: 3 });
    server.fault({ on, kind: "garbage", times: 2 });
    const clock = patientClock();
    void clock.sleep(50_000).then(() => {
      server.endRun(run.id, "completed", { text: "done" });
    });
    const { result, transcript } = await follow(run, { clock });
    expect(result).toMatchObject({ kind: "ended", run: { status: "completed" } });
    expect(transcript.text).toBe("done");
  });
});

describe("a polled run", () => {
  it("takes at most 45 requests in ten minutes, creation, stream and list included", async () => {
    const run = await startRun({ revision: "reference" });
    const { result } = await follow(run, { clock: patientClock(() => 0), timeoutMs: 600_000 });
    expect(result.kind).toBe("timeout");
    // The last read is the one at the deadline, and the request that created the thread is not among these.
    expect(server.requests.length).toBeLessThanOrEqual(45);
  });

  it("shares one rate limit with 59 others, and leaves room for requests that create", async () => {
    const dice = new Random(1);
    const clock = patientClock(() => dice.random(), 2_000);
    const window = { requests: 120, windowMs: 60_000 };
    server = await startFakeMosooServer({ revision: "reference", rateLimit: window, now: () => clock.now() });
    const runs = Array.from({ length: 60 }, () => server.createThreadDirectly({ text: "Hi" }).runs).flat();
    const following = runs.map((run) => follow(run, { clock, timeoutMs: 1_800_000 }));
    // After four minutes the intervals have settled.
    await clock.sleep(240_000);
    const before = server.requests.length;
    await clock.sleep(240_000);
    const later = server.requests.slice(before);
    const refused = later.filter(({ status }) => status === 429).length;
    for (const run of runs) server.endRun(run.id, "completed", { text: "done" });
    const ended = await Promise.all(following);
    expect(ended.map((each) => each.result.kind)).toEqual(runs.map(() => "ended"));
    expect(ended.map((each) => each.transcript.text)).toEqual(runs.map(() => "done"));
    expect(later.length / 4).toBeLessThan(100);
    expect(refused / later.length).toBeLessThan(0.05);
  });
});

describe("a signal", () => {
  it.each([
    ["the stream is open", "2026-08", () => server.openStreams === 1],
    ["the run is polled", "reference", () => server.requests.length > 0],
    ["a read is not answered", "reference", () => server.requests.some(({ fault }) => fault === "hang-before")],
  ] as const)("ends following at once while %s", async (state, revision, isReached) => {
    const run = await startRun({ revision });
    const isReading = state === "a read is not answered";
    if (isReading) server.fault({ on: "thread", kind: "hang-before" });
    const cancel = new AbortController();
    // On this clock nothing else ends it.
    const following = follow(run, { cancelSignal: cancel.signal, mayHaveEnded: isReading, clock: stoppedClock() });
    await until(isReached);
    cancel.abort();
    expect((await following).result.kind).toBe("cancelled");
  });
});
