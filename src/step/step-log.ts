/** The main step's own lines in the log. */
import type { ActionContext } from "../actions/context.ts";
import type { Inputs } from "../actions/inputs.ts";
import { SERVICE_HOSTS } from "../mosoo/http/redirects.ts";
import type { Logger } from "../actions/logger.ts";
import { formatDuration, pluralize } from "../common/format.ts";
import type { Report } from "../report/report.ts";
import type { StepPlan } from "./request.ts";
import type { ThreadHandle } from "./thread-handle.ts";

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
  log.info(`Sending message (${size.join(", ")}) to ${to} at ${inputs.apiUrl.host}${about}`);
  log.debug(`Idempotency key: ${key}; external reference: ${externalRef ?? "none"}; on-rerun: ${inputs.onRerun}`);
  if (inputs.tokenHadBearerPrefix) {
    log.notice("Removed the leading `Bearer ` from `token`. Store the token alone in the secret.");
  }
}

function describeStart({ threadId, replayed, resumedAfter }: ThreadHandle, continues: boolean): string {
  if (resumedAfter !== undefined) return `Resent the message in thread ${threadId}`;
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
  const runPart = run === null ? "no run" : `run ${run.id}: ${run.status ?? "unknown"}`;
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
