/**
 * The event of the run: values of its payload, and who or what started the run. Each value is checked for its type: whoever
 * opens a pull request or issue writes parts of it. Every step reads it, so it has no schema: reading a dozen values costs
 * less than building one. Pure.
 */
import type { Environment } from "../mosoo/http/proxy.ts";

/** The value at `path`, of any type; undefined where there is none. */
export function get(json: unknown, ...path: string[]): unknown {
  let value = json;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

export function getString(json: unknown, ...path: string[]): string | undefined {
  const value = get(json, ...path);
  return typeof value === "string" ? value : undefined;
}

/** The number of a pull request or issue. */
export function getNumber(json: unknown, ...path: string[]): number | undefined {
  const value = get(json, ...path);
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}

/** A commit's full hash, SHA-1 or SHA-256: it becomes part of a URL. */
export function getCommitHash(json: unknown, ...path: string[]): string | undefined {
  const value = getString(json, ...path);
  return value !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(value) ? value : undefined;
}

/** A repository's ID. */
export function getId(json: unknown, ...path: string[]): number | undefined {
  const value = get(json, ...path);
  return typeof value === "number" ? value : undefined;
}

/** Whether two repositories of an event are the same: by their IDs, else by their names. */
export function compareRepositories(one: unknown, other: unknown): "same" | "different" | "unknown" {
  const [id, otherId] = [getId(one, "id"), getId(other, "id")];
  if (id !== undefined && otherId !== undefined) return id === otherId ? "same" : "different";
  const [name, otherName] = [getString(one, "full_name"), getString(other, "full_name")];
  if (name === undefined || otherName === undefined) return "unknown";
  return name.toLowerCase() === otherName.toLowerCase() ? "same" : "different";
}

export interface Trigger {
  eventName: string;
  /** Of the person who started this run, or this attempt of it; "" where the event does not say. */
  login: string;
  /** Anyone can cause the event, while the run gets secrets. */
  isOpenToAnyone: boolean;
  /** The event itself says that this person owns the repository. */
  isOwner: boolean;
}

/**
 * Events that people without write access can cause, while the run gets the repository's secrets.
 * https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
 */
const EVENTS_OPEN_TO_ANYONE = new Set([
  ...["issue_comment", "issues", "pull_request_target", "pull_request_review", "pull_request_review_comment"],
  ...["discussion", "discussion_comment", "commit_comment", "fork", "gollum", "watch"],
]);

/** Events after which a `workflow_run` needs no check, where they come from the repository itself. */
const UPSTREAM_EVENTS_WITH_WRITE_ACCESS = new Set([
  ...["push", "pull_request", "merge_group", "schedule", "workflow_dispatch", "repository_dispatch"],
  ...["create", "delete", "release", "deployment", "deployment_status", "check_run", "check_suite", "status"],
  ...["label", "milestone", "page_build", "public", "registry_package", "branch_protection_rule"],
]);

/** Everything in a payload that has an author and the author's association with the repository. */
const AUTHORED = ["comment", "review", "issue", "pull_request", "discussion"];

function isOpenToAnyone(eventName: string, payload: unknown): boolean {
  if (eventName !== "workflow_run") return EVENTS_OPEN_TO_ANYONE.has(eventName);
  const upstream = get(payload, "workflow_run");
  const repository = get(upstream, "repository") ?? get(payload, "repository");
  return !(
    UPSTREAM_EVENTS_WITH_WRITE_ACCESS.has(getString(upstream, "event") ?? "") &&
    compareRepositories(get(upstream, "head_repository"), repository) === "same"
  );
}

/** Whether two logins are one account's: GitHub ignores their case. */
export function isSameLogin(one: string, other: string): boolean {
  return one !== "" && one.toLowerCase() === other.toLowerCase();
}

/**
 * @param runAttempt above 1 it is a re-run, which is its own person's; the first attempt of a `workflow_run` is the
 *   upstream run's person's
 */
export function parseTrigger(environment: Environment, payload: unknown, runAttempt: number): Trigger {
  const eventName = environment["GITHUB_EVENT_NAME"] ?? "";
  const login =
    eventName === "workflow_run" && runAttempt === 1
      ? (getString(payload, "workflow_run", "triggering_actor", "login") ?? "")
      : environment["GITHUB_TRIGGERING_ACTOR"] || (environment["GITHUB_ACTOR"] ?? "");
  const isOwner = AUTHORED.some(
    (name) =>
      getString(payload, name, "author_association") === "OWNER" &&
      isSameLogin(getString(payload, name, "user", "login") ?? "", login),
  );
  return { eventName, login, isOpenToAnyone: isOpenToAnyone(eventName, payload), isOwner };
}
