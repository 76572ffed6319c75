/** Many matrix jobs that share one token, against the service's rate limit. */
import { performance } from "node:perf_hooks";
import { MosooClient } from "../../src/mosoo/client.ts";
import { startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { scaledClock } from "./attempt.ts";
import { Random } from "./random.ts";

interface MatrixJobsOptions {
  jobs: number;
  /** The service's clock, and the jobs', run so much faster than the real one. */
  scale: number;
  seed: number;
  /** Part of the first window that has passed when the jobs begin. */
  into: number;
}

interface MatrixJobsResult {
  threads: number;
  failed: string[];
  /** Seconds until the last job has its thread; seconds that no scheduling could do without. */
  seconds: number;
  idealSeconds: number;
  /** How often a job was refused: on average, and the worst off. */
  meanRefusals: number;
  maxRefusals: number;
}

const windowMs = 60_000;
const requestsPerWindow = 120;

/** Lets all jobs begin at once, and counts. */
export async function simulateMatrixJobs({ jobs, scale, seed, into }: MatrixJobsOptions): Promise<MatrixJobsResult> {
  const realStart = performance.now();
  const begins = windowMs * (1_000 + into);
  const mosoo = await startFakeMosooServer({
    now: () => Math.floor(begins + (performance.now() - realStart) * scale),
    rateLimit: { requests: requestsPerWindow, windowMs },
  });
  const never = new AbortController().signal;
  const failed: string[] = [];
  const job = async (index: number): Promise<void> => {
    const client = new MosooClient({
      apiUrl: new URL(mosoo.apiUrl),
      token: mosoo.tokens.person,
      userAgent: "chaos",
      environment: {},
      clock: scaledClock(scale, new Random(seed * 1_000 + index)),
      requestTimeoutMs: 30_000,
      createTimeoutMs: 300_000,
      stop: { cancelSignal: never, abortRequestsSignal: never },
      note: () => undefined,
    });
    try {
      await client.createThread({
        agentId: mosoo.agents.published,
        intent: { text: `Job ${index}`, userId: "github:octocat", fileIds: [] },
        key: `job-${index}`,
        withInput: true,
        userIdGiven: false,
        firstAttempt: true,
      });
    } catch (error) {
      failed.push(error instanceof Error ? error.message : String(error));
    } finally {
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, index) => job(index)));
  const seconds = ((performance.now() - realStart) * scale) / 1_000;
  const refusals = new Map<string, number>();
  for (const request of mosoo.requests.filter(({ status }) => status === 429)) {
    const key = String(request.headers["idempotency-key"]);
    refusals.set(key, (refusals.get(key) ?? 0) + 1);
  }
  const { threads } = mosoo;
  await mosoo.close();
  const windows = Math.ceil(jobs / requestsPerWindow) - 1;
  return {
    threads: new Set(threads.map((thread) => thread.idempotencyKey)).size,
    failed,
    seconds,
    idealSeconds: windows === 0 ? 0 : (windows * windowMs - into * windowMs) / 1_000,
    meanRefusals: [...refusals.values()].reduce((sum, each) => sum + each, 0) / jobs,
    maxRefusals: Math.max(0, ...refusals.values()),
  };
}
