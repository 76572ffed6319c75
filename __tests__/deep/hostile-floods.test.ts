/** Floods of untrusted text: megabytes in one piece, and endless streams. */
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "@jest/globals";
import { expectSafe, flood, stepInFlood } from "../support/flood.ts";
import { CANARY, HOSTILE, LOG } from "../support/hostile.ts";
import { runStep } from "../support/runner.ts";
import { type ScriptedBehavior, ids, openSse, scriptedEvent, sse, threadBody } from "../support/scripted-mosoo.ts";

const MEBIBYTE = 1024 * 1024;

/** Sends the packets that `next` makes, as fast as the client reads them. */
function pour(response: ServerResponse, next: () => string): void {
  let gone = false;
  response.on("close", () => (gone = true));
  const more = (): void => {
    while (!gone && response.write(next()));
    if (!gone) response.once("drain", more);
  };
  more();
}

describe("megabytes of untrusted text", () => {
  const refused = (status: number, body: unknown): ScriptedBehavior => ({ create: () => ({ status, body }) });

  it.each([
    ["an error of five", 403, { error: { code: "forbidden", message: `${CANARY} `.repeat(350_000) } }],
    ["a page of five", 403, `<html>${"<p>::error::x\n##[error]y".repeat(200_000)}`],
    ["more than is read", 403, "x".repeat(6 * MEBIBYTE)],
    ["lists without end", 403, "[".repeat(4 * MEBIBYTE)],
  ] as const)("are safe as an error response: %s", async (_, status, body) => {
    const step = await runStep(await stepInFlood(refused(status, body)));
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    expect(step.stdout.length).toBeLessThan(20_000);
  });

  it("are searched in linear time as the message of a conflict", async () => {
    // Text for which a careless pattern takes quadratic time: some ten minutes.
    const message = "still for another ".repeat(100_000);
    const step = await runStep(await stepInFlood(refused(409, { error: { code: "idempotency_conflict", message } })));
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    // It is taken for a transient conflict, so that its message is searched in each response.
    expect(flood().count("create")).toBeGreaterThan(1);
    expect(step.annotations.at(-1)?.message).toContain("idempotency_conflict");
    expect(step.stdout.length).toBeLessThan(20_000);
  });

  it("are safe as a title, unknown fields, nested lists, an error of a run, and a response", async () => {
    // Below the 5 MiB of a response that are read: of a larger one nothing would be used.
    const text = Object.values(HOSTILE).join("\n\n").repeat(80);
    const nested = "[".repeat(500_000) + "]".repeat(500_000);
    const run = { status: "failed", error: { code: text, message: text }, odd: text };
    const body = threadBody(run) as { thread: object };
    const whole = JSON.stringify({ ...body, thread: { ...body.thread, title: text, nested: 0 } });
    expect(whole.length).toBeGreaterThan(2 * MEBIBYTE);
    // The first response is nested too deeply for an output; the last is only too long.
    const created = { status: 201, body: whole.replace('"nested":0', `"nested":${nested}`) };
    const seen = { body: whole };
    const events = [scriptedEvent("agent.message.delta", text), scriptedEvent("tool.use.started", text)];
    const list = { body: { events, truncated: false } };
    const step = await runStep(await stepInFlood({ create: () => created, thread: () => seen, list: () => list }));
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    const { json = "", response = "" } = step.outputs;
    expect(JSON.parse(json)).toMatchObject({ thread: { id: ids.thread }, run: { id: ids.run, status: "failed" } });
    expect(Buffer.byteLength(json)).toBeLessThan(100_000);
    expect(response.slice(-200)).toContain("response-file");
    expect(Buffer.byteLength(response)).toBeLessThan(100_000);
    expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
  });

  it("are safe as names of thousands of tools and as a question", async () => {
    const name = Object.values(LOG).join("\n").repeat(900);
    expect(name.length).toBeGreaterThan(MEBIBYTE);
    const many = Array.from({ length: 3_000 }, (_, at) => sse(scriptedEvent("tool.use.started", `${at} ::error::x`)));
    const asked = { body: threadBody({ status: "waiting_input" }) };
    const step = await runStep(
      await stepInFlood({
        thread: () => asked,
        stream: (_, response) => {
          openSse(response);
          response.write(many.join("") + sse(scriptedEvent("tool.use.started", name)));
          response.write(sse(scriptedEvent("tool.confirmation.required", name)));
          return undefined;
        },
      }),
    );
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    expect(step.outputs["status"]).toBe("waiting_input");
    expect(step.summary.length).toBeLessThan(20_000);
  });
});

describe("an endless stream", () => {
  const lines = Object.values(LOG);
  let at = 0;
  const mixed = (): string => {
    at += 1;
    const more = [
      scriptedEvent("agent.message.delta", `${lines[at % lines.length] ?? ""}\n`),
      scriptedEvent("tool.use.started", `tool ${at}`),
      scriptedEvent(`type ${at} ::error::x`, "x"),
      scriptedEvent("agent.thinking.delta", "::error::x"),
    ];
    return `: ${at}\n\n`.repeat(50) + more.map((event) => sse(event)).join("");
  };

  it.each([
    ["of events of every kind", mixed],
    ["of comments", () => ":\n\n".repeat(10_000)],
    ["of one line", () => `data: ${"x".repeat(60_000)}`],
    ["of words", () => sse(scriptedEvent("agent.message.delta", "word ".repeat(10_000)))],
  ])("ends with `wait-timeout` and fits into memory: %s", async (_, next) => {
    const step = await runStep(
      await stepInFlood(
        {
          thread: () => ({ body: threadBody({}) }),
          stream: (__, response) => {
            openSse(response);
            pour(response, next);
            return undefined;
          },
        },
        { "wait-timeout": "2s" },
      ),
    );
    expect(step.exitCode).toBe(1);
    expectSafe(step);
    expect(step.annotations.at(-1)?.message).toContain("`wait-timeout`");
    expect(step.stdout.length).toBeLessThan(2_000_000);
  });
});
