import { describe, expect, it } from "@jest/globals";
import { MosooError, type MosooErrorDetails } from "../../src/mosoo/errors.ts";
import type { StepPlan } from "../../src/step/request.ts";
import { addThreadAdvice } from "../../src/step/send-message.ts";

const planOf = (threadId?: string): StepPlan => ({ inputs: { threadId } }) as StepPlan;

/** The details of an error about a thread that exists, as the step reports it. */
function detailsOf(given: MosooErrorDetails, threadId?: string): MosooErrorDetails {
  const error = addThreadAdvice(new MosooError("Rejected.", given), { plan: planOf(threadId) });
  if (!(error instanceof MosooError)) throw new Error("It is no MosooError.");
  return error.details;
}

/** After a reword: `npm test -- __tests__/step/thread-advice.test.ts -u`. */
describe("an error about a thread that exists", () => {
  it.each<[string, MosooErrorDetails, string | undefined, object]>([
    ["an unpublished agent", { code: "agent_not_published" }, undefined, { code: "agent_not_published" }],
    ["a thread of this step", { code: "not_found", input: "thread-id" }, undefined, { threadState: "deleted" }],
    ["a given thread", { code: "not_found", input: "thread-id" }, "01K", { input: "thread-id" }],
  ])("has advice of its own: %s", (_, given, threadId, expected) => {
    const details = detailsOf(given, threadId);
    expect(details).toMatchObject(expected);
    expect(details.advice).toMatchSnapshot();
  });

  it.each<[string, MosooErrorDetails]>([
    ["another code", { code: "forbidden", advice: "Ask." }],
    ["another input", { code: "not_found", input: "agent-id", advice: "Check." }],
  ])("keeps its advice: %s", (_, given) => {
    expect(detailsOf(given)).toEqual(given);
  });

  it("is none where it is no error of the API's", () => {
    const error = new Error("x");
    expect(addThreadAdvice(error, { plan: planOf() })).toBe(error);
  });
});
