import type { Revision } from "./types.ts";

/** What distinguishes the deployed revisions. */
export interface RevisionFacts {
  /** Fields that the create body takes. */
  createFields: readonly string[];
  /** Fields that a `user_message` takes beside `type` and `text`. */
  messageFields: readonly string[];
  /** Name of a message's own ID, remembered for the thread's life. */
  requestIdField: "requestId" | "clientRequestId";
  inputRequired: boolean;
  userIdRequired: boolean;
  /** `POST /agents/{agentId}/files` is routed. */
  uploads: boolean;
  /** `GET /files/{fileId}/content` is routed. */
  downloads: boolean;
  /** The event stream is routed, and the past is folded in it and in the event list. */
  streams: boolean;
  /** Runs carry `error` and `finalOutput`, events carry `runId`. */
  runDetails: boolean;
  /** Events carry `toolCallId`, `toolName` and `toolInput`. */
  toolDetails: boolean;
  /** Threads carry `attributed_user`, `client_external_ref` and `created_by`. */
  attribution: boolean;
  /** Person's and service tokens differ. */
  serviceTokens: boolean;
  /** A create whose first request died is found again by its key, instead of being run once more. */
  recovers: boolean;
}

const later = {
  inputRequired: false,
  uploads: true,
  downloads: true,
  streams: true,
  runDetails: true,
  serviceTokens: false,
  recovers: true,
};

export const REVISIONS: Record<Revision, RevisionFacts> = {
  reference: {
    createFields: ["input", "files", "attributed_user_id", "client_external_ref"],
    messageFields: ["attachmentIds", "clientRequestId"],
    requestIdField: "clientRequestId",
    inputRequired: true,
    userIdRequired: false,
    uploads: false,
    downloads: false,
    streams: false,
    runDetails: false,
    toolDetails: false,
    attribution: true,
    serviceTokens: true,
    recovers: false,
  },
  "2026-07": {
    ...later,
    createFields: ["input", "resources", "client_external_ref"],
    messageFields: ["resources", "clientRequestId"],
    requestIdField: "clientRequestId",
    userIdRequired: false,
    toolDetails: false,
    attribution: true,
  },
  "2026-08": {
    ...later,
    createFields: ["input", "resources", "userId"],
    messageFields: ["resources", "requestId"],
    requestIdField: "requestId",
    userIdRequired: true,
    toolDetails: true,
    attribution: false,
  },
};
