import { describe, expect, it } from "@jest/globals";
import { InputValidationError } from "../../src/actions/parsers.ts";
import { CancelledError, MosooError, type MosooErrorDetails } from "../../src/mosoo/errors.ts";
import { type ApiErrorResult, toMosooError } from "../../src/mosoo/request.ts";
import {
  ActionError,
  type FailureContext,
  failureText,
  getIssuesUrl,
  toFailureDetails,
  withQuote,
} from "../../src/step/errors.ts";

const threadUrl = "https://mosoo.ai/threads/01K9NWZ3C2H7D8E4F5G6J1K2M3";

function text(error: unknown, context: FailureContext = {}): string {
  return failureText(toFailureDetails(error, context), []);
}

describe("the details of a failure", () => {
  it("keep what the client knows, and add what only the step knows", () => {
    const known: MosooErrorDetails = {
      status: 404,
      code: "not_found",
      input: "agent-id",
      advice: "Check the ID.",
      serverMessage: "No such agent.",
      requestId: "req_1",
      threadState: "not_created",
    };
    const failure = toFailureDetails(new MosooError("Mosoo responded with 404.", known), {
      threadUrl,
      hint: "Copy it.",
    });
    expect(failure).toMatchObject({ ...known, advice: "Check the ID. Copy it.", threadUrl });
  });

  it("leave out the hint where something else than the API rejected the request", () => {
    const error = new MosooError("Rejected.", { status: 404, advice: "Check `api-url`." });
    expect(toFailureDetails(error, { hint: "Copy it." }).advice).toBe("Check `api-url`.");
  });

  it("are those of an ActionError as they are", () => {
    const failure = { summary: "Failed.", threadUrl };
    expect(toFailureDetails(new ActionError(failure))).toBe(failure);
  });

  it("name the input of a single input problem", () => {
    const error = new InputValidationError([{ input: "token", text: "Is required." }]);
    expect(toFailureDetails(error)).toMatchObject({ input: "token", summary: "Is required." });
  });

  it("list as many input problems as an annotation holds, and count the rest", () => {
    const issues = Array.from({ length: 300 }, (_, index) => ({ input: "files", text: `"link-${index}" is outside.` }));
    const { summary, input } = toFailureDetails(new InputValidationError(issues));
    expect(input).toBeUndefined();
    const shown = summary.match(/`files`: "link-\d+"/g)?.length ?? 0;
    expect(shown).toBeGreaterThan(50);
    expect(summary).toContain(` ${300 - shown} `);
    expect(summary.length).toBeLessThan(3_800);
  });
});

describe("the text of a failure", () => {
  it("quotes the server after the summary, without doubling its period", () => {
    expect(withQuote("It failed.", "Out of credits.")).toBe('It failed: "Out of credits".');
    expect(withQuote("It failed.", undefined)).toBe("It failed.");
    expect(withQuote("It failed.", " \n")).toBe("It failed.");
  });

  it("redacts a secret before it truncates the quote", () => {
    const secret = "s3cret-token-value";
    for (let before = 280; before <= 300; before += 1) {
      const shown = failureText({ summary: "It failed.", serverMessage: "x".repeat(before) + secret }, [secret]);
      expect(shown).not.toContain(secret.slice(0, 2));
    }
  });

  it("shows the request ID", () => {
    expect(failureText({ summary: "It failed.", requestId: "req_1" }, [])).toContain("req_1");
  });

  it.each([
    [{ GITHUB_ACTION_REPOSITORY: "octo-org/thread-action" }, "https://github.com/octo-org/thread-action/issues"],
    [
      { GITHUB_ACTION_REPOSITORY: "a/b", GITHUB_SERVER_URL: "https://git.example.com" },
      "https://git.example.com/a/b/issues",
    ],
    [{ GITHUB_ACTION_REPOSITORY: "" }, undefined],
    [{ GITHUB_ACTION_REPOSITORY: "a/b?c=d" }, undefined],
    [{}, undefined],
  ])("links an unexpected error to the action's issues: %j", (environment, url) => {
    expect(getIssuesUrl(environment)).toBe(url);
    const shown = text(new TypeError("x is not a function"), { issuesUrl: url, noRequestMade: true });
    expect(shown).toContain(url ?? "open an issue in this action's repository.");
  });
});

/** Every kind of failure as people read it in the annotation. One edit after a reword: `npm test -- -u`. */
describe("the text of each kind of failure", () => {
  const codes: [number, string | undefined][] = [
    [400, "invalid_request"],
    [400, "invalid_json"],
    [401, "unauthenticated"],
    [402, undefined],
    [402, "payment_required"],
    [403, "forbidden"],
    [404, "not_found"],
    [404, undefined],
    [409, "agent_not_published"],
    [409, "service_inactive"],
    [409, "readiness_blocked"],
    [409, "idempotency_conflict"],
    [413, undefined],
    [429, "rate_limited"],
    [500, "internal_error"],
    [503, undefined],
  ];

  it("says what to do about each code of a rejected request", () => {
    const shown = codes.map(([status, code]) => {
      const reply: ApiErrorResult = {
        kind: "error",
        status,
        code,
        message: "The server's text.",
        isUnroutedPath: false,
        replayed: false,
        retryAfterMs: undefined,
        requestId: undefined,
      };
      return text(toMosooError(reply, "not_created"));
    });
    expect(shown).toMatchSnapshot();
  });

  const contexts: [string, FailureContext][] = [
    ["a new thread", {}],
    ["a new thread, in a re-run", { isRerun: true }],
    ["a thread that exists", { continues: true }],
    ["a thread that exists, in a re-run", { continues: true, isRerun: true }],
    ["a thread with its URL", { threadUrl }],
    ["a thread whose message is not confirmed", { threadUrl, messageNotConfirmed: true }],
  ];

  it.each(contexts)("says what exists: %s", (_, context) => {
    const states = (["not_created", "unknown", "created", "deleted"] as const).map((threadState) =>
      text(new MosooError("It failed.", { threadState }), context),
    );
    expect(states).toMatchSnapshot();
  });

  it("covers what the step itself causes", () => {
    expect([
      text(new CancelledError("not_created")),
      text(new CancelledError("unknown"), { threadUrl }),
      text(new TypeError("x is not a function"), { noRequestMade: true }),
      text(new TypeError("x is not a function"), { issuesUrl: "https://github.com/octo-org/thread-action/issues" }),
      text(new InputValidationError([{ input: "token", text: "Is required." }])),
      text(
        new InputValidationError([
          { input: "token", text: "Is required." },
          { input: "agent-id", text: "Is required." },
        ]),
      ),
    ]).toMatchSnapshot();
  });
});
