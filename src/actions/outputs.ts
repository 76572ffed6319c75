/**
 * The outputs, set as soon as they are known, so that a later failure of the step keeps them.
 *
 * An output that holds a masked value is dropped by the runner between jobs: secrets become `***` here first.
 */
import * as core from "@actions/core";
import { redact } from "../sanitize/redact.ts";

export type OutputName =
  | "thread-id"
  | "run-id"
  | "thread-url"
  | "thread-api-url"
  | "status"
  | "replayed"
  | "external-ref"
  | "idempotency-key"
  | "json"
  | "response"
  | "response-file"
  | "tokens"
  | "comment-url"
  | "skipped";

export class Outputs {
  readonly #secrets: readonly string[];
  readonly #set = new Map<OutputName, string>();
  #lost: ((why: string) => void) | undefined;

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** From now on an output that cannot be written is no reason to fail: the first is told, and the work goes on. */
  setWriteErrorHandler(tell: (why: string) => void): void {
    let told = false;
    this.#lost = (why) => {
      if (!told) tell(why);
      told = true;
    };
  }

  /**
   * Sets outputs; one that already has this value is not written again.
   *
   * @throws Error where the runner's file is missing or full, before {@link setWriteErrorHandler}
   */
  set(values: Partial<Record<OutputName, string>>): void {
    for (const [name, value] of Object.entries(values) as [OutputName, string][]) {
      const clean = redact(value, this.#secrets);
      if (this.#set.get(name) === clean) continue;
      this.#set.set(name, clean);
      try {
        core.setOutput(name, clean);
      } catch (error) {
        if (this.#lost === undefined) throw error;
        this.#lost(error instanceof Error ? error.message : "");
      }
    }
  }
}
