/**
 * The idempotency key: what makes two requests one. Pure.
 *
 * `gh-<run ID>-<digest>`: the digest covers a versioned list of everything that tells one step of one workflow run from
 * another, and everything that decides the body. A change of the list, its order or the way a value is written is a new
 * version: a run that was started before an update of the action must find its thread after it (__tests__/key.test.ts
 * holds a fixed run's key).
 */
import { createHash } from "node:crypto";
import { suffixedKey } from "../mosoo/key-rotation.ts";

const version = "mosoo-thread-key/1";

export interface IdempotencyKeyFields {
  serverUrl: string;
  /** `owner/name`; counts only where there is no ID. */
  repository: string;
  repositoryId: string;
  runId: string;
  job: string;
  step: string;
  /** `toJSON(matrix)`. */
  matrix: string;
  target: { agentId: string } | { threadId: string };
  text: string;
  externalRef: string | undefined;
  attributedUserId: string | undefined;
  userId: string;
  fileIds: readonly string[];
  files: readonly { path: string; bytes: number; sha256: string }[];
  /** Only with `on-rerun: create`. */
  attempt: number | undefined;
}

/** JSON with the keys of every object in order, so that their order in the matrix does not matter. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonicalJson(each)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The matrix leg in canonical form; outside a matrix GitHub gives `null` or nothing. */
export function canonicalMatrix(matrix: string): string {
  if (matrix.trim() === "") return "null";
  try {
    return canonicalJson(JSON.parse(matrix));
  } catch {
    return matrix;
  }
}

/** The key of a step's work, at most 128 visible ASCII characters. */
export function deriveKey(material: IdempotencyKeyFields): string {
  const repository = material.repositoryId === "" ? `name:${material.repository}` : `id:${material.repositoryId}`;
  const target =
    "agentId" in material.target ? ["agent", material.target.agentId] : ["thread", material.target.threadId];
  const list = [
    version,
    material.serverUrl,
    repository,
    material.runId,
    material.job,
    material.step,
    canonicalMatrix(material.matrix),
    target,
    material.text,
    material.externalRef ?? null,
    material.attributedUserId ?? null,
    material.userId,
    material.fileIds,
    material.files.map((file) => [file.path, file.bytes, file.sha256]),
    material.attempt ?? null,
  ];
  const digest = createHash("sha256").update(JSON.stringify(list)).digest("hex").slice(0, 40);
  const run = /^[\w.-]{1,40}$/.test(material.runId) ? material.runId : "run";
  return `gh-${run}-${digest}`;
}

/** The key of the message that a re-run sends again in the same thread. */
export function keyForAttempt(key: string, attempt: number): string {
  return suffixedKey(key, `+a${attempt}`);
}

/** The key of a message with uploaded files: their IDs are new with every upload, the message's request ID is not. */
export function keyWithFiles(key: string, fileIds: readonly string[]): string {
  const digest = createHash("sha256").update(fileIds.join("\n")).digest("hex").slice(0, 16);
  return suffixedKey(key, `+f${digest}`);
}
