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
  listing,
  streaming,
  sendEvery,
} from "../../support/follow.ts";
import { scriptedEvent, openSse, sse, threadBody } from "../../support/scripted-mosoo.ts";

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
    expect(transcript.text).toBe("in the end");
    expect(history).toBe("complete");
  });

  it("is retried in the event list for 90 s where nothing else holds it, else for 3 s", async () => {
    const { result, history, durationMs } = await followScripted({ thread: () => done, list: () => ({ status: 500 }) });
    expect(result.kind).toBe("ended");
    expect(history).toBe("missing");
    expect(durationMs).toBeLessThan(15_000);
    const { history: needed, durationMs: longer } = await followScripted({
      thread: () => ({ body: threadBody({ status: "completed" }) }),
      list: () => ({ status: 500 }),
    });
    expect(needed).toBe("missing");
    expect(longer).toBeGreaterThan(60_000);
    expect(longer).toBeLessThan(120_000);
  });

  it("is known to be truncated where the server says so", async () => {
    const { history, transcript } = await followScripted({
      thread: () => ({ body: threadBody({ status: "completed" }) }),
      list: () => ({ body: { events: [message("the rest"), completed()], truncated: true } }),
    });
    expect(history).toBe("truncated");
    expect(transcript.text).toBe("the rest");
  });

  it("is read twice more where the run has said something and the thread has no final output yet", async () => {
    const { durationMs, transcript } = await followScripted({
      stream: streaming(started(), message("Said."), completed()),
      thread: () => ({ body: threadBody({ status: "completed", finalOutput: null }) }),
    });
    expect(transcript.text).toBe("Said.");
    expect({ durationMs, reads: count("thread") }).toEqual({ durationMs: 650, reads: 3 });
  });

  it.each([
    ["said nothing", null, []],
    ["is of a server that knows no final one", undefined, [message("Said.")]],
  ])("is not read again where the run %s", async (_, finalOutput, said) => {
    const { durationMs } = await followScripted({
      stream: streaming(started(), ...said, completed()),
      thread: () => ({ body: threadBody({ status: "completed", finalOutput }) }),
    });
    expect({ durationMs, reads: count("thread") }).toEqual({ durationMs: 0, reads: 1 });
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
  const waiting = { body: threadBody({ status: "waiting_input" }) };

  it("is not reported where it was given before the thread was read", async () => {
    const { inputRequests, result } = await followScripted({
      stream: streaming(
        started(),
        scriptedEvent("tool.confirmation.required", "Old?"),
        started(),
        message("on"),
        completed(),
      ),
      thread: () => done,
    });
    expect(result.kind).toBe("ended");
    expect(inputRequests).toEqual([]);
  });

  it("is reported with its title where the thread shows it late", async () => {
    const { result } = await followScripted(
      {
        stream: streaming(started(), scriptedEvent("tool.confirmation.required", "Publish?")),
        thread: (before) => (before < 3 ? running : waiting),
      },
      { onInputRequired: () => false },
    );
    expect(result).toMatchObject({ kind: "input_required", title: "Publish?" });
  });

  it("is reported once where it is found by reading and the stream delivers its event later", async () => {
    const request = scriptedEvent("tool.confirmation.required", "Publish?");
    const { inputRequests, result } = await followScripted(
      {
        stream: streaming(started(), request),
        list: () => listing(started(), request),
        thread: (before) => (before < 4 ? waiting : done),
      },
      { mayHaveEnded: true, timeoutMs: 900_000 },
    );
    expect(result.kind).toBe("ended");
    expect(inputRequests).toEqual(["Publish?"]);
  });

  it("is reported without a title where the events cannot be read", async () => {
    const { result } = await followScripted(
      { thread: () => waiting, list: () => ({ status: 500 }) },
      { onInputRequired: () => false },
    );
    expect(result).toEqual({
      kind: "input_required",
      title: undefined,
      run: expect.objectContaining({ status: "waiting_input" }),
    });
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

  it("is followed by one last read, since the run may have ended", async () => {
    const clock = patientClock();
    const { result, durationMs } = await followScripted(
      { thread: () => (clock.now() > 19_000 ? done : running) },
      { clock, timeoutMs: 20_000 },
    );
    expect(result.kind).toBe("ended");
    expect(durationMs).toBe(20_000);
  });

  it("ends the use of a stream that goes on", async () => {
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
    expect(result.kind).toBe("timeout");
    expect(text).toBe("x".repeat(16));
  });
});
