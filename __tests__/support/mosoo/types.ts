import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../../../src/common/clock.ts";
import type { Fault } from "./faults.ts";

/** The three shapes in which the same `/api/v1` is deployed. */
export type Revision = "reference" | "2026-07" | "2026-08";

export type EndedStatus = "completed" | "failed" | "cancelled" | "expired";
export type LiveStatus = "queued" | "booting" | "running" | "waiting_input";
export type RunStatus = LiveStatus | EndedStatus;

export interface RunError {
  code: string;
  message: string;
  retryable: boolean;
}

/** An event as a test or a script writes it; the server adds id, run, time and order. */
export interface RunEvent {
  type: string;
  content?: string;
  status?: "available" | "error" | "unsupported";
  tokens?: number | null;
  durationMs?: number | null;
  toolCallId?: string;
  toolName?: string;
  toolInput?: Record<string, unknown>;
  /** This delta begins a new message: folding never joins it to the one before. */
  startsMessage?: boolean;
  /** Only the event list has it, not the stream. */
  listOnly?: boolean;
}

export interface StoredEvent extends RunEvent {
  id: string;
  runId: string;
  content: string;
  /** Milliseconds, by the server's clock. */
  occurredAt: number;
}

/** Times are milliseconds by the server's clock. */
export interface StoredRun {
  id: string;
  threadId: string;
  status: RunStatus;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
  updatedAt: number;
  error: RunError | null;
  finalText: string | null;
}

interface StoredMessage {
  text: string;
  requestId: string | null;
  fileIds: string[];
  runId: string;
}

/** A file that a run produces, as a test or a script writes it. */
export interface AgentFile {
  name: string;
  /** Default: one line that names the file. */
  content?: string | Buffer;
  mimeType?: string | null;
  /** What the list says, where that is not the content's size. */
  listedSize?: number;
  /** So many reads of the list pass without it. Default 0. */
  listedAfterReads?: number;
  /** Whether `file.changed` and `session_files.updated` say so. Default true. */
  announced?: boolean;
  /** Default: now. */
  createdAt?: number;
}

export interface StoredArtifact {
  id: string;
  name: string;
  content: Buffer;
  listedSize: number;
  mimeType: string | null;
  createdAt: number;
  runId: string;
  /** Reads of the list that still pass without it. */
  hiddenReads: number;
}

export interface StoredThread {
  id: string;
  agentId: string;
  /** Milliseconds, by the server's clock. */
  createdAt: number;
  updatedAt: number;
  /** The create request's body as it was sent. */
  body: unknown;
  runs: StoredRun[];
  events: StoredEvent[];
  messages: StoredMessage[];
  artifacts: StoredArtifact[];
  ownerToken: string;
  ownerAccount: string;
  attributedUserId: string | null;
  externalRef: string | null;
  userId: string | null;
  idempotencyKey: string | null;
  title: string | null;
  archived: boolean;
}

export interface StoredFile {
  id: string;
  name: string;
  size: number;
  sha256: string;
  mimeType: string | null;
  createdAt: number;
  ownerAccount: string;
  /** The thread that claimed it; a file is a draft until then, and can be claimed once. */
  threadId: string | null;
}

export interface MultipartFile {
  name: string;
  filename: string;
  mimeType: string | null;
  size: number;
  sha256: string;
}

export interface LoggedRequest {
  method: string;
  /** Path and query as they were asked for. */
  path: string;
  headers: IncomingHttpHeaders;
  /** The body as text; empty for an upload, whose bytes are hashed and dropped. */
  body: string;
  json: unknown;
  /** Milliseconds, by the server's clock. */
  at: number;
  /** Absent while unanswered, and for good where the socket was dropped. */
  status?: number;
  authorization?: string;
  multipart?: MultipartFile;
  /** The kind of the fault that this request had. */
  fault?: string;
}

/** A request with its answer, for a check against the published contracts. */
export interface Exchange {
  method: string;
  path: string;
  requestBody: unknown;
  status: number;
  contentType: string;
  responseBody: unknown;
  /** True where a fault replaced or changed the response. */
  faulted: boolean;
}

/** `after`: milliseconds since the step before, on the real clock (default 0: written at once with it). */
export type ScriptStep =
  | { after?: number; emit: RunEvent | RunEvent[] }
  | { after?: number; write: AgentFile | AgentFile[] }
  | { after?: number; status: LiveStatus; title?: string; requestId?: string }
  | ({ after?: number; end: EndedStatus } & RunEnding);

export interface RunEnding {
  /** The last message; `null`: the agent said nothing. Left out: what the message deltas say. */
  text?: string | null;
  error?: RunError;
  /** The status changes at once; the text, as a message of its own, and the ending event follow once this resolves. */
  stored?: () => Promise<unknown>;
}

/** How a run proceeds without a test's control. */
export type RunScript =
  ScriptStep[] | ((started: { run: StoredRun; thread: StoredThread; text: string }) => ScriptStep[]);

export interface FakeMosooServerOptions {
  /** Default `reference`. */
  revision?: Revision;
  /** The time, in milliseconds. Default: `Date.now`, and what has passed on `clock`. */
  now?: () => number;
  /** Delays of responses wait by it; share it with a step of the same process. Default: the system's. */
  clock?: Clock;
  /** Fixed windows, per token, all endpoints. Default 120 per 60,000 ms. */
  rateLimit?: { requests: number; windowMs: number };
  /** For so long after a run's end a further message gets 409 `readiness_blocked`. Default 0: never. */
  pendingCheckpointMs?: number;
  /** For so long a key whose first request died answers 409 "still processing". Default 600,000. */
  stuckReservationMs?: number;
  /** Silence on an event stream after which a keep-alive comment comes. Default 15,000. */
  keepAliveMs?: number;
  /** Whether the list of files names each one's run, as a later revision may. Default false. */
  filesNameRuns?: boolean;
  /** Whether a message's `requestId` is remembered for the thread's life. Default true. */
  remembersRequestIds?: boolean;
  /** Default: a run stays `queued`. */
  script?: RunScript;
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default: any free one. */
  port?: number;
  tls?: { key: string | Buffer; cert: string | Buffer };
  onExchange?: (exchange: Exchange) => void;
}

export interface FakeMosooServer {
  readonly revision: Revision;
  readonly origin: string;
  readonly apiUrl: string;
  readonly agents: { published: string; unpublished: string; notReady: string };
  /**
   * On the reference revision a person's token, an Organization Service token and another person's. Later ones know
   * one kind only: there `service` is a second token of the same person, with keys and a rate limit of its own.
   */
  readonly tokens: { person: string; service: string; otherPerson: string };
  /** Account IDs. `outsider` exists but belongs to another organization. */
  readonly users: { person: string; otherPerson: string; outsider: string };
  readonly requests: LoggedRequest[];
  readonly threads: StoredThread[];
  readonly uploads: StoredFile[];
  /** Faults that no request has used up yet. */
  readonly pendingFaults: number;
  /** Queues a fault; the first one that matches a request is used up by it (`times`: by so many). */
  fault(fault: Fault): void;
  clearFaults(): void;
  /** Makes a thread as its owner's own program would, without HTTP; without `text` it has no run. */
  createThreadDirectly(wanted?: DirectThread): StoredThread;
  /** Sends a message into a thread as somebody else would: a new run. */
  startRunDirectly(threadId: string, text: string): StoredRun;
  /** A file that its owner uploaded in the console: the only way on the reference revision. */
  addFile(file?: { name?: string; size?: number; token?: string }): StoredFile;
  /** A file that a run produces, without a script. */
  writeFile(runId: string, file: AgentFile): StoredArtifact;
  findThread(threadId: string): StoredThread;
  findRun(runId: string): StoredRun;
  /** Events written by one call reach a stream together; deltas among them are then one event. */
  emit(runId: string, event: RunEvent | RunEvent[]): void;
  endRun(runId: string, status: EndedStatus, ending?: RunEnding): void;
  setRunStatus(runId: string, status: LiveStatus, asked?: { title?: string; requestId?: string }): void;
  /** Plays a script on a run from now on, in place of one that may be playing. */
  play(runId: string, script: ScriptStep[]): void;
  /** Unpublishes an agent whose threads exist, or publishes it again. */
  setPublished(agentId: string, published: boolean): void;
  /** Event streams open at this moment. */
  readonly openStreams: number;
  /** Destroys the sockets of all open event streams. */
  cutStreams(): void;
  /** Forgets threads, keys, uploads, requests, faults and rate-limit windows. */
  reset(): void;
  close(): Promise<void>;
}

export interface DirectThread {
  token?: string;
  agentId?: string;
  text?: string;
  userId?: string;
  externalRef?: string;
}
