/** Follows a run as a step does, and records all that its listener gets. */
import type { ServerResponse } from "node:http";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import type { Run } from "../../src/mosoo/contract/schema.ts";
import { Transport } from "../../src/mosoo/http/transport.ts";
import { type FollowOptions, type Followed, followRun } from "../../src/mosoo/runs/follow.ts";
import { patientClock } from "./clock.ts";
import {
  type ScriptedBehavior,
  type ScriptedMosoo,
  ids,
  openSse,
  scriptedEvent,
  sse,
  startScriptedMosoo,
  threadBody,
} from "./scripted-mosoo.ts";

export interface FollowRecord extends Followed {
  /** The text as it came, joined. */
  text: string;
  tools: string[];
  /** Titles of what input was required for. */
  inputRequests: (string | undefined)[];
  idleReports: number;
  debug: string[];
  /** On the clock's scale. */
  durationMs: number;
}

export interface RecordOptions extends Partial<Omit<FollowOptions, "listener" | "transport" | "run">> {
  apiUrl: string;
  token?: string;
  threadId: string;
  runId: string;
  run?: Partial<Run>;
  /** On the clock's scale. Default: ten minutes. */
  timeoutMs?: number;
  clock?: Clock;
  /** @returns whether to go on waiting, as is the default */
  onInputRequired?: (title: string | undefined) => boolean;
}

export async function recordFollowing(options: RecordOptions): Promise<FollowRecord> {
  const {
    apiUrl,
    token = "t",
    runId,
    timeoutMs = 600_000,
    clock = systemClock,
    onInputRequired,
    run,
    ...given
  } = options;
  const transport = new Transport({ apiUrl: new URL(apiUrl), token, userAgent: "test", environment: {} });
  const record = { text: "", tools: [], inputRequests: [], idleReports: 0, debug: [] } as Omit<
    FollowRecord,
    keyof Followed | "durationMs"
  >;
  const startedAt = clock.now();
  try {
    const followed = await followRun({
      mayHaveEnded: false,
      requestTimeoutMs: 30_000,
      cancelSignal: new AbortController().signal,
      ...given,
      transport,
      clock,
      run: { id: runId, ...run },
      deadlineAt: startedAt + timeoutMs,
      listener: {
        onEvent: (event) => {
          if (event.kind === "text") record.text += event.text;
          if (event.kind === "tool") record.tools.push(event.name);
        },
        onRunUpdated: () => undefined,
        onInputRequired: (title) => {
          record.inputRequests.push(title);
          return onInputRequired?.(title) ?? true;
        },
        onIdle: () => {
          record.idleReports += 1;
        },
        debug: (text) => {
          record.debug.push(text);
        },
      },
    });
    return { ...followed, ...record, durationMs: clock.now() - startedAt };
  } finally {
    await transport.close();
  }
}

let scripted: ScriptedMosoo | undefined;

/** Requests of one kind that the last scripted server got, also while it is followed. */
export const count = (kind: keyof ScriptedBehavior): number => scripted?.count(kind) ?? 0;

export const scriptedRequests = (): ScriptedMosoo["requests"] => scripted?.requests ?? [];

/** Follows the one run of a scripted server, two minutes at most, on a clock that waits for nothing. */
export async function followScripted(
  behavior: ScriptedBehavior,
  options: Partial<RecordOptions> = {},
): Promise<FollowRecord> {
  const server = await startScriptedMosoo(behavior);
  scripted = server;
  // As the thread shows it.
  const run = { createdAt: "2026-08-01T10:00:00.000Z" };
  const usual = { threadId: ids.thread, runId: ids.run, run, clock: patientClock(), timeoutMs: 120_000 };
  try {
    return await recordFollowing({ apiUrl: server.apiUrl, ...usual, ...options });
  } finally {
    await server.close();
  }
}

export const message = (text: string) => scriptedEvent("agent.message.delta", text);
export const started = (runId = ids.run) => scriptedEvent("run.started", runId, { runId });
export const completed = (runId = ids.run) => scriptedEvent("run.completed", runId, { runId });
export const failed = () => scriptedEvent("run.failed", "Run failed.");
/** The thread's response about a run that goes on, and about one that has completed. */
export const running = { body: threadBody({}) };
export const done = { body: threadBody({ status: "completed", finalOutput: { text: "All done." } }) };

export const listing = (...events: Record<string, unknown>[]) => ({ body: { events, truncated: false } });

/** A stream that sends these events and stays open. */
export function streaming(...events: Record<string, unknown>[]): NonNullable<ScriptedBehavior["stream"]> {
  return (_, response) => {
    openSse(response);
    response.write(events.map((event) => sse(event)).join(""));
    return undefined;
  };
}

/** Does something at an interval as long as the stream is open. */
export async function sendEvery(clock: Clock, ms: number, response: ServerResponse, send: () => void): Promise<void> {
  for (;;) {
    await clock.sleep(ms);
    if (response.destroyed) return;
    send();
  }
}
