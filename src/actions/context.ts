/**
 * The step's run, job, event and subject. With event.ts the only reader of GITHUB_* variables. A missing or broken
 * event file does not fail the step.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Environment } from "../mosoo/http/proxy.ts";
import {
  compareRepositories,
  get,
  getCommitHash,
  getId,
  getNumber,
  getString,
  type Trigger,
  parseTrigger,
} from "./event.ts";

/** Sent to Mosoo; the version is package.json's (__tests__/action-metadata.test.ts holds them together). */
export const USER_AGENT = "mosoo-thread-action/1.0.0";

/** What the work is about. */
interface Subject {
  kind: "pull request" | "issue";
  number: number;
  /** Untrusted: whoever opens it writes it. */
  title: string | undefined;
}

export interface ActionContext {
  serverUrl: string;
  /** `owner/name`. */
  repository: string;
  repositoryId: string;
  runId: string;
  runNumber: number;
  /** Counted from 1; above 1 in a re-run. */
  runAttempt: number;
  job: string;
  /** `GITHUB_ACTION`: the step's id, or a name the runner made. */
  step: string;
  /** The workflow file's path, without the ref. */
  workflowFile: string;
  actor: string;
  eventName: string;
  /** The short name of the branch or tag; of a pull request `12/merge`. */
  refName: string;
  apiUrl: string;
  graphqlUrl: string;
  workspace: string;
  temp: string;
  subject: Subject | undefined;
  /** The head commit of the pull request, else the run's commit; "" where the event is about none. */
  headSha: string;
  /** The event's payload proves a fork's pull request. */
  fromFork: boolean;
  /** Event and actor prove that Dependabot caused the run. */
  fromDependabot: boolean;
  /** Who started the run. */
  trigger: Trigger;
  /** Gitea or Forgejo, whose pages have other paths. */
  isGitea: boolean;
  /** The comment that the event is about; untrusted. */
  commentBody: string | undefined;
}

function readPayload(path: string | undefined): unknown {
  if (!path) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** A merge queue's ref names its pull request: `refs/heads/gh-readonly-queue/main/pr-12-<sha>`. */
function parseMergeQueueRef(ref: string | undefined): number | undefined {
  const found = /\/gh-readonly-queue\/.+\/pr-([1-9]\d{0,9})-[0-9a-f]+$/.exec(ref ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The pull request of this repository that a workflow run was for: GitHub also lists those of forks with the same commit. */
function workflowRunPullRequest(payload: unknown, repositoryId: string): number | undefined {
  const listed = get(payload, "workflow_run", "pull_requests");
  if (!Array.isArray(listed)) return undefined;
  const pull: unknown = listed.find((each) => {
    const base = getId(each, "base", "repo", "id");
    return (
      getNumber(each, "number") !== undefined &&
      (base === undefined || repositoryId === "" || String(base) === repositoryId)
    );
  });
  return getNumber(pull, "number");
}

function findSubject(payload: unknown, eventName: string, ref: string, repositoryId: string): Subject | undefined {
  for (const place of ["pull_request", "issue"]) {
    const number = getNumber(payload, place, "number");
    if (number === undefined) continue;
    const isPull = place === "pull_request" || Boolean(get(payload, place, "pull_request"));
    return { kind: isPull ? "pull request" : "issue", number, title: getString(payload, place, "title") };
  }
  const upstream = workflowRunPullRequest(payload, repositoryId);
  if (upstream !== undefined) return { kind: "pull request", number: upstream, title: undefined };
  const queued =
    eventName === "merge_group"
      ? (parseMergeQueueRef(getString(payload, "merge_group", "head_ref")) ?? parseMergeQueueRef(ref))
      : undefined;
  if (queued !== undefined) return { kind: "pull request", number: queued, title: undefined };
  // Without a usable payload, a pull request's ref still names it: refs/pull/12/merge.
  const fromRef = /^refs\/pull\/([1-9]\d{0,9})\//.exec(ref)?.[1];
  return fromRef === undefined ? undefined : { kind: "pull request", number: Number(fromRef), title: undefined };
}

/** Whether a head repository is proven to be a fork. That of a deleted fork is null. */
function isFork(head: unknown, base: unknown): boolean {
  return head === null || compareRepositories(head, base) === "different";
}

function provesFork(payload: unknown): boolean {
  const repository = get(payload, "repository");
  const pull = get(payload, "pull_request");
  if (get(pull, "head")) return isFork(get(pull, "head", "repo"), get(pull, "base", "repo") ?? repository);
  const run = get(payload, "workflow_run");
  return (
    getString(run, "event") === "pull_request" &&
    isFork(get(run, "head_repository"), get(run, "repository") ?? repository)
  );
}

/** A count of the runner's, from 1 on; undefined for anything else. */
function parseCount(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

/** The run's commit; "" where the event is not about a commit: GITHUB_SHA is the default branch's newest there. */
function runSha(env: (name: string) => string): string {
  return ["issues", "issue_comment"].includes(env("GITHUB_EVENT_NAME")) ? "" : env("GITHUB_SHA");
}

/**
 * Events that Dependabot itself causes, and on which its runs get the secrets of its own store. It can be the actor of
 * others: of a schedule, once it has updated the workflow's file.
 */
const DEPENDABOT_EVENTS = new Set([
  ...["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"],
  ...["push", "create", "deployment", "deployment_status"],
]);

/** The URL of GraphQL where the runner only sets that of REST: Enterprise Server has `/api/v3` and `/api/graphql`. */
function deriveGraphqlUrl(apiUrl: string): string {
  return `${apiUrl.replace(/\/+$/, "").replace(/\/api\/v3$/, "/api")}/graphql`;
}

/** Reads the context from the environment of a step. Missing values are empty, never an error. */
export function readContext(environment: Environment): ActionContext {
  return parseContext(environment, readPayload(environment["GITHUB_EVENT_PATH"]));
}

/** The context as the variables and the event's payload give it. Pure. */
export function parseContext(environment: Environment, payload: unknown): ActionContext {
  const env = (name: string): string => environment[name] ?? "";
  const serverUrl = URL.canParse(env("GITHUB_SERVER_URL")) ? env("GITHUB_SERVER_URL") : "https://github.com";
  const apiUrl = env("GITHUB_API_URL") || "https://api.github.com";
  const repository = env("GITHUB_REPOSITORY");
  const ref = env("GITHUB_REF");
  const runAttempt = parseCount(env("GITHUB_RUN_ATTEMPT")) ?? 1;
  const workflow = env("GITHUB_WORKFLOW_REF").split("@")[0] ?? "";
  return {
    serverUrl,
    repository,
    repositoryId: env("GITHUB_REPOSITORY_ID"),
    runId: env("GITHUB_RUN_ID"),
    runNumber: parseCount(env("GITHUB_RUN_NUMBER")) ?? 0,
    runAttempt,
    job: env("GITHUB_JOB"),
    step: env("GITHUB_ACTION"),
    workflowFile: workflow.startsWith(`${repository}/`)
      ? workflow.slice(repository.length + 1)
      : workflow || env("GITHUB_WORKFLOW"),
    actor: env("GITHUB_ACTOR"),
    eventName: env("GITHUB_EVENT_NAME"),
    refName: env("GITHUB_REF_NAME") || ref.replace(/^refs\/(?:heads|tags|pull)\//, ""),
    apiUrl,
    graphqlUrl: env("GITHUB_GRAPHQL_URL") || deriveGraphqlUrl(apiUrl),
    workspace: env("GITHUB_WORKSPACE") || process.cwd(),
    temp: env("RUNNER_TEMP"),
    subject: findSubject(payload, env("GITHUB_EVENT_NAME"), ref, env("GITHUB_REPOSITORY_ID")),
    headSha:
      getCommitHash(payload, "pull_request", "head", "sha") ??
      getCommitHash(payload, "workflow_run", "head_sha") ??
      getCommitHash(payload, "check_run", "head_sha") ??
      getCommitHash(payload, "check_suite", "head_sha") ??
      getCommitHash(payload, "deployment", "sha") ??
      (env("GITHUB_EVENT_NAME") === "status" ? getCommitHash(payload, "sha") : undefined) ??
      runSha(env),
    fromFork: provesFork(payload),
    fromDependabot: env("GITHUB_ACTOR") === "dependabot[bot]" && DEPENDABOT_EVENTS.has(env("GITHUB_EVENT_NAME")),
    trigger: parseTrigger(environment, payload, runAttempt),
    isGitea: [env("GITEA_ACTIONS"), env("FORGEJO_ACTIONS")].includes("true"),
    commentBody: getString(payload, "comment", "body"),
  };
}

const MAX_EXTERNAL_REF_LENGTH = 255;

/**
 * The external reference of a run: `github:owner/repo#12` for a pull request or issue, else
 * `github:owner/repo@branch-or-tag`. Over 255 characters it is cut between characters and ends in a digest.
 */
export function deriveExternalRef(context: Pick<ActionContext, "repository" | "subject" | "refName">): string {
  const { repository, subject, refName } = context;
  const tail = subject === undefined ? (refName === "" ? "" : `@${refName}`) : `#${subject.number}`;
  const whole = `github:${repository}${tail}`.replace(/\p{Cc}/gu, "").toWellFormed();
  if (whole.length <= MAX_EXTERNAL_REF_LENGTH) return whole;
  const digest = createHash("sha256").update(whole).digest("hex").slice(0, 16);
  let end = MAX_EXTERNAL_REF_LENGTH - digest.length - 1;
  if (!whole.slice(0, end).isWellFormed()) end -= 1;
  return `${whole.slice(0, end)}-${digest}`;
}

/** A page on the run's own server, which may be below a path. Each name is encoded as one path segment. */
function pageUrl(serverUrl: string, path: string): string {
  const url = new URL(serverUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  url.search = url.hash = "";
  return url.href;
}

type PageContext = Pick<ActionContext, "repository" | "serverUrl" | "isGitea">;

/** The page of a pull request or issue on the run's own server. */
export function subjectUrl({ repository, serverUrl, isGitea }: PageContext, { kind, number }: Subject): string {
  const page = kind === "issue" ? "issues" : isGitea ? "pulls" : "pull";
  return pageUrl(serverUrl, `/${repository}/${page}/${number}`);
}

/** The page of the workflow run, on GitHub of this attempt. Gitea counts a repository's runs. */
export function runUrl(context: PageContext & Pick<ActionContext, "runId" | "runNumber" | "runAttempt">): string {
  const { repository, serverUrl, isGitea, runId, runNumber, runAttempt } = context;
  const page = isGitea && runNumber > 0 ? `${runNumber}` : encodeURIComponent(runId);
  return pageUrl(serverUrl, `/${repository}/actions/runs/${page}${isGitea ? "" : `/attempts/${runAttempt}`}`);
}
