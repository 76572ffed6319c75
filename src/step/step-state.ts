/** What is known so far: immutable data. Outputs and report are made from it the moment it changes. */
import { type ActionContext, runUrl, subjectUrl } from "../actions/context.ts";
import type { OutputName, Outputs } from "../actions/outputs.ts";
import type { Run, Thread } from "../mosoo/contract/schema.ts";
import { agentUrl, threadUrl, threadApiUrl } from "../mosoo/endpoints.ts";
import type { Report } from "../report/report.ts";
import type { StepPlan } from "./request.ts";
import type { ThreadHandle } from "./thread-handle.ts";

interface StepState {
  readonly report: Readonly<Report>;
  /** The thread, and its run as last seen. */
  readonly handle: ThreadHandle | undefined;
  /** Every run that is this step's, each as last seen: of the message, of the same sent again, of a correction. */
  readonly ownRuns: readonly Run[];
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
}

/** An agent's ID as the server names it in a thread; anything else is not shown. */
const AGENT_ID = /^[\w-]{1,64}$/;

function initialState(context: ActionContext): StepState {
  const { subject } = context;
  return {
    report: {
      outcome: "error",
      subject: subject && { ...subject, url: subjectUrl(context, subject) },
      sha: context.headSha === "" ? undefined : context.headSha,
      runPage: runUrl(context),
    },
    handle: undefined,
    ownRuns: [],
    outputs: {},
  };
}

/** The request is decided; nothing was sent yet. */
function withRequest(state: StepState, { inputs, request, key }: StepPlan): StepState {
  const { agentId, onRerun } = inputs;
  return {
    ...state,
    report: { ...state.report, agentId, externalRef: request.externalRef, onRerun },
    outputs: { ...state.outputs, "external-ref": request.externalRef ?? "", "idempotency-key": key },
  };
}

/** The step's runs with one more, or with a newer view of one of them. */
function withOwnRun(runs: readonly Run[], run: Run | null): readonly Run[] {
  if (run === null) return runs;
  const known = runs.find(({ id }) => id === run.id);
  return known === undefined ? [...runs, run] : runs.map((each) => (each === known ? { ...known, ...run } : each));
}

/** The run, and its thread where it was read, as last seen. */
function withRun(state: StepState, run: Run | null, thread?: Thread): StepState {
  if (state.handle === undefined) return state;
  const handle = { ...state.handle, run, thread: thread ?? state.handle.thread };
  const status = run?.status ?? "";
  return {
    report: { ...state.report, runId: run?.id, status: status === "" ? undefined : status },
    handle,
    ownRuns: withOwnRun(state.ownRuns, run),
    outputs: { ...state.outputs, "run-id": run?.id ?? "", status, json: threadJson(handle.thread, run) },
  };
}

/** A thread is known, and its run as far as it is. */
function withThread(state: StepState, handle: ThreadHandle, apiBase: URL): StepState {
  const { threadId, replayed, resumedAfter, key } = handle;
  const named = handle.thread["agent_id"];
  const agentId = state.report.agentId ?? (typeof named === "string" && AGENT_ID.test(named) ? named : undefined);
  const page = threadUrl(apiBase, threadId);
  const known: StepState = {
    ...state,
    report: {
      ...state.report,
      threadId,
      threadUrl: page,
      replayed,
      resumedAfter,
      agentId,
      agentUrl: agentId && agentUrl(apiBase, agentId),
    },
    handle,
    outputs: {
      ...state.outputs,
      "thread-id": threadId,
      "thread-url": page,
      "thread-api-url": threadApiUrl(apiBase, threadId, handle.link),
      replayed: String(replayed),
      "idempotency-key": key,
    },
  };
  return withRun(known, handle.run);
}

/** Holds the step's state, and sets the outputs with every change of it. */
export class StepProgress {
  readonly #outputs: Outputs;
  #state: StepState;

  constructor(outputs: Outputs, context: ActionContext) {
    this.#outputs = outputs;
    this.#state = initialState(context);
  }

  get report(): Readonly<Report> {
    return this.#state.report;
  }

  get handle(): ThreadHandle | undefined {
    return this.#state.handle;
  }

  /** The step's own runs: all that were ever set, and those that {@link addOwnRun} added. */
  get ownRuns(): readonly Run[] {
    return this.#state.ownRuns;
  }

  /** Another run of this step, which is not the one it reports: an earlier correction's. */
  addOwnRun(run: Run): void {
    this.#state = { ...this.#state, ownRuns: withOwnRun(this.#state.ownRuns, run) };
  }

  setRequest(plan: StepPlan): void {
    this.#change(withRequest(this.#state, plan));
  }

  setThread(handle: ThreadHandle, apiBase: URL): void {
    this.#change(withThread(this.#state, handle, apiBase));
  }

  setRun(run: Run | null, thread?: Thread): void {
    this.#change(withRun(this.#state, run, thread));
  }

  /** What only people are shown. */
  updateReport(fields: Partial<Report>): void {
    this.#state = { ...this.#state, report: { ...this.#state.report, ...fields } };
  }

  #change(state: StepState): void {
    this.#state = state;
    this.#outputs.set(state.outputs);
  }
}

/** As for the response: one environment string of a later step holds 131,071 bytes and no more. */
const MAX_JSON_BYTES = 98_304;
/** Of an object that is too large as a whole; lengths in UTF-16 units. */
const [MAX_FIELDS, MAX_FIELD_NAME_LENGTH, MAX_FIELD_LENGTH] = [20, 64, 255];

type Fields = Readonly<Record<string, unknown>>;

function isShort(value: unknown): boolean {
  if (typeof value === "string") return value.length <= MAX_FIELD_LENGTH;
  return value === null || typeof value === "number" || typeof value === "boolean";
}

/** The ID and the first short fields. */
function pickShortFields(object: Fields & { id: string }): Fields {
  const short = Object.entries(object).filter(
    ([name, value]) => name.length <= MAX_FIELD_NAME_LENGTH && isShort(value),
  );
  return { id: object.id, ...Object.fromEntries(short.slice(0, MAX_FIELDS)) };
}

/** undefined where it is nested so deeply that it cannot be written. */
function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * `{"thread":…,"run":…|null}` on one line, without the response's text: every field that the server gives, or, where
 * that is more than a later step can take, the short fields alone.
 */
export function threadJson(thread: Thread, run: Run | null): string {
  const shown = run === null ? null : { ...run, finalOutput: undefined };
  const whole = tryStringify({ thread, run: shown });
  if (whole !== undefined && Buffer.byteLength(whole) <= MAX_JSON_BYTES) return whole;
  return JSON.stringify({
    thread: pickShortFields(thread),
    run: shown === null ? null : pickShortFields({ ...shown, status: run?.status }),
  });
}
