import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ConnectionErrorCode } from "../../src/mosoo/errors.ts";
import {
  decideRetry,
  backoffMs,
  isAmbiguous,
  isRetryableStatus,
  parseRetryAfter,
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

interface Try {
  at: number;
  verdict: RetryDecision;
  failure: Failure;
}

/** Plays failures against the plan until it gives up or the failures are used up; each try takes `tookMs`. */
function play(failures: readonly [Failure, number, number][], budget: number, hostAnswered = false): Try[] {
  const tries: Try[] = [];
  let now = 1_000_000;
  let state: RetryState = startRetrying(now, now + budget, hostAnswered);
  for (const [failed, tookMs, chance] of failures) {
    now += tookMs;
    const verdict = decideRetry(state, failed, now, chance);
    tries.push({ at: now, verdict, failure: failed });
    if (!verdict.retry) break;
    state = verdict.state;
    now += verdict.waitMs;
  }
  return tries;
}

const failures = (each: fc.Arbitrary<Failure>) =>
  fc.array(fc.tuple(each, fc.integer({ min: 0, max: 30 * second }), random), { minLength: 1, maxLength: 60 });

/** The same failure again and again, at once, without any luck. */
const again = (failed: Failure, times: number): [Failure, number, number][] =>
  Array.from({ length: times }, () => [failed, 0, 0]);

describe("the retry plan", () => {
  it("begins no try at or after the deadline", () => {
    fc.assert(
      fc.property(failures(failure), budgetMs, (list, budget) => {
        for (const { at, verdict } of play(list, budget)) {
          if (verdict.retry) expect(at + verdict.waitMs).toBeLessThan(verdict.state.deadlineAt);
        }
      }),
    );
  });

  it("never comes back before the server asked for, and not to the millisecond either", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 * minute }), random, status, (asked, chance, code) => {
        const state = startRetrying(0, 24 * 60 * minute);
        for (const failed of [
          { kind: "status", status: code, retryAfterMs: asked },
          { kind: "processing", retryAfterMs: asked },
        ] as const) {
          const verdict = decideRetry(state, failed, 0, chance);
          if (!verdict.retry) continue;
          expect(verdict.waitMs).toBeGreaterThanOrEqual(asked);
          if (chance > 0) expect(verdict.waitMs).toBeGreaterThan(asked);
        }
      }),
    );
  });

  it("spreads those that were told the same time over a second at least, and ten at most", () => {
    const last = 1 - 2 ** -20;
    const verdict = (asked: number): RetryDecision =>
      decideRetry(startRetrying(0, 60 * minute), { kind: "status", status: 429, retryAfterMs: asked }, 0, last);
    for (const asked of [second, 4 * second, 20 * second, 60 * second, 10 * minute]) {
      const { waitMs } = verdict(asked) as RetryDecision & { retry: true };
      expect(waitMs - asked).toBeGreaterThan(999);
      expect(waitMs - asked).toBeLessThanOrEqual(10 * second);
    }
  });

  it("waits as long as it was told to wherever that fits before the deadline, whatever comes on top", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), random, fc.nat(9), (seconds, chance, failures) => {
        const asked = seconds * second;
        const told: Failure = { kind: "status", status: 429, retryAfterMs: asked };
        const begun = (deadlineAt: number): RetryState => ({ ...startRetrying(0, deadlineAt), failures });
        expect(decideRetry(begun(asked + 1), told, 0, chance)).toMatchObject({ retry: true });
        expect(decideRetry(begun(asked), told, 0, chance)).toMatchObject({ because: "deadline" });
      }),
    );
  });

  it("tries a bounded number of times", () => {
    fc.assert(
      fc.property(failures(failure), fc.integer({ min: second, max: 5 * minute }), (list, budget) => {
        // Even the luckiest draw waits a tenth of a second.
        expect(play(list, budget).length).toBeLessThanOrEqual(budget / 100 + 1);
      }),
    );
    const unlucky = Array.from({ length: 10_000 }, (): [Failure, number, number] => [
      { kind: "status", status: 503 },
      0,
      0.5,
    ]);
    expect(play(unlucky, 5 * minute).length).toBeLessThan(70);
  });

  it("waits half a second at first, then twice as long each time up to ten, with full jitter", () => {
    for (const [failed, ceiling] of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000].entries()) {
      expect(backoffMs(failed + 1, 0.999_999)).toBeCloseTo(ceiling, 1);
      expect(backoffMs(failed + 1, 0.5)).toBeCloseTo(ceiling / 2, 1);
      expect(backoffMs(failed + 1, 0)).toBe(100);
    }
    expect(backoffMs(100_000, 0.999_999)).toBeLessThanOrEqual(10_000);
  });

  it("ends at once where another try cannot help", () => {
    const final: Failure[] = [
      ...[301, 400, 401, 403, 404, 409, 410, 413, 418, 422, 501, 505].map((code): Failure => ({
        kind: "status",
        status: code,
        retryAfterMs: 0,
      })),
      ...(["certificate_invalid", "tls_protocol_error", "redirect", "proxy_refused"] as const).map((each): Failure => ({
        kind: "connection",
        fault: each,
      })),
    ];
    for (const failed of final) {
      expect(decideRetry(startRetrying(0, minute), failed, 0, 0.5)).toMatchObject({ retry: false, because: "final" });
    }
  });

  it("tries again after every failure that may pass", () => {
    const passing: Failure[] = [
      ...[408, 425, 429, 500, 502, 503, 504, 507, 520, 599].map((code): Failure => ({ kind: "status", status: code })),
      ...(["connection_reset", "timeout", "body_truncated"] as const).map((each): Failure => ({
        kind: "connection",
        fault: each,
      })),
      { kind: "connection", fault: "proxy_refused", status: 503 },
      { kind: "processing" },
      { kind: "invalid_response" },
    ];
    for (const failed of passing) {
      expect(decideRetry(startRetrying(0, minute), failed, 0, 0.5)).toMatchObject({ retry: true });
    }
  });

  it("fails at the deadline at once, and says how long the server asked for", () => {
    const verdict = decideRetry(
      startRetrying(0, minute),
      { kind: "status", status: 429, retryAfterMs: 24 * 60 * minute },
      0,
      0.5,
    );
    expect(verdict).toMatchObject({ retry: false, because: "deadline", askedMs: 24 * 60 * minute });
  });

  it("asks three times for a success of the promised shape, in a row", () => {
    const shape: Failure = { kind: "invalid_response" };
    expect(play(again(shape, 9), 5 * minute).at(-1)?.verdict).toMatchObject({
      retry: false,
      because: "invalid_response",
    });
    expect(play(again(shape, 9), 5 * minute)).toHaveLength(3);
    const mixed = [...again(shape, 2), ...again({ kind: "status", status: 502 }, 1), ...again(shape, 9)];
    expect(play(mixed, 5 * minute)).toHaveLength(6);
  });

  it.each<ConnectionErrorCode>(["dns_not_found", "connection_refused", "proxy_unreachable"])(
    "gives up an address that never answered after three tries (%s)",
    (each) => {
      const unreachable: Failure = { kind: "connection", fault: each };
      const tries = play(again(unreachable, 9), 5 * minute);
      expect(tries).toHaveLength(3);
      expect(tries.at(-1)?.verdict).toMatchObject({ retry: false, because: "unreachable" });
      expect(play(again(unreachable, 9), 5 * minute, true)).toHaveLength(9);
    },
  );

  it("gives up an address that never answered within fifteen seconds, however slow each try is", () => {
    fc.assert(
      fc.property(failures(fc.constant<Failure>({ kind: "connection", fault: "dns_not_found" })), (list) => {
        for (const { at, verdict } of play(list, 24 * 60 * minute)) {
          if (verdict.retry) expect(at + verdict.waitMs - 1_000_000).toBeLessThanOrEqual(15 * second);
        }
      }),
    );
  });

  it("keeps at an address that has answered before, until the deadline", () => {
    const list = [
      ...again({ kind: "status", status: 503 }, 1),
      ...again({ kind: "connection", fault: "connection_refused" }, 30),
    ];
    expect(play(list, 5 * minute)).toHaveLength(31);
  });
});

describe("a failed request", () => {
  it("may have been carried out where the connection broke or the server failed, and not where it was refused", () => {
    const wire = (each: ConnectionErrorCode): boolean => isAmbiguous({ kind: "connection", fault: each });
    const answered = (code: number): boolean => isAmbiguous({ kind: "status", status: code });
    expect(
      ["connection_reset", "timeout", "body_truncated", "response_too_large", "aborted"].map((each) =>
        wire(each as ConnectionErrorCode),
      ),
    ).toEqual(Array(5).fill(true));
    expect(
      ["dns_not_found", "connection_refused", "certificate_invalid", "redirect"].map((each) =>
        wire(each as ConnectionErrorCode),
      ),
    ).toEqual(Array(4).fill(false));
    expect([408, 500, 502, 503, 504].map(answered)).toEqual(Array(5).fill(true));
    expect([400, 401, 404, 409, 425, 429, 501, 505].map(answered)).toEqual(Array(8).fill(false));
    expect(isAmbiguous({ kind: "invalid_response" })).toBe(true);
  });

  it("is worth another try with 408, 425, 429 and every 5xx but 501 and 505", () => {
    const worth = Array.from({ length: 300 }, (_, index) => 300 + index).filter(isRetryableStatus);
    const server = Array.from({ length: 100 }, (_, index) => 500 + index).filter(
      (code) => code !== 501 && code !== 505,
    );
    expect(worth).toEqual([408, 425, 429, ...server]);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 7, 1, 12, 0, 0);

  it("is read as seconds", () => {
    expect(parseRetryAfter("0", now)).toBe(0);
    expect(parseRetryAfter(" 17 ", now)).toBe(17_000);
    expect(parseRetryAfter("86400", now)).toBe(86_400_000);
  });

  it("counts as longer than any deadline when it is absurd", () => {
    expect(parseRetryAfter("9".repeat(40), now)).toBeGreaterThan(24 * 60 * minute);
    expect(Number.isFinite(parseRetryAfter("9".repeat(400), now))).toBe(true);
  });

  it("is read as an HTTP date, of all three kinds", () => {
    expect(parseRetryAfter("Sat, 01 Aug 2026 12:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Saturday, 01-Aug-26 12:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Sat, 01 Aug 2026 11:00:00 GMT", now)).toBe(0);
  });

  it("is passed over when it is neither", () => {
    for (const header of [undefined, "", "soon", "-5", "1e3", "0x10", "2026-08-01", "Xyz, never"]) {
      expect(parseRetryAfter(header, now)).toBeUndefined();
    }
  });

  it("never gives less than the seconds it names", () => {
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        expect(parseRetryAfter(String(seconds), now)).toBeGreaterThanOrEqual(Math.min(seconds, 86_400 * 365) * 1_000);
      }),
    );
  });
});
