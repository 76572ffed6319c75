import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { CancelledError } from "../../src/mosoo/errors.ts";
import { ShutdownController } from "../../src/actions/shutdown.ts";

let stop: ShutdownController;
let last: number;

beforeEach(() => {
  jest.useFakeTimers();
  last = 0;
  stop = new ShutdownController(() => {
    last += 1;
  });
});

afterEach(() => {
  process.removeAllListeners("SIGINT");
  process.removeAllListeners("SIGTERM");
  jest.useRealTimers();
});

/** What is aborted so many milliseconds after a signal. */
function after(ms: number): { requested: boolean; inFlight: boolean; over: boolean; last: number } {
  jest.advanceTimersByTime(ms);
  const { cancelSignal: requested, abortRequestsSignal: inFlight, deadlineSignal: over } = stop;
  return { requested: requested.aborted, inFlight: inFlight.aborted, over: over.aborted, last };
}

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("%s ends a step that waits in steps, within 4 s", (signal) => {
    stop.isWaiting = true;
    process.emit(signal);
    expect(after(0)).toEqual({ requested: true, inFlight: false, over: false, last: 0 });
    expect(after(1_500)).toEqual({ requested: true, inFlight: true, over: false, last: 0 });
    expect(after(2_000)).toEqual({ requested: true, inFlight: true, over: true, last: 0 });
    expect(after(300)).toMatchObject({ last: 1 });
  });

  it("ends a step that does not wait in half the time", () => {
    process.emit("SIGTERM");
    expect(after(2_300)).toEqual({ requested: true, inFlight: true, over: true, last: 1 });
  });

  it("counts once, however often it comes", () => {
    process.emit("SIGINT");
    after(1_000);
    process.emit("SIGINT");
    process.emit("SIGTERM");
    expect(after(500)).toMatchObject({ inFlight: true });
    expect(after(60_000)).toMatchObject({ last: 1 });
  });
});

describe("work before anything is sent", () => {
  it("settles as it does without a signal", async () => {
    await expect(stop.rejectOnCancel(Promise.resolve(5))).resolves.toBe(5);
    await expect(stop.rejectOnCancel(Promise.reject(new Error("x")))).rejects.toThrow("x");
  });

  it("ends with a signal, before it or during it: nothing was sent", async () => {
    const never = new Promise<number>(() => undefined);
    const during = stop.rejectOnCancel(never);
    process.emit("SIGINT");
    await expect(during).rejects.toEqual(new CancelledError("not_created"));
    await expect(stop.rejectOnCancel(never)).rejects.toThrow(CancelledError);
  });
});
