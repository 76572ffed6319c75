/** Runs one example by act, as a user's repository would run it. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { RunnerEvent } from "../../__tests__/support/runner-events.ts";
import { actBinary } from "./binary.ts";
import { artifactsIn, fakeActions, fakeGhFolder, fakeRemote, pushedTo } from "./fakes.ts";
import { actionReference, copyAction, makeRepository, placeOf, root } from "./folders.ts";
import { readLog, type JobSeen, type StepSeen } from "./log.ts";

/** A run ends long before this, unless something hangs. */
const RUN_TIMEOUT_MS = 120_000;

export interface ActOptions {
  event: RunnerEvent;
  /** Where the fake Mosoo server answers: becomes the default of `api-url`. */
  apiUrl: string;
  github?: { apiUrl: string; graphqlUrl: string };
  /** The workflow calls `gh`, which needs `github`. */
  gh?: boolean;
  /** What `github.token` gives. */
  githubToken?: string;
  secrets?: Record<string, string>;
  vars?: Record<string, string>;
  /** The workflow to run, where it is not the example itself but one of `files`. */
  workflow?: string;
  /** More files of the user's repository. */
  files?: Record<string, string>;
  runId?: string;
  runNumber?: number;
  runAttempt?: number;
  /** The job is cancelled once this is there. act kills the running step at once; the post steps still run. */
  cancelAfter?: Promise<unknown>;
}

export class ActRun {
  readonly exitCode: number | null;
  readonly jobs: JobSeen[];
  readonly steps: StepSeen[];
  /** All that act printed, for a failure's report. */
  readonly log: string;
  /** Uploaded files by artifact and path, such as `report/report.html`. */
  artifacts: Record<string, string> = {};
  /** What each pushed branch adds to `main`: author, subject and changes. */
  pushed: Record<string, string> = {};

  constructor(exitCode: number | null, stdout: string, stderr: string) {
    const seen = readLog(stdout);
    this.exitCode = exitCode;
    this.jobs = seen.jobs;
    this.steps = seen.steps;
    const said = seen.steps.flatMap((step) => [
      `[${step.job}] ${step.stage} ${step.id}: ${step.result}`,
      ...step.lines.map((line) => `    ${line}`),
      ...step.commands.map((command) => `    ::${command.name}::${command.value}`),
    ]);
    this.log = [...said, ...seen.other, stderr].join("\n");
  }

  /** The job's result, "not run" where its condition kept it from starting. */
  job(id: string): string {
    const results = new Set(this.jobs.filter((job) => job.id === id).map((job) => job.result));
    return results.size === 0 ? "not run" : [...results].join(" and ");
  }

  /** The main stage of a step, by its `id` or index, in the job `jobId` and the matrix job that `matrix` fits. */
  step(id: string, jobId?: string, matrix: Record<string, unknown> = {}): StepSeen {
    const found = this.steps.find(
      (step) =>
        step.stage === "Main" &&
        step.id === id &&
        (jobId === undefined || step.jobId === jobId) &&
        Object.entries(matrix).every(([name, value]) => step.matrix[name] === value),
    );
    if (found === undefined) throw new Error(`No step "${id}" was run`);
    return found;
  }

  /** Steps whose post stage did not succeed. */
  failedPosts(): string[] {
    return this.steps.filter((step) => step.stage === "Post" && step.result !== "success").map((step) => step.id);
  }
}

function flags(name: string, values: Record<string, string> = {}): string[] {
  return Object.entries(values).flatMap(([key, value]) => [name, `${key}=${value}`]);
}

function environmentOf(example: string, options: ActOptions): Record<string, string> {
  return {
    ...options.event.env,
    GITHUB_RUN_ID: options.runId ?? "17000000001",
    GITHUB_RUN_ATTEMPT: String(options.runAttempt ?? 1),
    GITHUB_RUN_NUMBER: String(options.runNumber ?? 7),
    GITHUB_REPOSITORY: "octo-org/octo-repo",
    GITHUB_REPOSITORY_ID: "424242",
    GITHUB_WORKFLOW_REF: `octo-org/octo-repo/${options.workflow ?? placeOf(example)}@${options.event.env?.["GITHUB_REF"] ?? "refs/heads/main"}`,
    ...(options.github && { GITHUB_API_URL: options.github.apiUrl, GITHUB_GRAPHQL_URL: options.github.graphqlUrl }),
  };
}

interface SpawnOptions {
  home: string;
  /** Folders before the others in PATH. */
  path: string[];
  cancelAfter: Promise<unknown> | undefined;
}

function spawnAct(args: string[], { home, path, cancelAfter }: SpawnOptions): Promise<ActRun> {
  const child = spawn(actBinary(root), args, {
    // Nothing of this shell gets in: act hands its whole environment to the steps. Node 24 comes first in PATH,
    // since host mode runs the first `node` it finds, regardless of action.yml.
    env: {
      HOME: home,
      PATH: [...path, dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
      LANG: "C.UTF-8",
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_TIMEOUT_MS,
  });
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (out[name] += text));
  }
  void cancelAfter?.then(() => child.kill("SIGINT"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolve(new ActRun(code, out.stdout, out.stderr));
    });
  });
}

/** Runs the example's workflow once, in folders of its own that are gone afterwards. */
export async function runExample(example: string, options: ActOptions): Promise<ActRun> {
  const folder = mkdtempSync(join(tmpdir(), "act-"));
  const at = (name: string): string => join(folder, name);
  try {
    mkdirSync(at("home"));
    makeRepository(at("repository"), options.files);
    copyAction(at("action"), options.apiUrl);
    writeFileSync(at("event.json"), JSON.stringify(options.event.payload));
    const workflow = options.workflow ?? placeOf(example);
    const args = [options.event.name, "--directory", at("repository"), "--workflows", workflow];
    args.push("--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--json");
    args.push("--action-cache-path", at("cache"), "--local-repository", `${actionReference}=${at("action")}`);
    args.push("--eventpath", at("event.json"), "--actor", options.event.env?.["GITHUB_ACTOR"] ?? "octocat");
    args.push(...flags("--env", environmentOf(example, options)), ...flags("--var", options.vars));
    args.push(
      ...flags("--secret", { ...options.secrets, ...(options.githubToken && { GITHUB_TOKEN: options.githubToken }) }),
    );
    args.push(...fakeActions(folder, readFileSync(join(at("repository"), workflow), "utf8")));
    args.push(...fakeRemote(folder, at("repository")));
    const path = options.gh === true ? [fakeGhFolder(folder, options.github?.apiUrl ?? "")] : [];
    const run = await spawnAct(args, { home: at("home"), path, cancelAfter: options.cancelAfter });
    run.artifacts = artifactsIn(folder);
    run.pushed = pushedTo(folder);
    return run;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
