/**
 * The step's log: a few calm lines for people. Everything printed passes through here, is made harmless line by line
 * (untrusted.ts) and loses the secrets, whoever wrote it.
 */
import * as core from "@actions/core";
import { annotationText, guardedBlocks, logLine, redact } from "../sanitize/index.ts";

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

  /** Lines that someone else wrote, as they come: harmless each by itself, and around them commands are stopped besides. */
  untrusted(text: string): void {
    for (const block of guardedBlocks(this.#clean(text))) process.stdout.write(block);
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
