import type { ScriptStep } from "./types.ts";

/** Runs the scripts of runs, one at a time for each. No timer keeps the process alive. */
export class ScriptPlayer {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #perform: (runId: string, step: ScriptStep) => void;

  constructor(perform: (runId: string, step: ScriptStep) => void) {
    this.#perform = perform;
  }

  /** Starts after the current turn, so that the response with the run still shows it queued. */
  play(runId: string, steps: ScriptStep[]): void {
    this.stop(runId);
    this.#schedule(runId, steps);
  }

  stop(runId: string): void {
    clearTimeout(this.#timers.get(runId));
    this.#timers.delete(runId);
  }

  stopAll(): void {
    for (const runId of [...this.#timers.keys()]) this.stop(runId);
  }

  #schedule(runId: string, steps: ScriptStep[]): void {
    const [first, ...rest] = steps;
    if (first === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(runId);
      this.#run(runId, first, rest);
    }, first.after ?? 0);
    this.#timers.set(runId, timer.unref());
  }

  /** Steps without a pause between them happen in one turn: streams see them as written at once. */
  #run(runId: string, step: ScriptStep, rest: ScriptStep[]): void {
    this.#perform(runId, step);
    const next = rest.findIndex((one) => (one.after ?? 0) > 0);
    const atOnce = next === -1 ? rest : rest.slice(0, next);
    for (const one of atOnce) this.#perform(runId, one);
    if (next !== -1) this.#schedule(runId, rest.slice(next));
  }
}
