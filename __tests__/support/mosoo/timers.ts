/** Waits that neither keep the process alive nor outlive the server. */
export class Timers {
  readonly #running = new Set<NodeJS.Timeout>();

  /** Resolves after `ms` milliseconds; never, once stopped. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#running.delete(timer);
        resolve();
      }, ms).unref();
      this.#running.add(timer);
    });
  }

  stop(): void {
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}
