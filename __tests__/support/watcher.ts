/** Follows a run as the step does, and keeps every event. */
import { type Clock, systemClock } from "../../src/common/clock.ts";
import type { Run } from "../../src/mosoo/contract/schema.ts";
import { Transport } from "../../src/mosoo/http/transport.ts";
import { type FollowOptions, type Followed, followRun } from "../../src/mosoo/runs/follow.ts";

export interface Watched extends Followed {
  /** The text as it came: words joined, tools as `→ name`. */
  words: string;
  tools: string[];
  questions: (string | undefined)[];
  /** Statuses as the thread showed them. */
  seen: (string | null | undefined)[];
  quietMinutes: number;
  debug: string[];
  /** On the clock's scale. */
  durationMs: number;
}

export interface WatchOptions extends Partial<Omit<FollowOptions, "listener" | "transport" | "run">> {
  apiUrl: string;
  token?: string;
  threadId: string;
  runId: string;
  run?: Partial<Run>;
  /** Longest wait, on the clock's scale. Default ten minutes. */
  timeoutMs?: number;
  clock?: Clock;
  /** What is done when a person is asked. Default: go on. */
  onQuestion?: (title: string | undefined) => boolean;
}

export async function watch(options: WatchOptions): Promise<Watched> {
  const { apiUrl, token = "t", runId, timeoutMs = 600_000, clock = systemClock, onQuestion, run, ...given } = options;
  const transport = new Transport({ apiUrl: new URL(apiUrl), token, userAgent: "test", environment: {} });
  const seen = { words: "", tools: [], questions: [], seen: [], quietMinutes: 0, debug: [] } as Pick<
    Watched,
    "words" | "tools" | "questions" | "seen" | "quietMinutes" | "debug"
  >;
  const began = clock.now();
  try {
    const followed = await followRun({
      mayHaveEnded: false,
      requestTimeoutMs: 30_000,
      stop: new AbortController().signal,
      ...given,
      transport,
      clock,
      run: { id: runId, ...run },
      deadlineAt: began + timeoutMs,
      listener: {
        onEvent: (happening) => {
          if (happening.kind === "words") seen.words += happening.text;
          if (happening.kind === "tool") seen.tools.push(happening.name);
        },
        onRunUpdated: ({ status }) => {
          if (seen.seen.at(-1) !== status) seen.seen.push(status);
        },
        onInputRequired: (title) => {
          seen.questions.push(title);
          return onQuestion?.(title) ?? true;
        },
        onIdle: () => {
          seen.quietMinutes += 1;
        },
        debug: (text) => {
          seen.debug.push(text);
        },
      },
    });
    return { ...followed, ...seen, durationMs: clock.now() - began };
  } finally {
    await transport.close();
  }
}
