import { describe, expect, it } from "@jest/globals";
import { MosooError } from "../../src/mosoo/errors.ts";
import type { FollowResult } from "../../src/mosoo/runs/follow.ts";
import { failureText } from "../../src/step/errors.ts";
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
    ["failed", "failed"],
    ["cancelled", "cancelled"],
    ["expired", "expired"],
    ["of a status that is new", "failed"],
  ])("is a failure for a run that is %s, with the run's error as it came", (status, outcome) => {
    const result = ended(status, { code: "tool_broke", message: "The tool broke." });
    const { failure, ...rest } = toStepResult(result, context());
    expect(rest).toEqual({ outcome });
    expect(failure).toMatchObject({ serverMessage: "tool_broke: The tool broke.", threadUrl });
    // With fail-on-run-error: false the same is a warning.
    expect(toStepResult(result, context({ failOnRunError: false }))).toEqual({ outcome, warning: failure });
  });

  it.each<[string, FollowResult, EndContext["interrupt"], string]>([
    ["a timeout, and is cancelled", timeout, { run: { id: "R", status: "cancelled" } }, "timed-out"],
    ["a timeout, and is still running", timeout, { run: { id: "R", status: "running" } }, "timed-out"],
    ["a timeout, and has no status", timeout, { run: { id: "R" } }, "timed-out"],
    ["required input", asking, { run: { id: "R", status: "cancelled" } }, "cancelled"],
    ["a cancelled job", cancelled, { run: { id: "R", status: "completed" } }, "stopped"],
  ])("has no more to interrupt where a run was interrupted after %s", (_, result, interrupt, outcome) => {
    expect(toStepResult(result, context({}, { interrupt }))).toMatchObject({ outcome, interruptFailed: false });
  });

  it.each([
    [timeout, "timed-out"],
    [asking, "waiting"],
    [cancelled, "stopped"],
  ])("leaves a run that could not be interrupted to the post step: %j", (result, outcome) => {
    expect(toStepResult(result, context({}, { interrupt: "failed" }))).toMatchObject({
      outcome,
      interruptFailed: true,
    });
  });

  it("carries the error that ended following", () => {
    const { outcome, failure } = toStepResult(failed, context());
    expect(outcome).toBe("error");
    expect(failure).toMatchObject({ status: 403, threadUrl, summary: expect.stringContaining("403") });
  });
});

/** After a reword: `npm test -- __tests__/step/step-result.test.ts -u`. */
describe("the text of a result", () => {
  const interrupted = (status?: string): Partial<EndContext> => ({
    interrupt: { run: { id: "R", ...(status === undefined ? {} : { status }) } },
  });

  const ends: [string, FollowResult, Partial<EndPolicies>, Partial<EndContext>][] = [
    ["a failed run", ended("failed"), {}, {}],
    ["a cancelled run", ended("cancelled"), {}, {}],
    ["an expired run", ended("expired"), {}, {}],
    ["a timeout", timeout, {}, {}],
    ["a timeout with on-rerun: create", timeout, { onRerun: "create" }, {}],
    ["a timeout, after an interrupt", timeout, {}, interrupted("cancelled")],
    ["a timeout, after an interrupt that ended nothing yet", timeout, {}, interrupted()],
    ["a timeout, after an interrupt that failed", timeout, {}, { interrupt: "failed" }],
    ["required input", asking, {}, {}],
    ["required input with on-rerun: create", asking, { onRerun: "create" }, {}],
    ["required input, after an interrupt", asking, {}, interrupted("cancelled")],
    ["required input, after an interrupt that failed", asking, {}, { interrupt: "failed" }],
    ["a cancelled job without wait", cancelled, { wait: false }, {}],
    ["a cancelled job without a run", cancelled, {}, { run: null }],
    ["a cancelled job after the run's end", cancelled, {}, { run: { id: "R", status: "expired" } }],
    ["a cancelled job with on-cancel: leave", cancelled, { onCancel: "leave" }, {}],
    ["a cancelled job, after an interrupt", cancelled, {}, interrupted("completed")],
    ["a cancelled job, after an interrupt that failed", cancelled, {}, { interrupt: "failed" }],
  ];

  it("says what happened, what became of the run and what to do next", () => {
    const texts = ends.map(([title, result, given, rest]) => {
      const { failure } = toStepResult(result, context(given, rest));
      return `${title}: ${failure === undefined ? "" : failureText({ ...failure, threadUrl: undefined }, [])}`;
    });
    expect(texts).toMatchSnapshot();
  });
});
