/**
 * Compiling and validating in a context of its own, with a time limit.
 *
 * The schema may be a file of a checked-out pull request, the response is the agent's. Ajv generates code from the one; a
 * regular expression of it may run for years on the other. The context has the language's own objects alone (no
 * `process`, no `require`, no `fetch`), gets source text and returns strings, so that there is no object of this side to
 * reach anything by.
 */
import { type Context, constants, createContext, runInContext } from "node:vm";
import * as z from "../common/json.ts";
import { TimeLimitError, evaluateWithTimeLimit } from "../common/time-limit.ts";
import { readValidatorScript } from "./validator-script.ts";
import type { CheckResult, CompileResult } from "./validator/validator.ts";

/** Of compiling a schema, and of finding and checking a response's JSON. */
const TIME_LIMIT_MS = 2_000;
/** How often work is tried that the machine gave too little processor time for. */
const MAX_ATTEMPTS = 3;

/** The functions of validator/validator.ts. Each throws TimeLimitError, or another error where it failed. */
export interface Sandbox {
  compile: (schemaText: string) => CompileResult;
  check: (response: string) => CheckResult;
}

const compileResult = z.object({ problem: z.optional(z.string()) });
const checkResult = z.union([
  z.object({ found: z.object({ start: z.int(), end: z.int() }) }),
  z.object({ problems: z.array(z.string()) }),
]);

function run(code: string, context: Context, timeoutMs: number): unknown {
  try {
    return evaluateWithTimeLimit(code, context, timeoutMs);
  } catch (error) {
    if (error instanceof TimeLimitError) throw error;
    throw new Error("Failed in the sandbox.", { cause: error });
  }
}

/** The processor time that this thread has had, in milliseconds. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/**
 * The time limit is by the wall clock: on a busy machine it may be over before the work has had much of it. Then the work
 * is done again; what works for ever has had its time at the first attempt.
 */
function runAgainWhereStarved(work: () => unknown, timeLimitMs: number, cpuMs: () => number): unknown {
  for (let attempt = 1; ; attempt += 1) {
    const before = cpuMs();
    try {
      return work();
    } catch (error) {
      const isStarved = error instanceof TimeLimitError && cpuMs() - before < timeLimitMs / 2;
      if (!isStarved || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * @param timeLimitMs of each call
 * @param cpuMs the processor time that the work has had, with all before it
 */
export function createSandbox(timeLimitMs = TIME_LIMIT_MS, cpuMs = threadCpuMs): Sandbox {
  const context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: true, wasm: false },
    // What is left to do when a call returns is not done later, outside of its time limit.
    microtaskMode: "afterEvaluate",
  });
  runInContext(readValidatorScript(), context);
  const call = (name: keyof Sandbox, argument: string): unknown => {
    const code = `${name}(${JSON.stringify(argument)})`;
    const result = runAgainWhereStarved(() => run(code, context, timeLimitMs), timeLimitMs, cpuMs);
    return typeof result === "string" ? JSON.parse(result) : undefined;
  };
  return {
    compile: (schemaText) => z.parse(compileResult, call("compile", schemaText)),
    check: (response) => z.parse(checkResult, call("check", response)),
  };
}
