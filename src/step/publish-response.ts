/** Sets the outputs that hold the response. */
import { failureText } from "./errors.ts";
import type { RunEnd, ValidResponse, WaitContext } from "./follow-run.ts";
import { isTooLongForOutput, responseOutput, writeResponseFile } from "./response.ts";

/**
 * Sets `response` and `response-file`, for a valid response `response-json`, too. Warns where the response is
 * incomplete, or empty although the run completed.
 */
export function publishResponse(context: WaitContext, { response, valid, result }: RunEnd): void {
  const { secrets, log, outputs, progress } = context;
  const missing = {
    start: "The server does not return all events of the agent run: the start of the response may be missing.",
    end: "The response exceeds what the step can hold: its end is missing.",
    all: "Failed to read the response: the server does not return the agent run's events.",
  };
  if (response.truncated !== "none") log.warning(missing[response.truncated]);
  else if (result.outcome === "completed" && response.text.trim() === "") {
    const empty = { summary: "The agent run completed with an empty response.", threadUrl: progress.report.threadUrl };
    log.warning(failureText(empty, secrets));
  }
  outputs.set({ response: responseOutput(response, secrets) });
  // Of a valid response the file holds the JSON alone.
  const [content, extension] =
    valid === undefined ? ([response, "md"] as const) : ([{ text: valid.json, complete: true }, "json"] as const);
  const file = writeResponseFile(content, context.context.temp, secrets, extension);
  if (file !== undefined) outputs.set({ "response-file": file });
  else log.warning("Failed to write the response file to RUNNER_TEMP; the output `response-file` is not set.");
  if (valid !== undefined) publishJson(context, valid);
}

function publishJson({ log, outputs }: WaitContext, { json }: ValidResponse): void {
  if (isTooLongForOutput(json)) {
    log.warning("The response's JSON is too large for an output: read it from the file that `response-file` names.");
  } else outputs.set({ "response-json": json });
}
