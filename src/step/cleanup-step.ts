/** The post step: interrupts a run that nobody waits for any more, and brings the comment to an end. */
import { prepareComment } from "../report/comment/publisher.ts";
import { readContext } from "../actions/context.ts";
import { readInputs } from "../actions/inputs.ts";
import { MosooClient } from "../mosoo/client.ts";
import { loadReport } from "../report/saved-report.ts";
import { isTerminalStatus } from "../mosoo/contract/schema.ts";
import { StepState } from "./step-state.ts";
import { redact } from "../sanitize/redact.ts";
import type { Report } from "../report/report.ts";
import * as state from "../actions/state.ts";
import type { StepContext } from "./main-step.ts";
import { version } from "../common/version.ts";

/** A rate limit's window, and a little. */
const interruptMs = 75_000;

/** The main step was killed before it could tidy up, or had no time to. Best effort. */
export async function cleanUp({ environment, secrets, log, outputs }: StepContext): Promise<void> {
  const context = readContext(environment);
  const { inputs } = readInputs(secrets);
  const apiUrl = state.read(state.apiUrl);
  if (inputs === undefined) return;
  const [threadId, runId] = [state.read(state.threadId), state.read(state.runId)];
  const progress = new StepState(outputs, context);
  const killed: Partial<Report> = {
    outcome: "stopped",
    agentId: inputs.agentId,
    onRerun: inputs.onRerun,
    threadId: threadId || undefined,
    threadUrl: state.read(state.threadUrl) || undefined,
    runId: runId || undefined,
    failure: { summary: "The step was killed while it waited for the run." },
  };
  Object.assign(progress.report, killed, loadReport());

  if (state.read(state.interruptPending) === "true" && threadId !== "" && runId !== "" && URL.canParse(apiUrl)) {
    const never = new AbortController().signal;
    const mosoo = new MosooClient({
      apiUrl: new URL(apiUrl),
      token: inputs.token,
      userAgent: `mosoo-thread-action/${version}`,
      redact: (text) => redact(text, secrets.all),
      environment,
      requestTimeoutMs: inputs.requestTimeout,
      createTimeoutMs: interruptMs,
      stop: { cancelSignal: never, abortRequestsSignal: never },
      note: () => undefined,
    });
    const run = await mosoo.interruptRunWithRetry(threadId, runId, interruptMs);
    await mosoo.close();
    const page = progress.report.threadUrl ?? "";
    if (run === undefined) {
      log.warning(`Nobody waits for the run any more, and it could not be interrupted; it may go on: ${page}`);
    } else {
      const became = isTerminalStatus(run.status) ? `is ${run.status ?? ""}` : "was told to stop";
      log.info(`Nobody waits for the run any more: it ${became}.`);
      progress.report.status = run.status ?? progress.report.status;
      // Nobody is asked any more.
      if (progress.report.outcome === "waiting" && run.status === "cancelled") progress.report.outcome = "cancelled";
      const { failure } = progress.report;
      progress.report.failure = {
        ...failure,
        summary: failure?.summary ?? "",
        consequence: `After the step, the run ${became}.`,
      };
    }
  }
  if (state.read(state.commentPending) === "true") {
    await prepareComment({ inputs, context, secrets: secrets.all, log, outputs }).show(progress.report, {
      final: true,
    });
  }
}
