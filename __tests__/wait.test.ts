import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { readContext } from "../src/github.ts";
import { Mosoo } from "../src/mosoo/client.ts";
import type { Settings } from "../src/inputs.ts";
import { Progress } from "../src/progress.ts";
import { Log } from "../src/report/log.ts";
import { Outputs } from "../src/report/outputs.ts";
import { StopWish } from "../src/stop.ts";
import { type Ending, waitForRun } from "../src/wait.ts";
import { patientClock } from "./support/clock.ts";
import { type OddBehaviour, ids, startOddMosoo } from "./support/odd-mosoo.ts";
import { parseRunnerLog } from "./support/runner-log.ts";

afterEach(() => {
  jest.restoreAllMocks();
  process.removeAllListeners("SIGINT");
  process.removeAllListeners("SIGTERM");
});

/** Waits in this process, so that minutes pass in milliseconds. */
async function wait(
  behaviour: OddBehaviour,
  settings: Partial<Settings>,
): Promise<{ ending: Ending; lines: string[] }> {
  let printed = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const server = await startOddMosoo(behaviour);
  const clock = patientClock();
  const context = readContext({});
  const log = new Log([]);
  const outputs = new Outputs([]);
  const stop = new StopWish(() => undefined);
  const progress = new Progress(outputs, context);
  const mosoo = new Mosoo({
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
  progress.thread(started, mosoo.base, undefined);
  try {
    const all = {
      wait: true,
      "wait-timeout": 600_000,
      "request-timeout": 600_000,
      "on-waiting-input": "wait",
      "on-wait-timeout": "leave",
      ...settings,
    } as Settings;
    const given = {
      mosoo,
      settings: all,
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
    const { ending, lines } = await wait({}, { "wait-timeout": 230_000 });
    expect(ending.outcome).toBe("timed-out");
    const begin = lines.indexOf("##[group]The agent at work");
    const end = lines.indexOf("##[endgroup]");
    const told = lines.slice(begin, end).filter((line) => line.startsWith("still running"));
    expect(told).toEqual([1, 2, 3].map((minutes) => `still running, ${minutes} min`));
  });
});
