import type { ServerResponse } from "node:http";
import { describe, expect, it } from "@jest/globals";
import {
  ids,
  interruptBody,
  scriptedEvent,
  openSse,
  sse,
  startScriptedMosoo,
  threadBody,
  type ScriptedBehavior,
} from "../support/scripted-mosoo.ts";
import { type StepResult, runStep, startStep } from "../support/runner.ts";
import { Agent, annotated, delta, tool, until } from "../support/waiting.ts";

/** Everything went well, and without a word to people. */
const fine = (response = "All is well.") => ({ exitCode: 0, annotations: [], outputs: { response } });

async function waitOn(behaviour: ScriptedBehavior, inputs: Record<string, string> = {}): Promise<StepResult> {
  const server = await startScriptedMosoo(behaviour);
  try {
    const given = { "agent-id": ids.agent, token: "mst_x", "api-url": server.apiUrl, message: "Hi", wait: "true" };
    return await runStep({ with: { ...given, ...inputs } });
  } finally {
    await server.close();
  }
}

async function followCuts(agent: Agent): Promise<void> {
  agent.script = [{ status: "running" }];
  const running = startStep(agent.step());
  const parts = [1, 2, 3, 4];
  const run = () => agent.newestRun().id;
  for (const part of parts) {
    await until(() => agent.server.openStreams === 1);
    agent.server.emit(run(), [delta(`heard ${part}\n`), tool(`tool ${part}`)]);
    await running.waitForLog(`→ tool ${part}`);
    agent.server.cutStreams();
    agent.server.emit(run(), delta(`missed ${part}\n`));
  }
  await until(() => agent.server.openStreams === 1);
  agent.server.endRun(run(), "completed");
  const result = await running.result;
  expect(result).toMatchObject(fine(parts.map((part) => `heard ${part}\nmissed ${part}\n`).join("")));
  for (const line of parts.flatMap((part) => [`heard ${part}`, `missed ${part}`, `→ tool ${part}`])) {
    expect(result.shown.split("\n").filter((shown) => shown === line)).toEqual([line]);
  }
  expect(agent.asked().filter((each) => each === "GET thread").length).toBeLessThanOrEqual(4);
}

// One group, whose tests run side by side: most of their time is spent waiting.
describe("while the step waits,", () => {
  it.concurrent.each(["2026-07", "2026-08"] as const)(
    "streams (%s) that are cut are opened again: each word is told once, and none is lost",
    (revision) => Agent.during({ revision }, followCuts),
  );

  it.concurrent("streams that break with an error are opened again", () =>
    Agent.during({}, async (agent) => {
      agent.script = [{ emit: delta("a\n") }, { after: 100, emit: delta("b\n") }, { end: "completed" }];
      agent.server.fault({ on: "stream", kind: "stream-error", after: 2 });
      expect(await agent.run()).toMatchObject(fine("a\nb\n"));
    }),
  );

  it.concurrent.each([404, 405, 501])("streams answered %i are none: the thread is read every now and then", (status) =>
    Agent.during({}, async (agent) => {
      agent.server.fault({ on: "stream", kind: "status", status, times: 99 });
      expect(await agent.run()).toMatchObject(fine());
      expect(agent.asked()).toEqual(["POST threads", "GET stream", "GET thread", "GET events"]);
    }),
  );

  it.concurrent("streams of another content type are none", () =>
    Agent.during({}, async (agent) => {
      agent.server.fault({ on: "stream", kind: "wrong-content-type" });
      expect(await agent.run()).toMatchObject(fine());
    }),
  );

  it.concurrent.each([429, 500, 503])("streams answered %i for a while are asked for again", (status) =>
    Agent.during({}, async (agent) => {
      agent.server.fault({ on: "stream", kind: "status", status, times: 2 });
      expect(await agent.run()).toMatchObject(fine());
      expect(agent.asked().filter((each) => each === "GET stream")).toHaveLength(3);
    }),
  );

  it.concurrent.each(["reference", "2026-07", "2026-08"] as const)(
    "a thread (%s) that cannot be read for a while is read again, without a word to people",
    (revision) =>
      Agent.during({ revision }, async (agent) => {
        agent.server.fault({ on: "thread", kind: "status", status: 500 });
        if (revision === "reference") {
          // Here reads are seconds apart, and the answer is in the events alone.
          agent.server.fault({ on: "event-list", kind: "status", status: 503, times: 2 });
        } else {
          agent.server.fault({ on: "thread", kind: "rate-limit", retryAfter: "0" });
          agent.server.fault({ on: "thread", kind: "drop-before" });
          agent.server.fault({ on: "thread", kind: "garbage" });
        }
        expect(await agent.run()).toMatchObject(fine());
      }),
  );

  it.concurrent.each([
    ["reference", 401, "token"],
    ["2026-07", 403, "token"],
    ["2026-08", 404, "The thread was deleted"],
  ] as const)("a thread (%s) that answers %i ends the wait, with what is known", (revision, status, advice) =>
    Agent.during({ revision }, async (agent) => {
      const running = await agent.atWork();
      agent.server.fault({ on: "thread", kind: "status", status, times: 99 });
      agent.server.fault({ on: "stream", kind: "status", status, times: 99 });
      agent.server.cutStreams();
      const result = await running.result;
      expect(result.exitCode).toBe(1);
      const errors = annotated(result, "error");
      expect(errors).toEqual([expect.stringMatching(new RegExp(`^Failed to follow the run\\..* ${status}\\b`))]);
      expect(errors[0]).toContain(advice);
      expect(errors[0]).toContain(result.outputs["thread-url"]);
      expect(result.outputs["run-id"]).toBe(agent.newestRun().id);
      expect(result.outputs["response"]).toBe(revision === "reference" ? "" : "Reading the diff.\n");
      // Nobody killed the step: the post step has nothing to do.
      expect(result.state["waiting"]).toBe("");
      expect(agent.interrupts()).toEqual([]);
    }),
  );

  it.concurrent("a server that shows the run's end seconds after its event is believed in the end", async () => {
    let [endedAt, seenAt] = [Infinity, Infinity];
    const said = [
      scriptedEvent("run.started", ids.run),
      scriptedEvent("agent.message.delta", "Hello."),
      scriptedEvent("run.completed", ids.run),
    ];
    const failed = { status: "failed", error: { code: "x", message: "No." } };
    const result = await waitOn({
      stream: (_, response) => {
        openSse(response);
        endedAt = performance.now();
        response.write(said.map((event) => sse(event)).join(""));
        return undefined;
      },
      thread: () => {
        seenAt = performance.now();
        return { body: threadBody(seenAt - endedAt < 1_500 ? {} : failed) };
      },
    });
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: "failed", response: "Hello." } });
    // Read at 0.1, 0.4, 1 and 2 s, and at 4 s where a busy machine was late.
    expect(seenAt - endedAt).toBeLessThan(4_500);
  });

  it.concurrent("a server that closes the stream after each event is followed all the same", async () => {
    const words = ["a", "b", "c", "d"].map((word) => scriptedEvent("agent.message.delta", word));
    const events = [scriptedEvent("run.started", ids.run), ...words, scriptedEvent("run.completed", ids.run)];
    let told = 0;
    const result = await waitOn({
      stream: (before, response) => {
        told = before + 1;
        openSse(response);
        response.end(
          events
            .slice(0, told)
            .map((event) => sse(event))
            .join(""),
        );
        return undefined;
      },
      thread: () => ({ body: threadBody({ status: told < events.length ? "running" : "completed" }) }),
    });
    expect(result).toMatchObject(fine("abcd"));
  });

  it.concurrent.each([
    ["never opens", () => "hang"],
    [
      "opens without a word, as behind a proxy that keeps answers back,",
      (_: number, response: ServerResponse) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
        return undefined;
      },
    ],
  ] as [string, NonNullable<ScriptedBehavior["stream"]>][])(
    "a stream that %s does not hide the run's end",
    async (_, stream) => {
      const result = await waitOn({
        stream,
        thread: (before) => ({
          body: threadBody(before < 1 ? {} : { status: "completed", finalOutput: { text: "Done." } }),
        }),
      });
      expect(result).toMatchObject(fine("Done."));
      // Two reads, as in polling; such a stream is left after 30 or 45 s.
      expect(result.durationMs).toBeLessThan(20_000);
    },
  );

  it.concurrent(
    "words that quote the token are told once, though the stream breaks and the list has the rest",
    async () => {
      const token = "mst_quotedByTheAgent";
      const said = (text: string) => scriptedEvent("agent.message.delta", text);
      const halves = [said(`The token is ${token.slice(0, 9)}`), said(`${token.slice(9)}, they say.`)];
      const result = await waitOn(
        {
          stream: (before, response) => {
            if (before > 0) return { status: 503 };
            openSse(response);
            response.end([scriptedEvent("run.started", ids.run), ...halves].map((event) => sse(event)).join(""));
            return undefined;
          },
          list: () => ({
            body: {
              events: [scriptedEvent("run.started", ids.run), said(`The token is ${token}, they say. And more.`)],
              truncated: false,
            },
          }),
        },
        { token, "wait-timeout": "2s" },
      );
      expect(result.outputs["response"]).toBe("The token is ***, they say. And more.");
      expect(result.shown).not.toContain(token);
    },
  );

  it.concurrent("a newer run is no reason to give up while the server cannot tell how ours ended", async () => {
    let askedAt = Infinity;
    const result = await waitOn({
      stream: (_, response) => {
        openSse(response);
        const said = [scriptedEvent("run.started", ids.run), scriptedEvent("agent.message.delta", "Hello.")];
        const newer = scriptedEvent("run.started", ids.newerRun, { runId: ids.newerRun });
        response.write([...said, newer].map((event) => sse(event)).join(""));
        return undefined;
      },
      thread: () => ({ body: threadBody({}, ids.newerRun) }),
      events: () => {
        askedAt = Math.min(askedAt, performance.now());
        return performance.now() - askedAt < 2_500 ? { status: 503 } : { body: interruptBody("completed") };
      },
    });
    expect(result).toMatchObject(fine("Hello."));
    expect(result.outputs).toMatchObject({ "run-id": ids.run, status: "completed" });
  });

  it.concurrent("a server that hangs whatever it is asked is given up after wait-timeout", async () => {
    const hang = (): "hang" => "hang";
    const result = await waitOn(
      { stream: hang, thread: hang, list: hang, events: hang },
      { "wait-timeout": "2s", "request-timeout": "1s" },
    );
    expect(result.exitCode).toBe(1);
    expect(annotated(result, "error")).toEqual([expect.stringContaining("Timed out after 2 s")]);
    // 2 s, a read of 1 s that goes on, a last one, and 3 s for the events; the rest is for a busy machine.
    expect(result.durationMs).toBeLessThan(14_000);
  });

  it.concurrent("a server that names no status at first is asked for one", async () => {
    const result = await waitOn({
      create: () => ({ status: 201, body: threadBody({ status: null }) }),
      thread: () => ({ body: threadBody({ status: "completed", finalOutput: { text: "Done." } }) }),
    });
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: "completed", response: "Done." } });
  });
});
