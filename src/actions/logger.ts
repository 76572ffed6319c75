/**
 * The step's log. Everything printed passes through here: secrets are redacted, and then each line is
 * escaped, so that the runner sees no command in it.
 */
import * as core from "@actions/core";
import { annotationLines, annotationText, logLine, logLines } from "../sanitize/log-text.ts";
import { redact } from "../sanitize/redact.ts";

const TITLE = "Mosoo thread";

/** An escape such as `\\u0067` takes the place of one character of a secret: the longest form that is redacted. */
const MAX_ESCAPE_LENGTH = 13;

export class Logger {
  readonly #secrets: readonly string[];
  /** Of a secret in any of its escaped or encoded forms, in UTF-16 units. */
  readonly maxSecretLength: number;

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
    this.maxSecretLength = MAX_ESCAPE_LENGTH * Math.max(0, ...secrets.map(({ length }) => length));
  }

  /** For text that is truncated before it is logged. */
  redact(text: string): string {
    return redact(text, this.#secrets);
  }

  /** One line. */
  info(text: string): void {
    core.info(logLine(this.redact(text)));
  }

  debug(text: string): void {
    core.debug(logLine(this.redact(text)));
  }

  /** High-volume output: printed only where the debug log is enabled. */
  verbose(text: string): void {
    if (core.isDebug()) this.debug(text);
  }

  notice(text: string): void {
    core.notice(annotationText(this.redact(text)), { title: TITLE });
  }

  warning(text: string): void {
    core.warning(annotationText(this.redact(text)), { title: TITLE });
  }

  /** A warning of several lines, written by this action: what it quotes is sanitized already. */
  warningMultiline(text: string): void {
    core.warning(this.redact(text), { title: TITLE });
  }

  /** The one annotation of a failed step. */
  error(text: string): void {
    core.error(annotationText(this.redact(text)), { title: TITLE });
  }

  /** The same, of several lines. */
  errorMultiline(text: string): void {
    core.error(annotationLines(this.redact(text)), { title: TITLE });
  }

  /** Lines that somebody else wrote, in one write. */
  untrusted(text: string): void {
    const lines = logLines(this.redact(text)).map((line) => `${line}\n`);
    if (lines.length > 0) process.stdout.write(lines.join(""));
  }

  /** Untrusted text as one escaped line of at most `max` UTF-16 units, for `untrusted` to print. */
  oneLine(text: string, max: number): string {
    return logLine(this.redact(text), max);
  }

  group(name: string): void {
    core.startGroup(logLine(this.redact(name)));
  }

  endGroup(): void {
    core.endGroup();
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
