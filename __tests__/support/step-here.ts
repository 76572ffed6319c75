/**
 * Runs the step's modules in this process, with the environment, files and log of the runner harness: some twenty times
 * as fast as a child process, and on a clock that jumps. For rows of a table of which the built action runs one of each
 * kind. Not in `it.concurrent`, where Jest rejects `import()`. Where something takes real time that is no exchange with a
 * server of this process (a name server, megabytes, files), a clock that jumps would let requests time out.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { appendFileSync } from "node:fs";
import * as core from "@actions/core";
import { maskSecrets } from "../../src/actions/inputs.ts";
import { Logger } from "../../src/actions/logger.ts";
import { Outputs } from "../../src/actions/outputs.ts";
import { ShutdownController } from "../../src/actions/shutdown.ts";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import { createFailureReporter } from "../../src/run.ts";
import { runStep as runMainStep } from "../../src/step/main-step.ts";
import { stepEnvironment } from "./runner-environment.ts";
import { makeCommandFiles } from "./runner-files.ts";
import { type StepOptions, type StepResult, makeFolder, readStep, runStep } from "./runner.ts";

interface Step {
  env: Record<string, string>;
  printed: string;
}

const steps = new AsyncLocalStorage<Step>();

// Each step of this process has its own environment and log, even where several run at once.
const environment = process.env;
const inStep = (): Record<string, string | undefined> => steps.getStore()?.env ?? environment;
process.env = new Proxy(environment, {
  get: (_, name) => inStep()[String(name)],
  has: (_, name) => String(name) in inStep(),
  set: (_, name, value) => Reflect.set(inStep(), name, value),
  deleteProperty: (_, name) => Reflect.deleteProperty(inStep(), name),
  ownKeys: () => Reflect.ownKeys(inStep()),
  getOwnPropertyDescriptor: (_, name) => Object.getOwnPropertyDescriptor(inStep(), name),
});

const write = process.stdout.write.bind(process.stdout) as (...printed: unknown[]) => boolean;
process.stdout.write = (text: unknown, ...rest: unknown[]): boolean => {
  const step = steps.getStore();
  if (step === undefined) return write(text, ...rest);
  step.printed += String(text);
  return true;
};

// The summary of the real module is one for all steps of a process.
core.summary.addRaw = (text) => {
  appendFileSync(process.env["GITHUB_STEP_SUMMARY"] ?? "", text);
  return core.summary;
};
core.summary.write = () => Promise.resolve(core.summary);

/** The signals are this process's own. */
function createShutdown(): ShutdownController {
  const names = ["SIGINT", "SIGTERM"] as const;
  const before = names.map((name) => process.listeners(name));
  const stop = new ShutdownController(() => undefined);
  names.forEach((name, index) => {
    for (const listener of process.listeners(name))
      if (before[index]?.includes(listener) !== true) process.off(name, listener);
  });
  return stop;
}

async function run(step: Step, clock: Clock): Promise<number> {
  const secrets = maskSecrets();
  const log = new Logger(secrets.all);
  const { exitCode } = process;
  const fail = createFailureReporter(log, secrets);
  try {
    const outputs = new Outputs(secrets.all);
    await runMainStep({ environment: step.env, secrets, log, outputs, stop: createShutdown(), clock });
    return 0;
  } catch (error) {
    fail(error);
    return 1;
  } finally {
    process.exitCode = exitCode;
  }
}

/** The deep suite runs every step through the built action, whose clock is the real one. */
export const isDeep = "WHOLE_CORPUS" in globalThis;

/** Runs the main step to its end, on the clock that is given. */
export async function runStepHere(options: StepOptions, clock: Clock = systemClock): Promise<StepResult> {
  if (isDeep) return runStep(options);
  const temp = options.temp ?? makeFolder("temp");
  const workspace = options.workspace ?? makeFolder("workspace");
  const files = makeCommandFiles(temp);
  const env = stepEnvironment(options, temp, workspace, files);
  const step: Step = { env, printed: "" };
  const started = clock.now();
  const exitCode = await steps.run(step, () => run(step, clock));
  const { printed: stdout } = step;
  const lines = stdout.replace(/\r?\n$/, "").split(/\r\n|\n|\r/);
  const ended = { exitCode, signal: null, stdout, stderr: "", durationMs: clock.now() - started, temp, workspace };
  return readStep(options, env, files, lines, ended);
}
