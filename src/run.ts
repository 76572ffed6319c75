/** The error boundary of both entry points: here, and only here, an error becomes the step's failure. */
import { setDefaultAutoSelectFamilyAttemptTimeout } from "node:net";
import { InputValidationError } from "./actions/parsers.ts";
import { type Secrets, maskSecrets } from "./actions/inputs.ts";
import { Logger } from "./actions/logger.ts";
import { Outputs } from "./actions/outputs.ts";
import { ShutdownController } from "./actions/shutdown.ts";
import { systemClock } from "./common/clock.ts";
import { CancelledError } from "./mosoo/errors.ts";
import { countShownIssues, failureText, getIssuesUrl, issueLine, toFailureDetails } from "./step/errors.ts";
import { runStep } from "./step/main-step.ts";

/**
 * How long one address of a host may take to connect before the next one is tried. Node's default of 250 ms is shorter
 * than a connection across an ocean takes.
 */
const ADDRESS_TIMEOUT_MS = 2_000;

setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_TIMEOUT_MS);

/** Open connections must not keep the process alive for longer. Without any, it ends by itself. */
const EXIT_DELAY_MS = 250;

/** Reports errors that nothing awaits, without the stack and the command line that Node would print. */
function handleUncaughtErrors(report: (error: unknown) => void): void {
  process.on("unhandledRejection", report);
  process.on("uncaughtException", (error) => {
    report(error);
    // What threw may have left others waiting forever.
    afterStdoutFlush(() => process.exit());
  });
}

/** A reader that is slow would miss the end of the log. */
function afterStdoutFlush(callback: () => void): void {
  process.stdout.write("", callback);
}

/** Node ends a process that has nothing left to do, even one that awaits something: that is no success. */
function detectPrematureExit(report: (error: unknown) => void): { done: boolean } {
  const work = { done: false };
  process.on("exit", () => {
    if (!work.done) report(new Error("The process ended before the step was done."));
  });
  return work;
}

function exitAfterFlush(): void {
  afterStdoutFlush(() => {
    setTimeout(() => {
      process.exit();
    }, EXIT_DELAY_MS).unref();
  });
}

function describe(error: unknown, secrets: Secrets): string {
  return failureText(toFailureDetails(error, { issuesUrl: getIssuesUrl(process.env) }), secrets.all);
}

/** Fails the step: exit code 1 and, for the first error alone, one annotation. */
export function createFailureReporter(log: Logger, secrets: Secrets): (error: unknown) => void {
  let isReported = false;
  return (error) => {
    process.exitCode = 1;
    if (isReported) return;
    isReported = true;
    const text = describe(error, secrets);
    if (error instanceof InputValidationError) {
      for (const issue of error.issues.slice(countShownIssues(error.issues))) log.info(issueLine(issue));
      log.errorMultiline(text);
    } else log.error(text);
    for (let cause = error; cause instanceof Error; cause = cause.cause) log.debug(cause.stack ?? cause.message);
  };
}

/** Runs the main step. */
export async function runMain(): Promise<void> {
  // Before anything else: from here on the runner masks the secrets.
  const secrets = maskSecrets();
  const log = new Logger(secrets.all);
  const outputs = new Outputs(secrets.all);
  const fail = createFailureReporter(log, secrets);
  handleUncaughtErrors(fail);
  const work = detectPrematureExit(fail);
  const stop = new ShutdownController(() => {
    // Something hangs that cannot be aborted.
    fail(new CancelledError("unknown"));
    process.exit();
  });
  try {
    await runStep({ environment: process.env, secrets, log, outputs, stop, clock: systemClock });
  } catch (error) {
    fail(error);
  }
  work.done = true;
  // While Node tears down, a second signal would kill the process: a cancelled step ends here.
  if (stop.cancelSignal.aborted) process.exit();
  exitAfterFlush();
}

/** Runs the post step. Its failure is a warning: the job's result is the main step's. */
export async function runPost(): Promise<void> {
  const secrets = maskSecrets();
  const log = new Logger(secrets.all);
  const warn = (error: unknown): void => {
    log.warning(`Failed to clean up. ${describe(error, secrets)}`);
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
