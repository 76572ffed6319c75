/**
 * The outputs, set as soon as they are known, so that a later failure of the step keeps them.
 *
 * The runner drops an output that holds a masked value between jobs: secrets become `***` here first.
 */
import * as core from "@actions/core";
import { errorMessage } from "../common/format.ts";
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
  | "response-json"
  | "files-dir"
  | "downloaded-files"
  | "tokens"
  | "comment-url"
  | "skipped";

export class Outputs {
  readonly #secrets: readonly string[];
  readonly #values = new Map<OutputName, string>();
  #onWriteError: ((message: string) => void) | undefined;

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** From now on an output that cannot be written is no reason to fail: the first is reported. */
  setWriteErrorHandler(onFirstError: (message: string) => void): void {
    let isReported = false;
    this.#onWriteError = (message) => {
      if (!isReported) onFirstError(message);
      isReported = true;
    };
  }

  /**
   * Sets outputs; one that already has this value is not written again.
   *
   * @throws Error where the runner's file is missing or full, before {@link setWriteErrorHandler}
   */
  set(values: Partial<Record<OutputName, string>>): void {
    for (const [name, value] of Object.entries(values) as [OutputName, string][]) {
      const redacted = redact(value, this.#secrets);
      if (this.#values.get(name) === redacted) continue;
      this.#values.set(name, redacted);
      try {
        core.setOutput(name, redacted);
      } catch (error) {
        if (this.#onWriteError === undefined) throw error;
        this.#onWriteError(errorMessage(error));
      }
    }
  }
}
