import { describe, expect, it } from "@jest/globals";
import { patientClock } from "../../support/clock.ts";
import {
  count,
  followScripted,
  message,
  started,
  completed,
  running,
  done,
  streaming,
  sendEvery,
} from "../../support/follow.ts";
import { openSse, sse } from "../../support/scripted-mosoo.ts";

describe("an event stream", () => {
  it("that closes after each event is reopened ever less often, and all its text is reported", async () => {
    const events = [started(), ...Array.from({ length: 30 }, (_, index) => message(`${index} `)), completed()];
    const { result, text, durationMs } = await followScripted({
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
      thread: () => (count("stream") < events.length ? running : done),
    });
    expect(result.kind).toBe("ended");
    expect(text).toBe(Array.from({ length: 30 }, (_, index) => `${index} `).join(""));
    // Slower than one a second in the long run: the token's other steps need requests, too.
    expect(durationMs / count("stream")).toBeGreaterThan(1_000);
  });

  it("that repeats the past and closes is soon replaced by polling", async () => {
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

  it("that repeats the past and then only sends comments does not hide the end for more than a minute", async () => {
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

  it("that is kept open by comments alone costs less than one request a minute", async () => {
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

  it("that opens and sends nothing does not replace polling, and adds none", async () => {
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

  it("that sends a line without an end is closed after 45 s", async () => {
    const clock = patientClock();
    const { debug } = await followScripted(
      {
        stream: (before, response) => {
          if (before > 0) return { status: 404 };
          response.writeHead(200, { "content-type": "text/event-stream" }).write("data: ");
          void sendEvery(clock, 1_000, response, () => response.write("x"));
          return undefined;
        },
        thread: () => (count("stream") < 2 ? running : done),
      },
      { clock },
    );
    expect(debug).toContain("No data on the event stream for 45 s; reconnecting");
  });

  it.each([404, 405, 501])("that is answered with %i is replaced by polling", async (status) => {
    const { result } = await followScripted({
      stream: () => ({ status }),
      thread: (before) => (before < 1 ? running : done),
    });
    expect(result.kind).toBe("ended");
    expect(count("stream")).toBe(1);
  });

  it.each([429, 500, 503])(
    "that is answered with %i is reopened soon at first, and then minutes apart",
    async (status) => {
      const { result } = await followScripted(
        { stream: () => ({ status }) },
        { clock: patientClock(), timeoutMs: 600_000 },
      );
      expect(result.kind).toBe("timeout");
      // At 0, then twice within two seconds, then after 1, 2 and 4 minutes.
      expect(count("stream")).toBe(6);
      expect(count("thread")).toBeLessThanOrEqual(44);
    },
  );

  it("that is answered with 503 for a while is used after that", async () => {
    const { result, text } = await followScripted({
      stream: (before, response) =>
        before < 2 ? { status: 503 } : streaming(started(), message("there"), completed())(before, response),
      thread: () => (count("stream") < 3 ? running : done),
    });
    expect(result.kind).toBe("ended");
    expect(text).toBe("there");
  });

  it("that is answered with 429 is reopened no earlier than the server allows", async () => {
    const clock = patientClock();
    const askedAt: number[] = [];
    await followScripted(
      {
        stream: (before, response) => {
          askedAt.push(clock.now());
          return before < 1
            ? { status: 429, headers: { "retry-after": "5" } }
            : streaming(started(), completed())(before, response);
        },
        thread: () => (count("stream") < 2 ? running : done),
      },
      { clock },
    );
    // And a little, so that those refused together do not come back as one.
    expect(askedAt).toEqual([0, 5_625]);
  });
});
