/** Notes of the Mosoo client as lines of the log. */
import { duration } from "./report/duration.ts";
import type { Log } from "./report/log.ts";
import { excerpt } from "./report/untrusted.ts";
import type { MosooError } from "./mosoo/errors.ts";
import type { Note } from "./mosoo/effort.ts";
import { count } from "./problems.ts";

function reason(error: MosooError): string {
  const { serverMessage } = error.facts;
  return serverMessage === undefined ? error.message : `${error.message} ("${excerpt(serverMessage, 120)}")`;
}

function pause(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : duration(ms);
}

/** Writes each note as it comes. `keyGiven`: the idempotency key is an input, not derived. */
export function noteWriter(log: Log, keyGiven: boolean): (note: Note) => void {
  return (note) => {
    switch (note.kind) {
      case "retry":
        log.line(`${reason(note.because)} Trying again in ${pause(note.waitMs)}.`);
        break;
      case "generation":
        log.line(
          `The key holds an old failure (${reason(note.because)}): going on with generation ${note.generation} of the key.`,
        );
        break;
      case "shared-key":
        log.warn(
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
        log.line("Another run is active in the thread: waiting for it to end before the message is sent.");
        break;
      case "uploaded":
        log.line(`Uploaded ${JSON.stringify(note.name)} (${count(note.bytes, "byte")}), ${note.done} of ${note.of}.`);
        break;
    }
  };
}
