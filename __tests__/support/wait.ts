/** Waits for a run in this process as the step does, so that minutes pass in milliseconds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jest } from "@jest/globals";
import { readContext } from "../../src/actions/context.ts";
import type { Inputs } from "../../src/actions/inputs.ts";
import { Logger } from "../../src/actions/logger.ts";
import { type OutputName, Outputs } from "../../src/actions/outputs.ts";
import { ShutdownController } from "../../src/actions/shutdown.ts";
import type { Clock } from "../../src/common/clock.ts";
import { MosooClient } from "../../src/mosoo/client.ts";
import type { Run } from "../../src/mosoo/contract/schema.ts";
import type { Report } from "../../src/report/report.ts";
import type { ResponseSchema } from "../../src/response-schema/schema.ts";
import { StepProgress } from "../../src/step/step-state.ts";
import type { StepResult } from "../../src/step/step-result.ts";
import { waitForRun } from "../../src/step/wait-for-run.ts";
import { patientClock } from "./clock.ts";
import { parseRunnerLog } from "./runner-log.ts";

export interface WaitRecord {
  result: StepResult;
  report: Readonly<Report>;
  outputs: Partial<Record<OutputName, string>>;
  lines: string[];
  warnings: string[];
  /** Whether the comment said that the agent is working, or the title of what input was required for. */
  shown: (string | undefined)[];
}

export interface WaitOptions {
  apiUrl: string;
  token?: string;
  threadId: string;
  run: Run | null;
  replayed?: boolean;
  inputs?: Partial<Inputs>;
  responseSchema?: ResponseSchema;
  /** Default 1. */
  runAttempt?: number;
  clock?: Clock;
}

class RecordedOutputs extends Outputs {
  readonly values: Partial<Record<OutputName, string>> = {};

  override set(values: Partial<Record<OutputName, string>>): void {
    Object.assign(this.values, values);
  }
}

/** Stdout is captured: one wait at a time. */
export async function waitInProcess(options: WaitOptions): Promise<WaitRecord> {
  const { apiUrl, token = "t", threadId, run, replayed = false, clock = patientClock() } = options;
  let printed = "";
  const stdout = jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const temp = mkdtempSync(join(tmpdir(), "wait-"));
  const context = readContext({ RUNNER_TEMP: temp, GITHUB_RUN_ATTEMPT: String(options.runAttempt ?? 1) });
  const outputs = new RecordedOutputs([]);
  const progress = new StepProgress(outputs, context);
  const stop = new ShutdownController(() => undefined);
  const mosoo = new MosooClient({
    apiUrl: new URL(apiUrl),
    token,
    userAgent: "test",
    environment: {},
    requestTimeoutMs: 600_000,
    createTimeoutMs: 600_000,
    stop,
    note: () => undefined,
    clock,
  });
  const handle = { threadId, thread: { id: threadId }, run, replayed, key: "k", contract: undefined };
  progress.setThread(handle, mosoo.base);
  const inputs = {
    wait: true,
    waitTimeout: 600_000,
    requestTimeout: 600_000,
    createTimeout: 600_000,
    onWaitingInput: "wait",
    onWaitTimeout: "leave",
    onCancel: "interrupt",
    onRerun: "resume",
    failOnRunError: true,
    ...options.inputs,
  } as Inputs;
  const request = { target: { threadId }, text: "Hi", userId: "octocat", fileIds: [], files: [] };
  const plan = { inputs, request, key: handle.key, responseSchema: options.responseSchema };
  const shown: WaitRecord["shown"] = [];
  const log = new Logger([]);
  const showWorking = (title?: string): void => {
    shown.push(title);
  };
  try {
    const session = { mosoo, plan, inputs, context, secrets: [], stop, log, outputs, progress, showWorking };
    const result = await waitForRun(session, handle);
    const { lines, commands } = parseRunnerLog(printed);
    const warnings = commands.flatMap(({ name, message }) => (name === "warning" ? [message] : []));
    return { result, report: progress.report, outputs: outputs.values, lines, warnings, shown };
  } finally {
    stdout.mockRestore();
    process.removeAllListeners("SIGINT");
    process.removeAllListeners("SIGTERM");
    await mosoo.close();
    rmSync(temp, { recursive: true });
  }
}
