import { describe, expect, it } from "@jest/globals";
import { MosooConnectionError } from "../../../src/mosoo/errors.ts";
import type { ApiErrorResult } from "../../../src/mosoo/request.ts";
import type { FollowEffect, FollowEvent, FollowState } from "../../../src/mosoo/runs/follow-types.ts";
import { startFollowing, transition } from "../../../src/mosoo/runs/follow-state.ts";
import { type Transcript, emptyTranscript } from "../../../src/mosoo/runs/transcript.ts";

const own = { id: "01K00000000000000000000RN1", createdAt: "2026-08-01T10:00:00.000Z" };
const newer = { id: "01K00000000000000000000RN2", createdAt: "2026-08-01T11:00:00.000Z" };
const older = { id: "01K00000000000000000000RN0", createdAt: "2026-08-01T09:00:00.000Z" };
const ageless = { id: "another" };
const silent = emptyTranscript(own.id);
const said: Transcript = { ...silent, text: "Hello." };
const endedBy = (terminalEvent: "completed" | "failed", from = said): Transcript => ({ ...from, terminalEvent });

const read = (run: object | null): FollowEvent => ({
  kind: "thread_read",
  response: { thread: { id: "T" }, run: run as typeof own | null, links: undefined },
});
const status = (value: string, more: object = {}): FollowEvent => read({ ...own, status: value, ...more });
const listed = (isTruncated = false): FollowEvent => ({ kind: "history_read", isTruncated, news: [] });
const answered = (code: number): ApiErrorResult => ({
  kind: "error",
  status: code,
  code: undefined,
  message: undefined,
  requestId: undefined,
  isUnroutedPath: false,
  replayed: false,
  retryAfterMs: undefined,
});
const fails = (call: "read_thread" | "read_history" | "interrupt", code: number): FollowEvent => ({
  kind: "failed",
  call,
  failure: answered(code),
});
const refused: FollowEvent = {
  kind: "stream_unavailable",
  failure: { kind: "connection", fault: new MosooConnectionError("connection_refused", "Refused.").code },
};
const item = (news?: (FollowEvent & { kind: "stream_item" })["news"]): FollowEvent => ({
  kind: "stream_item",
  news,
  hasBuffered: false,
});
const tick: FollowEvent = { kind: "tick" };
const opened: FollowEvent = { kind: "stream_opened" };

/** An event, with the time in milliseconds and the transcript that it comes with where they change. */
type Row = FollowEvent | { at?: number; transcript?: Transcript; event: FollowEvent };

interface Played {
  state: FollowState;
  effects: string[];
  last: FollowEffect;
}

/** Applies events, and names the effect of each: a wait by the time that it is until. */
function play(rows: Row[], options: { mayHaveEnded?: boolean; status?: string } = {}): Played {
  const run = { ...own, status: options.status ?? "running" };
  let [state, last] = startFollowing(
    { run, deadlineAt: 600_000, mayHaveEnded: options.mayHaveEnded ?? false },
    { now: 0, random: 0 },
  );
  let [now, transcript] = [0, silent];
  const effects: string[] = [];
  for (const row of rows) {
    const event = "event" in row ? row.event : row;
    if ("event" in row) [now, transcript] = [row.at ?? now, row.transcript ?? transcript];
    [state, last] = transition(state, event, { now, random: 0, transcript });
    effects.push(last.kind === "wait" ? `wait ${last.until}` : last.kind);
  }
  return { state, effects, last };
}

describe("following a run", () => {
  it.each<[string, Row[], string[]]>([
    [
      "opens the stream at once, and polls until it delivers something",
      [tick, tick, { at: 2_000, event: tick }],
      ["connect", "wait 2000", "read_thread"],
    ],
    [
      "reads a streamed run after a minute of silence",
      [tick, opened, item(), { at: 15_000, event: item() }],
      ["connect", "wait 2000", "wait 45000", "wait 60000"],
    ],
    [
      "reads the thread at once when an event says that the run may have ended",
      [tick, opened, item({ kind: "run_maybe_ended" })],
      ["connect", "wait 2000", "read_thread"],
    ],
    [
      "takes everything that has arrived before it reads the thread",
      [tick, opened, { kind: "stream_item", news: { kind: "run_maybe_ended" }, hasBuffered: true }],
      ["connect", "wait 2000", "wait 0"],
    ],
    [
      "polls where the server has no stream",
      [tick, { kind: "stream_unsupported" }, { at: 2_000, event: tick }, status("running")],
      ["connect", "wait 2000", "read_thread", "wait 4500"],
    ],
    [
      "reopens a stream that failed while it polls",
      [tick, refused, { at: 100, event: tick }],
      ["connect", "wait 100", "connect"],
    ],
    [
      "closes a stream that sends nothing for 45 s",
      [tick, opened, item(), { at: 45_000, event: tick }, tick],
      ["connect", "wait 2000", "wait 45000", "debug", "wait 45100"],
    ],
    [
      "reports a minute without text or tools",
      [tick, opened, item(), { at: 50_000, event: item() }, { at: 60_000, event: tick }, tick],
      ["connect", "wait 2000", "wait 45000", "wait 60000", "report_idle", "read_thread"],
    ],
    [
      "retries a read that failed, and no sooner than the next poll",
      [tick, { kind: "stream_unsupported" }, { at: 2_000, event: tick }, fails("read_thread", 503)],
      ["connect", "wait 2000", "read_thread", "wait 4500"],
    ],
    [
      "reads once more at the deadline",
      [tick, { kind: "stream_unsupported" }, { at: 600_000, event: tick }],
      ["connect", "wait 2000", "read_thread"],
    ],
  ])("%s", (_, rows, effects) => {
    expect(play(rows).effects).toEqual(effects);
  });

  it("reads the run of an earlier attempt before it opens a stream", () => {
    expect(startFollowing({ run: own, deadlineAt: 1, mayHaveEnded: true }, { now: 0, random: 0 })[1].kind).toBe(
      "read_thread",
    );
  });

  it("does not read a run again that was seen to have ended", () => {
    expect(play([tick, listed()], { status: "failed" }).effects).toEqual(["read_history", "finish"]);
  });

  it.each<[string, Row[], object]>([
    [
      "the run's end",
      [{ event: status("failed"), transcript: endedBy("failed") }],
      { kind: "ended", run: { status: "failed" } },
    ],
    ["a thread that is gone", [fails("read_thread", 404)], { kind: "error" }],
    ["a token that was revoked", [fails("read_thread", 401)], { kind: "error" }],
    ["a signal", [{ kind: "cancelled" }], { kind: "cancelled" }],
    [
      "the deadline, after a last read",
      [{ at: 600_000, event: tick }, status("running"), listed()],
      { kind: "timeout" },
    ],
    [
      "the deadline, although the last read fails",
      [{ at: 600_000, event: tick }, fails("read_thread", 503), listed()],
      { kind: "timeout" },
    ],
    [
      "the run's end at the last read",
      [
        { at: 600_000, event: tick },
        { event: status("completed", { finalOutput: { text: "Hi" } }), transcript: endedBy("completed") },
      ],
      { kind: "ended" },
    ],
  ])("finishes with %s", (_, rows, result) => {
    const { last } = play(rows);
    expect(last).toMatchObject({ kind: "finish", result });
  });

  it("keeps an end that is known when the signal comes", () => {
    const { last } = play([status("completed"), { kind: "cancelled" }]);
    expect(last).toMatchObject({ kind: "finish", history: "missing", result: { kind: "ended" } });
  });
});

describe("input that a run requires", () => {
  const required = item({ kind: "input_required", title: "Publish?" });
  const waiting = status("waiting_input");
  const handled = (keepWaiting: boolean): FollowEvent => ({
    kind: "input_handled",
    run: own,
    title: "Publish?",
    keepWaiting,
  });

  it.each<[string, Row[], string[]]>([
    [
      "is reported with an event's title once the thread shows it",
      [required, waiting],
      ["read_thread", "report_input"],
    ],
    [
      "is looked for again where the thread does not show it yet",
      [required, status("running"), { at: 100, event: tick }],
      ["read_thread", "wait 100", "read_thread"],
    ],
    [
      "is looked up in the event list where no event announced it",
      [waiting, listed()],
      ["read_history", "report_input"],
    ],
    [
      "is reported without a title where the list cannot be read",
      [waiting, fails("read_history", 500)],
      ["read_history", "report_input"],
    ],
    [
      "is reported once as long as the run waits",
      [required, waiting, handled(true), waiting],
      ["read_thread", "report_input", "wait 45000", "wait 45000"],
    ],
    [
      "is reported again after the run went on",
      [required, waiting, handled(true), status("running"), waiting],
      ["read_thread", "report_input", "wait 45000", "wait 45000", "read_history"],
    ],
    [
      "is not reported where it was given before the thread was read",
      [required, item({ kind: "started" }), status("running")],
      ["read_thread", "wait 45000", "wait 45000"],
    ],
    [
      "ends following where nobody waits for it",
      [required, waiting, handled(false), listed()],
      ["read_thread", "report_input", "read_history", "finish"],
    ],
  ])("%s", (_, rows, effects) => {
    expect(play([tick, opened, item(), ...rows]).effects.slice(3)).toEqual(effects);
  });
});

describe("a run that the thread does not show", () => {
  it.each<[string, Row[], string[]]>([
    ["is interrupted where a newer one is shown", [read(newer)], ["interrupt"]],
    ["is not interrupted where an older one is shown", [read(older)], ["wait 2500"]],
    ["is not interrupted where none is shown", [read(null)], ["wait 2500"]],
    [
      "is not interrupted where the age of the one shown is unknown",
      [read(ageless), listed()],
      ["read_history", "wait 2500"],
    ],
    [
      "is interrupted where its own event shows that it ended",
      [read(ageless), { event: listed(), transcript: endedBy("completed") }],
      ["read_history", "interrupt"],
    ],
    [
      "is interrupted again after a failure",
      [read(newer), fails("interrupt", 503), { at: 100, event: tick }],
      ["interrupt", "wait 100", "interrupt"],
    ],
    [
      "is looked up in the events where the token may not interrupt",
      [read(newer), fails("interrupt", 403)],
      ["interrupt", "read_history"],
    ],
    [
      "is looked up in the events where the interrupt does not say",
      [read(newer), { kind: "interrupted", run: undefined }],
      ["interrupt", "read_history"],
    ],
    [
      "is looked up again where the events lack its end",
      [read(newer), fails("interrupt", 403), listed(), { at: 100, event: tick }],
      ["interrupt", "read_history", "wait 100", "read_history"],
    ],
    [
      "is looked up again where the events cannot be read for a while",
      [read(newer), fails("interrupt", 403), fails("read_history", 500), { at: 100, event: tick }],
      ["interrupt", "read_history", "wait 100", "read_history"],
    ],
  ])("%s", (_, rows, effects) => {
    const polling = [tick, { kind: "stream_unsupported" }] satisfies Row[];
    const [first, ...rest] = rows;
    const shown: Row[] = first === undefined ? [] : [{ at: 0, event: first as FollowEvent }];
    expect(play([...polling, ...shown, ...rest]).effects.slice(2)).toEqual(effects);
  });

  it.each<[string, Row[], object]>([
    [
      "the status of the interrupt's response",
      [{ kind: "interrupted", run: { ...own, status: "expired" } }, listed()],
      { kind: "ended", run: { status: "expired" } },
    ],
    [
      "failed, by its own event, where the interrupt fails",
      [{ event: fails("interrupt", 503), transcript: endedBy("failed") }],
      { kind: "ended", run: { status: "failed" } },
    ],
    [
      "its own event's status where the token may not interrupt",
      [{ event: fails("interrupt", 401), transcript: endedBy("completed") }],
      { kind: "ended", run: { status: "completed" } },
    ],
    [
      "its own event's status at the deadline",
      [
        { event: fails("interrupt", 503), transcript: endedBy("completed") },
        { at: 600_000, event: tick },
        fails("interrupt", 503),
      ],
      { kind: "ended", run: { status: "completed" } },
    ],
    ["an error where neither may be asked", [fails("interrupt", 401), fails("read_history", 403)], { kind: "error" }],
    [
      "an error where nothing shows its status for 5 s",
      [fails("interrupt", 401), listed(), { at: 5_000, event: tick }, listed()],
      { kind: "error" },
    ],
    [
      "an error at the deadline where nothing shows its status",
      [fails("interrupt", 503), { at: 600_000, event: tick }, fails("interrupt", 503)],
      { kind: "error" },
    ],
  ])("ends with %s", (_, rows, result) => {
    expect(play([read(newer), ...rows]).last).toMatchObject({ kind: "finish", result });
  });
});

describe("the end of a completed run", () => {
  const lacking = status("completed", { finalOutput: null });
  const unaware = status("completed");

  it.each<[string, Row[], string[]]>([
    [
      "is confirmed at once by its response and its own event",
      [{ event: status("completed", { finalOutput: { text: "Hi" } }), transcript: endedBy("completed") }],
      ["finish"],
    ],
    [
      "has the event list read where no stream delivered its own event",
      [status("completed", { finalOutput: { text: "Hi" } }), listed()],
      ["read_history", "finish"],
    ],
    [
      "has the list read again where both its event and its response are missing",
      [lacking, listed(), { at: 200, event: tick }, { event: listed(), transcript: endedBy("completed", silent) }],
      ["read_history", "wait 200", "read_history", "finish"],
    ],
    [
      "has the list read again where only that holds the response",
      [
        { event: unaware, transcript: said },
        listed(),
        { at: 200, event: tick },
        { event: listed(), transcript: endedBy("completed") },
      ],
      ["read_history", "wait 200", "read_history", "finish"],
    ],
    [
      "has the thread read again where the run said something and its response is missing",
      [
        { event: lacking, transcript: endedBy("completed") },
        { at: 150, event: tick },
        status("completed", { finalOutput: { text: "Hi" } }),
      ],
      ["wait 150", "read_thread", "finish"],
    ],
    [
      "has the thread read twice again at most",
      [
        { event: lacking, transcript: endedBy("completed") },
        { at: 150, event: tick },
        lacking,
        { at: 650, event: tick },
        fails("read_thread", 503),
      ],
      ["wait 150", "read_thread", "wait 650", "read_thread", "finish"],
    ],
    [
      "is final where the server knows no final response and a stream delivered all that the run said",
      [{ event: unaware, transcript: endedBy("completed") }],
      ["finish"],
    ],
    [
      "is final where the run said nothing and its own event came",
      [{ event: lacking, transcript: endedBy("completed", silent) }],
      ["finish"],
    ],
    [
      "is retried where the list fails",
      [unaware, fails("read_history", 503), { at: 100, event: tick }],
      ["read_history", "wait 100", "read_history"],
    ],
    ["is given up where the list may not be read", [unaware, fails("read_history", 403)], ["read_history", "finish"]],
    [
      "has the thread read again where the list may not be read",
      [
        lacking,
        fails("read_history", 403),
        { at: 200, event: tick },
        lacking,
        { at: 500, event: tick },
        status("completed", { finalOutput: { text: "Hi" } }),
      ],
      ["read_history", "wait 200", "read_thread", "wait 500", "read_thread", "finish"],
    ],
  ])("%s", (_, rows, effects) => {
    expect(play(rows).effects).toEqual(effects);
  });

  it("is waited for some 5 s, and the thread read last, where its own event never comes", () => {
    const rows: Row[] = [lacking];
    let played = play(rows);
    let reads = 0;
    while (played.last.kind !== "finish") {
      if (played.last.kind === "read_history") reads += 1;
      const answer = played.last.kind === "read_thread" ? lacking : listed();
      rows.push(played.last.kind === "wait" ? { at: played.last.until, event: tick } : answer);
      played = play(rows);
    }
    expect(reads).toBe(7);
    expect(rows.findLast((row) => "event" in row)).toMatchObject({ at: 5_650 });
    expect(played.last).toMatchObject({ history: "complete", result: { kind: "ended" } });
  });

  it.each([
    ["complete", listed(), "complete"],
    ["truncated", listed(true), "truncated"],
    ["missing", fails("read_history", 403), "missing"],
  ])("says that the transcript is %s", (_, event, history) => {
    expect(play([status("failed"), event]).last).toMatchObject({ kind: "finish", history });
  });
});
