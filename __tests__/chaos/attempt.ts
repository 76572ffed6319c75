/** One attempt of the step and its result: in this process on a clock that jumps, or through the built action. */
import { failureText, toFailureDetails } from "../../src/step/errors.ts";
import { readContext } from "../../src/actions/context.ts";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import { MosooClient } from "../../src/mosoo/client.ts";
import { redact } from "../../src/sanitize/redact.ts";
import type { ClientEvent } from "../../src/mosoo/operation.ts";
import { buildStepRequest } from "../../src/step/request.ts";
import { startThread } from "../../src/step/start-thread.ts";
import type { ThreadHandle } from "../../src/step/thread-handle.ts";
import { startStep } from "../support/runner.ts";
import type { Random } from "./random.ts";
import type { Environment } from "./environment.ts";

export interface Attempt {
  runAttempt: number;
  succeeded: boolean;
  /** As outputs name them; empty where they are not known. */
  threadId: string;
  runId: string;
  /** Everything that the attempt shows. */
  visible: string;
  /** The failure's text; empty for a success. */
  failure: string;
}

interface AttemptOptions {
  runAttempt: number;
  /** Cancels the step so many milliseconds after its start. */
  stopAfterMs: number | undefined;
}

export type AttemptRunner = (world: Environment, options: AttemptOptions) => Promise<Attempt>;

/** A clock that goes `scale` times as fast as the real one. */
export function scaledClock(scale: number, chance: Random): Clock {
  return {
    now: () => systemClock.now() * scale,
    sleep: (ms, signal) => systemClock.sleep(ms / scale, signal),
    timer: (ms, then) => systemClock.timer(ms / scale, then),
    random: () => chance.random(),
  };
}

const runId = "4711";

async function planFor(world: Environment, environment: Record<string, string>): ReturnType<typeof buildStepRequest> {
  // Globs have tests of their own; here they would only fill the log.
  const inputs = Object.entries({ requestTimeout: "30s", createTimeout: "5m", ...world.inputs(), files: "" });
  const names = inputs.map(([name, value]) => {
    const variable = `INPUT_${name.toUpperCase()}`;
    process.env[variable] = value;
    return variable;
  });
  const token = world.mosoo.tokens.person;
  // The inputs are read before anything is waited for, so that several plans can be made at once.
  const building = buildStepRequest({ token, githubToken: "", all: [token] }, readContext(environment));
  for (const name of names) Reflect.deleteProperty(process.env, name);
  const plan = await building;
  return { ...plan, request: { ...plan.request, files: world.files } };
}

function environmentFor(world: Environment, runAttempt: number): Record<string, string> {
  return {
    GITHUB_RUN_ID: runId,
    GITHUB_RUN_ATTEMPT: String(runAttempt),
    GITHUB_REPOSITORY: "octo-org/octo-repo",
    GITHUB_REPOSITORY_ID: "42",
    GITHUB_JOB: "review",
    GITHUB_ACTION: "mosoo",
    GITHUB_ACTOR: "octocat",
    GITHUB_REF: "refs/heads/main",
    GITHUB_WORKSPACE: world.workspace,
  };
}

/** The same modules as the step's, from the plan to the run, without a process of its own. */
export const attemptHere: AttemptRunner = async (world, { runAttempt, stopAfterMs }) => {
  const environment = environmentFor(world, runAttempt);
  const plan = await planFor(world, environment);
  const { clock } = world;
  const [requested, inFlight] = [new AbortController(), new AbortController()];
  const notes: ClientEvent[] = [];
  const known: ThreadHandle[] = [];
  const mosoo = new MosooClient({
    apiUrl: plan.inputs.apiUrl,
    token: plan.inputs.token,
    userAgent: "chaos",
    environment,
    clock,
    requestTimeoutMs: world.pace.requestTimeoutMs,
    createTimeoutMs: plan.inputs.createTimeout,
    stop: { cancelSignal: requested.signal, abortRequestsSignal: inFlight.signal },
    note: (note) => notes.push(note),
  });
  const ended = new AbortController();
  if (stopAfterMs !== undefined) {
    world.after(
      stopAfterMs,
      () => {
        requested.abort();
        world.after(
          1_500,
          () => {
            inFlight.abort();
          },
          ended.signal,
        );
      },
      ended.signal,
    );
  }
  let failure = "";
  try {
    await startThread({
      mosoo,
      plan,
      context: readContext(environment),
      stop: requested.signal,
      listener: { thread: (started) => known.push(started), info: () => undefined },
    });
  } catch (error) {
    if (!isForeseen(error)) throw error;
    const threadUrl = known.at(-1) && `${mosoo.base.origin}/threads/${known.at(-1)?.threadId ?? ""}`;
    const details = { threadUrl, continues: world.threadId !== undefined, isRerun: runAttempt > 1 };
    failure = failureText(toFailureDetails(error, details), []);
  } finally {
    ended.abort();
    await mosoo.close();
  }
  const last = known.at(-1);
  return {
    runAttempt,
    succeeded: failure === "",
    threadId: last?.threadId ?? "",
    runId: last?.run?.id ?? "",
    // As the sinks show it: the client passes on what the server says, raw.
    visible: redact(
      JSON.stringify([
        known,
        notes.map((note) => ("cause" in note ? [note, note.cause.message, note.cause.details] : note)),
        failure,
      ]),
      [plan.inputs.token],
    ),
    failure,
  };
};

function isForeseen(error: unknown): boolean {
  return error instanceof Error && ["MosooError", "CancelledError"].includes(error.name);
}

/** The built action, run as the runner runs it. */
export const attemptBundled: AttemptRunner = async (world, { runAttempt, stopAfterMs }) => {
  const { token, ...inputs } = world.inputs();
  const step = startStep({
    with: {
      ...inputs,
      token: token ?? "",
      requestTimeout: `${world.pace.requestTimeoutMs / 1_000}s`,
      createTimeout: "25s",
      waitTimeout: "20s",
    },
    runId,
    runAttempt,
    workspace: world.workspace,
    env: { GITHUB_REPOSITORY_ID: "42" },
  });
  const stop = setTimeout(
    () => {
      step.signal("SIGINT");
    },
    stopAfterMs ?? 2 ** 30,
  );
  const result = await step.result;
  clearTimeout(stop);
  const { outputs, summary, shown, state, exitCode, annotations, stderr } = result;
  return {
    runAttempt,
    succeeded: exitCode === 0,
    threadId: outputs["thread-id"] ?? "",
    runId: outputs["run-id"] ?? "",
    visible: JSON.stringify([outputs, summary, shown, state, stderr, annotations]),
    failure:
      exitCode === 0
        ? ""
        : annotations
            .filter(({ level }) => level === "error")
            .map(({ message }) => message)
            .join("\n"),
  };
};
