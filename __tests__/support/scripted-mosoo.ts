/**
 * A Mosoo that answers as each test wants, byte by byte: for what the fake server, which behaves as the service does, never
 * does. It knows one agent, one thread and one run.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export const ids = {
  agent: "01K00000000000000000000AGT",
  thread: "01K00000000000000000000THR",
  run: "01K00000000000000000000RN1",
  newerRun: "01K00000000000000000000RN2",
};

/** What is answered; a text is sent unchanged. `hang`: nothing ever. `drop`: the socket is destroyed. */
type ScriptedAnswer =
  { status?: number; body?: unknown; headers?: Record<string, string>; afterMs?: number } | "hang" | "drop";

interface ScriptedRequest {
  method: string;
  path: string;
  body: unknown;
  /** Milliseconds, by `performance.now()`. */
  at: number;
}

/** Each gets the number of earlier requests of its kind. */
export interface ScriptedBehavior {
  create?: (before: number) => ScriptedAnswer;
  thread?: (before: number) => ScriptedAnswer;
  list?: (before: number) => ScriptedAnswer;
  /** POST /events: follow-ups and interrupts. */
  events?: (before: number, body: unknown) => ScriptedAnswer;
  /** Default: 404. A response, or a function that writes one. */
  stream?: (before: number, response: ServerResponse) => ScriptedAnswer | undefined;
}

export interface ScriptedMosoo {
  apiUrl: string;
  requests: ScriptedRequest[];
  /** How many requests of one kind came. */
  count(kind: keyof ScriptedBehavior): number;
  close(): Promise<void>;
}

/** A thread answer; fields override the run's. */
export function threadBody(run: Record<string, unknown> | null, id = ids.run): Record<string, unknown> {
  const at = "2026-08-01T10:00:00.000Z";
  return {
    links: { thread: `/api/v1/threads/${ids.thread}` },
    run: run && { id, status: "running", createdAt: at, startedAt: at, completedAt: null, updatedAt: at, ...run },
    thread: { id: ids.thread, agent_id: ids.agent, title: null, last_run_id: id, status: "RUNNING" },
  };
}

/** What an interrupt is answered with. */
export function interruptBody(status: string): Record<string, unknown> {
  return { events: [{ type: "user_interrupt", run: { id: ids.run, status } }], warnings: [] };
}

let lastId = 0;

/** An event as the event list holds it. */
export function scriptedEvent(
  type: string,
  content: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  lastId += 1;
  return { id: `01KEVENT${String(lastId).padStart(18, "0")}`, runId: ids.run, type, content, ...more };
}

/** An event as it goes down a stream. */
export function sse(event: Record<string, unknown>, lineEnd = "\n"): string {
  return ["event: thread.event", `id: ${String(event["id"])}`, `data: ${JSON.stringify(event)}`, "", ""].join(lineEnd);
}

/** Opens a stream on a response. */
export function openSse(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(": connected\n\n");
}

const kinds: [RegExp, keyof ScriptedBehavior][] = [
  [/^POST .*\/agents\/[^/]+\/threads$/, "create"],
  [/^GET .*\/events\/stream/, "stream"],
  [/^GET .*\/events(\?|$)/, "list"],
  [/^POST .*\/events$/, "events"],
  [/^GET .*\/threads\/[^/]+$/, "thread"],
];

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

export async function startScriptedMosoo(behavior: ScriptedBehavior): Promise<ScriptedMosoo> {
  const counts = new Map<keyof ScriptedBehavior, number>();
  const requests: ScriptedRequest[] = [];

  function answerOf(kind: keyof ScriptedBehavior, before: number, body: unknown, response: ServerResponse) {
    switch (kind) {
      case "create":
        return behavior.create?.(before) ?? { status: 201, body: threadBody({ status: "queued" }) };
      case "thread":
        return behavior.thread?.(before) ?? { body: threadBody({}) };
      case "list":
        return behavior.list?.(before) ?? { body: { events: [], truncated: false } };
      case "events":
        return behavior.events?.(before, body) ?? { body: interruptBody("cancelled") };
      case "stream":
        return behavior.stream === undefined ? { status: 404 } : behavior.stream(before, response);
    }
  }

  const server = createServer((request, response) => {
    void (async () => {
      const text = await textOf(request);
      const { method = "", url = "" } = request;
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      requests.push({ method, path: url, body, at: performance.now() });
      const kind = kinds.find(([pattern]) => pattern.test(`${method} ${url}`))?.[1];
      const before = kind === undefined ? 0 : (counts.get(kind) ?? 0);
      if (kind !== undefined) counts.set(kind, before + 1);
      const answer = kind === undefined ? { status: 404 } : answerOf(kind, before, body, response);
      if (answer === undefined || answer === "hang") return;
      if (answer === "drop") {
        request.socket.destroy();
        return;
      }
      const { status = 200, headers = {}, afterMs = 0 } = answer;
      const type = typeof answer.body === "string" ? "text/plain" : "application/json";
      const sent =
        typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? { error: "Not Found" });
      setTimeout(() => {
        response.writeHead(status, { "content-type": type, ...headers }).end(sent);
      }, afterMs);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server listens on no port.");
  return {
    apiUrl: `http://127.0.0.1:${address.port}/api/v1`,
    requests,
    count: (kind) => counts.get(kind) ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
