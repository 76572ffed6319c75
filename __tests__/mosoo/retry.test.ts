import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ConnectionErrorCode } from "../../src/mosoo/errors.ts";
import {
  backoffMs,
  decideRetry,
  isAmbiguous,
  isRetryableStatus,
  isRetryable,
  parseRetryAfter,
  retryDelayMs,
  RETRY_POLICIES,
  startRetrying,
  type Failure,
  type RetryState,
  type RetryDecision,
} from "../../src/mosoo/retry.ts";

const second = 1_000;
const minute = 60 * second;

const status = fc.integer({ min: 300, max: 599 });
const retryAfterMs = fc.option(fc.integer({ min: 0, max: 2 * minute }), { nil: undefined });
const fault = fc.constantFrom<ConnectionErrorCode>(
  "dns_not_found",
  "connection_refused",
  "tls_handshake_failed",
  "connection_reset",
  "timeout",
  "connect_timeout",
  "body_truncated",
  "response_too_large",
  "certificate_invalid",
  "tls_protocol_error",
  "proxy_unreachable",
  "proxy_refused",
  "redirect",
);
const failure: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({ kind: fc.constant("status" as const), status, retryAfterMs }),
  fc.record({ kind: fc.constant("processing" as const), retryAfterMs }),
  fc.constant({ kind: "invalid_response" as const }),
  fc.record({ kind: fc.constant("connection" as const), fault }),
);
const random = fc.nat(2 ** 30 - 1).map((part) => part / 2 ** 30);
const budgetMs = fc.integer({ min: second, max: 24 * 60 * minute });

const { create, contract, github, poll, read, send, stream, upload } = RETRY_POLICIES;

interface Attempt {
  at: number;
  decision: RetryDecision;
}

/** Feeds failures to the create policy until it gives up or the failures are used up; each attempt takes `tookMs`. */
function attempts(failures: readonly [Failure, number, number][], budget: number, hasResponded = false): Attempt[] {
  const made: Attempt[] = [];
  let now = 1_000_000;
  let state: RetryState = startRetrying(now, now + budget, hasResponded);
  for (const [failed, tookMs, drawn] of failures) {
    now += tookMs;
    const decision = decideRetry(create, state, failed, now, drawn);
    made.push({ at: now, decision });
    if (!decision.retry) break;
    state = decision.state;
    now += decision.waitMs;
  }
  return made;
}

const failures = (each: fc.Arbitrary<Failure>) =>
  fc.array(fc.tuple(each, fc.integer({ min: 0, max: 30 * second }), random), { minLength: 1, maxLength: 60 });

/** The same failure again and again, immediately, with the smallest random number. */
const again = (failed: Failure, times: number): [Failure, number, number][] =>
  Array.from({ length: times }, () => [failed, 0, 0]);

describe("the retry policy of requests that create a thread", () => {
  it("begins no attempt in the last second before the deadline, nor after it", () => {
    fc.assert(
      fc.property(failures(failure), budgetMs, (list, budget) => {
        for (const { at, decision } of attempts(list, budget)) {
          if (decision.retry) expect(at + decision.waitMs).toBeLessThanOrEqual(decision.state.deadlineAt - second);
        }
      }),
    );
  });

  it("uses the time that is left to its last second, where no Retry-After is longer", () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 5 * minute }), random, fc.nat(9), (left, drawn, failures) => {
        const state: RetryState = { ...startRetrying(0, left + second), failures };
        const decision = decideRetry(create, state, { kind: "status", status: 503 }, 0, drawn);
        expect(decision.retry && decision.waitMs <= left).toBe(true);
      }),
    );
  });

  it("adds jitter on top of Retry-After", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 * minute }), random, status, (asked, drawn, code) => {
        const state = startRetrying(0, 24 * 60 * minute);
        for (const failed of [
          { kind: "status", status: code, retryAfterMs: asked },
          { kind: "processing", retryAfterMs: asked },
        ] as const) {
          const decision = decideRetry(create, state, failed, 0, drawn);
          if (!decision.retry) continue;
          expect(decision.waitMs).toBeGreaterThanOrEqual(asked);
          if (drawn > 0) expect(decision.waitMs).toBeGreaterThan(asked);
        }
      }),
    );
  });

  it("spreads clients with the same Retry-After over one to ten seconds", () => {
    const last = 1 - 2 ** -20;
    const decision = (asked: number): RetryDecision =>
      decideRetry(create, startRetrying(0, 60 * minute), { kind: "status", status: 429, retryAfterMs: asked }, 0, last);
    for (const asked of [second, 4 * second, 20 * second, 60 * second, 10 * minute]) {
      const { waitMs } = decision(asked) as RetryDecision & { retry: true };
      expect(waitMs - asked).toBeGreaterThan(999);
      expect(waitMs - asked).toBeLessThanOrEqual(10 * second);
    }
  });

  it("waits for Retry-After wherever it ends a second before the deadline, with any jitter", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), random, fc.nat(9), (seconds, drawn, failures) => {
        const asked = seconds * second;
        const limited: Failure = { kind: "status", status: 429, retryAfterMs: asked };
        const begun = (deadlineAt: number): RetryState => ({ ...startRetrying(0, deadlineAt), failures });
        expect(decideRetry(create, begun(asked + second), limited, 0, drawn)).toMatchObject({ retry: true });
        expect(decideRetry(create, begun(asked + second - 1), limited, 0, drawn)).toMatchObject({
          because: "deadline",
        });
      }),
    );
  });

  it("makes a bounded number of attempts", () => {
    fc.assert(
      fc.property(failures(failure), fc.integer({ min: second, max: 5 * minute }), (list, budget) => {
        expect(attempts(list, budget).length).toBeLessThanOrEqual(budget / 100 + 1);
      }),
    );
    const halfDraws = Array.from({ length: 10_000 }, (): [Failure, number, number] => [
      { kind: "status", status: 503 },
      0,
      0.5,
    ]);
    expect(attempts(halfDraws, 5 * minute).length).toBeLessThan(70);
  });

  it("doubles the backoff from half a second to ten, with full jitter", () => {
    for (const [failed, ceiling] of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000].entries()) {
      expect(backoffMs(failed + 1, 0.999_999)).toBeCloseTo(ceiling, 1);
      expect(backoffMs(failed + 1, 0.5)).toBeCloseTo(ceiling / 2, 1);
      expect(backoffMs(failed + 1, 0)).toBe(100);
    }
    expect(backoffMs(100_000, 0.999_999)).toBeLessThanOrEqual(10_000);
  });

  const connection = (each: ConnectionErrorCode, code?: number): Failure => ({
    kind: "connection",
    fault: each,
    ...(code === undefined ? {} : { status: code }),
  });
  const FINAL: Failure[] = [
    { kind: "status", status: 404, retryAfterMs: 0 },
    ...(["certificate_invalid", "tls_protocol_error", "redirect", "proxy_refused"] as const).map((each) =>
      connection(each),
    ),
  ];
  const TRANSIENT: Failure[] = [
    { kind: "status", status: 503 },
    ...(["connection_reset", "timeout", "body_truncated"] as const).map((each) => connection(each)),
    connection("proxy_refused", 503),
    { kind: "processing" },
    { kind: "invalid_response" },
  ];

  it("fails immediately with a failure that is final, and retries every transient one", () => {
    const decisions = (failed: Failure[]): RetryDecision[] =>
      failed.map((each) => decideRetry(create, startRetrying(0, minute), each, 0, 0.5));
    expect(decisions(FINAL)).toMatchObject(FINAL.map(() => ({ retry: false, because: "final" })));
    expect(decisions(TRANSIENT)).toMatchObject(TRANSIENT.map(() => ({ retry: true })));
  });

  it("fails immediately where Retry-After exceeds the deadline, with the figure", () => {
    const decision = decideRetry(
      create,
      startRetrying(0, minute),
      { kind: "status", status: 429, retryAfterMs: 24 * 60 * minute },
      0,
      0.5,
    );
    expect(decision).toMatchObject({ retry: false, because: "deadline", retryAfterMs: 24 * 60 * minute });
  });

  it("gives up after three invalid responses in a row", () => {
    const shape: Failure = { kind: "invalid_response" };
    expect(attempts(again(shape, 9), 5 * minute).at(-1)?.decision).toMatchObject({
      retry: false,
      because: "invalid_response",
    });
    expect(attempts(again(shape, 9), 5 * minute)).toHaveLength(3);
    const mixed = [...again(shape, 2), ...again({ kind: "status", status: 502 }, 1), ...again(shape, 9)];
    expect(attempts(mixed, 5 * minute)).toHaveLength(6);
  });

  it.each<ConnectionErrorCode>(["dns_not_found", "connection_refused", "proxy_unreachable"])(
    "gives up after three attempts at an address that never responded (%s)",
    (each) => {
      const unreachable: Failure = { kind: "connection", fault: each };
      const made = attempts(again(unreachable, 9), 5 * minute);
      expect(made).toHaveLength(3);
      expect(made.at(-1)?.decision).toMatchObject({ retry: false, because: "unreachable" });
      expect(attempts(again(unreachable, 9), 5 * minute, true)).toHaveLength(9);
    },
  );

  it("gives up an address that never responded within fifteen seconds, however slow each attempt is", () => {
    fc.assert(
      fc.property(failures(fc.constant<Failure>({ kind: "connection", fault: "dns_not_found" })), (list) => {
        for (const { at, decision } of attempts(list, 24 * 60 * minute)) {
          if (decision.retry) expect(at + decision.waitMs - 1_000_000).toBeLessThanOrEqual(15 * second);
        }
      }),
    );
  });

  it("retries an address that has responded before, until the deadline", () => {
    const list = [
      ...again({ kind: "status", status: 503 }, 1),
      ...again({ kind: "connection", fault: "connection_refused" }, 30),
    ];
    expect(attempts(list, 5 * minute)).toHaveLength(31);
  });
});

describe("a failed request", () => {
  it("may have been executed where the connection was lost or the server failed, and not where it was rejected", () => {
    const ambiguous = ["connection_reset", "timeout", "body_truncated", "response_too_large", "aborted"] as const;
    const faults = [...ambiguous, "dns_not_found", "connection_refused", "certificate_invalid", "redirect"] as const;
    expect(faults.filter((each) => isAmbiguous({ kind: "connection", fault: each }))).toEqual(ambiguous);
    const statuses = [408, 500, 502, 503, 504, 400, 401, 404, 409, 425, 429, 501, 505];
    expect(statuses.filter((code) => isAmbiguous({ kind: "status", status: code }))).toEqual([408, 500, 502, 503, 504]);
    expect(isAmbiguous({ kind: "invalid_response" })).toBe(true);
  });

  it("is retried with 408, 425, 429 and every 5xx but 501 and 505", () => {
    const retried = Array.from({ length: 300 }, (_, index) => 300 + index).filter(isRetryableStatus);
    const server = Array.from({ length: 100 }, (_, index) => 500 + index).filter(
      (code) => code !== 501 && code !== 505,
    );
    expect(retried).toEqual([408, 425, 429, ...server]);
  });
});

describe("the retry policy", () => {
  const served = (status: number, retryAfterMs?: number): Failure => ({ kind: "status", status, retryAfterMs });
  const decide = (policy: typeof create | typeof github | typeof contract, failed: Failure, failures = 0) =>
    decideRetry(policy, { ...startRetrying(0, 24 * 60 * minute, true), failures }, failed, 0, 0.5);

  it("marks exactly the requests that change something as mutating", () => {
    const mutating = Object.entries(RETRY_POLICIES).filter(([, policy]) => policy.mutating);
    expect(mutating.map(([name]) => name)).toEqual(["create", "send"]);
    expect([read, upload, poll, stream, send]).toHaveLength(5);
  });

  it.each(Object.entries(RETRY_POLICIES))("%s retries a 503, and not a 404", (_, policy) => {
    expect(isRetryable(policy, served(503))).toBe(true);
    expect(isRetryable(policy, served(404))).toBe(false);
  });

  it("has the contract read six times at most, and once where it is invalid", () => {
    expect(decide(contract, served(503), 4)).toMatchObject({ retry: true });
    expect(decide(contract, served(503), 5)).toMatchObject({ retry: false, because: "attempts" });
    expect(decide(contract, { kind: "invalid_response" })).toMatchObject({ because: "invalid_response" });
  });

  it("waits for GitHub one, two, four and eight seconds, or as long as it asks up to twenty", () => {
    expect([0, 1, 2, 3].map((failures) => decide(github, served(502), failures))).toMatchObject(
      [1, 2, 4, 8].map((seconds) => ({ retry: true, waitMs: seconds * second })),
    );
    expect(decide(github, served(502), 4)).toMatchObject({ because: "attempts" });
    expect(decide(github, served(429, 20 * second))).toMatchObject({ retry: true, waitMs: 20 * second });
    expect(decide(github, served(429, 21 * second))).toMatchObject({ retry: false, retryAfterMs: 21 * second });
  });

  it("keeps polling a host that refuses connections, until the deadline", () => {
    const state = { ...startRetrying(0, 24 * 60 * minute), failures: 40, unreachable: 40 };
    const refused: Failure = { kind: "connection", fault: "connection_refused" };
    expect(decideRetry(poll, state, refused, 0, 0.5)).toMatchObject({ retry: true });
  });

  it("delays a reconnect three seconds at most, unless the server asks for more", () => {
    expect(retryDelayMs(stream, { kind: "connection", fault: "connection_reset" }, 50, 0.999)).toBeLessThan(3 * second);
    expect(retryDelayMs(stream, served(429, 30 * second), 50, 0)).toBe(30 * second);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 7, 1, 12, 0, 0);

  it("is parsed as seconds", () => {
    expect(parseRetryAfter("0", now)).toBe(0);
    expect(parseRetryAfter(" 17 ", now)).toBe(17_000);
    expect(parseRetryAfter("86400", now)).toBe(86_400_000);
  });

  it("counts as longer than any deadline when it is absurd", () => {
    expect(parseRetryAfter("9".repeat(40), now)).toBeGreaterThan(24 * 60 * minute);
    expect(Number.isFinite(parseRetryAfter("9".repeat(400), now))).toBe(true);
  });

  it("is parsed as an HTTP date in all three formats", () => {
    expect(parseRetryAfter("Sat, 01 Aug 2026 12:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Saturday, 01-Aug-26 12:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Sat, 01 Aug 2026 11:00:00 GMT", now)).toBe(0);
  });

  it("is ignored when it is neither", () => {
    for (const header of [undefined, "", "soon", "-5", "1e3", "0x10", "2026-08-01", "Xyz, never"]) {
      expect(parseRetryAfter(header, now)).toBeUndefined();
    }
  });

  it("never yields less than the seconds it names", () => {
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        expect(parseRetryAfter(String(seconds), now)).toBeGreaterThanOrEqual(Math.min(seconds, 86_400 * 365) * 1_000);
      }),
    );
  });
});
