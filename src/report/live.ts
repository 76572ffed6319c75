/** The agent's words and tools in the step's log, as they come: whole lines, all of them foreign. */
import type { Log } from "./log.ts";

/** A line that does not end is printed in parts of this size. */
const longestLine = 8_000;

export class LiveLog {
  readonly #log: Log;
  #rest = "";

  constructor(log: Log) {
    this.#log = log;
  }

  words(text: string): void {
    const all = this.#rest + text;
    const end = all.lastIndexOf("\n") + 1;
    this.#log.foreign(all.slice(0, end));
    this.#rest = all.slice(end);
    if (this.#rest.length > longestLine) this.flush();
  }

  tool(name: string): void {
    this.flush();
    this.#log.foreign(`→ ${name.slice(0, 200)}`);
  }

  /** A line of ours between theirs. */
  line(text: string): void {
    this.flush();
    this.#log.line(text);
  }

  /** Prints what has no line end yet. */
  flush(): void {
    this.#log.foreign(this.#rest);
    this.#rest = "";
  }
}
