import { afterEach, describe, expect, it } from "@jest/globals";
import {
  type FakeMosooServer,
  type Fault,
  type Revision,
  type StoredRun,
  startFakeMosooServer,
} from "../support/fake-mosoo-server.ts";
import { patientClock } from "../support/clock.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import {
  type ScriptedBehavior,
  ids,
  scriptedEvent,
  startScriptedMosoo,
  threadBody,
} from "../support/scripted-mosoo.ts";
import { type WaitOptions, type WaitRecord, waitInProcess } from "../support/wait.ts";

let server: FakeMosooServer | undefined;

afterEach(async () => {
  await server?.close();
});

const delta = (content: string, startsMessage = false) => ({ type: "agent.message.delta", content, startsMessage });
const usage = (tokens: number) => ({ type: "usage.updated", tokens });

/** Waits for a run that a test controls. */
async function waitFor(
  revision: Revision,
  control: (run: StoredRun, server: FakeMosooServer) => void,
  options: Partial<WaitOptions> & { fault?: Fault } = {},
): Promise<WaitRecord> {
  server = await startFakeMosooServer({ revision, rateLimit: { requests: 1e6, windowMs: 60_000 } });
  const run = server.createThreadDirectly({ text: "Hi" }).runs[0];
  if (run === undefined) throw new Error("The thread has no run.");
  control(run, server);
  if (options.fault !== undefined) server.fault(options.fault);
  const { apiUrl, tokens } = server;
  const last = server.threads[0]?.runs.at(-1) ?? run;
  return waitInProcess({
    apiUrl,
    token: tokens.person,
    threadId: run.threadId,
    run: { id: last.id, status: "queued", createdAt: new Date(last.createdAt).toISOString() },
    ...options,
  });
}

const noStream: Fault = { on: "stream", kind: "status", status: 404, times: 99 };
const deployments = [
  ["reference", "polled", undefined],
  ["2026-07", "streamed", undefined],
  ["2026-07", "polled", noStream],
  ["2026-08", "streamed", undefined],
  ["2026-08", "polled", noStream],
] as const;

/** Waits for the run of a scripted server. */
async function waitForScripted(behavior: ScriptedBehavior, options: Partial<WaitOptions> = {}): Promise<WaitRecord> {
  const scripted = await startScriptedMosoo(behavior);
  const run = { id: ids.run, status: "running" };
  try {
    return await waitInProcess({ apiUrl: scripted.apiUrl, threadId: ids.thread, run, ...options });
  } finally {
    await scripted.close();
  }
}

describe("a quiet run", () => {
  it("is reported once a minute, inside the group of the agent's output", async () => {
    const { result, lines } = await waitForScripted({}, { inputs: { waitTimeout: 230_000 } });
    expect(result.outcome).toBe("timed-out");
    const [begin, end] = [lines.indexOf(`##[group]${LOG_LINES.agentOutput}`), lines.indexOf("##[endgroup]")];
    const reports = lines.slice(begin, end).filter((line) => line.startsWith(LOG_LINES.stillRunning));
    expect(reports).toEqual([1, 2, 3].map((minutes) => `${LOG_LINES.stillRunning}${minutes} min`));
  });
});

describe.each(deployments)("a run (%s) that is %s", (revision, _, fault) => {
  const options = fault === undefined ? {} : { fault };
  const isFinalOutput = revision !== "reference";

  it.each([300, 4_500])("has its whole response although it is stored %i ms after the end", async (ms) => {
    const clock = patientClock();
    const { outputs, warnings } = await waitFor(
      revision,
      (run, fake) => {
        fake.setRunStatus(run.id, "running");
        fake.emit(run.id, delta("Let me see.\n"));
        fake.endRun(run.id, "completed", { text: "All is well.", stored: () => clock.sleep(ms) });
      },
      { ...options, clock },
    );
    expect(outputs.response).toBe(isFinalOutput ? "All is well." : "Let me see.\nAll is well.");
    expect(warnings).toEqual([]);
  });

  it("completes with a warning where the agent said nothing", async () => {
    const { result, outputs, warnings } = await waitFor(
      revision,
      (run, fake) => {
        fake.setRunStatus(run.id, "running");
        fake.endRun(run.id, "completed", { text: null });
      },
      options,
    );
    expect(result).toEqual({ outcome: "completed" });
    expect(outputs.response).toBe("");
    expect(warnings).toEqual([expect.stringContaining(`http`)]);
  });

  it("is waited for 5 s where its last message is never stored", async () => {
    const clock = patientClock();
    const { warnings } = await waitFor(
      revision,
      (run, fake) => {
        fake.setRunStatus(run.id, "running");
        fake.endRun(run.id, "completed", { text: "Lost.", stored: () => new Promise(() => undefined) });
      },
      { ...options, clock },
    );
    expect(warnings).toHaveLength(1);
    expect(clock.now()).toBeGreaterThanOrEqual(5_000);
    // Up to a poll and its jitter more, before its end is known.
    expect(clock.now()).toBeLessThan(70_000);
  });

  it("has each message once in the log", async () => {
    const { lines } = await waitFor(
      revision,
      (run, fake) => {
        fake.setRunStatus(run.id, "running");
        fake.emit(run.id, [
          delta("Let me see.\n"),
          { type: "tool.use.started", toolName: "read" },
          delta("All is ", true),
        ]);
        fake.emit(run.id, delta("well.\n"));
        fake.endRun(run.id, "completed");
      },
      options,
    );
    for (const line of ["Let me see.", "All is well."]) {
      expect(lines.filter((each) => each === line)).toEqual([line]);
    }
  });

  it("has its tokens in the output, the report and one line of the log", async () => {
    const { outputs, report, lines } = await waitFor(
      revision,
      (run, fake) => {
        fake.setRunStatus(run.id, "running");
        fake.emit(run.id, [usage(800), delta("Done."), usage(12_345)]);
        fake.endRun(run.id, "completed");
      },
      options,
    );
    expect({ output: outputs.tokens, report: report.tokens }).toEqual({ output: "12345", report: 12_345 });
    expect(lines.filter((line) => line.includes("12,345 tokens"))).toHaveLength(1);
  });

  it("has the tokens of the runs before it subtracted", async () => {
    const { outputs } = await waitFor(
      revision,
      (earlier, fake) => {
        fake.setRunStatus(earlier.id, "running");
        fake.emit(earlier.id, usage(10_000));
        fake.endRun(earlier.id, "completed", { text: "Before." });
        const run = fake.startRunDirectly(earlier.threadId, "Go on.");
        fake.setRunStatus(run.id, "running");
        fake.emit(run.id, usage(12_500));
        fake.endRun(run.id, "completed", { text: "After." });
      },
      options,
    );
    expect(outputs.tokens).toBe("2500");
  });

  it("has an empty output for tokens that the service does not report", async () => {
    const { outputs, report } = await waitFor(
      revision,
      (run, fake) => {
        fake.endRun(run.id, "completed", { text: "Done." });
      },
      options,
    );
    expect({ output: outputs.tokens, report: report.tokens }).toEqual({ output: "", report: undefined });
  });
});

describe("a response that the server gives only in part", () => {
  const completed = () => ({ body: threadBody({ status: "completed" }) });

  it("may lack its start, which is a warning", async () => {
    const events = [scriptedEvent("agent.message.delta", "the end."), scriptedEvent("run.completed", ids.run)];
    const { result, outputs, warnings } = await waitForScripted({
      thread: completed,
      list: () => ({ body: { events, truncated: true } }),
    });
    expect({ result, response: outputs.response }).toEqual({ result: { outcome: "completed" }, response: "the end." });
    expect(warnings).toMatchSnapshot();
  });

  it("may not be readable at all, which is a warning of its own", async () => {
    const forbidden = { status: 403, body: { error: { code: "forbidden" } } };
    const { result, outputs, warnings } = await waitForScripted({ thread: completed, list: () => forbidden });
    expect({ result, response: outputs.response }).toEqual({ result: { outcome: "completed" }, response: "" });
    expect(warnings).toMatchSnapshot();
  });
});

describe("a thread without a run", () => {
  it("is not waited for", async () => {
    const { result, warnings } = await waitForScripted({}, { run: null });
    expect(result).toEqual({ outcome: "started" });
    expect(warnings).toHaveLength(1);
  });
});

describe("a run whose status the server names late", () => {
  it("is followed to its end", async () => {
    const run = { id: ids.run };
    const thread = () => ({ body: threadBody({ status: "completed", finalOutput: { text: "Done." } }) });
    const { outputs } = await waitForScripted({ thread }, { run });
    expect(outputs).toMatchObject({ status: "completed", response: "Done." });
  });
});

describe("a run that requires input while it is waited for", () => {
  const title = "Publish?";
  const asking = scriptedEvent("tool.confirmation.required", title);
  const list = () => ({ body: { events: [asking], truncated: false } });
  const waiting = { body: threadBody({ status: "waiting_input" }) };
  const running = { body: threadBody({}) };
  const completed = { body: threadBody({ status: "completed", finalOutput: { text: "Published." } }) };

  it("is a warning, and in the comment until the run resumes", async () => {
    const thread = (before: number) => [waiting, waiting, running][before] ?? completed;
    const { outputs, warnings, shown } = await waitForScripted({ thread, list });
    expect(outputs.response).toBe("Published.");
    expect(warnings).toEqual([expect.stringContaining(title)]);
    expect(shown).toEqual([title, undefined]);
  });

  it("is in the report where the step does not wait for it", async () => {
    const { result, report } = await waitForScripted(
      { thread: () => waiting, list },
      { inputs: { onWaitingInput: "fail" } },
    );
    expect(result).toMatchObject({ outcome: "waiting", failure: { serverMessage: title } });
    expect(report).toMatchObject({ question: title, status: "waiting_input" });
  });
});
