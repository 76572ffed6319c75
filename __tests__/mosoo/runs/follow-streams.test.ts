import { describe, expect, it } from "@jest/globals";
import { patientClock } from "../../support/clock.ts";
import * as script from "../../support/follow.ts";
import { openSse, sse } from "../../support/scripted-mosoo.ts";

const { completed, count, done, followScripted, message, running, sendEvery, started, streaming } = script;

describe("an event stream", () => {
  it("is reopened ever less often where it closes after each event, and all its text is reported", async () => {
    const events = [started(), ...Array.from({ length: 30 }, (_, index) => message(`${index} `)), completed()];
    const { result, text, durationMs } = await followScripted({
      stream: (before, response) => {
        openSse(response);
        const sent = events.slice(0, before + 1).map((event) => sse(event));
        response.end(sent.join(""));
        return undefined;
      },
      thread: () => (count("stream") < events.length ? running : done),
    });
    expect(result.kind).toBe("ended");
    expect(text).toBe(Array.from({ length: 30 }, (_, index) => `${index} `).join(""));
    // Slower than one a second in the long run: the token's other steps need requests, too.
    expect(durationMs / count("stream")).toBeGreaterThan(1_000);
  });

  it("is soon replaced by polling where it repeats the past and closes", async () => {
    const past = [started(), message("a")];
    const { result, text } = await followScripted({
      stream: (_, response) => {
        openSse(response);
        response.end(past.map((event) => sse(event)).join(""));
        return undefined;
      },
      thread: (before) => (before < 6 ? running : done),
    });
    expect(result.kind).toBe("ended");
    expect(text).toBe("a");
    expect(count("stream")).toBeLessThanOrEqual(5);
  });

  it("does not hide the end for more than a minute where it repeats the past and then only sends comments", async () => {
    const clock = patientClock();
    const { result, durationMs } = await followScripted(
      {
        stream: (_, response) => {
          streaming(started(), message("a"))(0, response);
          void sendEvery(clock, 15_000, response, () => response.write(": keepalive\n\n"));
          return undefined;
        },
        thread: () => done,
      },
      { clock },
    );
    expect(result.kind).toBe("ended");
    expect(durationMs).toBe(60_000);
  });

  it("costs less than one request a minute while comments alone keep it open", async () => {
    const clock = patientClock();
    const { result, idleReports } = await followScripted(
      {
        stream: (_, response) => {
          openSse(response);
          void sendEvery(clock, 15_000, response, () => response.write(": keepalive\n\n"));
          return undefined;
        },
      },
      { clock, timeoutMs: 1_200_000 },
    );
    expect(result.kind).toBe("timeout");
    expect(count("stream")).toBe(1);
    // At 1, 2.5, 4.75, 8.1, 13.1 and 18.1 minutes, and once more at the end.
    expect(count("thread")).toBe(7);
    expect(idleReports).toBe(19);
  });

  it("neither replaces polling nor adds to it where it opens and sends nothing", async () => {
    const { result } = await followScripted(
      {
        stream: (_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
          return undefined;
        },
      },
      { timeoutMs: 600_000 },
    );
    expect(result.kind).toBe("timeout");
    expect(count("thread")).toBeGreaterThan(35);
    expect(count("thread")).toBeLessThanOrEqual(43);
    expect(count("stream")).toBeLessThanOrEqual(6);
  });

  it("is closed after 45 s where it sends a line without an end", async () => {
    const clock = patientClock();
    const openedAt: number[] = [];
    await followScripted(
      {
        stream: (before, response) => {
          openedAt.push(clock.now());
          if (before > 0) return { status: 404 };
          response.writeHead(200, { "content-type": "text/event-stream" }).write("data: ");
          void sendEvery(clock, 1_000, response, () => response.write("x"));
          return undefined;
        },
        thread: () => (count("stream") < 2 ? running : done),
      },
      { clock },
    );
    expect(openedAt).toHaveLength(2);
    expect(openedAt[1]).toBeGreaterThanOrEqual(45_000);
    expect(openedAt[1]).toBeLessThan(60_000);
  });

  it("is replaced by polling where the server has none", async () => {
    const { result } = await followScripted({
      stream: () => ({ status: 404 }),
      thread: (before) => (before < 1 ? running : done),
    });
    expect({ kind: result.kind, streams: count("stream") }).toEqual({ kind: "ended", streams: 1 });
  });

  it("is reopened soon at first where it fails, and then minutes apart", async () => {
    const { result } = await followScripted({ stream: () => ({ status: 503 }) }, { timeoutMs: 600_000 });
    expect(result.kind).toBe("timeout");
    // At 0, then twice within two seconds, then after 1, 2 and 4 minutes.
    expect(count("stream")).toBe(6);
    expect(count("thread")).toBeLessThanOrEqual(44);
  });

  it("is used once it works after failures", async () => {
    const { result, text } = await followScripted({
      stream: (before, response) =>
        before < 2 ? { status: 503 } : streaming(started(), message("there"), completed())(before, response),
      thread: () => (count("stream") < 3 ? running : done),
    });
    expect({ kind: result.kind, text }).toEqual({ kind: "ended", text: "there" });
  });

  it("is not used any longer at the deadline", async () => {
    const clock = patientClock();
    const { result, text } = await followScripted(
      {
        stream: (_, response) => {
          openSse(response);
          void sendEvery(clock, 600, response, () => response.write(sse(message("x"))));
          return undefined;
        },
      },
      { clock, timeoutMs: 10_000 },
    );
    expect({ kind: result.kind, text }).toEqual({ kind: "timeout", text: "x".repeat(16) });
  });
});
