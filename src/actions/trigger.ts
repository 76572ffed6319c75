/** Who or what started the run, and whether anyone could have. Pure. */
import type { Environment } from "../mosoo/http/proxy.ts";
import { compareRepositories, get, getString } from "./payload.ts";

export interface Trigger {
  /** The event of this run. */
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
