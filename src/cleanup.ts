/** The post step: interrupts a run that nobody waits for any more, and brings the comment to an end. */
import { prepareComment } from "./commenting.ts";
import { readContext } from "./github.ts";
import { readInputs } from "./inputs.ts";
import { Mosoo } from "./mosoo/client.ts";
import { hasEnded } from "./mosoo/schema.ts";
import { Progress } from "./progress.ts";
import { redact } from "./report/untrusted.ts";
import * as state from "./state.ts";
import type { StepContext } from "./step.ts";
import { version } from "./version.ts";

const interruptMs = 20_000;

/** The main step was killed before it could tidy up, or had no time to. Best effort. */
export async function cleanUp({ environment, secrets, log, outputs }: StepContext): Promise<void> {
  const context = readContext(environment);
  const { settings } = readInputs(secrets);
  const apiUrl = state.read(state.apiUrl);
  if (settings === undefined) return;
  const [threadId, runId] = [state.read(state.threadId), state.read(state.runId)];
  const progress = new Progress(outputs, context);
  Object.assign(progress.report, {
    outcome: "stopped",
    agentId: settings["agent-id"],
    threadId,
    threadUrl: state.read(state.threadUrl) || undefined,
    runId: runId || undefined,
  });

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
    const run = await mosoo.interruptRun(threadId, runId, interruptMs);
    await mosoo.close();
    progress.report.status = run?.status ?? undefined;
    if (run === undefined)
      log.warn(
        `The main step was killed while it waited, and the run could not be interrupted; it may go on: ${progress.report.threadUrl ?? ""}`,
      );
    else
      log.line(
        `The main step was killed while it waited: the run ${hasEnded(run.status) ? `is ${run.status ?? "over"}` : "was told to stop"}.`,
      );
  }
  if (state.read(state.commentOpen) === "true") {
    await prepareComment({ settings, context, secrets: secrets.all, log, outputs }).finish(progress.report);
  }
}
