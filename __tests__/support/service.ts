/**
 * The setup of most end-to-end tests: fake servers, which are checked against the published contracts, and steps that
 * talk to them. Rows of a table run in this process (step-here.ts), one of each kind through the built action.
 */
import { afterAll, expect } from "@jest/globals";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import { patientClock } from "./clock.ts";
import { checkExchange, publishedContracts } from "./contract-check.ts";
import {
  type EndedStatus,
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type Fault,
  type Revision,
  type StoredThread,
  startFakeMosooServer,
} from "./fake-mosoo-server.ts";
import { type StepOptions, type StepResult, runStep } from "./runner.ts";
import { isDeep, runStepHere } from "./step-here.ts";

export { annotated } from "./waiting.ts";

export const REVISIONS: readonly Revision[] = ["reference", "2026-07", "2026-08"];

/** The message of a step, unless a test gives another. */
export const TEXT = "Have a look, please.";

const contracts = publishedContracts();
const violations: string[] = [];
const servers = new Map<FakeMosooServer, Clock>();

afterAll(async () => {
  await Promise.all([...servers.keys()].map((server) => server.close()));
  expect(violations).toEqual([]);
});

/**
 * Starts a server that is closed after the tests of the file.
 *
 * Its clock is shared with the steps of this process, and jumps over their waits; `clock: systemClock` is for a step
 * through the built action whose server delays something.
 */
export async function serve(
  revision: Revision = "reference",
  faults: readonly Fault[] = [],
  options: FakeMosooServerOptions = {},
): Promise<FakeMosooServer> {
  const contract = contracts?.[revision];
  const { clock: given, ...others } = options;
  const clock = isDeep ? systemClock : (given ?? patientClock());
  const server = await startFakeMosooServer({
    revision,
    ...others,
    ...(clock === systemClock ? {} : { clock }),
    onExchange: (exchange) => {
      if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
      options.onExchange?.(exchange);
    },
  });
  servers.set(server, clock);
  for (const fault of faults) server.fault(fault);
  return server;
}

/** A step for the server: it creates a thread, or continues the one that `thread-id` names. */
export function stepFor(
  server: FakeMosooServer,
  inputs: Record<string, string> = {},
  more: Partial<StepOptions> = {},
): StepOptions {
  return {
    ...more,
    with: {
      ...(inputs["thread-id"] === undefined ? { "agent-id": server.agents.published } : {}),
      token: server.tokens.person,
      message: TEXT,
      "api-url": server.apiUrl,
      "create-timeout": "20s",
      "request-timeout": "1s",
      ...inputs,
    },
  };
}

type Run = (
  server: FakeMosooServer,
  inputs?: Record<string, string>,
  more?: Partial<StepOptions>,
) => Promise<StepResult>;

/** Runs a step through the built action. */
export const runBundled: Run = (server, inputs, more) => runStep(stepFor(server, inputs, more));

/** Runs a step in this process, on the server's clock. */
export const run: Run = (server, inputs, more) => runStepHere(stepFor(server, inputs, more), servers.get(server));

export function expectSuccess(result: StepResult): void {
  expect({ exit: result.exitCode, error: result.exitCode === 0 ? "" : result.shown }).toEqual({ exit: 0, error: "" });
}

/** The step succeeded, and its outputs name the server's only thread, with its only message and run. */
export function expectOne(result: StepResult, server: FakeMosooServer): void {
  expectSuccess(result);
  const thread = onlyThread(server);
  expect(thread.messages).toHaveLength(1);
  expect(result.outputs).toMatchObject({ "thread-id": thread.id, "run-id": thread.runs[0]?.id });
}

export function onlyThread(server: FakeMosooServer): StoredThread {
  const [thread, ...more] = server.threads;
  if (thread === undefined || more.length > 0) throw new Error(`There are ${more.length + 1} threads instead of one.`);
  return thread;
}

/** Ends a run that the agent has begun. */
export function endRun(server: FakeMosooServer, runId: string | undefined, status: EndedStatus, text?: string): void {
  server.setRunStatus(runId ?? "", "running");
  server.endRun(runId ?? "", status, text === undefined ? {} : { text });
}

/** Somebody else's message in the thread, and what became of its run. @returns the run's ID */
export function writeAsOther(
  server: FakeMosooServer,
  thread: StoredThread,
  status: EndedStatus,
  { said = "Somebody else's question.", answer = "Somebody else's answer." } = {},
): string {
  const { id } = server.startRunDirectly(thread.id, said);
  server.endRun(id, status, { text: answer });
  return id;
}

/** A response that the service gives for an idempotency key. */
export function conflict(on: "create" | "events", message: string, retryAfter = "0", times = 1): Fault {
  return {
    on,
    kind: "status",
    status: 409,
    code: "idempotency_conflict",
    message,
    headers: { "Retry-After": retryAfter },
    times,
  };
}

/** How many requests of these method and path the server got. */
export function countRequests(server: FakeMosooServer, method: string, path: RegExp): number {
  return server.requests.filter((request) => request.method === method && path.test(request.path)).length;
}
