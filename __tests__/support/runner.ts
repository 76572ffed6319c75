/**
 * Runs the built action as GitHub's runner does: inputs with the defaults of action.yml, a clean environment, the
 * files for outputs and state, and the runner's way of cancelling. Nothing of the host's environment but PATH gets in.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultGithubToken, root, stepEnvironment, type StepOptions } from "./runner-environment.ts";
import { type CommandFiles, makeCommandFiles, readCommandFiles } from "./runner-files.ts";
import { readLog, type RunnerCommand } from "./runner-shown.ts";

export { defaultGithubToken, type StepOptions } from "./runner-environment.ts";
export { events, type RunnerEvent } from "./runner-events.ts";
export { parseFileCommand } from "./runner-files.ts";
export type { RunnerCommand } from "./runner-shown.ts";

interface Annotation {
  level: "error" | "warning" | "notice";
  title?: string;
  message: string;
}

export interface StepResult {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  outputs: Record<string, string>;
  summary: string;
  state: Record<string, string>;
  /** Variables and folders for the steps that follow, by GITHUB_ENV and GITHUB_PATH. */
  exported: { env: Record<string, string>; paths: string[] };
  commands: RunnerCommand[];
  annotations: Annotation[];
  /** Values given to `::add-mask::`. */
  masks: string[];
  /** The log as a reader sees it: commands obeyed, masks applied from the moment they were added. */
  shown: string;
  durationMs: number;
  maxRssKb?: number;
  temp: string;
  workspace: string;
}

export interface RunningStep {
  child: ChildProcess;
  signal(name: NodeJS.Signals): void;
  /** The runner's way of ending a step: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL. */
  cancel(): Promise<StepResult>;
  kill(): Promise<StepResult>;
  stdoutSoFar(): string;
  /** What the post step would get if the step ended now. */
  stateSoFar(): Record<string, string>;
  outputsSoFar(): Record<string, string>;
  /** Waits until stdout matches; rejects, with the log, when the step ends first or `timeoutMs` (40 s) pass. */
  waitForLog(pattern: RegExp | string, timeoutMs?: number): Promise<void>;
  result: Promise<StepResult>;
}

let folders: string | undefined;

function removeFolders(): void {
  if (folders !== undefined) rmSync(folders, { recursive: true, force: true });
  folders = undefined;
}

// Jest gives its tests a `process` that never exits; elsewhere (the demo) the folders go with the process.
const { afterAll } = globalThis as { afterAll?: (then: () => void) => void };
if (afterAll === undefined) process.once("exit", removeFolders);
else afterAll(removeFolders);

/** A fresh folder that goes when the tests of this file are over. */
export function makeFolder(name: string): string {
  folders ??= realpathSync(mkdtempSync(join(tmpdir(), "runner-")));
  return mkdtempSync(join(folders, `${name}-`));
}

/** Splits a stream as the runner does, at every line end it knows, and keeps the rest for later. */
function lineReader(take: (line: string) => void): { push(text: string): void; end(): void } {
  let rest = "";
  return {
    push(text) {
      // A carriage return at the very end may be the first half of a line end.
      const parts = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? "";
      parts.forEach(take);
    },
    end() {
      if (rest !== "") take(rest.replace(/\r$/, ""));
    },
  };
}

function annotationsOf(commands: readonly RunnerCommand[]): Annotation[] {
  return commands.flatMap(({ command, properties, message }) => {
    if (command !== "error" && command !== "warning" && command !== "notice") return [];
    const title = properties["title"];
    return [{ level: command, message, ...(title === undefined ? {} : { title }) }];
  });
}

function peakMemory(pid: number | undefined): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

type EndedStep = Pick<StepResult, "exitCode" | "signal" | "stdout" | "stderr" | "durationMs" | "temp" | "workspace">;

/** What the runner makes of a step that has ended: its files and its log. @param lines of both streams, as they came */
export function readStep(
  options: StepOptions,
  env: Readonly<Record<string, string>>,
  files: CommandFiles,
  lines: readonly string[],
  ended: EndedStep,
): StepResult {
  const secrets = [...(options.secrets ?? []), options.githubToken ?? defaultGithubToken];
  const log = readLog(lines, secrets, env["RUNNER_DEBUG"] === "1");
  const { env: exportedEnv, paths, ...given } = readCommandFiles(files);
  return {
    ...ended,
    ...given,
    exported: { env: exportedEnv, paths },
    ...log,
    annotations: annotationsOf(log.commands),
  };
}

/** What a step was started with, so that its post step gets the same. */
const startedWith = new WeakMap<StepResult, StepOptions>();

/** Starts dist/index.js and returns a handle of the running process. */
export function startStep(options: StepOptions): RunningStep {
  const temp = options.temp ?? makeFolder("temp");
  const workspace = options.workspace ?? makeFolder("workspace");
  const files = makeCommandFiles(temp);
  const env = stepEnvironment(options, temp, workspace, files);
  const script = options.script ?? join(root, "dist/index.js");
  const started = performance.now();
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), script], {
    cwd: workspace,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });

  const printed = { stdout: "", stderr: "" };
  const lines: string[] = [];
  const readers = { stdout: lineReader((line) => lines.push(line)), stderr: lineReader((line) => lines.push(line)) };
  const listeners = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text: string) => {
      printed[name] += text;
      readers[name].push(text);
      listeners.forEach((listener) => {
        listener();
      });
    });
  }

  let maxRssKb: number | undefined;
  const watch =
    options.measureMemory === true ? setInterval(() => (maxRssKb = peakMemory(child.pid) ?? maxRssKb), 20) : undefined;
  const result = new Promise<StepResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, signal) => {
      clearInterval(watch);
      readers.stdout.end();
      readers.stderr.end();
      try {
        const ended = { exitCode, signal, ...printed, durationMs: performance.now() - started, temp, workspace };
        const step = readStep(options, env, files, lines, ended);
        if (maxRssKb !== undefined) step.maxRssKb = maxRssKb;
        startedWith.set(step, options);
        resolve(step);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
  // A failure rejects the result; a test that only watches the log must not crash on it.
  result.catch(() => undefined);

  const running: RunningStep = {
    child,
    result,
    signal(name) {
      child.kill(name);
    },
    async cancel() {
      child.kill("SIGINT");
      const timers = [setTimeout(() => child.kill("SIGTERM"), 7_500), setTimeout(() => child.kill("SIGKILL"), 10_000)];
      try {
        return await result;
      } finally {
        timers.forEach(clearTimeout);
      }
    },
    kill() {
      child.kill("SIGKILL");
      return result;
    },
    stdoutSoFar: () => printed.stdout,
    stateSoFar: () => readCommandFiles(files).state,
    outputsSoFar: () => readCommandFiles(files).outputs,
    waitForLog(pattern, timeoutMs = 40_000) {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const fail = (why: string): void => {
        reject(new Error(`${why} before its log matched ${String(pattern)}:\n${printed.stdout}${printed.stderr}`));
      };
      const look = (): void => {
        if (typeof pattern === "string" ? printed.stdout.includes(pattern) : pattern.test(printed.stdout))
          resolve(undefined);
      };
      const timer = setTimeout(() => {
        fail(`${timeoutMs} ms passed`);
      }, timeoutMs);
      const ended = (): void => {
        look();
        fail("The step ended");
      };
      listeners.add(look);
      result.then(ended, ended);
      look();
      return promise.finally(() => {
        clearTimeout(timer);
        listeners.delete(look);
      });
    },
  };
  return running;
}

/** Runs the main step to its end. */
export function runStep(options: StepOptions): Promise<StepResult> {
  return startStep(options).result;
}

/** Starts dist/post.js for a main step that ended: the same inputs and environment, its saved state as `STATE_*`. */
export function startPost(main: StepResult, options: Partial<StepOptions> = {}): RunningStep {
  const before = startedWith.get(main);
  if (before === undefined) throw new Error("runPost takes the result of runStep");
  const state = Object.fromEntries(Object.entries(main.state).map(([name, value]) => [`STATE_${name}`, value]));
  return startStep({
    ...before,
    temp: main.temp,
    workspace: main.workspace,
    script: join(root, "dist/post.js"),
    ...options,
    env: { ...main.exported.env, ...before.env, ...state, ...options.env },
  });
}

export function runPost(main: StepResult, options: Partial<StepOptions> = {}): Promise<StepResult> {
  return startPost(main, options).result;
}
