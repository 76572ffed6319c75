/** Problems of the inputs, all of a run in one report. */

export interface InputIssue {
  input: string;
  /** What is wrong, by size or shape (never a secret's value), and what to do; whole sentences. */
  text: string;
}

export class InputValidationError extends Error {
  override readonly name = "InputValidationError";
  readonly issues: readonly InputIssue[];

  constructor(problems: readonly InputIssue[]) {
    super(problems.map(({ input, text }) => `\`${input}\`: ${text}`).join(" "));
    this.issues = problems;
  }
}
