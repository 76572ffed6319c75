/** What holds for every failed step. */
import { expect } from "@jest/globals";
import { type ThreadState, MosooError } from "../../src/mosoo/errors.ts";
import { type FailureContext, toFailureDetails } from "../../src/step/errors.ts";
import type { StepResult } from "./runner.ts";

/** A stack's line, as Node writes them. */
const stackLine = /^\s*at .+:\d+:\d+\)?$/m;

/** The one error annotation of a step that failed. Checks exit code, stack and stderr, too. */
export function failureOf(step: StepResult): string {
  const errors = step.annotations.filter(({ level }) => level === "error");
  expect({ exitCode: step.exitCode, errors: errors.length, stderr: step.stderr }).toEqual({
    exitCode: 1,
    errors: 1,
    stderr: "",
  });
  expect(step.shown).not.toMatch(stackLine);
  const message = errors[0]?.message ?? "";
  expect(message).not.toContain("Unexpected error");
  expect(message.length).toBeLessThanOrEqual(4_096);
  return message;
}

function consequence(threadState: ThreadState, context: FailureContext = {}): string {
  return toFailureDetails(new MosooError("", { threadState }), context).consequence ?? "";
}

/** What a failure says about what exists now, in the action's own words. */
export const CONSEQUENCES = {
  "nothing sent": toFailureDetails(undefined, { noRequestMade: true }).consequence ?? "",
  "no thread": consequence("not_created"),
  "perhaps a thread": consequence("unknown"),
  "no thread of this attempt": consequence("not_created", { isRerun: true }),
  "not sent": consequence("not_created", { continues: true }),
  "perhaps sent": consequence("unknown", { continues: true }),
  sent: consequence("created", { continues: true }),
  "not sent by this attempt": consequence("not_created", { continues: true, isRerun: true }),
  "not confirmed": consequence("created", { threadUrl: "x", messageNotConfirmed: true }),
} as const;

export type Existence = keyof typeof CONSEQUENCES;

export interface ExpectedFailure {
  /** The input that the error begins with; `null`: none. */
  input?: string | null;
  status?: number;
  code?: string;
  /** What it says of what exists. */
  exists?: Existence;
  /** Inputs, figures, files, and words of a server that it names. */
  names?: readonly (string | RegExp)[];
  /** The page that it ends with. */
  thread?: string;
}

/** Checks the facts of a failed step's one error. @returns its text */
export function expectFailure(step: StepResult, expected: ExpectedFailure): string {
  const { input, status, code, exists, names = [], thread } = expected;
  const message = failureOf(step);
  if (input !== undefined) expect(/^`([\w-]+)`: /.exec(message)?.[1] ?? null).toBe(input);
  if (status !== undefined) expect(message).toContain(` ${status}${code === undefined ? "" : ` ${code}`}`);
  if (exists !== undefined) expect(message).toContain(CONSEQUENCES[exists]);
  for (const name of names) expect(message).toMatch(name instanceof RegExp ? name : literal(name));
  if (thread !== undefined) expect(message.endsWith(` ${thread}`)).toBe(true);
  return message;
}

function literal(text: string): RegExp {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
}

/** Everything a step leaves behind but the lines that mask. */
export function traces(step: StepResult): string {
  const printed = step.stdout
    .split("\n")
    .filter((line) => !line.startsWith("::add-mask::"))
    .join("\n");
  return [printed, step.stderr, JSON.stringify(step.outputs), JSON.stringify(step.state), step.summary].join("\n");
}
