/** The agent's words and tools in the step's log, as they come: whole lines, all of them foreign. */
import type { Logger } from "./logger.ts";
import { safeCutIndex } from "../sanitize/truncate.ts";

/** Lines that come within so many milliseconds are printed together. */
const gatherMs = 400;
const longestTool = 200;
/** A line that does not end is printed in parts of about this size. */
const longestLine = 8_000;
/** A part ends at a blank, where one is this near: a secret has none in it, and is not torn. */
const nearBlank = 500;

/** What is shown of it all, in UTF-16 units, and what each line counts besides: more is no reading matter, and slow. */
const [mostShown, lineCost] = [1024 * 1024, 32];

export class StreamingLog {
  readonly #log: Logger;
  #left = mostShown;
  #lines = "";
  #rest = "";
  #due: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  text(text: string): void {
    const all = this.#rest + text;
    const end = all.lastIndexOf("\n") + 1;
    this.#rest = all.slice(end);
    this.#gather(all.slice(0, end));
    while (this.#rest.length > longestLine) this.#breakLine();
  }

  tool(name: string): void {
    this.#endLine();
    this.#gather(`→ ${this.#log.oneLine(name, longestTool)}\n`);
  }

  /** A line of ours between theirs. */
  line(text: string): void {
    this.flush();
    this.#log.info(text);
  }

  /** Prints all that has come, what has no line end yet included. */
  flush(): void {
    this.#endLine();
    this.#print();
  }

  #endLine(): void {
    if (this.#rest !== "") this.#gather(`${this.#rest}\n`);
    this.#rest = "";
  }

  #breakLine(): void {
    const blank = this.#rest.lastIndexOf(" ", longestLine);
    const at = blank > longestLine - nearBlank ? blank + 1 : safeCutIndex(this.#rest, longestLine);
    this.#gather(`${this.#rest.slice(0, at)}\n`);
    this.#rest = this.#rest.slice(at);
  }

  #gather(lines: string): void {
    if (lines === "" || this.#left === 0) return;
    this.#lines += this.#affordable(lines);
    if (this.#left === 0) {
      this.#print();
      this.#log.info("Agent output truncated here. The thread has all of it.");
      return;
    }
    this.#due ??= setTimeout(() => {
      this.#print();
    }, gatherMs);
  }

  /** The first of these lines that may still be shown. Whole ones: a secret is not torn. */
  #affordable(lines: string): string {
    let end = 0;
    for (let next = lines.indexOf("\n") + 1; next > 0; next = lines.indexOf("\n", end) + 1) {
      this.#left = Math.max(0, this.#left - (next - end) - lineCost);
      if (this.#left === 0) break;
      end = next;
    }
    return lines.slice(0, end);
  }

  #print(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    this.#log.untrusted(this.#lines);
    this.#lines = "";
  }
}
