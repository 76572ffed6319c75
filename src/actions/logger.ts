/**
 * The step's log: a few calm lines for people. Everything printed passes through here, is made harmless line by line
 * (untrusted.ts) and loses the secrets, whoever wrote it.
 */
import * as core from "@actions/core";
import { annotationText, logLine, logLines } from "../sanitize/log-text.ts";
import { redact } from "../sanitize/redact.ts";

const title = "Mosoo thread";

export class Logger {
  readonly #secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** One line. */
  info(text: string): void {
    core.info(logLine(this.#clean(text)));
  }

  debug(text: string): void {
    core.debug(logLine(this.#clean(text)));
  }

  /** Text that comes in floods: printed only where somebody asked for the debug log. */
  verbose(text: string): void {
    if (core.isDebug()) this.debug(text);
  }

  notice(text: string): void {
    core.notice(annotationText(this.#clean(text)), { title });
  }

  warning(text: string): void {
    core.warning(annotationText(this.#clean(text)), { title });
  }

  /** A warning of several lines, written by this action: what it quotes is harmless already. */
  warningMultiline(text: string): void {
    core.warning(this.#clean(text), { title });
  }

  /** The one annotation of a failed step. */
  error(text: string): void {
    core.error(annotationText(this.#clean(text)), { title });
  }

  /** Lines that someone else wrote, in one write: each is escaped, so that the runner sees no command in any. */
  untrusted(text: string): void {
    const lines = logLines(this.#clean(text)).map((line) => `${line}\n`);
    if (lines.length > 0) process.stdout.write(lines.join(""));
  }

  /** Foreign text as one harmless line, for `foreign` to print. At most `max` UTF-16 units, cut once secrets are out. */
  oneLine(text: string, max: number): string {
    return logLine(this.#clean(text), max);
  }

  group(name: string): void {
    core.startGroup(logLine(this.#clean(name)));
  }

  endGroup(): void {
    core.endGroup();
  }

  #clean(text: string): string {
    return redact(text, this.#secrets);
  }
}

/** A debug message as `@actions/core` prints it, with its line ends as `%0A` and `%0D`. */
const DEBUG_MESSAGE = /^::debug::(.*?)(\r?\n)$/s;

function sanitizeDebugMessage(printed: string): string {
  const [, message, lineEnd] = DEBUG_MESSAGE.exec(printed) ?? [];
  if (message === undefined || lineEnd === undefined) return printed;
  return `::debug::${logLine(message.replaceAll(/%0[AD]/g, "\n"))}${lineEnd}`;
}

/** Runs `work`, and sanitizes debug messages that are printed meanwhile: `@actions/glob` prints file names as they are. */
export async function withSanitizedDebugLog<T>(work: () => Promise<T>): Promise<T> {
  const { stdout } = process;
  const write = stdout.write.bind(stdout) as (text: unknown, ...rest: unknown[]) => boolean;
  const sanitized = (text: unknown, ...rest: unknown[]): boolean =>
    write(typeof text === "string" ? sanitizeDebugMessage(text) : text, ...rest);
  stdout.write = sanitized;
  try {
    return await work();
  } finally {
    stdout.write = write;
  }
}
