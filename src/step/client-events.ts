/** Notes of the Mosoo client as lines of the log. */
import { formatDuration, pluralize } from "../common/format.ts";
import type { Logger } from "../actions/logger.ts";
import { excerpt } from "../sanitize/log-text.ts";
import type { MosooError } from "../mosoo/errors.ts";
import type { ClientEvent } from "../mosoo/retry-loop.ts";

function reason(error: MosooError): string {
  const { serverMessage } = error.details;
  return serverMessage === undefined ? error.message : `${error.message} ("${excerpt(serverMessage, 120)}")`;
}

/** Writes each note as it comes. `keyGiven`: the idempotency key is an input, not derived. */
export function createClientEventLogger(log: Logger, keyGiven: boolean): (note: ClientEvent) => void {
  return (note) => {
    switch (note.kind) {
      case "retry":
        log.info(`${reason(note.cause)} Trying again in ${formatDuration(note.waitMs)}.`);
        break;
      case "generation":
        log.info(
          `The key holds an old failure (${reason(note.cause)}): going on with generation ${note.generation} of the key.`,
        );
        break;
      case "shared-key":
        log.warning(
          keyGiven
            ? "This `idempotency-key` was used before, by another step or run: their thread is this step's, too. If that is not wanted, give each its own `idempotency-key`."
            : "Another step uses the same idempotency key (the same reusable workflow called twice, or this action used twice in one composite action, with the same inputs): both have one thread. Give each its own `idempotency-key`.",
        );
        break;
      case "negotiated":
        log.debug(`The server's contract takes another body: ${note.properties.join(", ")}.`);
        break;
      case "external-ref-not-sent":
        log.debug("The server does not take an external reference: it was not sent.");
        break;
      case "other-run":
        log.info("Another run is active in the thread: waiting for it to end before the message is sent.");
        break;
      case "uploaded":
        log.info(
          `Uploaded ${JSON.stringify(note.name)} (${pluralize(note.bytes, "byte")}), ${note.done} of ${note.of}.`,
        );
        break;
    }
  };
}
