/** What happened, as data for summary and comment. Texts from outside are raw here; render.ts sanitizes them. */

export type Outcome =
  /** Created; nobody waits. */
  | "started"
  /** Waited for. */
  | "working"
  | "completed"
  /** The run completed, but its response does not match the schema. */
  | "invalid"
  /** The run completed, but not all of its files could be downloaded. */
  | "files-missing"
  | "failed"
  | "cancelled"
  | "expired"
  /** The run waits for a person's input. */
  | "waiting"
  /** `wait-timeout` is over. */
  | "timed-out"
  /** The step was cancelled, or timed out itself. */
  | "stopped"
  /** The message could not be sent, or the run's end could not be determined. */
  | "error";

export interface ResponseText {
  /** Untrusted Markdown. */
  text: string;
  /** false: the run did not complete; the text so far. */
  complete: boolean;
}

/**
 * A failure as data. Each place where people read it (log, annotation, summary, comment) renders it. Code is in
 * backticks; only `serverMessage` is untrusted.
 */
export interface FailureDetails {
  /** What happened: whole sentences, without the thread's URL. */
  summary: string;
  /** What the server, the run or the agent says about it, as it came: belongs right after the summary. */
  serverMessage?: string | undefined;
  /** What to do next: whole sentences. */
  advice?: string | undefined;
  /** What has become of the thread, the message or the run: whole sentences, such as "No thread was created." */
  consequence?: string | undefined;
  /** The input that the failure is about. */
  input?: string | undefined;
  threadState?: "not_created" | "unknown" | "created" | "deleted" | undefined;
  /** The thread's page. */
  threadUrl?: string | undefined;
  /** HTTP status. */
  status?: number | undefined;
  code?: string | undefined;
  /** The server's ID of the failed request, for its operators. */
  requestId?: string | undefined;
}

export interface Report {
  outcome: Outcome;
  /** IDs are checked where they come in: no blank, no markup. */
  agentId?: string | undefined;
  /** The agent's page for people. */
  agentUrl?: string | undefined;
  threadId?: string | undefined;
  threadUrl?: string | undefined;
  runId?: string | undefined;
  /** The run's status as last seen. */
  status?: string | undefined;
  subject?: { kind: "pull request" | "issue"; number: number; title: string | undefined; url: string } | undefined;
  /** The job as GitHub shows it, with its matrix values; untrusted. Only in comments. */
  jobName?: string | undefined;
  /** The commit that the workflow run is for. */
  sha?: string | undefined;
  /** The workflow run's page, absolute. */
  runPage?: string | undefined;
  /** The thread (or message) comes from an earlier attempt or request. */
  replayed?: boolean | undefined;
  /** The message was sent again in the same thread, for the run before had ended so. */
  resumedAfter?: string | undefined;
  /** What a re-run of the job will do with a run that did not complete; `resume` where nothing is said. */
  onRerun?: "resume" | "replay" | "create" | undefined;
  externalRef?: string | undefined;
  /** Milliseconds. */
  durationMs?: number | undefined;
  /** Names of the tools used, with counts; untrusted. */
  tools?: ReadonlyMap<string, number> | undefined;
  /** Of the run, as the service reports it. */
  tokens?: number | undefined;
  /** That the agent produced for this step, names untrusted, sizes in bytes. */
  files?: readonly { name: string; size: number }[] | undefined;
  response?: ResponseText | undefined;
  /** Of a response that matches the schema: how many corrections it took. */
  corrections?: number | undefined;
  /** What is asked of a person; untrusted. */
  question?: string | undefined;
  failure?: FailureDetails | undefined;
  /** When this was written, ISO 8601. */
  at?: string | undefined;
}
