/** What the Mosoo client reports while it works, as lines of the log. */
import type { Logger } from "../actions/logger.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import type { MosooError } from "../mosoo/errors.ts";
import type { ClientEvent } from "../mosoo/operation.ts";
import { withQuote } from "./errors.ts";

/** Of a server's message in a line of the log, in UTF-16 units. */
const MAX_QUOTE_LENGTH = 120;

const SHARED_GIVEN_KEY =
  "Another step or workflow run has used this `idempotency-key`, and this step now shares its thread. " +
  "Set a different `idempotency-key` for each step that needs a thread of its own.";
const SHARED_DERIVED_KEY =
  "Another step has the same idempotency key, and this step now shares its thread. This happens where a reusable " +
  "workflow is called twice, or a composite action uses this action twice, with the same inputs. " +
  "Set a different `idempotency-key` for each.";

/** A server that does not number its runs: every run has the ID 1. */
const SHARED_UNNUMBERED_KEY =
  "Another step or workflow run has the same idempotency key, and this step now shares its thread. This runner does not " +
  "number its runs (`GITHUB_RUN_ID` is 1), so that every run derives the same key. Set `idempotency-key` to a value " +
  "that differs between runs.";

interface KeyOrigin {
  /** The idempotency key is an input, not derived. */
  isKeyGiven: boolean;
  /** GITHUB_RUN_ID. */
  runId: string;
}

function sharedKeyWarning({ isKeyGiven, runId }: KeyOrigin): string {
  if (isKeyGiven) return SHARED_GIVEN_KEY;
  return runId === "1" ? SHARED_UNNUMBERED_KEY : SHARED_DERIVED_KEY;
}

/** Writes each event as it comes. */
export function createClientEventLogger(log: Logger, origin: KeyOrigin): (event: ClientEvent) => void {
  const describe = ({ summary, details }: MosooError): string =>
    withQuote(summary, log.redact(details.serverMessage ?? ""), MAX_QUOTE_LENGTH);
  return (event) => {
    switch (event.kind) {
      case "retry":
        log.info(`${describe(event.cause)} Retrying in ${formatDuration(event.waitMs)} (attempt ${event.attempt})`);
        break;
      case "generation":
        log.info(
          `A previous failure is cached for this idempotency key; retrying with key generation ${event.generation}. ` +
            `Cached: ${describe(event.cause)}`,
        );
        break;
      case "shared-key":
        log.warning(sharedKeyWarning(origin));
        break;
      case "host-changed":
        log.info(`No API at ${event.from}; continuing at ${event.to}`);
        break;
      case "negotiated":
        log.debug(`Adapted the request body to the server's contract: ${event.properties.join(", ")}`);
        break;
      case "external-ref-not-sent":
        log.debug("The server does not accept an external reference; it was not sent");
        break;
      case "other-run":
        log.info("Waiting for an active run in this thread to finish before sending the message");
        break;
      case "uploaded":
        log.info(
          `Uploaded ${JSON.stringify(event.name)} (${pluralize(event.bytes, "byte")}), ${event.done} of ${event.of}`,
        );
        break;
    }
  };
}
