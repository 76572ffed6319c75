/** What the two doors open: the main step and the post step. Here, and only here, an error becomes the step's failure. */
import { failureText, toFailureDetails } from "./step/errors.ts";
import { maskSecrets } from "./actions/inputs.ts";
import { CancelledError } from "./mosoo/errors.ts";
import { InputValidationError } from "./actions/input-errors.ts";
import { Logger } from "./actions/logger.ts";
import { Outputs } from "./actions/outputs.ts";
import { runStep } from "./step/main-step.ts";
import { ShutdownController } from "./actions/shutdown.ts";

/** An error that no one waits for: told like any other, without the stack and the command line that Node would print. */
function handleUncaughtErrors(tell: (error: unknown) => void): void {
  process.on("unhandledRejection", tell);
  process.on("uncaughtException", (error) => {
    tell(error);
    // What threw may have left others waiting for ever.
    afterStdoutFlush(() => process.exit());
  });
}

/** Does something once all that was printed has gone out: a reader that is slow would miss the end of it. */
function afterStdoutFlush(then: () => void): void {
  process.stdout.write("", then);
}

/** Node ends a process in which nothing is left to happen, even if something is waited for still: that is no success. */
function detectPrematureExit(tell: (error: unknown) => void): { done: boolean } {
  const work = { done: false };
  process.on("exit", () => {
    if (!work.done) tell(new Error("the step ended before its work was done."));
  });
  return work;
}

/**
 * What still tries to connect somewhere must not keep the step alive. Where nothing does, the process ends by itself,
 * and this never fires.
 */
function exitAfterFlush(): void {
  afterStdoutFlush(() => {
    setTimeout(() => {
      process.exit();
    }, 250).unref();
  });
}

/** Runs the main step; a failure is one annotation and exit code 1. */
export async function runMain(): Promise<void> {
  // The secrets are masked before anything else happens.
  const secrets = maskSecrets();
  const log = new Logger(secrets.all);
  const outputs = new Outputs(secrets.all);
  let failed = false;
  const fail = (error: unknown): void => {
    process.exitCode = 1;
    if (failed) return;
    failed = true;
    if (error instanceof InputValidationError && error.issues.length > 1) {
      for (const { input, text } of error.issues) log.info(`${input}: ${text}`);
    }
    log.error(failureText(toFailureDetails(error), secrets.all));
    for (let cause = error; cause instanceof Error; cause = cause.cause) log.debug(cause.stack ?? cause.message);
  };
  handleUncaughtErrors(fail);
  const work = detectPrematureExit(fail);
  const stop = new ShutdownController(() => {
    // Something hangs that could not be given up.
    fail(new CancelledError("unknown"));
    process.exit();
  });
  try {
    await runStep({ environment: process.env, secrets, log, outputs, stop });
  } catch (error) {
    fail(error);
  }
  work.done = true;
  // While Node tidies up, a second signal would kill it: a step that was stopped ends here and now.
  if (stop.cancelSignal.aborted) process.exit();
  exitAfterFlush();
}

/** Runs the post step: never red. */
export async function runPost(): Promise<void> {
  const secrets = maskSecrets();
  const log = new Logger(secrets.all);
  const warn = (error: unknown): void => {
    log.warning(`Cleaning up failed. ${failureText(toFailureDetails(error), secrets.all)}`);
  };
  handleUncaughtErrors(warn);
  try {
    const { cleanUp } = await import("./step/cleanup-step.ts");
    await cleanUp({ environment: process.env, secrets, log, outputs: new Outputs(secrets.all) });
  } catch (error) {
    warn(error);
  }
  exitAfterFlush();
}
