/**
 * Random faults, waits that end too soon, runs that fail and messages of others, while a response is corrected: the step
 * never asks for the same correction twice, and ends with the one valid answer. `firstSeed` and one scenario repeat one.
 */
import { describe, expect, it } from "@jest/globals";
import { patientClock } from "../support/clock.ts";
import type { EndedStatus, Fault, FakeMosooServer, Revision, StoredThread } from "../support/fake-mosoo-server.ts";
import type { FaultHandler } from "../support/mosoo/faults.ts";
import { propertyRuns } from "../support/property-runs.ts";
import type { StepResult } from "../support/runner.ts";
import { REVISIONS, run, serve } from "../support/service.ts";
import { OTHERS_MESSAGE } from "../support/waiting.ts";
import { Random } from "./random.ts";

const scenarios = propertyRuns(12).numRuns;
const firstSeed = 20_261_126;

const schema = '{"type":"object","required":["verdict"]}';
const right = '{"verdict": "pass"}';
const json = '{"verdict":"pass"}';

/** Attempts after which nothing goes wrong anymore, and in all. */
const [DISTURBED_ATTEMPTS, MAX_ATTEMPTS] = [5, 12];

function randomFault(chance: Random): Fault {
  const handler = chance.pick<FaultHandler>([
    { kind: "drop-before" },
    { kind: "drop-after" },
    { kind: "hang-before" },
    { kind: "hang-after" },
    { kind: "cut" },
    { kind: "garbage" },
    { kind: "fail-after" },
    { kind: "status", status: 500 },
    { kind: "status", status: 503 },
    { kind: "status", status: 409, code: "readiness_blocked" },
    { kind: "rate-limit", retryAfter: "1" },
  ]);
  const on = chance.pick(["events", "events", "events", "event-list", "thread", "stream", "create"] as const);
  // What creating fails with is stored under its key; that is another chaos.
  const isStored = on === "create" && (handler.kind === "fail-after" || handler.kind === "status");
  return {
    ...(isStored ? { kind: "drop-after" } : handler),
    on,
    skip: chance.between(0, 2),
    times: chance.between(1, 2),
  };
}

class Scenario {
  readonly #chance: Random;
  readonly #retries: number;
  /** Invalid answers before the valid one. */
  readonly #invalidAnswers: number;
  #server: FakeMosooServer | undefined;
  #isDisturbed = true;

  constructor(seed: number) {
    this.#chance = new Random(seed);
    this.#retries = this.#chance.between(1, 3);
    this.#invalidAnswers = this.#chance.between(0, 4);
  }

  /** @returns what violated the promise */
  async play(): Promise<string[]> {
    const chance = this.#chance;
    const clock = patientClock(() => chance.random());
    const revision = chance.pick(REVISIONS as [Revision, ...Revision[]]);
    const server = await serve(revision, [], {
      clock,
      rateLimit: { requests: 1e6, windowMs: 60_000 },
      remembersRequestIds: revision !== "reference",
      script: ({ run: { id }, text }) => {
        const [afterMs, status] = text.startsWith(OTHERS_MESSAGE) ? [1_000, "completed" as const] : this.#nextEnd();
        void clock.sleep(afterMs).then(() => {
          if (server.findRun(id).completedAt === null) server.endRun(id, status, { text: this.#answer(id) });
        });
        return [{ status: "running" }];
      },
    });
    this.#server = server;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      this.#isDisturbed = attempt <= DISTURBED_ATTEMPTS;
      const result = await this.#attempt(server, attempt);
      const problems = this.#problems(server, result);
      if (problems.length > 0) return problems;
      if (result.exitCode === 0) return this.#rerun(server, attempt + 1, result);
    }
    return [`No attempt succeeded.`];
  }

  #attempt(server: FakeMosooServer, runAttempt: number): Promise<StepResult> {
    const chance = this.#chance;
    server.clearFaults();
    if (this.#isDisturbed)
      for (let count = chance.between(0, 4); count > 0; count -= 1) server.fault(randomFault(chance));
    const [thread] = server.threads;
    if (thread !== undefined && this.#isDisturbed && chance.happens(0.4)) this.#write(server, thread);
    const inputs = {
      wait: "true",
      "response-schema": schema,
      "response-retries": String(this.#retries),
      "wait-timeout": this.#isDisturbed ? `${chance.between(2, 60)}s` : "10m",
    };
    return run(server, inputs, { runAttempt, runId: "4711" });
  }

  #write(server: FakeMosooServer, thread: StoredThread): void {
    if (thread.runs.every(({ completedAt }) => completedAt !== null)) {
      server.startRunDirectly(thread.id, `${OTHERS_MESSAGE}${this.#chance.random()}`);
    }
  }

  #nextEnd(): [number, EndedStatus] {
    const chance = this.#chance;
    const fails = this.#isDisturbed && chance.happens(0.2);
    const status = fails ? chance.pick<EndedStatus>(["failed", "cancelled", "expired"]) : "completed";
    return [chance.between(0, 30_000), status];
  }

  #answer(runId: string): string {
    const own = this.#ownRuns();
    if (own.every(({ id }) => id !== runId)) return "Fine.";
    const answered = own.filter(({ status, id }) => status === "completed" && id !== runId).length;
    return answered < this.#invalidAnswers ? "Not yet." : right;
  }

  #ownMessages(): StoredThread["messages"] {
    const messages = this.#server?.threads[0]?.messages ?? [];
    return messages.filter(({ text }) => !text.startsWith(OTHERS_MESSAGE));
  }

  #ownRuns() {
    const ids = this.#ownMessages().map(({ runId }) => runId);
    return (this.#server?.threads[0]?.runs ?? []).filter(({ id }) => ids.includes(id));
  }

  #problems(server: FakeMosooServer, { exitCode, outputs }: StepResult): string[] {
    const problems: string[] = [];
    if (server.threads.length > 1) problems.push(`There are ${server.threads.length} threads.`);
    const own = this.#ownRuns();
    const { "run-id": runId = "", "response-json": reported } = outputs;
    if (runId !== "" && own.every(({ id }) => id !== runId)) problems.push(`Run ${runId} is not the step's.`);
    if (exitCode === 0 && (reported !== json || runId !== own.at(-1)?.id))
      problems.push(`It reports ${reported ?? ""}.`);
    return [...problems, ...this.#orderProblems()];
  }

  /** After a run that completed with an invalid answer comes the next correction, after one that did not the same again. */
  #orderProblems(): string[] {
    let expected = "message";
    let [number, sending] = [0, 1];
    return this.#ownMessages().flatMap(({ requestId, runId }, index) => {
      const suffix = /(?:\+a\d+)?(?:\+fix\d+)?$/.exec(requestId ?? "")?.[0] ?? "";
      const name = suffix.includes("fix") ? suffix : "message";
      const problem = name === expected ? [] : [`Message ${index + 1} is ${name} instead of ${expected}.`];
      const run = this.#ownRuns().find(({ id }) => id === runId);
      if (run?.status === "completed") [number, sending] = [number + 1, 1];
      else sending += 1;
      if (run?.status === "completed" && run.finalText === right) expected = "none";
      else if (number === 0) expected = "message";
      else expected = `${sending === 1 ? "" : `+a${sending}`}+fix${number}`;
      return problem;
    });
  }

  /** An undisturbed re-run sends nothing, and has the same outputs. */
  async #rerun(server: FakeMosooServer, runAttempt: number, { outputs }: StepResult): Promise<string[]> {
    this.#isDisturbed = false;
    const before = this.#ownMessages().length;
    const again = await this.#attempt(server, runAttempt);
    const problems = this.#problems(server, again);
    if (again.exitCode !== 0) problems.push("The undisturbed re-run failed.");
    if (this.#ownMessages().length > before) problems.push("The undisturbed re-run sent a message.");
    if (again.outputs["run-id"] !== outputs["run-id"]) problems.push("The undisturbed re-run names another run.");
    return problems;
  }
}

describe("a response is corrected at most once each time, and the valid answer is reported", () => {
  it.each(Array.from({ length: scenarios }, (_, index) => firstSeed + index))("in scenario %i", async (seed) => {
    expect(await new Scenario(seed).play()).toEqual([]);
  });
});
