import { describe, expect, it } from "@jest/globals";
import { MosooError } from "../../src/mosoo/errors.ts";
import type { FollowResult } from "../../src/mosoo/runs/follow.ts";
import { type EndContext, type EndPolicies, shouldInterrupt, toStepResult } from "../../src/step/step-result.ts";

const policies: EndPolicies = {
  wait: true,
  waitTimeout: 1_800_000,
  onWaitTimeout: "leave",
  onCancel: "interrupt",
  onWaitingInput: "fail",
  failOnRunError: true,
  onRerun: "resume",
};
const threadUrl = "https://mosoo.test/threads/T";
const running = { id: "R", status: "running" };
const timeout: FollowResult = { kind: "timeout" };
const cancelled: FollowResult = { kind: "cancelled" };
const asking: FollowResult = { kind: "input_required", run: { id: "R", status: "waiting_input" }, title: "Publish?" };
const ended = (status: string, error?: { code: string; message: string }): FollowResult => ({
  kind: "ended",
  run: { id: "R", status, error },
});
const failed: FollowResult = { kind: "error", error: new MosooError("Mosoo answered 403.", { status: 403 }) };

function context(more: Partial<EndPolicies> = {}, rest: Partial<EndContext> = {}): EndContext {
  return { policies: { ...policies, ...more }, run: running, threadUrl, ...rest };
}

describe("a run is interrupted", () => {
  it.each<[string, FollowResult, EndContext, boolean]>([
    ["at the timeout with on-wait-timeout: interrupt", timeout, context({ onWaitTimeout: "interrupt" }), true],
    ["at the timeout with on-wait-timeout: leave", timeout, context(), false],
    ["when it requires input with on-waiting-input: interrupt", asking, context({ onWaitingInput: "interrupt" }), true],
    ["when it requires input with on-waiting-input: fail", asking, context(), false],
    ["when the job is cancelled with on-cancel: interrupt", cancelled, context(), true],
    ["when the job is cancelled with on-cancel: leave", cancelled, context({ onCancel: "leave" }), false],
    ["when the job is cancelled without wait", cancelled, context({ wait: false }), false],
    ["when the job is cancelled after its end", cancelled, context({}, { run: { id: "R", status: "failed" } }), false],
    ["when the job is cancelled before there is one", cancelled, context({}, { run: null }), false],
    ["at its end", ended("completed"), context(), false],
    ["when it cannot be followed any more", failed, context({ onWaitTimeout: "interrupt" }), false],
  ])("%s: %#", (_, result, end, interrupts) => {
    expect(shouldInterrupt(result, end)).toBe(interrupts);
  });
});

describe("the step's result", () => {
  it("is success for a completed run", () => {
    expect(toStepResult(ended("completed"), context())).toEqual({ outcome: "completed" });
  });

  it.each([
    ["failed", "failed", "The agent run failed."],
    ["cancelled", "cancelled", "The agent run was cancelled."],
    ["expired", "expired", "The agent run expired."],
    ["of a status that is new", "failed", "The agent run failed."],
  ])("is a failure for a run that is %s, with the run's error as it came", (status, outcome, summary) => {
    const result = ended(status, { code: "tool_broke", message: "The tool broke." });
    const failure = {
      summary,
      serverMessage: "tool_broke: The tool broke.",
      advice: expect.stringContaining("e-run"),
      threadUrl,
    };
    expect(toStepResult(result, context())).toEqual({ outcome, failure });
    // With fail-on-run-error: false the same is a warning.
    expect(toStepResult(result, context({ failOnRunError: false }))).toEqual({ outcome, warning: failure });
  });

  it("is a timeout that names its length and the re-run that keeps waiting", () => {
    const { outcome, failure, interruptFailed } = toStepResult(timeout, context());
    expect({ outcome, interruptFailed }).toEqual({ outcome: "timed-out", interruptFailed: false });
    expect(failure).toEqual({
      summary: "Timed out after 30 min (`wait-timeout`).",
      advice: "The agent run is still in progress; re-run the job to keep waiting.",
      threadUrl,
    });
  });

  it("does not promise a re-run that keeps waiting with on-rerun: create", () => {
    expect(toStepResult(timeout, context({ onRerun: "create" })).failure?.advice).toContain("new thread");
    expect(toStepResult(asking, context({ onRerun: "create" })).failure?.advice).toContain("new thread");
  });

  it("quotes what input is required for, and names the re-run that resumes waiting", () => {
    const { outcome, failure } = toStepResult(asking, context());
    expect(outcome).toBe("waiting");
    expect(failure).toMatchObject({
      serverMessage: "Publish?",
      advice: expect.stringContaining("re-run the job"),
      threadUrl,
    });
  });

  it.each<[string, FollowResult, EndContext["interrupt"], object]>([
    [
      "a timeout",
      timeout,
      { run: { id: "R", status: "cancelled" } },
      { outcome: "timed-out", consequence: "The agent run is cancelled." },
    ],
    [
      "a timeout",
      timeout,
      { run: { id: "R", status: "running" } },
      { outcome: "timed-out", consequence: "Sent interrupt to the agent run." },
    ],
    [
      "a timeout",
      timeout,
      { run: { id: "R" } },
      { outcome: "timed-out", consequence: "Sent interrupt to the agent run." },
    ],
    [
      "required input",
      asking,
      { run: { id: "R", status: "cancelled" } },
      { outcome: "cancelled", consequence: "The agent run is cancelled." },
    ],
    [
      "a cancelled job",
      cancelled,
      { run: { id: "R", status: "completed" } },
      { outcome: "stopped", consequence: "The agent run is completed." },
    ],
  ])("says how the run ended that was interrupted after %s: %#", (_, result, interrupt, expected) => {
    const { outcome, failure, interruptFailed } = toStepResult(result, context({}, { interrupt }));
    expect({ outcome, consequence: failure?.consequence }).toEqual(expected);
    expect(interruptFailed).toBe(false);
  });

  it.each([timeout, asking, cancelled])(
    "leaves a run that could not be interrupted to the post step: $kind",
    (result) => {
      const { failure, interruptFailed, outcome } = toStepResult(result, context({}, { interrupt: "failed" }));
      expect(interruptFailed).toBe(true);
      expect(failure?.consequence).toContain("may still be in progress");
      if (result.kind === "input_required") expect(outcome).toBe("waiting");
    },
  );

  it.each<[string, EndContext, string | undefined]>([
    ["without wait", context({ wait: false }), undefined],
    ["without a run", context({}, { run: null }), undefined],
    [
      "after the run's end",
      context({}, { run: { id: "R", status: "expired" } }),
      "The agent run had already ended (expired).",
    ],
    ["with on-cancel: leave", context({ onCancel: "leave" }), "The agent run continues (`on-cancel: leave`)."],
  ])("says what becomes of the run of a job that is cancelled %s", (_, end, consequence) => {
    expect(toStepResult(cancelled, end)).toMatchObject({ outcome: "stopped", failure: { consequence, threadUrl } });
  });

  it("carries the error that ended following", () => {
    const { outcome, failure } = toStepResult(failed, context());
    expect(outcome).toBe("error");
    expect(failure).toMatchObject({ status: 403, threadUrl, summary: expect.stringContaining("Mosoo answered 403") });
  });
});
