/**
 * The faults of a schedule and their times: derived from a seed alone, so that each failure can be reproduced. Times are
 * parts of the request timeout: the same schedule fits a clock that jumps and the built bundle.
 */
import type { FaultHandler } from "../support/mosoo/faults.ts";
import type { Revision } from "../support/fake-mosoo-server.ts";
import { Random } from "./random.ts";

export type Work = "create" | "files" | "follow-up" | "follow-up with files";
export type Ended = "completed" | "failed" | "cancelled" | "expired";

/** Where a fault is injected. */
export type Place = "create" | "events" | "thread" | "openapi" | "upload" | "event-list" | "any";

/** Times in it are parts of the request timeout; `moved` is a redirect to another port. */
type Trouble =
  | { kind: "fault"; fault: FaultHandler }
  | { kind: "slow"; part: number }
  | { kind: "slow body"; part: number }
  | { kind: "asked by date"; status: number; seconds: number }
  | { kind: "moved"; status: number };

export interface PlannedFault {
  on: Place;
  skip: number;
  times: number;
  trouble: Trouble;
}

/** Somebody else's message in the thread: its run ends after a while. */
export interface OtherUser {
  text: string;
  ends: Ended;
  /** Parts of the request timeout; 0: it has ended already. */
  after: number;
}

export interface Stage {
  faults: readonly PlannedFault[];
  /** Before it: how the run of the stage before ends, and who writes into the thread then. */
  before: { ends: Ended; stranger: OtherUser | undefined } | undefined;
  /** A second attempt begins so long after the first, while that may still run. */
  secondAfter: number | undefined;
  /** The first attempt is cancelled so long after its beginning. */
  stopAfter: number | undefined;
}

export interface Scenario {
  seed: number;
  revision: Revision;
  work: Work;
  fileBytes: readonly number[];
  /** In the thread of a follow-up, from the beginning. */
  stranger: OtherUser | undefined;
  /** Parts of the request timeout. */
  pendingCheckpoint: number;
  stages: readonly Stage[];
}

const envelope = (status: number, code?: string, message?: string): FaultHandler => ({
  kind: "status",
  status,
  ...(code === undefined ? {} : { code }),
  ...(message === undefined ? {} : { message }),
});

const page = "<html><body>Bad gateway</body></html>";

function randomFault(chance: Random, on: Place, revision: Revision): FaultHandler {
  const status = chance.pick([500, 502, 503, 504, 507, 520]);
  const common: [() => FaultHandler, ...(() => FaultHandler)[]] = [
    () => ({ kind: "drop-before" }),
    () => ({ kind: "drop-after" }),
    () => ({ kind: "drop-after" }),
    () => ({ kind: chance.happens(0.5) ? "hang-before" : "hang-after" }),
    () => ({ kind: "cut", part: chance.random() }),
    () => envelope(status),
    () => ({ kind: "status", status, body: chance.pick([page, "", "null"]) }),
    () => envelope(chance.pick([408, 425]), "internal_error"),
    () => ({ kind: "rate-limit", retryAfter: chance.pick(["0", "1", null]) }),
    () => ({ kind: "garbage", shape: chance.pick(["html", "array", "no-id", "empty", "broken"]) }),
    () => ({ kind: "garbage", commit: false, shape: chance.pick(["html", "array", "no-id", "empty", "broken"]) }),
    () => ({ kind: "echo-headers", status: chance.pick([500, 503]) }),
    () => ({ kind: "compressed", encoding: chance.pick(["gzip", "deflate", "br"]) }),
  ];
  const keyed: (() => FaultHandler)[] = [
    () => envelope(409, "idempotency_conflict", "A request with this Idempotency-Key is still processing."),
    () => envelope(409, "idempotency_conflict", "Try again in a moment, if you please."),
    () => ({ kind: "status", status: 409, body: chance.pick(["Conflict", "", page]) }),
    // What died before its commit is executed again at every revision; what died after it is found by later revisions.
    () => ({ kind: "crash-half-way", commit: on === "events" || (revision !== "reference" && chance.happens(0.7)) }),
  ];
  const create: (() => FaultHandler)[] = [
    ...keyed,
    () => ({ ...envelope(500), kind: "status", status: 500, stored: true }),
    () => ({ ...envelope(500), kind: "status", status: 500, stored: true }),
    () => ({ kind: "status", status: 409, code: "readiness_blocked", message: "Not ready.", stored: true }),
    () => ({ kind: "status", status: 404, code: "not_found", message: "Agent not found.", stored: true }),
  ];
  const events: (() => FaultHandler)[] = [
    ...keyed,
    () => ({ kind: "fail-after" }),
    () => ({ kind: "fail-after" }),
    () => envelope(409, "idempotency_conflict", "It cannot be safely replayed; its reservation will remain retained."),
    () => envelope(409, "readiness_blocked", "The checkpoint is pending."),
  ];
  const upload: (() => FaultHandler)[] = [() => ({ kind: "drop-midway", bytes: chance.between(1, 200_000) })];
  const more = { create, events, upload, thread: [], openapi: [], "event-list": [], any: [] }[on];
  return chance.pick([...common, ...more, ...more] as [() => FaultHandler, ...(() => FaultHandler)[]])();
}

function trouble(chance: Random, on: Place, revision: Revision): Trouble {
  const kind = chance.random();
  if (kind < 0.08) return { kind: "slow", part: chance.random() * 1.4 };
  if (kind < 0.12) return { kind: "slow body", part: chance.random() * 1.4 };
  if (kind < 0.16) return { kind: "asked by date", status: chance.pick([429, 503]), seconds: chance.between(0, 2) };
  if (kind < 0.22) return { kind: "moved", status: chance.pick([307, 308]) };
  return { kind: "fault", fault: randomFault(chance, on, revision) };
}

const places: Record<Work, readonly [Place, ...Place[]]> = {
  create: ["create", "create", "create", "create", "openapi", "thread", "any"],
  files: ["create", "create", "upload", "upload", "events", "events", "events", "thread", "thread", "openapi", "any"],
  "follow-up": ["events", "events", "events", "events", "thread", "openapi", "event-list", "any"],
  "follow-up with files": ["events", "events", "events", "upload", "upload", "thread", "openapi", "any"],
};
const resumed: readonly [Place, ...Place[]] = ["create", "events", "events", "events", "thread", "event-list", "any"];

function faults(chance: Random, on: readonly [Place, ...Place[]], revision: Revision, most: number): PlannedFault[] {
  return Array.from({ length: chance.between(0, most) }, () => {
    const place = chance.pick(on);
    return {
      on: place,
      skip: chance.happens(0.3) ? chance.between(1, 2) : 0,
      times: chance.happens(0.2) ? chance.between(2, 3) : 1,
      trouble: trouble(chance, place, revision),
    };
  });
}

function stranger(chance: Random, text: string): OtherUser {
  const after = chance.happens(0.5) ? 0 : chance.random() * 1.5;
  return { text, ends: chance.pick(["completed", "completed", "failed", "cancelled"]), after };
}

export interface Bounds {
  /** Faults of one stage, at most. */
  faults: number;
  /** Stages after the first, at most: re-runs of a run that ended. */
  rerunStages: number;
}

/** The schedule of a seed. */
export function createScenario(seed: number, bounds: Bounds): Scenario {
  const chance = new Random(seed);
  const revision = chance.pick<Revision>(["reference", "2026-07", "2026-08"]);
  const uploads = revision !== "reference";
  const work = chance.pick<Work>(
    uploads
      ? ["create", "create", "files", "files", "follow-up", "follow-up with files"]
      : ["create", "create", "create", "follow-up"],
  );
  const reruns = chance.happens(0.5) ? chance.between(1, bounds.rerunStages) : 0;
  const first: Stage = {
    faults: faults(chance, places[work], revision, bounds.faults),
    before: undefined,
    secondAfter: chance.happens(0.25) ? chance.random() : undefined,
    stopAfter: chance.happens(0.1) ? chance.random() * 0.5 : undefined,
  };
  const later = Array.from({ length: reruns }, (_, index): Stage => {
    const ends = chance.pick<Ended>(["failed", "cancelled", "expired", "completed"]);
    return {
      faults: faults(chance, resumed, revision, bounds.faults - 1),
      before: { ends, stranger: chance.happens(0.3) ? stranger(chance, `Somebody's words ${index}`) : undefined },
      secondAfter: undefined,
      stopAfter: chance.happens(0.1) ? chance.random() * 0.5 : undefined,
    };
  });
  return {
    seed,
    revision,
    work,
    fileBytes: Array.from({ length: chance.between(1, 3) }, () => chance.pick([0, 1, 70_000, 300_000])),
    stranger:
      work.startsWith("follow-up") && chance.happens(0.5) ? stranger(chance, "Somebody's first words") : undefined,
    pendingCheckpoint: chance.happens(0.2) ? chance.random() * 0.2 : 0,
    stages: movedOnce([first, ...later]),
  };
}

/** A redirect to the same address would be a loop, which the step rejects. */
function movedOnce(stages: readonly Stage[]): Stage[] {
  let moved = false;
  return stages.map((stage) => ({
    ...stage,
    faults: stage.faults.flatMap((fault) => {
      if (fault.trouble.kind !== "moved") return [fault];
      if (moved) return [];
      moved = true;
      return [{ ...fault, times: 1 }];
    }),
  }));
}
