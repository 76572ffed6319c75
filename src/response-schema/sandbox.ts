/**
 * Compiling and validating in a context of its own, with a time limit.
 *
 * The schema may be a file of a checked-out pull request, the response is the agent's. Ajv generates code from the one; a
 * regular expression of it may run for years on the other. The context has the language's own objects alone (no
 * `process`, no `require`, no `fetch`), gets source text and returns strings, so that there is no object of this side to
 * reach anything by.
 */
import { constants, createContext, runInContext } from "node:vm";
import * as z from "../common/json.ts";
import { TimeLimitError, evaluateWithTimeLimit } from "../common/time-limit.ts";
import { readValidatorScript } from "./validator-script.ts";
import type { CheckResult, CompileResult } from "./validator/validator.ts";

/** Of compiling a schema, and of finding and checking a response's JSON. */
const TIME_LIMIT_MS = 2_000;

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

/** What the code inside throws stays inside. */
function run(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof TimeLimitError) throw error;
    throw new Error("Failed in the sandbox.", { cause: error });
  }
}

/**
 * @param timeLimitMs of each call
 * @param cpuMs as of evaluateWithTimeLimit
 */
export function createSandbox(timeLimitMs = TIME_LIMIT_MS, cpuMs?: () => number): Sandbox {
  const context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: true, wasm: false },
    // What is left to do when a call returns is not done later, outside of its time limit.
    microtaskMode: "afterEvaluate",
  });
  runInContext(readValidatorScript(), context);
  const call = (name: keyof Sandbox, argument: string): unknown => {
    const code = `${name}(${JSON.stringify(argument)})`;
    const result = run(() => evaluateWithTimeLimit(code, context, timeLimitMs, cpuMs));
    return typeof result === "string" ? JSON.parse(result) : undefined;
  };
  return {
    compile: (schemaText) => z.parse(compileResult, call("compile", schemaText)),
    check: (response) => z.parse(checkResult, call("check", response)),
  };
}
