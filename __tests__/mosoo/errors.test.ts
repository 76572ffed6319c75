import { describe, expect, it } from "@jest/globals";
import { adviceForCode, readRequestId } from "../../src/mosoo/errors.ts";
import { toErrorResult, toMosooError } from "../../src/mosoo/request.ts";

const headersOf =
  (headers: Record<string, string>) =>
  (name: string): string | undefined =>
    headers[name];

function response(status: number, text: string, headers: Record<string, string> = {}) {
  return { status, text, header: headersOf(headers), url: new URL("https://mosoo.example.test/") };
}

describe("the request ID of a response", () => {
  it.each([
    [
      "x-request-id, before all others",
      { "x-request-id": "req_1", "request-id": "req_2", "cf-ray": "8a-FRA" },
      "req_1",
    ],
    ["request-id", { "request-id": "req_2", "cf-ray": "8a-FRA" }, "req_2"],
    ["cf-ray, where the service has none of its own", { "cf-ray": "8f0c1d2e3a4b5c6d-FRA" }, "8f0c1d2e3a4b5c6d-FRA"],
    ["cf-ray, where the service's own is not an ID", { "x-request-id": "<b>", "cf-ray": "8a-FRA" }, "8a-FRA"],
    ["nothing without such a header", {}, undefined],
    ["nothing from a header that holds a command", { "x-request-id": "::error::owned" + " now" }, undefined],
    ["nothing from a header that is too long", { "x-request-id": "x".repeat(129) }, undefined],
    ["nothing from an empty header", { "x-request-id": "" }, undefined],
  ])("is taken from %s", (_, headers: Record<string, string>, expected) => {
    expect(readRequestId(headersOf(headers))).toBe(expected);
  });

  it("is part of the error that an error response becomes", () => {
    const result = toErrorResult(
      response(404, '{"error":{"code":"not_found","message":"Agent not found."}}', { "x-request-id": "req_7" }),
    );
    expect(toMosooError(result, "not_created").details).toMatchObject({
      status: 404,
      code: "not_found",
      requestId: "req_7",
      serverMessage: "Agent not found.",
      threadState: "not_created",
    });
  });
});

describe("advice for an error code", () => {
  it.each([
    ["unauthenticated", "`token`"],
    ["idempotency_conflict", "`idempotency-key`"],
    ["rate_limited", "`create-timeout`"],
  ])("names the input where there is one: %s, %s", (code, input) => {
    expect(adviceForCode(code)).toContain(input);
  });

  it.each<string | undefined>([undefined, "teapot", "constructor", "__proto__"])(
    "is undefined for the code %p",
    (code) => {
      expect(adviceForCode(code)).toBeUndefined();
    },
  );
});
