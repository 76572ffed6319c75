/** Stops synchronous work that takes too long: a busy parser, a regular expression. Only the engine can. */
import { type Context, createContext, runInContext } from "node:vm";
import { errorCode } from "./format.ts";

/** How often work is tried that the machine gave too little processor time for. */
const MAX_ATTEMPTS = 3;

/** The work took longer than it may. */
export class TimeLimitError extends Error {}

/** The processor time that this thread has had, in milliseconds. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function evaluateOnce(code: string, context: Context, timeoutMs: number): unknown {
  try {
    return runInContext(code, context, { timeout: timeoutMs, displayErrors: false });
  } catch (error) {
    if (errorCode(error) !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new TimeLimitError(`Stopped after ${timeoutMs} ms.`);
  }
}

/**
 * Evaluates code in a context. The limit is by the wall clock: on a busy machine it may be over before the code has had
 * much of it. Then it is evaluated again; what works for ever has had its time at the first attempt.
 *
 * @param timeoutMs milliseconds
 * @param cpuMs the processor time that this thread has had
 * @throws TimeLimitError; else whatever the code throws
 */
export function evaluateWithTimeLimit(code: string, context: Context, timeoutMs: number, cpuMs = threadCpuMs): unknown {
  for (let attempt = 1; ; attempt += 1) {
    const before = cpuMs();
    try {
      return evaluateOnce(code, context, timeoutMs);
    } catch (error) {
      const isStarved = error instanceof TimeLimitError && cpuMs() - before < timeoutMs / 2;
      if (!isStarved || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Runs a function of ours, which can be run again, as {@link evaluateWithTimeLimit} does code. */
export function runWithTimeLimit<T>(task: () => T, timeoutMs: number): T {
  const outcome: { value?: T } = {};
  const context = createContext({ task: () => void (outcome.value = task()) });
  evaluateWithTimeLimit("task()", context, timeoutMs);
  return outcome.value as T;
}
