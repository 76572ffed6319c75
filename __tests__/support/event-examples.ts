/** GitHub's own examples of events' payloads (`@octokit/webhooks-examples`). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./runner-environment.ts";

export interface EventExample {
  name: string;
  /** `issues.opened 2`: the event, its action, and which of its examples. */
  title: string;
  payload: Record<string, unknown>;
}

const path = join(root, "node_modules/@octokit/webhooks-examples/api.github.com/index.json");

export const EVENT_EXAMPLES: readonly EventExample[] = (
  JSON.parse(readFileSync(path, "utf8")) as { name: string; examples: Record<string, unknown>[] }[]
).flatMap(({ name, examples }) =>
  examples.map((payload, index) => ({ name, title: `${name} ${JSON.stringify(payload["action"])} ${index}`, payload })),
);

function numberAt(value: unknown): number | undefined {
  const { number } = (value ?? {}) as { number?: unknown };
  return typeof number === "number" ? number : undefined;
}

/** Pull requests that these examples name at other places: in a list, in the branch of a merge queue. */
const NAMED_ELSEWHERE: Record<string, number> = { deployment_review: 3, merge_group: 104 };

/** The external reference that a person would expect: the pull request or issue that the event is about. */
export function expectedReference({ name, payload }: EventExample, repository: string): string {
  const number = numberAt(payload["pull_request"]) ?? numberAt(payload["issue"]) ?? NAMED_ELSEWHERE[name];
  return number === undefined ? `github:${repository}@main` : `github:${repository}#${number}`;
}

/** The repository that the event is of. */
export function repositoryOf({ payload }: EventExample): { name: string; id: string } {
  const { full_name: name = "octo-org/octo-repo", id = 424242 } = (payload["repository"] ?? {}) as {
    full_name?: string;
    id?: number;
  };
  return { name, id: String(id) };
}
