/** An agent to wait for: the fake Mosoo server, and steps of the built action with `wait: true`. */
import {
  type FakeMosooServer,
  type FakeMosooServerOptions,
  type RunScript,
  type ScriptStep,
  type StoredRun,
  startFakeMosooServer,
} from "./fake-mosoo-server.ts";
import { type RunningStep, type StepOptions, type StepResult, runStep, startStep } from "./runner.ts";
import { runStepHere } from "./step-here.ts";

export const delta = (content: string) => ({ type: "agent.message.delta", content });
export const tool = (toolName: string, content = toolName) => ({ type: "tool.use.started", toolName, content });

/** The agent has begun, and goes on until a test ends it. */
export const working: RunScript = [{ status: "running" }, { emit: delta("Reading the diff.\n") }];

function answeringWith(text: string): ScriptStep[] {
  return [{ status: "running" }, { emit: delta(text) }, { end: "completed" }];
}

/** It says its piece at once. */
export function answering(text = "All is well."): RunScript {
  return answeringWith(text);
}

/**
 * It answers the step's message with the first text, its corrections with the next ones. `null`: it goes on for ever;
 * `undefined`: it does not even start. Others are answered at once.
 */
export function answeringInTurn(...texts: (string | null | undefined)[]): RunScript {
  return ({ thread, run, text: message }) => {
    if (message.startsWith(OTHERS_MESSAGE)) return answeringWith("Fine.");
    const own = thread.messages.filter(({ text }) => !text.startsWith(OTHERS_MESSAGE));
    const index = own.findIndex(({ runId }) => runId === run.id);
    const text = index < texts.length ? texts[index] : texts.at(-1);
    if (text === undefined) return [];
    if (text === null) return [{ status: "running" }];
    return text === "" ? [{ status: "running" }, { end: "completed", text: null }] : answeringWith(text);
  };
}

/** A message that begins so is somebody else's. */
export const OTHERS_MESSAGE = "Somebody else: ";

let lastRunId = 18_000_000_000;

export class Agent {
  readonly server: FakeMosooServer;
  /** What the next run does. */
  script: RunScript = answering();

  private constructor(server: FakeMosooServer) {
    this.server = server;
  }

  static async start(options: FakeMosooServerOptions = {}): Promise<Agent> {
    const agents: Agent[] = [];
    const server = await startFakeMosooServer({
      revision: "2026-08",
      rateLimit: { requests: 1e6, windowMs: 60_000 },
      script: (started) => {
        const script = agents[0]?.script ?? [];
        return typeof script === "function" ? script(started) : script;
      },
      ...options,
    });
    const agent = new Agent(server);
    agents.push(agent);
    return agent;
  }

  /** An agent for the time of one test. */
  static async during(options: FakeMosooServerOptions, test: (agent: Agent) => Promise<void>): Promise<void> {
    const agent = await Agent.start(options);
    try {
      await test(agent);
    } finally {
      await agent.server.close();
    }
  }

  /** A step of a workflow run of its own, unless one is named. */
  step(inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}): StepOptions {
    const { agents, tokens, apiUrl } = this.server;
    lastRunId += 1;
    return {
      runId: String(lastRunId),
      secrets: [tokens.person],
      ...more,
      with: {
        "agent-id": agents.published,
        token: tokens.person,
        "api-url": apiUrl,
        message: "Review the pull request.",
        // So that the first request fits the server's contract.
        ...(this.server.revision === "2026-08" ? { "user-id": "octocat", "external-ref": "none" } : {}),
        wait: "true",
        ...inputs,
      },
    };
  }

  run(inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}): Promise<StepResult> {
    return runStep(this.step(inputs, more));
  }

  /** As `run`, in this process (step-here.ts). */
  runHere(inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}): Promise<StepResult> {
    return runStepHere(this.step(inputs, more));
  }

  /** A step whose run is at work, and whose words have come (where the server streams them). */
  async atWork(inputs: Record<string, string> = {}, more: Partial<StepOptions> = {}): Promise<RunningStep> {
    this.script = working;
    const running = startStep(this.step(inputs, more));
    await running.waitForLog(this.server.revision === "reference" ? "no event stream" : "Reading the diff.");
    return running;
  }

  /** The newest run of all. */
  newestRun(): StoredRun {
    const run = this.server.threads.at(-1)?.runs.at(-1);
    if (run === undefined) throw new Error("There is no run.");
    return run;
  }

  /** Interrupts that came, by the run they were for. */
  interrupts(): unknown[] {
    return this.server.requests.flatMap(({ method, path, json }) => {
      if (method !== "POST" || !path.endsWith("/events")) return [];
      const { events } = json as { events: { type: string; runId?: string }[] };
      return events.filter(({ type }) => type === "user_interrupt").map(({ runId }) => runId);
    });
  }

  /** What was asked since the last `reset`, as `GET thread`, `GET stream`, `POST threads` … */
  asked(): string[] {
    return this.server.requests.map(({ method, path }) => {
      const last = path.split("?")[0]?.split("/").at(-1) ?? "";
      return `${method} ${last.length === 26 ? "thread" : last}`;
    });
  }

  /** The server as new. */
  reset(): void {
    this.script = answering();
    this.server.reset();
  }
}

/** Resolves as soon as the condition holds. */
export async function until(holds: () => boolean, timeoutMs = 40_000): Promise<void> {
  for (const end = performance.now() + timeoutMs; !holds();) {
    if (performance.now() > end) throw new Error(`It did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** Sends the signals, one after the other, and measures the time to the step's end. */
export async function stopped(
  running: RunningStep,
  ...signals: NodeJS.Signals[]
): Promise<{ result: StepResult; ms: number; error: string }> {
  const began = performance.now();
  for (const name of signals) running.signal(name);
  const result = await running.result;
  const ms = performance.now() - began;
  const errors = result.annotations.filter(({ level }) => level === "error");
  if (errors.length !== 1) throw new Error(`The step has ${errors.length} errors:\n${result.stdout}`);
  return { result, ms, error: errors[0]?.message ?? "" };
}

/** Text of annotations, by level. */
export function annotated({ annotations }: StepResult, level: "error" | "warning" | "notice"): string[] {
  return annotations.filter((each) => each.level === level).map(({ message }) => message);
}
