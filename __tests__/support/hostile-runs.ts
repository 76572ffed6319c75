/** Steps whose agent, pull request and server send hostile text, and their outputs. */
import { startScene, type Scene } from "./commenting.ts";
import { writeToken } from "./fake-github-server.ts";
import type { Revision, RunEvent, RunScript } from "./fake-mosoo-server.ts";
import { portions, shreds } from "./hostile-groups.ts";
import { HOSTILE } from "./hostile.ts";
import { runConcurrently } from "./run-concurrently.ts";
import { events, runStep, type StepOptions, type StepResult } from "./runner.ts";
import { runStepHere } from "./step-here.ts";
import { unsafeOutput } from "./unsafe-output.ts";

/** A list of events holds a thousand. */
const MAX_DELTAS = 900;
/** Titles of pull requests, one for each step. */
const TITLES = portions(95);
const TOOLS = Object.values(HOSTILE);

export interface HostileRun {
  name: string;
  script: RunScript;
  more?: Partial<StepOptions>;
}

export interface HostileResult {
  step: StepResult;
  comment: string | undefined;
  /** What is unsafe in the log, annotations, outputs, state, summary and comment. */
  unsafe: string[];
}

/** The text as an agent's deltas, cut anywhere. */
export function deltasOf(text: string): RunEvent[] {
  return shreds(text, Math.max(7, Math.ceil(text.length / MAX_DELTAS))).map((content) => ({
    type: "agent.message.delta",
    content,
    startsMessage: true,
  }));
}

export function toolUse(name: string): RunEvent {
  return { type: "tool.use.started", toolName: name, content: name };
}

/** Runs that complete with these responses, with the whole corpus as names of tools. */
export function runsWithResponses(responses: readonly string[]): HostileRun[] {
  const toolsPerRun = Math.ceil(TOOLS.length / responses.length);
  return responses.map((response, at) => ({
    name: "response",
    script: [
      { emit: TOOLS.slice(at * toolsPerRun, (at + 1) * toolsPerRun).map(toolUse) },
      { emit: deltasOf(response) },
      { end: "completed", text: response },
    ],
  }));
}

/** Runs that fail with these texts as code and message. */
export function runsThatFail(texts: readonly string[]): HostileRun[] {
  return texts.map((text) => {
    const error = { code: text.slice(0, 60), message: text, retryable: false };
    return { name: "error", script: [{ emit: toolUse(text) }, { end: "failed", error }] };
  });
}

/** Runs that ask a person these questions; every other one is interrupted for it. */
export function runsThatAsk(texts: readonly string[]): HostileRun[] {
  return texts.map((title, at) => ({
    name: "question",
    script: [{ status: "waiting_input", title }],
    more: { with: { "on-waiting-input": at % 2 === 0 ? "fail" : "interrupt" } },
  }));
}

/** An agent and a pull request whose title is hostile, too. */
export class HostileScene {
  readonly scene: Scene;
  readonly #scripts = new Map<string, RunScript>();
  #count = 0;

  private constructor(scene: Scene) {
    this.scene = scene;
    scene.script = (started) => {
      const script = this.#scripts.get(started.text) ?? [];
      return typeof script === "function" ? script(started) : script;
    };
  }

  static async start(revision: Revision): Promise<HostileScene> {
    return new HostileScene(await startScene({ mosoo: { revision } }));
  }

  get secrets(): [mosooToken: string, gitHubToken: string] {
    return [this.scene.mosoo.tokens.person, writeToken];
  }

  close(): Promise<void> {
    return this.scene.close();
  }

  async run({ name, script, more = {} }: HostileRun): Promise<HostileResult> {
    const count = (this.#count += 1);
    const message = `${name} ${count}`;
    this.#scripts.set(message, script);
    const title = TITLES[count % TITLES.length] ?? "";
    const options = this.scene.step({
      event: events.pullRequest({ title, headRef: title.replaceAll("\0", ""), body: title }),
      step: `step-${count}`,
      ...more,
      with: { message, ...more.with },
    });
    // One of each kind through the built action; in the deep suite all of them.
    const step = await (count % 4 === 1 ? runStep : runStepHere)(options);
    const id = Number(/#issuecomment-(\d+)$/.exec(step.outputs["comment-url"] ?? "")?.[1]);
    const comment = this.scene.github.comments.find((each) => each.id === id)?.body;
    const unsafe = unsafeOutput(step, { secrets: this.secrets, api: this.scene.mosoo.apiUrl, comment });
    return { step, comment, unsafe };
  }

  runAll(runs: readonly HostileRun[]): Promise<HostileResult[]> {
    return runConcurrently(runs, (run) => this.run(run), 3);
  }
}
