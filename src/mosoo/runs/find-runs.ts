/** Which of a thread's runs a message started, as the thread's events tell. Pure. */
import type { ThreadEvent } from "./events.ts";

/**
 * The IDs of the runs that messages with this text started, oldest first. Where events carry no run ID, the run is the
 * one that starts (or ends without having started) after the message, and of the last message the newest run.
 */
export function findRunsForMessage(text: string, events: readonly ThreadEvent[], newest: string | undefined): string[] {
  const runs: string[] = [];
  let awaiting = false;
  for (const { type, runId, content } of events) {
    if (type === "user.message") {
      const ours = content?.trim() === text.trim();
      awaiting = ours && !runId;
      if (ours && runId) runs.push(runId);
    } else if (awaiting && (type === "run.started" || type === "run.completed") && content) {
      runs.push(content);
      awaiting = false;
    }
  }
  if (awaiting && newest !== undefined) runs.push(newest);
  return [...new Set(runs)];
}
