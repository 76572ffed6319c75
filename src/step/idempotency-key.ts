/**
 * The idempotency key: what makes two requests the same request. Pure.
 *
 * `gh-<run ID>-<digest>`: the digest covers a versioned object of everything that distinguishes one step of one workflow
 * run from another, and everything that decides the body. Changing the names in it or how a value is written needs a new
 * version: a run that started before an update of the action must find its thread after it (a golden test holds the key
 * of a fixed run). Fields without a value are left out, so that a new optional input changes no other run's key.
 */
import { createHash } from "node:crypto";
import { canonicalJson, canonicalMatrix } from "../common/json.ts";
import { suffixedKey } from "../mosoo/idempotency.ts";
import type { Attachment } from "../actions/attachments.ts";
import type { ThreadRequest } from "../mosoo/contract/request-bodies.ts";

const KEY_VERSION = "mosoo-thread-key/2";
/** 160 bits of SHA-256, in hexadecimal digits. */
const DIGEST_LENGTH = 40;
const FILE_DIGEST_LENGTH = 16;

/**
 * What the step asks of Mosoo. Both the body and the idempotency key are made from it, and from nothing else that can
 * differ: a field that is missing from the key does not compile. Frozen.
 */
export interface StepRequest extends ThreadRequest {
  readonly target: { readonly agentId: string } | { readonly threadId: string };
  /** Uploaded for the message. */
  readonly files: readonly Readonly<Attachment>[];
}

/** Which step of which workflow run a key belongs to. */
export interface StepIdentity {
  serverUrl: string;
  /** `owner/name`; counts only where there is no ID. */
  repository: string;
  repositoryId: string;
  runId: string;
  job: string;
  /** `GITHUB_ACTION`. */
  step: string;
  /** `toJSON(matrix)`. */
  matrix: string;
  /** The run attempt, with `on-rerun: create` alone. */
  attempt: number | undefined;
}

/** A field that is in the key already, by another one, or that does not decide the body. */
const LEFT_OUT = undefined;

function identityFields(identity: StepIdentity): object {
  return {
    serverUrl: identity.serverUrl,
    // A repository keeps its ID when it is renamed.
    repository: identity.repositoryId === "" ? identity.repository : LEFT_OUT,
    repositoryId: identity.repositoryId === "" ? LEFT_OUT : identity.repositoryId,
    runId: identity.runId,
    job: identity.job,
    step: identity.step,
    matrix: canonicalMatrix(identity.matrix),
    attempt: identity.attempt,
  } satisfies Record<keyof StepIdentity, unknown>;
}

function fileFields(file: StepRequest["files"][number]): object {
  return {
    relativePath: file.relativePath,
    bytes: file.bytes,
    sha256: file.sha256,
    // The last part of the relative path.
    name: LEFT_OUT,
    // Another on every runner.
    path: LEFT_OUT,
  } satisfies Record<keyof typeof file, unknown>;
}

function requestFields(request: StepRequest): object {
  return {
    target: request.target,
    text: request.text,
    externalRef: request.externalRef,
    attributedUserId: request.attributedUserId,
    userId: request.userId,
    fileIds: request.fileIds,
    files: request.files.map(fileFields),
  } satisfies Record<keyof StepRequest, unknown>;
}

/** The key of a step's request, at most 128 visible ASCII characters. */
export function deriveKey(identity: StepIdentity, request: StepRequest): string {
  const fields = { version: KEY_VERSION, step: identityFields(identity), request: requestFields(request) };
  const digest = createHash("sha256").update(canonicalJson(fields)).digest("hex").slice(0, DIGEST_LENGTH);
  const run = /^[\w.-]{1,40}$/.test(identity.runId) ? identity.runId : "run";
  return `gh-${run}-${digest}`;
}

/** The key of a message that run attempt `attempt` sends again in the same thread. */
export function keyForAttempt(key: string, attempt: number): string {
  return suffixedKey(key, `+a${attempt}`);
}

/** The key of a message with uploaded files: their IDs are new with every upload, the message's request ID is not. */
export function keyWithFiles(key: string, fileIds: readonly string[]): string {
  const digest = createHash("sha256").update(fileIds.join("\n")).digest("hex").slice(0, FILE_DIGEST_LENGTH);
  return suffixedKey(key, `+f${digest}`);
}
