import { describe, expect, it } from "@jest/globals";
import {
  onRateLimited,
  INITIAL_INTERVAL,
  withJitter,
  grow,
  retryAfterWithJitter,
} from "../../../src/mosoo/runs/intervals.ts";
import { PollScheduler } from "../../../src/mosoo/runs/poll-scheduler.ts";

const fine = { waitMs: 0, limited: false };

/** Reads whenever one is due, and tells the pauses in between in seconds. */
function pauses(pace: PollScheduler, count: number, from: number, random = 0): number[] {
  const seconds: number[] = [];
  let now = from;
  for (let index = 0; index < count; index += 1) {
    seconds.push(Math.round((pace.at - now) / 10) / 100);
    now = pace.at;
    pace.wasRead(now, fine, random);
  }
  return seconds;
}

describe("the interval of polling", () => {
  it("begins at 2 s and grows by a quarter up to 15 s", () => {
    const steps = [INITIAL_INTERVAL];
    for (let index = 0; index < 12; index += 1) steps.push(grow(steps.at(-1) ?? INITIAL_INTERVAL));
    expect(steps.map(({ ms }) => Math.round(ms))).toEqual([
      2_000, 2_500, 3_125, 3_906, 4_883, 6_104, 7_629, 9_537, 11_921, 14_901, 15_000, 15_000, 15_000,
    ]);
  });

  it("doubles with each 429 up to a minute, and stays", () => {
    const once = onRateLimited({ ms: 15_000 });
    expect(once.ms).toBe(30_000);
    expect(onRateLimited(onRateLimited(once)).ms).toBe(60_000);
    expect(grow(once).ms).toBe(30_000);
  });

  it("is jittered upward, by a tenth at most", () => {
    for (const ms of [2_000, 9_537, 15_000, 60_000]) {
      for (const random of [0, 0.5, 0.999_999]) {
        expect(withJitter({ ms }, random)).toBeGreaterThanOrEqual(ms);
        expect(withJitter({ ms }, random)).toBeLessThanOrEqual(ms * 1.1);
      }
    }
  });

  it("spreads those that a 429 sends away together, and lets none back too early", () => {
    expect([0, 0.5, 1].map((random) => retryAfterWithJitter(40_000, random))).toEqual([40_000, 45_000, 50_000]);
    expect(retryAfterWithJitter(1_000, 1)).toBe(2_000);
  });
});

describe("without a stream", () => {
  it("the thread is read after 2 s, then at growing intervals", () => {
    expect(pauses(new PollScheduler(0, 0), 5, 0)).toEqual([2, 2.5, 3.13, 3.91, 4.88]);
  });

  it("ten minutes take at most 42 reads, whatever chance gives", () => {
    for (const random of [0, 0.5, 0.999]) {
      const pace = new PollScheduler(0, random);
      let reads = 0;
      for (; pace.at <= 600_000; reads += 1) pace.wasRead(pace.at, fine, random);
      expect(reads).toBeLessThanOrEqual(42);
      expect(reads).toBeGreaterThan(38);
    }
  });

  it("a failed read is followed no earlier than the server allows", () => {
    const pace = new PollScheduler(0, 0);
    pace.wasRead(2_000, { waitMs: 40_000, limited: true }, 0);
    expect(pace.at).toBe(42_000);
  });
});

describe("with a stream", () => {
  it("a minute of silence is followed by one read, then by others at growing gaps: less than one a minute", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    expect(pauses(pace, 7, 0)).toEqual([60, 90, 135, 202.5, 300, 300, 300]);
  });

  it("events put it off, and begin anew", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.heard(30_000);
    expect(pauses(pace, 2, 30_000)).toEqual([60, 90]);
    pace.heard(300_000);
    expect(pauses(pace, 2, 300_000)).toEqual([60, 90]);
  });

  it("silence counts on through connections that bring nothing", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.poll(45_000, 0);
    pace.listen();
    expect(pace.at).toBe(60_000);
  });

  it("that never lived polling goes on as it was", () => {
    const pace = new PollScheduler(0, 0);
    expect(pauses(pace, 2, 0)).toEqual([2, 2.5]);
    pace.poll(5_000, 0);
    expect(pauses(pace, 2, 4_500)).toEqual([3.13, 3.91]);
  });

  it("an end that the thread does not show yet is looked for at once, soon, and on", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.hinted("end", 10_000);
    expect(pauses(pace, 11, 10_000)).toEqual([0, 0.1, 0.3, 0.6, 1, 2, 2.5, 3.13, 3.91, 4.88, 6.1]);
  });

  it("an end stays looked for when the stream breaks, comes back or tells more", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.hinted("end", 10_000);
    pace.poll(10_000, 0);
    pace.listen();
    pace.heard(10_000);
    expect(pace.at).toBe(10_000);
  });

  it("a question that the thread does not show was answered already", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.hinted("question", 10_000);
    expect(pauses(pace, 9, 10_000)).toEqual([0, 0.1, 0.3, 0.6, 1, 2, 4, 90, 135]);
  });

  it("a question that was seen, or the run's going on, ends the looking for it", () => {
    const pace = new PollScheduler(0, 0);
    pace.listen();
    pace.heard(10_000);
    pace.hinted("question", 10_000);
    pace.questionSettled();
    expect(pace.at).toBe(70_000);
    pace.hinted("end", 11_000);
    pace.questionSettled();
    expect(pace.at).toBe(11_000);
  });
});
