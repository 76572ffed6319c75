import { describe, expect, it } from "@jest/globals";
import { type Conflict, classifyConflict } from "../../src/mosoo/idempotency.ts";
import type { ApiErrorResult } from "../../src/mosoo/request.ts";

function result(fields: Partial<ApiErrorResult>): ApiErrorResult {
  return {
    kind: "error",
    status: 409,
    code: "idempotency_conflict",
    message: undefined,
    requestId: undefined,
    isUnroutedPath: false,
    replayed: false,
    retryAfterMs: undefined,
    ...fields,
  };
}

describe("a 409 idempotency_conflict", () => {
  it.each<[string, Conflict]>([
    ["A request with this Idempotency-Key is still processing.", "in_progress"],
    ["The original request is currently being processed.", "in_progress"],
    ["A request with this key is in progress.", "in_progress"],
    ["This Idempotency-Key was used for a different request before.", "key_reused"],
    ["The Idempotency-Key was already used with another body.", "key_reused"],
    ["This client request has already been applied to the conversation.", "already_applied"],
    ["The message was already accepted.", "already_applied"],
    [
      "A previous request with this Idempotency-Key cannot be safely replayed. Its reservation will remain retained.",
      "unrecoverable",
    ],
    ["The reservation could not be confirmed.", "unrecoverable"],
    ["Something that nobody has seen yet.", "unknown"],
  ])("%p means %s", (message, conflict) => {
    expect(classifyConflict(result({ message }))).toBe(conflict);
  });

  it("is unknown without a message", () => {
    expect(classifyConflict(result({}))).toBe("unknown");
  });
});

describe("another response", () => {
  it("is an unknown conflict where a 409 has no envelope", () => {
    expect(classifyConflict(result({ code: undefined, message: "<html>" }))).toBe("unknown");
  });

  it("is a conflict of its own where the agent or thread is not ready", () => {
    expect(classifyConflict(result({ code: "readiness_blocked" }))).toBe("readiness_blocked");
  });

  it.each([
    [409, "agent_not_published"],
    [409, "service_inactive"],
    [400, "idempotency_conflict"],
    [500, "internal_error"],
  ])("is no conflict with %d %s", (status, code) => {
    expect(classifyConflict(result({ status, code, message: "still processing" }))).toBeUndefined();
  });
});
