import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { readContext } from "../../src/actions/context.ts";
import { MosooClient } from "../../src/mosoo/client.ts";
import type { Inputs } from "../../src/actions/inputs.ts";
import { StepProgress } from "../../src/step/step-state.ts";
import { Logger } from "../../src/actions/logger.ts";
import { Outputs } from "../../src/actions/outputs.ts";
import { ShutdownController } from "../../src/actions/shutdown.ts";
import { type WaitResult, waitForRun } from "../../src/step/wait-for-run.ts";
import { patientClock } from "../support/clock.ts";
import { type ScriptedBehavior, ids, startScriptedMosoo } from "../support/scripted-mosoo.ts";
import { parseRunnerLog } from "../support/runner-log.ts";
import { LOG_LINES } from "../support/log-lines.ts";

afterEach(() => {
  jest.restoreAllMocks();
  process.removeAllListeners("SIGINT");
  process.removeAllListeners("SIGTERM");
});

/** Waits in this process, so that minutes pass in milliseconds. */
async function wait(
  behaviour: ScriptedBehavior,
  inputs: Partial<Inputs>,
): Promise<{ ending: WaitResult; lines: string[] }> {
  let printed = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const server = await startScriptedMosoo(behaviour);
  const clock = patientClock();
  const context = readContext({});
  const log = new Logger([]);
  const outputs = new Outputs([]);
  const stop = new ShutdownController(() => undefined);
  const progress = new StepProgress(outputs, context);
  const mosoo = new MosooClient({
    apiUrl: new URL(server.apiUrl),
    token: "t",
    userAgent: "test",
    environment: {},
    requestTimeoutMs: 600_000,
    createTimeoutMs: 600_000,
    stop,
    note: () => undefined,
    clock,
  });
  const run = { id: ids.run, status: "running" };
  const started = {
    threadId: ids.thread,
    thread: { id: ids.thread },
    run,
    replayed: false,
    key: "k",
    contract: undefined,
  };
  progress.setThread(started, mosoo.base);
  try {
    const all = {
      wait: true,
      waitTimeout: 600_000,
      requestTimeout: 600_000,
      onWaitingInput: "wait",
      onWaitTimeout: "leave",
      ...inputs,
    } as Inputs;
    const given = {
      mosoo,
      inputs: all,
      context,
      secrets: [],
      stop,
      log,
      outputs,
      progress,
      showWorking: () => undefined,
    };
    const ending = await waitForRun(given, started);
    return { ending, lines: parseRunnerLog(printed).lines };
  } finally {
    await mosoo.close();
    await server.close();
  }
}

describe("a quiet run", () => {
  it("is told of once a minute, inside the group of the agent's words", async () => {
    const { ending, lines } = await wait({}, { waitTimeout: 230_000 });
    expect(ending.outcome).toBe("timed-out");
    const begin = lines.indexOf(`##[group]${LOG_LINES.agentOutput}`);
    const end = lines.indexOf("##[endgroup]");
    const told = lines.slice(begin, end).filter((line) => line.startsWith(LOG_LINES.stillRunning));
    expect(told).toEqual([1, 2, 3].map((minutes) => `${LOG_LINES.stillRunning}${minutes} min`));
  });
});
