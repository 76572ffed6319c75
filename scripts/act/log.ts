/** Reads what act prints with `--json`: one JSON object a line, one entry for each thing that a step did. */

export interface StepSeen {
  /** The job's name as act shows it, such as "Review/Review by an agent". */
  job: string;
  jobId: string;
  matrix: Record<string, unknown>;
  stage: "Pre" | "Main" | "Post";
  /** The step's `id`, else its index; inside a composite action the outer step's comes first. */
  id: string;
  name: string;
  result: "success" | "failure" | "skipped";
  /** What the step printed. */
  lines: string[];
  outputs: Record<string, string>;
  summary: string;
  /** Workflow commands that it printed, such as `error`, `notice`, `add-mask`. */
  commands: { name: string; value: string; properties: Record<string, string>; line: string }[];
}

interface Entry {
  level: string;
  msg: string;
  job?: string;
  jobID?: string;
  matrix?: Record<string, unknown>;
  stage?: StepSeen["stage"];
  step?: string;
  stepID?: string[];
  stepResult?: StepSeen["result"];
  jobResult?: string;
  raw_output?: boolean;
  command?: string;
  name?: string;
  arg?: string;
  /** The line that was a command. */
  raw?: string;
  content?: string;
  kvPairs?: Record<string, string>;
}

export interface JobSeen {
  name: string;
  id: string;
  result: string;
}

interface LogSeen {
  jobs: JobSeen[];
  steps: StepSeen[];
  /** Everything that no step said: act's own words. */
  other: string[];
}

function stepOf(entry: Entry, steps: Map<string, StepSeen>): StepSeen | undefined {
  if (entry.stage === undefined || entry.stepID === undefined) return undefined;
  const id = entry.stepID.join("/");
  const key = JSON.stringify([entry.job, entry.matrix, entry.stage, id]);
  let step = steps.get(key);
  if (step === undefined) {
    step = {
      job: (entry.job ?? "").trim(),
      jobId: entry.jobID ?? "",
      matrix: entry.matrix ?? {},
      stage: entry.stage,
      id,
      name: entry.step ?? "",
      result: "skipped",
      lines: [],
      outputs: {},
      summary: "",
      commands: [],
    };
    steps.set(key, step);
  }
  return step;
}

function take(entry: Entry, step: StepSeen): void {
  if (entry.raw_output === true) step.lines.push(entry.msg.replace(/\r?\n$/, ""));
  else if (entry.command === "set-output") step.outputs[entry.name ?? ""] = entry.arg ?? "";
  else if (entry.command === "summary") step.summary = entry.content ?? "";
  else if (entry.command !== undefined) {
    // The value of `add-mask` is what nobody should see; act writes it into its JSON all the same.
    const isMask = entry.command === "add-mask";
    step.commands.push({
      name: entry.command,
      value: isMask ? "***" : (entry.arg ?? ""),
      properties: entry.kvPairs ?? {},
      line: isMask ? "" : (entry.raw ?? "").trimEnd(),
    });
  } else if (entry.stepResult !== undefined) step.result = entry.stepResult;
}

/** act's standard output as jobs and steps, in the order in which they began. */
export function readLog(text: string): LogSeen {
  const steps = new Map<string, StepSeen>();
  const jobs: JobSeen[] = [];
  const other: string[] = [];
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const entry = JSON.parse(line) as Entry;
    const step = stepOf(entry, steps);
    if (step !== undefined) take(entry, step);
    else other.push(entry.msg.trim());
    if (entry.jobResult !== undefined) {
      jobs.push({ name: (entry.job ?? "").trim(), id: entry.jobID ?? "", result: entry.jobResult });
    }
  }
  return { jobs, steps: [...steps.values()], other };
}
