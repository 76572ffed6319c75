/** The agent's output in the step's log, as it comes: whole lines, all of them untrusted. */
import type { Logger } from "./logger.ts";
import { safeCutIndex } from "../sanitize/characters.ts";

/** Lines that come within this time are printed together. */
const FLUSH_INTERVAL_MS = 400;
/** Of a tool's name, in UTF-16 units. */
const MAX_TOOL_NAME_LENGTH = 200;
/** A line that does not end is printed in parts of about this size, in UTF-16 units. */
const MAX_LINE_LENGTH = 8_000;
/** A part ends at a space where one is this near. */
const MAX_DISTANCE_TO_SPACE = 500;
/** What is shown in all, in UTF-16 units, and what each line adds to that: nobody reads more, and printing is slow. */
const [MAX_OUTPUT_LENGTH, COST_PER_LINE] = [1024 * 1024, 32];

/** Makes whole lines of text that comes in fragments. */
class LineBuffer {
  readonly #log: Logger;
  #rest = "";

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns the lines that are complete now, each with its line feed */
  add(text: string): string {
    const all = this.#rest + text;
    const end = all.lastIndexOf("\n") + 1;
    this.#rest = all.slice(end);
    return all.slice(0, end) + this.#takeParts();
  }

  /** @returns what has come since the last line feed, as a line */
  end(): string {
    const line = this.#rest === "" ? "" : `${this.#rest}\n`;
    this.#rest = "";
    return line;
  }

  /** Of a line that does not end. It is redacted first, and cut so far from its end that no secret is cut in two. */
  #takeParts(): string {
    const limit = MAX_LINE_LENGTH + this.#log.maxSecretLength;
    if (this.#rest.length <= limit) return "";
    let rest = this.#log.redact(this.#rest);
    let parts = "";
    while (rest.length > limit) {
      const space = rest.lastIndexOf(" ", MAX_LINE_LENGTH);
      const end = space > MAX_LINE_LENGTH - MAX_DISTANCE_TO_SPACE ? space + 1 : safeCutIndex(rest, MAX_LINE_LENGTH);
      parts += `${rest.slice(0, end)}\n`;
      rest = rest.slice(end);
    }
    this.#rest = rest;
    return parts;
  }
}

export class StreamingLog {
  readonly #log: Logger;
  readonly #text: LineBuffer;
  readonly #thinking: LineBuffer;
  #left = MAX_OUTPUT_LENGTH;
  #lines = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
    this.#text = new LineBuffer(log);
    this.#thinking = new LineBuffer(log);
  }

  text(text: string): void {
    this.#endThinking();
    this.#buffer(this.#text.add(text));
  }

  tool(name: string): void {
    this.#endLines();
    this.#buffer(`Tool: ${this.#log.oneLine(name, MAX_TOOL_NAME_LENGTH)}\n`);
  }

  /** Only in the debug log. */
  thinking(text: string): void {
    this.#printThinking(this.#thinking.add(text));
  }

  /** A line of the action's own between those of the agent. */
  line(text: string): void {
    this.flush();
    this.#log.info(text);
  }

  /** Prints everything that has come, a line that has not ended included. */
  flush(): void {
    this.#endLines();
    this.#print();
  }

  #endLines(): void {
    this.#endThinking();
    this.#buffer(this.#text.end());
  }

  #endThinking(): void {
    this.#printThinking(this.#thinking.end());
  }

  #printThinking(lines: string): void {
    for (const line of lines.split("\n")) if (line !== "") this.#log.verbose(`thinking: ${line}`);
  }

  #buffer(lines: string): void {
    if (lines === "" || this.#left === 0) return;
    this.#lines += this.#takeWithinBudget(lines);
    if (this.#left === 0) {
      this.#print();
      this.#log.info("Agent output truncated here. The thread has all of it.");
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#print();
    }, FLUSH_INTERVAL_MS);
  }

  /** The first of these lines that may still be shown. */
  #takeWithinBudget(lines: string): string {
    let end = 0;
    for (let next = lines.indexOf("\n") + 1; next > 0; next = lines.indexOf("\n", end) + 1) {
      this.#left = Math.max(0, this.#left - (next - end) - COST_PER_LINE);
      if (this.#left === 0) break;
      end = next;
    }
    return lines.slice(0, end);
  }

  #print(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#log.untrusted(this.#lines);
    this.#lines = "";
  }
}
