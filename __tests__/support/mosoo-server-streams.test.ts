import { afterEach, describe, expect, it } from "@jest/globals";
import { at, LATER, send, start, until } from "./mosoo/test-client.ts";
import type { FakeMosooServer, RunEvent } from "./fake-mosoo-server.ts";

const delta = (content: string): RunEvent => ({ type: "agent.message.delta", content });
const hangUps: AbortController[] = [];

afterEach(() => {
  for (const hangUp of hangUps.splice(0)) hangUp.abort();
});

interface Listening {
  status: number;
  contentType: string | null;
  /** All that came so far. */
  text: () => string;
  events: () => Record<string, unknown>[];
  /** How it ended: `undefined` while it goes on. */
  ending: () => "closed" | "broken" | undefined;
}

async function listen(server: FakeMosooServer, threadId: string, query = ""): Promise<Listening> {
  const hangUp = new AbortController();
  hangUps.push(hangUp);
  const response = await fetch(`${server.apiUrl}/threads/${threadId}/events/stream${query}`, {
    headers: { authorization: `Bearer ${server.tokens.person}` },
    signal: hangUp.signal,
  });
  let text = "";
  let ending: "closed" | "broken" | undefined;
  const follow = async (): Promise<void> => {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body ?? []) text += decoder.decode(bytes as Uint8Array, { stream: true });
      ending = "closed";
    } catch {
      ending = "broken";
    }
  };
  void follow();
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    text: () => text,
    events: () =>
      [...text.matchAll(/^data: (.*)$/gm)].map((found) => JSON.parse(found[1] ?? "") as Record<string, unknown>),
    ending: () => ending,
  };
}

const running = async (revision: (typeof LATER)[number] = "2026-08", keepAliveMs = 15_000) => {
  const server = await start({ revision, keepAliveMs });
  const thread = server.createThreadDirectly({ text: "Go" });
  const runId = thread.runs[0]?.id ?? "";
  server.setRunStatus(runId, "running");
  return { server, thread, runId };
};

describe("the event stream", () => {
  it.each(LATER)("opens with a comment, then sends past and new events (%s)", async (revision) => {
    const { server, thread, runId } = await running(revision);
    const stream = await listen(server, thread.id);
    expect([stream.status, stream.contentType]).toEqual([200, "text/event-stream; charset=utf-8"]);
    await until(() => stream.events().length === 2);
    expect(stream.text()).toMatch(/^: connected\n\nevent: thread\.event\nid: [0-9A-Z]{26}\ndata: \{/);
    server.emit(runId, delta("Hi"));
    await until(() => stream.events().length === 3);
    const last = thread.events.at(-1);
    expect(stream.events()[2]).toMatchObject({
      id: last?.id,
      runId,
      type: "agent.message.delta",
      status: "available",
      content: "Hi",
      durationMs: null,
      tokens: null,
    });
    expect(stream.text()).toContain(`id: ${last?.id ?? ""}\n`);
  });

  it("does not end when the run does, and says run.completed for a cancelled run", async () => {
    const { server, thread, runId } = await running();
    const stream = await listen(server, thread.id);
    await send(server, thread.id, { type: "user_interrupt", runId });
    await until(() => stream.events().some((event) => event["type"] === "run.completed"));
    expect(stream.events().at(-1)).toMatchObject({ content: runId });
    const next = server.startRunDirectly(thread.id, "More");
    await until(() => stream.events().at(-1)?.["runId"] === next.id);
    expect(stream.ending()).toBeUndefined();
    expect(server.openStreams).toBe(1);
  });

  it("folds the past of each run under the last fragment's ID, thinking apart", async () => {
    const { server, thread, runId } = await running();
    server.emit(runId, [{ type: "agent.thinking.delta", content: "hm" }, delta("a"), delta("b")]);
    server.emit(runId, { type: "tool.use.started", content: "Read" });
    server.emit(runId, [{ type: "agent.thinking.delta", content: "!" }, delta("c")]);
    const lastDelta = thread.events.at(-1)?.id;
    const stream = await listen(server, thread.id);
    await until(() => stream.events().length === 5);
    expect(stream.events().map((event) => event["content"])).toEqual(["Go", runId, "hm!", "abc", "Read"]);
    expect(stream.events()[3]?.["id"]).toBe(lastDelta);
    server.emit(runId, delta("d"));
    await until(() => stream.events().length === 6);
    expect(stream.events()[5]?.["content"]).toBe("d");
    const again = await listen(server, thread.id);
    await until(() => again.events().length === 5);
    expect(again.events()[3]?.["content"]).toBe("abcd");
  });

  it("sends fragments written at once as one event, others one by one", async () => {
    const { server, thread, runId } = await running();
    const stream = await listen(server, thread.id);
    await until(() => stream.events().length === 2);
    server.emit(
      runId,
      Array.from({ length: 1500 }, (_, index) => delta(`${index} `)),
    );
    await until(() => stream.events().length === 3);
    expect(String(stream.events()[2]?.["content"]).split(" ")).toHaveLength(1501);
    server.emit(runId, [
      { ...delta("New."), startsMessage: true },
      { ...delta("Newer."), startsMessage: true },
    ]);
    await until(() => stream.events().length === 5);
  });

  it("shows the newest events of the past, as many as asked for", async () => {
    const { server, thread, runId } = await running();
    server.emit(
      runId,
      Array.from({ length: 200 }, (_, index) => ({ type: "file.changed", content: String(index) })),
    );
    const few = await listen(server, thread.id);
    await until(() => few.events().length === 100);
    const all = await listen(server, thread.id, "?limit=1000");
    await until(() => all.events().length === 202);
    expect((await listen(server, thread.id, "?limit=0")).status).toBe(400);
  });

  it("comments on silence, and only on silence", async () => {
    const { server, thread } = await running("2026-08", 5);
    const stream = await listen(server, thread.id);
    await until(() => stream.text().includes(": keepalive\n\n"));
    const quiet = await start({ revision: "2026-08" });
    const other = await listen(quiet, quiet.createThreadDirectly().id);
    await until(() => other.text() !== "");
    expect(other.text()).toBe(": connected\n\n");
  });

  it("plays unknown event types as well", async () => {
    const { server, thread, runId } = await running();
    const stream = await listen(server, thread.id);
    server.emit(runId, { type: "agent.dreamed", content: "of sheep" });
    await until(() => stream.events().at(-1)?.["type"] === "agent.dreamed");
  });

  it("is a server's to cut", async () => {
    const { server, thread } = await running();
    const stream = await listen(server, thread.id);
    server.cutStreams();
    await until(() => stream.ending() === "broken");
    await until(() => server.openStreams === 0);
  });
});

describe("faults of the event stream", () => {
  it("cuts after so many events", async () => {
    const { server, thread, runId } = await running();
    server.fault({ on: "stream", kind: "cut-stream", after: 3 });
    const stream = await listen(server, thread.id);
    await until(() => stream.events().length === 2);
    expect(stream.ending()).toBeUndefined();
    server.emit(runId, delta("Hi"));
    await until(() => stream.ending() === "broken");
    expect(stream.events()).toHaveLength(3);
    server.fault({ on: "stream", kind: "cut-stream", after: 0 });
    const none = await listen(server, thread.id);
    await until(() => none.ending() === "broken");
    expect(none.text()).toBe(": connected\n\n");
  });

  it("stays mute, or without keep-alive comments", async () => {
    const { server, thread, runId } = await running("2026-08", 2);
    server.fault({ on: "stream", kind: "mute-stream" });
    server.fault({ on: "stream", kind: "no-keep-alive" });
    const mute = await listen(server, thread.id);
    const quiet = await listen(server, thread.id);
    const plain = await listen(server, thread.id);
    server.emit(runId, delta("Hi"));
    await until(() => plain.text().includes("keepalive"));
    await until(() => quiet.events().length === 3);
    expect([mute.status, mute.text(), mute.ending()]).toEqual([200, "", undefined]);
    expect(quiet.text()).not.toContain("keepalive");
  });

  it("refuses, comes as another type, breaks with thread.error", async () => {
    const { server, thread } = await running();
    server.fault({ on: "stream", kind: "status", status: 503 });
    server.fault({ on: "stream", kind: "wrong-content-type", contentType: "text/html" });
    server.fault({ on: "stream", kind: "stream-error", after: 1 });
    expect((await listen(server, thread.id)).status).toBe(503);
    expect((await listen(server, thread.id)).contentType).toBe("text/html");
    const broken = await listen(server, thread.id);
    await until(() => broken.ending() === "closed");
    expect(broken.text()).toMatch(/\nevent: thread\.error\ndata: \{"error":\{"code":"internal_error".*\}\}\n\n$/);
    expect(broken.events()).toHaveLength(2);
  });
});

describe("a script", () => {
  it("plays a run after it was reported as queued", async () => {
    const server = await start({
      revision: "2026-08",
      script: ({ text }) => [
        { status: "booting" },
        { after: 2, status: "running" },
        { emit: [delta(`You said ${text}`), delta(".")] },
        { after: 2, status: "waiting_input", title: "May I?" },
        { after: 2, status: "running" },
        { end: "failed", error: { code: "broken", message: "It broke", retryable: false } },
      ],
    });
    const thread = server.createThreadDirectly({ text: "Go" });
    const [run] = thread.runs;
    expect(run?.status).toBe("queued");
    await until(() => run?.status === "failed");
    expect(thread.events.map((event) => [event.type, event.content])).toEqual([
      ["user.message", "Go"],
      ["run.started", run?.id],
      ["agent.message.delta", "You said Go"],
      ["agent.message.delta", "."],
      ["tool.confirmation.required", "May I?"],
      ["run.started", run?.id],
      ["run.failed", "It broke"],
    ]);
    expect(at(thread.runs[0], "error", "code")).toBe("broken");
  });

  it("writes the text that no delta held", async () => {
    const server = await start({ script: [{ status: "running" }, { end: "completed", text: "Done." }] });
    const thread = server.createThreadDirectly({ text: "Go" });
    await until(() => thread.runs[0]?.status === "completed");
    expect(thread.events.map((event) => event.content)).toContain("Done.");
  });
});
