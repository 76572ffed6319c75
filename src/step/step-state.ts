/** What is known so far, kept in one place, and told to later steps (outputs) and to the report the moment it is known. */
import { type ActionContext, runUrl, subjectUrl } from "../actions/context.ts";
import { agentUrl, threadUrl, threadApiUrl } from "../mosoo/links.ts";
import type { Run, Thread } from "../mosoo/contract/schema.ts";
import type { StepPlan } from "./request.ts";
import type { Outputs } from "../actions/outputs.ts";
import type { Report } from "../report/report.ts";
import type { ThreadHandle } from "./start-thread.ts";
import { threadJson } from "./thread-json.ts";

export class StepState {
  readonly #outputs: Outputs;
  report: Report;
  started: ThreadHandle | undefined;

  constructor(outputs: Outputs, context: ActionContext) {
    this.#outputs = outputs;
    const { subject } = context;
    this.report = {
      outcome: "error",
      subject: subject && { ...subject, url: subjectUrl(context, subject) },
      sha: context.headSha === "" ? undefined : context.headSha,
      runPage: runUrl(context),
    };
  }

  /** The plan is made; nothing was sent yet. */
  setRequest({ inputs, request, key }: StepPlan): void {
    this.#outputs.set({ "external-ref": request.externalRef ?? "", "idempotency-key": key });
    Object.assign(this.report, {
      agentId: inputs.agentId,
      externalRef: request.externalRef,
      onRerun: inputs.onRerun,
    });
  }

  /** A thread is known, and its run as far as it is. */
  setThread(started: ThreadHandle, apiBase: URL, link: string | undefined): void {
    const { threadId, run } = started;
    this.started = started;
    const page = threadUrl(apiBase, threadId);
    const agentId = started.thread["agent_id"];
    Object.assign(this.report, {
      threadId,
      threadUrl: page,
      replayed: started.replayed,
      resumedAfter: started.resumedAfter,
    });
    if (this.report.agentId === undefined && typeof agentId === "string" && /^[\w-]{1,64}$/.test(agentId))
      this.report.agentId = agentId;
    this.report.agentUrl = this.report.agentId && agentUrl(apiBase, this.report.agentId);
    this.#outputs.set({
      "thread-id": threadId,
      "run-id": run?.id ?? "",
      "thread-url": page,
      "thread-api-url": threadApiUrl(apiBase, threadId, link),
      replayed: String(started.replayed),
      "idempotency-key": started.key,
    });
    this.setRun(run);
  }

  /** The run, and its thread where it was read, as last seen. */
  setRun(run: Run | null, thread?: Thread): void {
    if (this.started === undefined) return;
    this.started = { ...this.started, run, thread: thread ?? this.started.thread };
    const status = run?.status ?? "";
    this.report.runId = run?.id;
    this.report.status = status === "" ? undefined : status;
    this.#outputs.set({
      "run-id": run?.id ?? "",
      status,
      json: threadJson(this.started.thread, run),
    });
  }
}
