/** Shows a run's progress while the step waits: text and tools in the log, input requests as a warning and in the comment. */
import type { Inputs } from "../actions/inputs.ts";
import type { Logger } from "../actions/logger.ts";
import type { StreamingLog } from "../actions/streaming-log.ts";
import type { Clock } from "../common/clock.ts";
import { formatDuration } from "../common/format.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import type { FollowListener } from "../mosoo/runs/follow.ts";
import { failureText } from "./errors.ts";
import { inputRequest } from "./step-result.ts";
import type { StepProgress } from "./step-state.ts";

const MINUTE_MS = 60_000;

interface RunListenerOptions {
  inputs: Pick<Inputs, "onWaitingInput">;
  clock: Clock;
  /** When the wait began, on that clock. */
  startedAt: number;
  log: Logger;
  live: StreamingLog;
  secrets: readonly string[];
  progress: StepProgress;
  /** Comments that the agent is working; with a title, that the run requires input for it. */
  showWorking: (inputTitle?: string) => void;
}

export function createRunListener(options: RunListenerOptions): FollowListener {
  const { inputs, clock, startedAt, log, live, secrets, progress, showWorking } = options;
  let inputRequests = 0;
  let isInputPending = false;

  const onRunning = (): void => {
    if (isInputPending) showWorking();
    isInputPending = false;
  };

  /** As long as nothing calls for a read of the thread, only an event says that the run has started. */
  const onStarted = (): void => {
    const run = progress.handle?.run;
    if (run != null && ["queued", "booting"].includes(run.status ?? "queued")) {
      progress.setRun({ ...run, status: "running" });
    }
    onRunning();
  };

  return {
    onEvent: (event) => {
      if (event.kind === "text") live.text(event.text);
      else if (event.kind === "tool") live.tool(event.name);
      else if (event.kind === "started") onStarted();
      else if (event.kind === "thinking") live.thinking(event.text);
    },
    onRunUpdated: (run, thread) => {
      progress.setRun(run, thread);
      if (run.status !== "waiting_input" && !isTerminalStatus(run.status)) onRunning();
    },
    onInputRequired: (title) => {
      if (inputs.onWaitingInput !== "wait") return false;
      inputRequests += 1;
      live.flush();
      const request = inputRequest(title, "Respond in the thread to continue.", progress.report.threadUrl);
      const text = failureText(request, secrets);
      // One annotation is enough; the log has them all.
      if (inputRequests === 1) log.warning(text);
      else log.info(text);
      isInputPending = true;
      showWorking(title ?? "");
      return true;
    },
    onIdle: () => {
      const minutes = Math.floor((clock.now() - startedAt) / MINUTE_MS);
      live.line(`Run still in progress after ${formatDuration(minutes * MINUTE_MS)}`);
    },
    debug: (text) => {
      log.debug(text);
    },
  };
}
