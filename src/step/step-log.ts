/** The main step's lines in the log: its own, and what the Mosoo client reports while it works. */
import type { ActionContext } from "../actions/context.ts";
import type { Inputs } from "../actions/inputs.ts";
import { SERVICE_HOSTS } from "../mosoo/http/redirects.ts";
import type { Logger } from "../actions/logger.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import type { Report } from "../report/report.ts";
import type { StepPlan } from "./request.ts";
import type { ThreadHandle } from "./thread-handle.ts";
import type { MosooError } from "../mosoo/errors.ts";
import type { ClientEvent } from "../mosoo/operation.ts";
import { withQuote } from "./errors.ts";

export function logRequest(
  log: Logger,
  { inputs, request, key, responseSchema }: StepPlan,
  context: ActionContext,
): void {
  const { target, text, files, fileIds, externalRef } = request;
  const to = "threadId" in target ? `thread ${target.threadId}` : `agent ${target.agentId}`;
  const attached = files.length + fileIds.length;
  const size = [
    pluralize(text.length, "character"),
    ...(responseSchema === undefined ? [] : ["with the JSON schema"]),
    ...(attached === 0 ? [] : [pluralize(attached, "file")]),
  ];
  const about = context.subject === undefined ? "" : ` (${context.repository}#${context.subject.number})`;
  const message = `message (${size.join(", ")}) to ${to} at ${inputs.apiUrl.host}${about}`;
  // A re-run mostly finds the message: then nothing is sent.
  const mayBeSent = context.runAttempt > 1 && inputs.onRerun !== "create";
  log.info(mayBeSent ? `Checking whether an earlier attempt sent the ${message}` : `Sending ${message}`);
  log.debug(`Idempotency key: ${key}; external reference: ${externalRef ?? "none"}; on-rerun: ${inputs.onRerun}`);
  if (inputs.tokenHadBearerPrefix) {
    log.notice("Removed the leading `Bearer ` from `token`. Store the token alone in the secret.");
  }
}

function describeStart({ threadId, replayed, resumedAfter }: ThreadHandle, continues: boolean): string {
  if (resumedAfter !== undefined) return `Sent the message again in thread ${threadId}`;
  if (continues)
    return replayed ? `Message already sent to thread ${threadId}` : `Sent the message to thread ${threadId}`;
  return replayed ? `Reusing existing thread ${threadId}` : `Created thread ${threadId}`;
}

/**
 * How the thread was found or made, and its run; on a line of its own the thread's URL.
 *
 * @param continues the thread was given (`thread-id`)
 */
export function logThread(log: Logger, handle: ThreadHandle, threadUrl: string, continues: boolean): void {
  const { run } = handle;
  const runPart = run === null ? "no agent run" : `agent run ${run.id}: ${run.status ?? "unknown"}`;
  log.info(`${describeStart(handle, continues)} (${runPart})`);
  log.info(threadUrl);
}

/** The end of a run that completed; every other end is the step's annotation. */
export function logCompletion(log: Logger, { runId = "", durationMs }: Readonly<Report>): void {
  log.info(`Agent run ${runId} completed${durationMs === undefined ? "" : ` in ${formatDuration(durationMs)}`}`);
}

/**
 * Reports a move of the API. A notice only where the user can act on it: the default of `api-url` is the action's own.
 * A host that redirects again and again gets one notice.
 */
export function createBaseUrlChangeLogger(log: Logger, { apiUrl }: Inputs): (base: URL) => void {
  let isReported = apiUrl.href === new URL(SERVICE_HOSTS.defaultBase).href;
  return (base) => {
    if (isReported) log.info(`The API redirected to ${base.href}`);
    else log.notice(`The API redirected to ${base.href}. Update \`api-url\`.`);
    isReported = true;
  };
}

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
          `Mosoo repeats a stored failure for this idempotency key; retrying with a new key (number ${event.generation}). ` +
            `Stored: ${describe(event.cause)}`,
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
        log.info("Waiting for another agent run in this thread to finish before sending the message");
        break;
      case "uploaded":
        log.info(
          `Uploaded ${JSON.stringify(event.name)} (${pluralize(event.bytes, "byte")}), ${event.done} of ${event.of}`,
        );
        break;
    }
  };
}
