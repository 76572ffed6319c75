/** A step that is cancelled while it creates a thread ends soon and reports what exists. Through the built action. */
import { expect, it } from "@jest/globals";
import { systemClock } from "../../src/common/clock.ts";
import { skipUnless } from "../support/host.ts";
import type { FakeMosooServer, FaultHandler } from "../support/fake-mosoo-server.ts";
import { LOG_LINES } from "../support/log-lines.ts";
import { expectFailure } from "../support/refusals.ts";
import { startStep } from "../support/runner.ts";
import { expectOne, runBundled, serve as serveRevision, stepFor } from "../support/service.ts";
import { until } from "../support/waiting.ts";

const serve = (fault: FaultHandler): Promise<FakeMosooServer> =>
  serveRevision("reference", [{ ...fault, on: "create", times: 9 }], { clock: systemClock });

skipUnless("signals", it).each(["SIGINT", "SIGTERM"] as const)(
  "%s while a request is in flight ends the step within two seconds, and a re-run finds the thread",
  async (signal) => {
    const server = await serve({ kind: "hang-after" });
    const running = startStep(stepFor(server, { "request-timeout": "20s" }));
    await until(() => server.threads.length === 1);
    const since = performance.now();
    running.signal(signal);
    const result = await running.result;
    expect(performance.now() - since).toBeLessThan(3_000);
    expectFailure(result, { exists: "perhaps a thread" });
    expect(server.requests).toHaveLength(1);
    server.clearFaults();
    expectOne(await runBundled(server, {}, { runAttempt: 2 }), server);
  },
);

skipUnless("signals", it)("a step that is cancelled between two attempts makes no further request", async () => {
  const server = await serve({ kind: "rate-limit", retryAfter: "15" });
  const running = startStep(stepFor(server));
  await running.waitForLog(LOG_LINES.retrying);
  const since = performance.now();
  running.signal("SIGINT");
  const result = await running.result;
  expect(performance.now() - since).toBeLessThan(2_000);
  expectFailure(result, { exists: "no thread" });
  expect(server.requests).toHaveLength(1);
});

skipUnless("signals", it)("a step that is cancelled keeps the outputs where the response still comes", async () => {
  const server = await serve({ kind: "slow", ms: 700 });
  const running = startStep(stepFor(server, { "request-timeout": "20s" }));
  await until(() => server.threads.length === 1);
  running.signal("SIGINT");
  const result = await running.result;
  expect(result.outputs).toMatchObject({
    "thread-id": server.threads[0]?.id,
    "run-id": server.threads[0]?.runs[0]?.id,
  });
  expectFailure(result, { thread: result.outputs["thread-url"] ?? "" });
});
