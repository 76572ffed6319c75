import { describe, expect, it } from "@jest/globals";
import { type ConnectionErrorCode, MosooConnectionError } from "../../../src/mosoo/errors.ts";
import type { ApiErrorResult, ApiFailure } from "../../../src/mosoo/request.ts";
import {
  INITIAL_POLL_INTERVAL_MS,
  type Schedule,
  expectSoon,
  growInterval,
  initialSchedule,
  onConnectFailed,
  onInputSettled,
  onPolled,
  onStreamActivity,
  onStreamClosed,
  onStreamEvent,
  onStreamUnsupported,
  readRetryDelayMs,
  withJitter,
} from "../../../src/mosoo/runs/poll-scheduler.ts";

const start = { now: 0, random: 0 };
const polling = initialSchedule(start);
const streaming = onStreamActivity(polling);
const wasShort = { lifetimeMs: 1_000, hasProgress: true };
const wasUseless = { lifetimeMs: 1_000, hasProgress: false };

/** Polls whenever a poll is due. @returns the delays in seconds, and the schedule after them */
function poll(schedule: Schedule, count: number, from: number, random = 0): { delays: number[]; after: Schedule } {
  const delays: number[] = [];
  let [now, after] = [from, schedule];
  for (let index = 0; index < count; index += 1) {
    delays.push(Math.round((after.pollAt - now) / 10) / 100);
    now = after.pollAt;
    after = onPolled(after, { now, random });
  }
  return { delays, after };
}

describe("the polling interval", () => {
  it("begins at 2 s and grows by a quarter up to 15 s", () => {
    const steps = [INITIAL_POLL_INTERVAL_MS];
    for (let index = 0; index < 12; index += 1) steps.push(growInterval(steps.at(-1) ?? 0));
    expect(steps.map(Math.round)).toEqual([
      2_000, 2_500, 3_125, 3_906, 4_883, 6_104, 7_629, 9_537, 11_921, 14_901, 15_000, 15_000, 15_000,
    ]);
  });

  it("is lengthened by jitter, by a tenth at most", () => {
    for (const ms of [2_000, 9_537, 15_000, 60_000]) {
      for (const random of [0, 0.5, 0.999_999]) {
        expect(withJitter(ms, random)).toBeGreaterThanOrEqual(ms);
        expect(withJitter(ms, random)).toBeLessThanOrEqual(ms * 1.1);
      }
    }
  });

  it("doubles with each 429 up to a minute, and stays there", () => {
    const limited = { delayMs: 0, isRateLimited: true };
    let schedule: Schedule = { ...polling, intervalMs: 15_000 };
    const intervals: number[] = [];
    for (const failure of [limited, limited, limited, undefined]) {
      schedule = onPolled(schedule, start, failure);
      intervals.push(schedule.intervalMs);
    }
    expect(intervals).toEqual([30_000, 60_000, 60_000, 60_000]);
  });
});

describe("a run without a stream", () => {
  it("is polled after 2 s, then at growing intervals", () => {
    expect(poll(polling, 5, 0).delays).toEqual([2, 2.5, 3.13, 3.91, 4.88]);
  });

  it.each([0, 0.5, 0.999])("is polled at most 42 times in ten minutes, with random numbers of %d", (random) => {
    let schedule = initialSchedule({ now: 0, random });
    let reads = 0;
    for (; schedule.pollAt <= 600_000; reads += 1) schedule = onPolled(schedule, { now: schedule.pollAt, random });
    expect(reads).toBeLessThanOrEqual(42);
    expect(reads).toBeGreaterThan(38);
  });

  it("is polled no earlier after a failure than the server allows", () => {
    const failure = { delayMs: 40_000, isRateLimited: true };
    expect(onPolled(polling, { now: 2_000, random: 0 }, failure).pollAt).toBe(42_000);
  });
});

describe("a streamed run", () => {
  it("is read after a minute of silence, then at growing gaps: less than once a minute", () => {
    expect(poll(streaming, 7, 0).delays).toEqual([60, 90, 135, 202.5, 300, 300, 300]);
  });

  it("is read later after each event, and at the first gaps again", () => {
    const first = poll(onStreamEvent(streaming, 30_000), 2, 30_000);
    expect(first.delays).toEqual([60, 90]);
    expect(poll(onStreamEvent(first.after, 300_000), 2, 300_000).delays).toEqual([60, 90]);
  });

  it("has its silence counted on through connections that deliver nothing", () => {
    const closed = onStreamClosed(streaming, { now: 45_000, random: 0 }, wasUseless);
    expect(closed.pollAt).toBe(47_000);
    expect(onStreamActivity(closed).pollAt).toBe(60_000);
  });

  it("is polled as before where the stream never delivered anything", () => {
    const before = poll(polling, 2, 0).after;
    const closed = onStreamClosed(before, { now: 5_000, random: 0 }, wasUseless);
    expect(poll(closed, 2, 4_500).delays).toEqual([3.13, 3.91]);
  });

  it("is read at once where an event says that it ended, soon again where the thread does not show it, and on", () => {
    const { delays } = poll(expectSoon(streaming, "end", 10_000), 11, 10_000);
    expect(delays).toEqual([0, 0.1, 0.3, 0.6, 1, 2, 2.5, 3.13, 3.91, 4.88, 6.1]);
  });

  it("is still read at once for its end when the stream closes, reconnects or delivers more", () => {
    const expecting = expectSoon(streaming, "end", 10_000);
    const closed = onStreamClosed(expecting, { now: 10_000, random: 0 }, wasShort);
    expect(onStreamEvent(onStreamActivity(closed), 10_000).pollAt).toBe(10_000);
  });

  it("is read for input that it requires until the last of six delays, since it was given by then", () => {
    const { delays } = poll(expectSoon(streaming, "input", 10_000), 9, 10_000);
    expect(delays).toEqual([0, 0.1, 0.3, 0.6, 1, 2, 4, 90, 135]);
  });

  it("is not read any more for input that the thread has shown, but for its end", () => {
    const expecting = expectSoon(onStreamEvent(streaming, 10_000), "input", 10_000);
    expect(onInputSettled(expecting).pollAt).toBe(70_000);
    expect(onInputSettled(expectSoon(expecting, "end", 11_000)).pollAt).toBe(11_000);
  });
});

describe("a failed read", () => {
  const answered = (status: number, retryAfterMs?: number): ApiErrorResult => ({
    kind: "error",
    status,
    code: undefined,
    message: undefined,
    requestId: undefined,
    isUnroutedPath: false,
    replayed: false,
    retryAfterMs,
  });
  const broken = (code: ConnectionErrorCode): ApiFailure => ({
    kind: "connection",
    error: new MosooConnectionError(code, "Failed.", "", code === "response_too_large" ? 200 : undefined),
  });
  const html = {
    kind: "invalid_response",
    status: 200,
    text: "<html>",
    contentType: "text/html",
    requestId: undefined,
  } as const;

  it.each<[string, ApiFailure, number | undefined]>([
    ["503 is repeated after the backoff", answered(503), 2_000],
    ["429 is repeated no earlier than the server allows", answered(429, 40_000), 45_000],
    ["HTML is repeated", html, 2_000],
    ["a connection that was reset is repeated", broken("connection_reset"), 2_000],
    ["an untrusted certificate is not", broken("certificate_invalid"), undefined],
    ["a response that is too large is not", broken("response_too_large"), undefined],
    ["401 is not", answered(401), undefined],
    ["404 is not", answered(404), undefined],
  ])("%s", (_, failure, delayMs) => {
    expect(readRetryDelayMs(failure, 4, 0.5)).toBe(delayMs);
  });
});

describe("the event stream", () => {
  it("is opened at once, and never again where the server has none", () => {
    expect(polling.connectAt).toBe(0);
    expect(onStreamUnsupported(polling).connectAt).toBe(Infinity);
  });

  it("is reopened twice at short delays and then minutes apart where it fails", () => {
    let schedule = polling;
    const delays: number[] = [];
    for (let failures = 0; failures < 7; failures += 1) {
      schedule = onConnectFailed(schedule, { now: 0, random: 0.999 });
      delays.push(Math.round(schedule.connectAt / 100) / 10);
    }
    expect(delays).toEqual([0.5, 1, 60, 120, 240, 300, 300]);
  });

  it("is reopened no earlier than the server allows", () => {
    const busy = { kind: "status", status: 429, retryAfterMs: 5_000 } as const;
    expect(onConnectFailed(polling, start, busy).connectAt).toBe(5_000);
  });

  it("counts as failed where it delivered nothing new", () => {
    const closed = onStreamClosed(streaming, { now: 0, random: 0.999 }, wasUseless);
    expect(closed.failedConnections).toBe(1);
    expect(onStreamClosed(closed, start, wasShort).failedConnections).toBe(0);
  });

  it("is reopened ever later, up to 3 s, where it keeps closing soon after it delivered something", () => {
    let schedule = streaming;
    const delays: number[] = [];
    for (let closed = 0; closed < 7; closed += 1) {
      schedule = onStreamClosed(schedule, { now: 0, random: 0.999 }, wasShort);
      delays.push(Math.round(schedule.connectAt / 100) / 10);
    }
    expect(delays).toEqual([0.5, 0.5, 0.5, 1, 2, 3, 3]);
    const longLived = { lifetimeMs: 60_000, hasProgress: true };
    expect(onStreamClosed(schedule, { now: 0, random: 0.999 }, longLived).connectAt).toBeLessThan(600);
  });
});
