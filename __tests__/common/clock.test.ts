import { describe, expect, it } from "@jest/globals";
import { raceWithAbort } from "../../src/common/clock.ts";

const toError = (): Error => new Error("aborted");

describe("raceWithAbort", () => {
  it("settles as the work does while nothing is aborted", async () => {
    const { signal } = new AbortController();
    await expect(raceWithAbort(Promise.resolve(1), signal, toError)).resolves.toBe(1);
    await expect(raceWithAbort(Promise.reject(new Error("failed")), signal, toError)).rejects.toThrow("failed");
  });

  it("rejects as soon as the signal is aborted, before or during the work", async () => {
    const controller = new AbortController();
    const during = raceWithAbort(new Promise(() => undefined), controller.signal, toError);
    controller.abort();
    await expect(during).rejects.toThrow("aborted");
    await expect(raceWithAbort(new Promise(() => undefined), controller.signal, toError)).rejects.toThrow("aborted");
  });
});
