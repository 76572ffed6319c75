/** The post step: interrupts a run that nobody waits for any more, and brings the comment to an end. */
import { prepareComment } from "./commenting.ts";
import { readContext } from "./github.ts";
import { readInputs } from "./inputs.ts";
import { Mosoo } from "./mosoo/client.ts";
import { keptReport } from "./last-report.ts";
import { hasEnded } from "./mosoo/schema.ts";
import { Progress } from "./progress.ts";
import { redact } from "./report/untrusted.ts";
import type { Report } from "./report/report.ts";
import * as state from "./state.ts";
import type { StepContext } from "./step.ts";
import { version } from "./version.ts";

/** A rate limit's window, and a little. */
const interruptMs = 75_000;

/** The main step was killed before it could tidy up, or had no time to. Best effort. */
export async function cleanUp({ environment, secrets, log, outputs }: StepContext): Promise<void> {
  const context = readContext(environment);
  const { settings } = readInputs(secrets);
  const apiUrl = state.read(state.apiUrl);
  if (settings === undefined) return;
  const [threadId, runId] = [state.read(state.threadId), state.read(state.runId)];
  const progress = new Progress(outputs, context);
  const killed: Partial<Report> = {
    outcome: "stopped",
    agentId: settings["agent-id"],
    onRerun: settings["on-rerun"],
    threadId: threadId || undefined,
    threadUrl: state.read(state.threadUrl) || undefined,
    runId: runId || undefined,
    problem: "The step was killed while it waited for the agent.",
  };
  Object.assign(progress.report, killed, keptReport());

  if (state.read(state.waiting) === "true" && threadId !== "" && runId !== "" && URL.canParse(apiUrl)) {
    const never = new AbortController().signal;
    const mosoo = new Mosoo({
      apiUrl: new URL(apiUrl),
      token: settings.token,
      userAgent: `mosoo-thread-action/${version}`,
      conceal: (text) => redact(text, secrets.all),
      environment,
      requestTimeoutMs: settings["request-timeout"],
      createTimeoutMs: interruptMs,
      stop: { requested: never, inFlight: never },
      note: () => undefined,
    });
    const run = await mosoo.insistOnInterrupt(threadId, runId, interruptMs);
    await mosoo.close();
    const page = progress.report.threadUrl ?? "";
    if (run === undefined) {
      log.warn(`Nobody waits for the run any more, and it could not be interrupted; it may go on: ${page}`);
    } else {
      const became = hasEnded(run.status) ? `is ${run.status ?? ""}` : "was told to stop";
      log.line(`Nobody waits for the run any more: it ${became}.`);
      progress.report.status = run.status ?? progress.report.status;
      // Nobody is asked any more.
      if (progress.report.outcome === "waiting" && run.status === "cancelled") progress.report.outcome = "cancelled";
      progress.report.problem = `${progress.report.problem ?? ""} After the step, the run ${became}.`.trim();
    }
  }
  if (state.read(state.commentOpen) === "true") {
    await prepareComment({ settings, context, secrets: secrets.all, log, outputs }).show(progress.report, {
      last: true,
    });
  }
}
