/**
 * Finds unsafe text in everything that a step leaves behind: the log as the runner reads it, annotations, outputs, state,
 * exported variables, summary and comment as GitHub renders them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { STATE_NAMES } from "../../src/actions/state.ts";
import { decoded, render } from "./rendered.ts";
import { parseRunnerLog, type RunnerCommand } from "./runner-log.ts";
import type { StepResult } from "./runner.ts";
import { LOG_LINES } from "./log-lines.ts";

const action = parse(readFileSync(join(import.meta.dirname, "..", "..", "action.yml"), "utf8")) as { outputs: object };
const OUTPUTS = new Set(Object.keys(action.outputs));
const STATE = new Set<string>(STATE_NAMES);
const ID = /^[\w.=-]{0,255}$/;
const MAX_ANNOTATIONS = 5;
const MAX_ANNOTATION_LENGTH = 4_096;
const LINE_END = /[\n\r\v\f\u0085\u2028\u2029]/u;
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;
/** Before each of several problems of the inputs. */
const INPUT_PROBLEM = /\n(?=- (?:`[a-z-]+`: |… and \d))/g;
/** The one part of an annotation that may have lines: it is the action's own. */
const PERMISSIONS = "\n\npermissions:\n  contents: read\n  pull-requests: write\n\n";
const MARKER =
  /^<!-- mosoo-thread v1 use=[0-9a-f]{32} run=\d+\.\d+ id=[\w-]+(?: new)?(?: key=[0-9a-f]{16})?(?: sig=[0-9a-f]{32})? -->\n/;

/** Whether the action itself gives this command. */
function isOurs({ name, properties, message, line }: RunnerCommand, secrets: readonly string[]): boolean {
  const plain = Object.keys(properties).length === 0;
  switch (name) {
    case "add-mask":
      return plain && secrets.includes(message);
    case "error":
    case "warning":
    case "notice":
      return Object.keys(properties).join() === "title" && properties["title"] === "Mosoo thread";
    case "debug":
      return line.startsWith("::debug::");
    case "group":
      return plain && message === LOG_LINES.agentOutput;
    case "endgroup":
      return plain && message === "";
    default:
      return false;
  }
}

/** What is wrong with the printed lines. `secrets` are what may be masked. */
export function unsafeInLog(step: Pick<StepResult, "stdout" | "stderr">, secrets: readonly string[]): string[] {
  const harm = step.stderr === "" ? [] : [`on stderr: ${step.stderr.slice(0, 300)}`];
  for (const output of [step.stdout, step.stderr]) {
    const log = parseRunnerLog(output);
    harm.push(
      ...log.commands
        .filter((command) => !isOurs(command, secrets))
        .map(({ line }) => `executed: ${line.slice(0, 300)}`),
    );
    if (log.stopped) harm.push("commands are still stopped at the end");
    const odd = log.lines.find((line) => INVISIBLE.test(line) || !line.isWellFormed());
    if (odd !== undefined) harm.push(`unseen characters: ${JSON.stringify(odd.slice(0, 300))}`);
  }
  return harm;
}

function harmInAnnotations({ annotations }: StepResult): string[] {
  const harm = annotations.length > MAX_ANNOTATIONS ? [`${annotations.length} annotations`] : [];
  for (const { message } of annotations) {
    const line = message.replace(PERMISSIONS, " ").replace(INPUT_PROBLEM, " ");
    if (message.length > MAX_ANNOTATION_LENGTH) harm.push(`an annotation of ${message.length} characters`);
    if (LINE_END.test(line) || INVISIBLE.test(line))
      harm.push(`not one line: ${JSON.stringify(message.slice(0, 300))}`);
  }
  return harm;
}

function harmInOutputs({ outputs, state, exported }: StepResult, api: string): string[] {
  const harm: string[] = [];
  const holds = (name: string, pattern: RegExp): void => {
    const value = outputs[name];
    if (value !== undefined && !pattern.test(value))
      harm.push(`output ${name}: ${JSON.stringify(value.slice(0, 300))}`);
  };
  harm.push(
    ...Object.keys(outputs)
      .filter((name) => !OUTPUTS.has(name))
      .map((name) => `forged output ${name}`),
  );
  harm.push(
    ...Object.keys(state)
      .filter((name) => !STATE.has(name))
      .map((name) => `forged state ${name}`),
  );
  if (Object.keys(exported.env).length + exported.paths.length > 0) harm.push("something was exported");
  holds("thread-id", ID);
  holds("run-id", ID);
  holds("status", /^[\w.-]{0,64}$/);
  holds("replayed", /^(?:true|false)$/);
  holds("skipped", /^(?:true|false)$/);
  holds("idempotency-key", /^[\x21-\x7e]{1,128}$/);
  holds("comment-url", /^https:\/\/github\.com\/octo-org\/octo-repo\/pull\/12#issuecomment-\d+$/);
  const { origin } = new URL(api);
  for (const name of ["thread-url", "thread-api-url"]) {
    const address = outputs[name] ?? `${origin}/`;
    if (!address.startsWith(`${origin}/`) || !/^[\w.~@/=%+-]*$/.test(address.slice(origin.length)))
      harm.push(`output ${name}: ${address.slice(0, 300)}`);
  }
  const { json = "null" } = outputs;
  const shown: unknown = JSON.parse(json);
  if (/[\n\r]/.test(json)) harm.push("json has lines");
  if (outputs["json"] !== undefined && (typeof shown !== "object" || shown === null))
    harm.push(`json: ${json.slice(0, 300)}`);
  return harm;
}

/** What is wrong with Markdown of the action's own as GitHub renders it. */
function unsafeInMarkdown(markdown: string): string[] {
  const { html, problems } = render(markdown, ["details", "summary", "b"]);
  const harm = problems.filter(
    (problem) =>
      problem !== "attribute open in <details open>" &&
      // The summary's links within GitHub are relative to its root.
      !/^link to \/octo-org\/octo-repo\//.test(decoded(problem)),
  );
  if (/^\/\w/mu.test(markdown)) harm.push("a line is a command to bots");
  // A block of code keeps its text exactly.
  if (INVISIBLE.test(html.replace(/<pre>[\s\S]*?<\/pre>/g, "").replace(/\t/g, ""))) harm.push("unseen characters");
  if (!markdown.isWellFormed()) harm.push("half a character");
  return harm;
}

/** The comment's Markdown without the marker, which has to come first. */
function withoutMarker(body: string): string {
  if (!MARKER.test(body)) throw new Error(`The comment begins with no marker: ${body.slice(0, 100)}`);
  return body.replace(MARKER, "");
}

interface Traces {
  /** What may be masked: the tokens. */
  secrets: readonly string[];
  /** The API's base. */
  api: string;
  /** The comment's body, marker included. */
  comment?: string | undefined;
}

/** Everything that is wrong with what a step left behind; none where untrusted text did nothing. */
export function unsafeOutput(step: StepResult, { secrets, api, comment }: Traces): string[] {
  const shown = comment === undefined ? [] : [withoutMarker(comment)];
  return [
    ...unsafeInLog(step, secrets),
    ...harmInAnnotations(step),
    ...harmInOutputs(step, api),
    ...[step.summary, ...shown].flatMap(unsafeInMarkdown),
  ];
}
