/** Stops synchronous work that takes too long: a busy parser, a regular expression. Only the engine can. */
import { type Context, createContext, runInContext } from "node:vm";

/** The work took longer than it may. */
export class TimeLimitError extends Error {}

/**
 * Evaluates code in a context.
 *
 * @param timeoutMs milliseconds
 * @throws TimeLimitError; else whatever the code throws
 */
export function evaluateWithTimeLimit(code: string, context: Context, timeoutMs: number): unknown {
  try {
    return runInContext(code, context, { timeout: timeoutMs, displayErrors: false });
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    throw code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? new TimeLimitError(`Stopped after ${timeoutMs} ms.`) : error;
  }
}

/** Runs a function of ours, as {@link evaluateWithTimeLimit} does code. */
export function runWithTimeLimit<T>(task: () => T, timeoutMs: number): T {
  const outcome: { value?: T } = {};
  const context = createContext({ task: () => void (outcome.value = task()) });
  evaluateWithTimeLimit("task()", context, timeoutMs);
  return outcome.value as T;
}
