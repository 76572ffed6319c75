/** What a step is given by the runner: the inputs with the defaults of action.yml, and the environment. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { events, type RunnerEvent } from "./runner-events.ts";
import type { CommandFiles } from "./runner-files.ts";

export const root = join(import.meta.dirname, "../..");

/** A token of the shape GitHub hands out, for tests that do not care which. */
export const defaultGithubToken = "ghs_runnerHarnessTokenOfNoValue0000000000";

export interface StepOptions {
  with: Record<string, string>;
  /** Overrides everything else; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /** A push to main where none is given. */
  event?: RunnerEvent;
  runId?: string;
  runAttempt?: number;
  runNumber?: number;
  job?: string;
  /** GITHUB_ACTION: the step's id, or what the runner makes up for a step without one. */
  step?: string;
  /** The matrix context, null where the job has none. */
  matrix?: unknown;
  actor?: string;
  repository?: string;
  /** What `github.token` gives. */
  githubToken?: string;
  workspace?: string;
  /** RUNNER_TEMP. */
  temp?: string;
  nodeArguments?: string[];
  /** Masked in the log from the start, as a workflow's secrets are. */
  secrets?: string[];
  /** Run in place of dist/index.js (or dist/post.js). */
  script?: string;
  /** Read the process's peak memory now and then (Linux). */
  measureMemory?: boolean;
}

interface ActionInputs {
  inputs?: Record<string, { default?: string | number | boolean } | null>;
}

let defaults: [string, string][] | undefined;

/** Inputs of action.yml that have a default, as written there. */
function inputDefaults(): [string, string][] {
  if (defaults === undefined) {
    const action = parse(readFileSync(join(root, "action.yml"), "utf8")) as ActionInputs;
    defaults = Object.entries(action.inputs ?? {}).flatMap(([name, input]) =>
      input?.default === undefined ? [] : [[name, String(input.default)] as [string, string]],
    );
  }
  return defaults;
}

function evaluate(template: string, options: StepOptions): string {
  return template.replaceAll(/\$\{\{\s*(.*?)\s*\}\}/g, (_, expression: string) => {
    if (expression === "github.token") return options.githubToken ?? defaultGithubToken;
    if (expression === "toJSON(matrix)") return JSON.stringify(options.matrix ?? null, null, 2);
    throw new Error(`The harness cannot evaluate "${expression}" in action.yml`);
  });
}

/** `INPUT_*`: spaces become underscores, dashes stay; a default counts only where the name is absent from `with`. */
function inputVariables(options: StepOptions): Record<string, string> {
  // Most tests are not about who may start the agent. An empty value means the default.
  const inputs = { "allowed-actors": "anyone", ...options.with };
  const given = new Set(Object.keys(inputs).map((name) => name.toLowerCase()));
  const byDefault = inputDefaults()
    .filter(([name]) => !given.has(name.toLowerCase()))
    .map(([name, template]): [string, string] => [name, evaluate(template, options)]);
  return Object.fromEntries(
    [...byDefault, ...Object.entries(inputs)].map(([name, value]) => [
      `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`,
      value,
    ]),
  );
}

function writeEvent(event: RunnerEvent, temp: string): string {
  const path = join(temp, "_github_workflow", "event.json");
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  if (event.payload !== undefined) {
    writeFileSync(path, typeof event.payload === "string" ? event.payload : JSON.stringify(event.payload, null, 2));
  }
  return path;
}

/** Every variable of the step; nothing of the host's but PATH. */
export function stepEnvironment(
  options: StepOptions,
  temp: string,
  workspace: string,
  files: CommandFiles,
): Record<string, string> {
  const event = options.event ?? events.push();
  const repository = options.repository ?? "octo-org/octo-repo";
  const actor = options.actor ?? event.env?.["GITHUB_ACTOR"] ?? "octocat";
  const variables: Record<string, string | undefined> = {
    PATH: process.env["PATH"],
    HOME: temp,
    LANG: "C.UTF-8",
    CI: "true",
    GITHUB_ACTIONS: "true",
    RUNNER_OS: "Linux",
    RUNNER_ARCH: "X64",
    RUNNER_NAME: "runner-1",
    RUNNER_ENVIRONMENT: "github-hosted",
    RUNNER_TEMP: temp,
    RUNNER_WORKSPACE: dirname(workspace),
    GITHUB_WORKSPACE: workspace,
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_API_URL: "https://api.github.com",
    GITHUB_GRAPHQL_URL: "https://api.github.com/graphql",
    GITHUB_REPOSITORY: repository,
    GITHUB_REPOSITORY_ID: "424242",
    GITHUB_REPOSITORY_OWNER: repository.split("/")[0],
    GITHUB_REPOSITORY_OWNER_ID: "4242",
    GITHUB_RUN_ID: options.runId ?? "17000000001",
    GITHUB_RUN_ATTEMPT: String(options.runAttempt ?? 1),
    GITHUB_RUN_NUMBER: String(options.runNumber ?? 7),
    GITHUB_JOB: options.job ?? "review",
    GITHUB_ACTION: options.step ?? "mosoo",
    GITHUB_REF: "refs/heads/main",
    GITHUB_REF_NAME: "main",
    GITHUB_REF_TYPE: "branch",
    GITHUB_REF_PROTECTED: "false",
    GITHUB_HEAD_REF: "",
    GITHUB_BASE_REF: "",
    GITHUB_SHA: "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
    ...event.env,
    GITHUB_ACTOR: actor,
    GITHUB_ACTOR_ID: "583231",
    GITHUB_TRIGGERING_ACTOR: actor,
    GITHUB_WORKFLOW: "Mosoo",
    GITHUB_WORKFLOW_REF: `${repository}/.github/workflows/mosoo.yml@${event.env?.["GITHUB_REF"] ?? "refs/heads/main"}`,
    GITHUB_WORKFLOW_SHA: "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0",
    GITHUB_EVENT_NAME: event.name,
    GITHUB_EVENT_PATH: writeEvent(event, temp),
    ...files,
    ...inputVariables(options),
    ...options.env,
  };
  return Object.fromEntries(
    Object.entries(variables).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
