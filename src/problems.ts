/** Problems of the inputs, all of a run in one report. */
import { grouped } from "./mosoo/figures.ts";

export interface Problem {
  input: string;
  /** What is wrong, by size or shape (never a secret's value), and what to do; whole sentences. */
  text: string;
}

export class InputError extends Error {
  override readonly name = "InputError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ input, text }) => `\`${input}\`: ${text}`).join(" "));
    this.problems = problems;
  }
}

/** "1 character", "1,234 bytes". */
export function count(amount: number, unit: string): string {
  return `${grouped(amount)} ${unit}${amount === 1 ? "" : "s"}`;
}
