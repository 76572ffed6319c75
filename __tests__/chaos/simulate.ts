/** Runs a schedule and returns every violation of the promise. */
import { type Attempt, type AttemptRunner, attemptBundled, attemptHere } from "./attempt.ts";
import { patientClock } from "../support/clock.ts";
import { type Bounds, type Scenario, type Stage, createScenario } from "./scenario.ts";
import { type Pace, Environment, text } from "./environment.ts";

export interface SimulationResult {
  schedule: Scenario;
  /** Violations of the promise; empty where there are none. */
  broken: string[];
  attempts: Attempt[];
  requests: number;
  /** The step could not prove which run is its own, and said so: the scenario ended there. */
  isUnproven: boolean;
  /** Faults that were injected, by kind. */
  struck: Record<string, number>;
}

export const bounds: Bounds = { faults: 5, rerunStages: 3 };
/** The step's own times (30 s for a request, 5 min for all), on a clock that jumps; files take threads of their own. */
const jumpingPace: Pace = { requestTimeoutMs: 30_000, clock: (random) => patientClock(random, 0, 20) };
/** Through the built action, whose clock is the real one. */
const bundleBounds: Bounds = { faults: 2, rerunStages: 1 };
const bundlePace: Pace = { requestTimeoutMs: 1_000, clock: undefined };

/** Runs the schedules of `count` seeds from `seed` on, some at a time. */
export async function simulateSeeds(
  seed: number,
  count: number,
  atOnce: number,
  through: "modules" | "bundle",
): Promise<SimulationResult[]> {
  const played: SimulationResult[] = [];
  let next = seed;
  const work = async (): Promise<void> => {
    while (next < seed + count) {
      const mine = next++;
      played.push(
        through === "modules"
          ? await simulate(createScenario(mine, bounds), jumpingPace, attemptHere)
          : await simulate(createScenario(mine, bundleBounds), bundlePace, attemptBundled),
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return played;
}

/** Attempts that may fail in a row before the faults are taken away. */
const MAX_FAILING_ATTEMPTS = 4;
/** Requests of one attempt: more would be a loop without a pause. */
const MAX_REQUESTS = 150;

export async function simulate(schedule: Scenario, pace: Pace, run: AttemptRunner): Promise<SimulationResult> {
  const world = await Environment.open(schedule, pace);
  const player = new Player(world, run);
  try {
    await player.play();
  } catch (error) {
    player.broken.push(`The step threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await world.close();
  }
  const { requests } = world.mosoo;
  return {
    schedule,
    broken: player.broken,
    isUnproven: player.isUnproven,
    attempts: player.attempts,
    requests: requests.length,
    struck: counted(requests.flatMap((request) => request.fault ?? [])),
  };
}

export function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

class Player {
  readonly broken: string[] = [];
  readonly attempts: Attempt[] = [];
  readonly #world: Environment;
  readonly #run: AttemptRunner;
  /** How often the step's message has to be in the thread. */
  #expected = 1;

  constructor(world: Environment, run: AttemptRunner) {
    this.#world = world;
    this.#run = run;
  }

  async play(): Promise<void> {
    for (const stage of this.#world.schedule.stages) {
      await this.#stage(stage);
      if (this.isUnproven) return;
    }
    // A re-run after all that, undisturbed, names the same thread and run, sends nothing and uploads nothing.
    this.#world.mosoo.clearFaults();
    const uploads = this.#world.mosoo.uploads.length;
    const last = await this.#attempt();
    if (this.isUnproven) return;
    if (!last.succeeded) this.broken.push(`The undisturbed re-run failed: ${last.failure}`);
    if (this.#world.schedule.work !== "follow-up with files" && this.#world.mosoo.uploads.length > uploads)
      this.broken.push("The undisturbed re-run uploaded files again.");
    this.#check("after the undisturbed re-run");
    this.broken.push(...this.#world.violations.map((violation) => `Against the contract: ${violation}`));
  }

  async #stage(stage: Stage): Promise<void> {
    const { mosoo, pace } = this.#world;
    if (stage.before !== undefined) {
      if (this.#world.endOwnRun(stage.before.ends)) this.#expected += 1;
      if (stage.before.stranger !== undefined) this.#world.write(stage.before.stranger);
    }
    this.#world.queue(stage.faults);
    const stopAfterMs = stage.stopAfter === undefined ? undefined : stage.stopAfter * pace.requestTimeoutMs;
    const first = this.#attempt(stopAfterMs, stage.secondAfter === undefined);
    let succeeded: boolean;
    if (stage.secondAfter === undefined) succeeded = (await first).succeeded;
    else {
      await this.#world.clock.sleep(stage.secondAfter * pace.requestTimeoutMs);
      const both = await Promise.all([first, this.#attempt(undefined, false)]);
      succeeded = both.some((attempt) => attempt.succeeded);
    }
    for (let failing = 1; !succeeded && failing <= MAX_FAILING_ATTEMPTS; failing += 1) {
      if (failing === MAX_FAILING_ATTEMPTS) mosoo.clearFaults();
      succeeded = (await this.#attempt()).succeeded;
    }
    if (this.isUnproven) return;
    if (!succeeded) this.broken.push(`No attempt succeeded: ${this.attempts.at(-1)?.failure ?? ""}`);
    this.#check(`after attempt ${this.attempts.length}`);
  }

  /** @param alone no other attempt runs beside it */
  async #attempt(stopAfterMs?: number, alone = true): Promise<Attempt> {
    const { mosoo } = this.#world;
    const runAttempt = this.attempts.length + 1;
    // The place is taken at once: a second attempt may begin before the first has ended.
    this.attempts.push({ runAttempt, succeeded: false, threadId: "", runId: "", visible: "", failure: "" });
    const before = mosoo.requests.length;
    const attempt = await this.#run(this.#world, { runAttempt, stopAfterMs });
    this.attempts[runAttempt - 1] = attempt;
    if (mosoo.requests.length - before > MAX_REQUESTS)
      this.broken.push(`Attempt ${runAttempt} made ${mosoo.requests.length - before} requests.`);
    if (attempt.visible.includes(mosoo.tokens.person)) this.broken.push(`Attempt ${runAttempt} shows the token.`);
    if (alone) this.#checkTruth(attempt);
    return attempt;
  }

  /** What a failed attempt says of the thread or message has to be true. */
  #checkTruth({ failure }: Attempt): void {
    const made = this.#world.threadId === undefined ? this.#threads.length : this.#ownMessages.length;
    if (failure.includes("No thread was created.") && made > 0)
      this.broken.push(`It says that there is no thread, and there is one: ${failure}`);
    if (failure.includes("The message was not sent.") && this.#ownMessages.length > 0)
      this.broken.push(`It says that the message was not sent, and it was: ${failure}`);
  }

  /**
   * The step's message is in the thread several times, and the service has lost the keys of the first and of a later one:
   * then nothing proves which runs are this step's, and a step that says so keeps its promise. It has sent nothing.
   */
  get isUnproven(): boolean {
    const last = this.attempts.at(-1);
    const own = this.#ownMessages.length;
    return last?.failure.includes("`on-rerun: create`") === true && own > 1 && own <= this.#expected;
  }

  get #threads() {
    return this.#world.mosoo.threads;
  }

  get #ownMessages() {
    return this.#threads.flatMap((thread) => thread.messages.filter((message) => message.text === text));
  }

  #check(when: string): void {
    const wrong = (what: string): void => {
      this.broken.push(`${when}: ${what}`);
    };
    const [thread, ...more] = this.#threads;
    if (thread === undefined) {
      wrong("there is no thread");
      return;
    }
    if (more.length > 0) wrong(`there are ${more.length + 1} threads`);
    const own = this.#ownMessages;
    if (own.length !== this.#expected) wrong(`the message is there ${own.length} times instead of ${this.#expected}`);
    for (const { succeeded, threadId, runAttempt } of this.attempts) {
      if (threadId !== "" ? threadId !== thread.id : succeeded) wrong(`attempt ${runAttempt} names thread ${threadId}`);
    }
    const last = this.attempts.at(-1);
    if (last?.succeeded === true && last.runId !== own.at(-1)?.runId)
      wrong(`attempt ${last.runAttempt} names run ${last.runId} instead of ${own.at(-1)?.runId ?? ""}`);
    this.#checkFiles(wrong);
  }

  #checkFiles(wrong: (what: string) => void): void {
    const { files, mosoo } = this.#world;
    const ids = this.#ownMessages[0]?.fileIds ?? [];
    const attached = ids.map((id) => mosoo.uploads.find((upload) => upload.id === id));
    const attachedFiles = attached.map((upload) => `${upload?.name ?? "?"} ${upload?.sha256 ?? "?"}`).sort();
    const wanted = files.map(({ name, sha256 }) => `${name} ${sha256}`).sort();
    if (JSON.stringify(attachedFiles) !== JSON.stringify(wanted))
      wrong(`the message has files ${JSON.stringify(attachedFiles)} instead of ${JSON.stringify(wanted)}`);
  }
}
