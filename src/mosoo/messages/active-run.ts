/** Waits for a run of somebody else in the same thread: the service takes no message beside it. */
import type { Clock } from "../../common/clock.ts";
import { type ThreadResponse, isTerminalStatus } from "../contract/schema.ts";
import { CancelledError, MosooError } from "../errors.ts";
import { INITIAL_POLL_INTERVAL_MS, growInterval, withJitter } from "../runs/poll-scheduler.ts";

interface ActiveRunOptions {
  clock: Clock;
  /** For all waits together, in milliseconds. */
  timeoutMs: number;
  cancelSignal: AbortSignal;
  readThread: () => Promise<ThreadResponse>;
}

/**
 * Polls the thread at growing intervals, once a call.
 *
 * @returns a function that resolves to whether the thread is idle, and throws MosooError at the time limit,
 *   CancelledError when it is cancelled
 */
export function createActiveRunPoller(options: ActiveRunOptions): () => Promise<boolean> {
  const { clock, timeoutMs, cancelSignal, readThread } = options;
  const deadlineAt = clock.now() + timeoutMs;
  let intervalMs = INITIAL_POLL_INTERVAL_MS;
  return async () => {
    const waitMs = withJitter(intervalMs, clock.random());
    intervalMs = growInterval(intervalMs);
    if (clock.now() + waitMs > deadlineAt) {
      throw new MosooError("Another run is still active in this thread after `wait-timeout`.", {
        advice: "Wait for it to finish or interrupt it in Mosoo, or increase `wait-timeout`; then re-run the job.",
        input: "thread-id",
      });
    }
    await clock.sleep(waitMs, cancelSignal);
    if (cancelSignal.aborted) throw new CancelledError("unknown");
    const { run } = await readThread();
    return run === null || isTerminalStatus(run.status);
  };
}
