/** What holds for every failed step. */
import { expect } from "@jest/globals";
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

/** Everything a step leaves behind but the lines that mask. */
export function traces(step: StepResult): string {
  const printed = step.stdout
    .split("\n")
    .filter((line) => !line.startsWith("::add-mask::"))
    .join("\n");
  return [printed, step.stderr, JSON.stringify(step.outputs), JSON.stringify(step.state), step.summary].join("\n");
}
