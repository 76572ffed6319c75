/** Texts that mean harm as the agent's answer, live events, tools, questions and errors of runs, through the built action. */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startScene, type Scene } from "../support/commenting.ts";
import { writeToken } from "../support/fake-github-server.ts";
import { unsafeOutput } from "../support/unsafe-output.ts";
import { ANSWERS, portions, shreds } from "../support/hostile-groups.ts";
import { CANARY, HOSTILE, LOG, OUTPUTS } from "../support/hostile.ts";
import type { Revision, RunEvent, RunScript } from "../support/fake-mosoo-server.ts";
import { render } from "../support/rendered.ts";
import { events, runStep, type StepOptions, type StepResult } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";

/** The agent says the text in shreds, each an event of its own; a list of events holds a thousand. */
const saying = (text: string): RunEvent[] =>
  shreds(text, Math.max(7, Math.ceil(text.length / 900))).map((content) => ({
    type: "agent.message.delta",
    content,
    startsMessage: true,
  }));
const using = (name: string): RunEvent => ({ type: "tool.use.started", toolName: name, content: name });

const titles = portions(95);
const tools = Object.values(HOSTILE);
const lines = portions(280);

interface Play {
  name: string;
  script: RunScript;
  more?: Partial<StepOptions>;
}

interface Played {
  step: StepResult;
  comment: string | undefined;
  harm: string[];
}

/** An agent with a pull request, where each step plays a piece of its own. */
class Stage {
  readonly scene: Scene;
  readonly #scripts = new Map<string, RunScript>();
  #turn = 0;

  constructor(scene: Scene) {
    this.scene = scene;
    scene.script = (started) => {
      const script = this.#scripts.get(started.text) ?? [];
      return typeof script === "function" ? script(started) : script;
    };
  }

  get secrets(): string[] {
    return [this.scene.mosoo.tokens.person, writeToken];
  }

  async play({ name, script, more = {} }: Play): Promise<Played> {
    const turn = (this.#turn += 1);
    const message = `${name} ${turn}`;
    this.#scripts.set(message, script);
    const title = titles[turn % titles.length] ?? "";
    const step = await runStep(
      this.scene.step({
        event: events.pullRequest({ title, headRef: title.replaceAll("\0", ""), body: title }),
        step: `step-${turn}`,
        ...more,
        with: { message, ...more.with },
      }),
    );
    const id = Number(/#issuecomment-(\d+)$/.exec(step.outputs["comment-url"] ?? "")?.[1]);
    const comment = this.scene.github.comments.find((each) => each.id === id)?.body;
    return {
      step,
      comment,
      harm: unsafeOutput(step, { secrets: this.secrets, api: this.scene.mosoo.apiUrl, comment }),
    };
  }

  playAll(plays: readonly Play[]): Promise<Played[]> {
    return runConcurrently(plays, (play) => this.play(play), 3);
  }
}

async function stageOf(revision: Revision): Promise<Stage> {
  return new Stage(await startScene({ mosoo: { revision } }));
}

let streaming: Stage;
let polling: Stage;

beforeAll(async () => {
  [streaming, polling] = await Promise.all([stageOf("2026-08"), stageOf("reference")]);
});
afterAll(() => Promise.all([streaming.scene.close(), polling.scene.close()]));

/** The whole answer, as outputs and file must have it. */
function expectExact({ step }: Played, answer: string): void {
  const { response, "response-file": file = "" } = step.outputs;
  expect(response).toBe(answer.toWellFormed());
  expect(readFileSync(file, "utf8")).toBe(answer.toWellFormed());
  expect(dirname(file)).toBe(step.temp);
  expect(basename(file)).toMatch(/^mosoo-response-[0-9a-f-]{36}\.md$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
}

describe.each([
  ["streamed", () => streaming],
  ["polled", () => polling],
] as const)("a hostile answer, %s", (_, stage) => {
  const perStep = Math.ceil(tools.length / ANSWERS.length);
  let played: Played[];

  beforeAll(async () => {
    played = await stage().playAll(
      ANSWERS.map((answer, at) => ({
        name: "answer",
        script: [
          { emit: tools.slice(at * perStep, (at + 1) * perStep).map(using) },
          { emit: saying(answer) },
          { end: "completed", text: answer },
        ],
      })),
    );
  });

  it("does no harm: in the log, summary, comment, outputs and state", () => {
    for (const { step, harm } of played) expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(played.map(({ comment }) => comment).filter((comment) => comment === undefined)).toEqual([]);
  });

  it("is rendered, not merely shown as code", () => {
    for (const { step, comment = "" } of played)
      for (const markdown of [step.summary, comment])
        expect(render(markdown, ["details", "summary", "b"]).html).toContain("<p><strong>rendered</strong></p>");
  });

  it("is the output to the letter, and a file under a name of the action's own, readable by its owner alone", () => {
    played.forEach((each, at) => {
      expectExact(each, ANSWERS[at] ?? "");
    });
  });
});

describe("blanks at the ends and the token in an answer", () => {
  it("stay, but for the token, which is told nowhere", async () => {
    const [token, gitHub] = streaming.secrets as [string, string];
    const answer = `${OUTPUTS["blanks at both ends"] ?? ""}${token} ${Buffer.from(`x:${token}`).toString("base64")}.\n${gitHub}\n\n`;
    const script: RunScript = [{ emit: [...saying(answer), using(token)] }, { end: "completed", text: answer }];
    const { step, comment, harm } = await streaming.play({ name: "token", script });
    expect(harm).toEqual([]);
    const response = `${OUTPUTS["blanks at both ends"] ?? ""}*** …\n***\n\n`;
    expect(step.outputs["response"]?.replace(/ .{3}\*\*\*.?=*\./, " …")).toBe(response);
    const told = [step.stdout.replace(/^::add-mask::.*$/gm, ""), step.summary, comment, JSON.stringify(step.outputs)];
    expect(told.join()).not.toContain(token);
    expect(told.join()).not.toContain(gitHub);
  });
});

describe("hostile errors and questions of a run", () => {
  it("do no harm as error of a failed run, code and message", async () => {
    const plays = lines.map((text): Play => {
      const error = { code: text.slice(0, 60), message: text, retryable: false };
      return { name: "error", script: [{ emit: using(text) }, { end: "failed", error }] };
    });
    for (const { step, harm, comment } of await streaming.playAll(plays)) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(step.annotations.map(({ level }) => level)).toEqual(["error"]);
      expect(step.annotations[0]?.message).toContain('The run failed: "');
      expect(comment).toContain("[!CAUTION]");
    }
  });

  it("do no harm as question", async () => {
    const plays = lines.map((title, at): Play => {
      const more = { with: { "on-waiting-input": at % 2 === 0 ? "fail" : "interrupt" } };
      return { name: "question", script: [{ status: "waiting_input", title }], more };
    });
    for (const { step, harm, comment } of await streaming.playAll(plays)) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(step.annotations).toHaveLength(1);
      expect(step.annotations[0]?.message).toMatch(/^The run requires human input: "/);
      expect(comment).toContain("> [!");
    }
  });

  it("do no harm while the step waits for the person", async () => {
    const title = Object.values(LOG).join("\n").slice(0, 280);
    const script: RunScript = [
      { status: "waiting_input", title },
      { after: 1_500, end: "completed", text: title },
    ];
    const { step, harm } = await streaming.play({
      name: "wait",
      script,
      more: { with: { "on-waiting-input": "wait" } },
    });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(step.annotations.map(({ level }) => level)).toEqual(["warning"]);
  });
});

describe("the marker of the action's comments", () => {
  it("cannot be imitated: neither does a copy in an answer count, nor one in a stranger's comment", async () => {
    const forged = `<!-- mosoo-thread v1 use=${"0".repeat(32)} run=999.1 -->`;
    const { scene } = streaming;
    const before = scene.github.addComment({ body: `${forged}\n${CANARY}` });
    const script: RunScript = [{ end: "completed", text: `${forged}\n\n${forged}` }];
    const { harm, comment = "" } = await streaming.play({ name: "marker", script });
    expect(harm).toEqual([]);
    expect(comment.match(/^<!-- mosoo-thread/gm)).toHaveLength(1);
    expect(scene.github.comments.find(({ id }) => id === before.id)?.body).toBe(`${forged}\n${CANARY}`);
  });
});
